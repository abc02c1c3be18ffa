"""What is old goes, a chunk at a time, on both engines; what something is decided by stays, however old it is."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.tables.budget import api_estimates, api_requests
from exec_orchestration.tables.hr import hr_roster, hr_roster_reads
from exec_orchestration.tables.journal import last_outcomes
from exec_orchestration.tables.ledger import rejected_rows
from exec_orchestration.tables.purge import CHUNK_ROWS, JOURNALS, REQUESTS, purge
from exec_orchestration.tables.sync import user_sync_outcome, user_sync_plan
from exec_orchestration.tables.warehouse import Warehouse
from exec_orchestration_tests.tables.conftest import MOMENT as LIMIT

STEP = timedelta(microseconds=1)
UNDER, AT, OVER = LIMIT - STEP, LIMIT, LIMIT + STEP
LONG_AGO = LIMIT - timedelta(days=1000)

Put = Callable[..., None]
Content = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def put(warehouse: Warehouse, row: Callable[..., tuple[Any, ...]]) -> Put:
    """Write rows of a table from a few values each."""

    def write(table: sa.Table, *rows: dict[str, Any]) -> None:
        names = [column.name for column in table.columns]
        filled = [dict(zip(names, row(table, **values), strict=True)) for values in rows]
        warehouse.write((table.insert(), filled))

    return write


def requests(*sent_at: datetime, **values: Any) -> list[dict[str, Any]]:
    return [{"id": f"{number}", "sent_at": each, **values} for number, each in enumerate(sent_at)]


def test_requests_go_below_the_limit(warehouse: Warehouse, put: Put, content: Content) -> None:
    """One under goes; at the limit and one over stay. The second time there is nothing to do."""
    put(api_requests, *requests(UNDER, AT, OVER))
    assert purge(warehouse, REQUESTS, before=LIMIT) == {"api_requests": 1, "api_estimates": 0}
    assert content(warehouse, api_requests, "id") == [("1",), ("2",)]
    assert purge(warehouse, REQUESTS, before=LIMIT) == {"api_requests": 0, "api_estimates": 0}


def test_an_empty_book_is_purged_too(warehouse: Warehouse) -> None:
    """Nothing goes, and nothing fails."""
    assert set(purge(warehouse, {**REQUESTS, **JOURNALS}, before=LIMIT).values()) == {0}


@pytest.mark.parametrize("count", [CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1])
def test_more_than_a_chunk_goes(warehouse: Warehouse, put: Put, content: Content, count: int) -> None:
    """One under, at and one over the chunk."""
    put(api_requests, *requests(*[UNDER] * count))
    assert purge(warehouse, REQUESTS, before=LIMIT)["api_requests"] == count
    assert content(warehouse, api_requests) == []


def test_a_backfill_is_kept_or_purged_as_a_whole(warehouse: Warehouse, put: Put, content: Content) -> None:
    """Its spending is told as one sum beside its estimate: while it has a request in time, all of it stays."""
    values = {"asset": "a", "begins_on": date(2026, 1, 1), "ends_on": date(2026, 1, 2), "made_at": LONG_AGO}
    put(api_estimates, *({"backfill": each, **values} for each in ("over", "goes on")))
    put(api_requests, *requests(LONG_AGO, UNDER, backfill="over"))
    put(api_requests, {"id": "a", "sent_at": LONG_AGO, "backfill": "goes on"})
    put(api_requests, {"id": "b", "sent_at": AT, "backfill": "goes on"}, {"id": "c", "sent_at": UNDER})
    assert purge(warehouse, REQUESTS, before=LIMIT) == {"api_requests": 3, "api_estimates": 1}
    assert content(warehouse, api_requests, "id") == [("a",), ("b",)]
    assert content(warehouse, api_estimates, "backfill") == [("goes on",)]


def outcome(plan: str, person: str, result: str, sent_at: datetime) -> dict[str, Any]:
    return {"plan_id": plan, "employee_id": person, "attempt": 1, "result": result, "sent_at": sent_at}


def test_the_last_outcome_of_a_person_and_result_stays(warehouse: Warehouse, put: Put, content: Content) -> None:
    """The next plan is decided by it, and by how the account was to be: so its plan's row stays as well."""
    people = ("ada", "bob", "cyd")
    put(
        user_sync_plan,
        *({"plan_id": f"p{n}", "employee_id": who, "planned_at": UNDER} for n in range(6) for who in people),
    )
    put(
        user_sync_outcome,
        outcome("p1", "ada", "applied", LONG_AGO),
        outcome("p2", "ada", "applied", UNDER),
        outcome("p1", "bob", "applied", LONG_AGO),
        outcome("p2", "bob", "refused", LONG_AGO + STEP),
        outcome("p1", "cyd", "applied", UNDER),
        outcome("p2", "cyd", "applied", AT),
        outcome("p3", "cyd", "applied", OVER),
    )
    before = [sorted(map(tuple, warehouse.read(last_outcomes(result)))) for result in (None, "applied", "refused")]
    gone = purge(warehouse, JOURNALS, before=LIMIT)
    assert gone["user_sync_outcome"] == 2
    kept = {("p2", "ada"), ("p1", "bob"), ("p2", "bob"), ("p2", "cyd"), ("p3", "cyd")}
    assert set(content(warehouse, user_sync_outcome, "plan_id", "employee_id")) == kept
    assert [sorted(map(tuple, warehouse.read(last_outcomes(each)))) for each in (None, "applied", "refused")] == before
    # Besides the plan made last, of which nothing was sent.
    newest = {("p5", who) for who in people}
    assert set(content(warehouse, user_sync_plan, "plan_id", "employee_id")) == kept | newest
    assert gone["user_sync_plan"] == 18 - len(kept | newest)


def test_plans_go_below_the_limit(warehouse: Warehouse, put: Put, content: Content) -> None:
    """But for the first that was ever carried out, which says that there was one, and the newest."""
    ages = {"p1": LONG_AGO, "p2": LONG_AGO, "p3": LONG_AGO, "p4": UNDER, "p5": AT, "p6": OVER}
    rows = [{"plan_id": name, "employee_id": "ada", "planned_at": moment} for name, moment in ages.items()]
    rows[1]["carried_out_at"] = rows[2]["carried_out_at"] = LONG_AGO
    put(user_sync_plan, *rows)
    assert purge(warehouse, JOURNALS, before=LIMIT)["user_sync_plan"] == 3
    assert content(warehouse, user_sync_plan, "plan_id") == [("p2",), ("p5",), ("p6",)]


@pytest.mark.parametrize(
    ("read", "kept"),
    [([LONG_AGO], [LONG_AGO]), ([LONG_AGO, UNDER], [UNDER]), ([UNDER, AT], [AT]), ([AT, OVER], [AT, OVER]), ([], [])],
)
def test_the_last_reading_of_the_roster_stays(
    warehouse: Warehouse, put: Put, content: Content, read: list[datetime], kept: list[datetime]
) -> None:
    """The next one is judged against it, and the people's versions are never touched."""
    put(hr_roster, {"employee_id": "ada", "valid_from": LONG_AGO, "valid_to": LONG_AGO + STEP})
    if read:
        put(hr_roster_reads, *({"read_at": each} for each in read))
    purge(warehouse, JOURNALS, before=LIMIT)
    assert content(warehouse, hr_roster_reads, "read_at") == [(each,) for each in kept]
    assert len(content(warehouse, hr_roster)) == 1


def test_rejected_rows_of_days_go_and_those_of_whole_tables_stay(
    warehouse: Warehouse, put: Put, content: Content
) -> None:
    """The sync asks whose account or row could not be read in the last listing, whenever that was."""
    day = date(2026, 1, 1)
    put(
        rejected_rows,
        {"id": "under", "partition_date": day, "fetched_at": UNDER},
        {"id": "at", "partition_date": day, "fetched_at": AT},
        {"id": "whole", "partition_date": None, "fetched_at": LONG_AGO},
    )
    assert purge(warehouse, JOURNALS, before=LIMIT)["rejected_rows"] == 1
    assert content(warehouse, rejected_rows, "id") == [("at",), ("whole",)]
