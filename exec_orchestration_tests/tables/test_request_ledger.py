"""The ledger in the warehouse: one limit for all processes, on both databases."""

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.apis import budget
from exec_orchestration.apis.budget import BACKFILL, DAY_SECONDS, SCHEDULED, Charge, Quota, free_today, turn
from exec_orchestration.tables import budget as tables
from exec_orchestration.tables.budget import api_holds, api_requests, api_reservations
from exec_orchestration.tables.budget_queries import ARRIVED_SECONDS, give_up, unanswered
from exec_orchestration.tables.request_ledger import (
    BUFFERED_ROWS,
    LONGEST_FLIGHT_SECONDS,
    RESERVED_SECONDS,
    RequestLedger,
)
from exec_orchestration.tables.warehouse import Warehouse

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
CHARGE = Charge(BACKFILL, "exec_sessions", date(2026, 3, 1), "run-1", "backfill-1")
QUOTA = Quota(per_minute=3, per_day=10, reserve=4)


@pytest.fixture
def ledger(warehouse: Warehouse) -> RequestLedger:
    """Exec's ledger in an empty warehouse."""
    return RequestLedger(warehouse, api="exec")


def sent(ledger: RequestLedger, count: int, *, at: float, lane: str = SCHEDULED, is_answered: bool = True) -> None:
    """So many requests that were sent, and answered, at a time."""
    for _ in range(count):
        with ledger.alone(lambda: at) as books:
            key = books.enter(Charge(lane), "GET /skills")
        if is_answered:
            ledger.answered(key, 200, at)


def wait(ledger: RequestLedger, quota: Quota, *, at: float, lane: str = SCHEDULED) -> float:
    """Seconds until one more request fits."""
    with ledger.alone(lambda: at) as books:
        return turn(books, quota, Charge(lane)).wait_seconds


def free(ledger: RequestLedger, *, at: float, lane: str) -> int:
    """What is left of the day."""
    with ledger.alone(lambda: at) as books:
        return free_today(books, QUOTA, lane)


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    """All rows of a table."""
    return [dict(row._mapping) for row in warehouse.read(sa.select(table))]


def test_a_request_is_written_before_it_is_sent_and_again_when_it_is_answered(
    ledger: RequestLedger, warehouse: Warehouse
) -> None:
    """With its lane, asset, partition, path, run and backfill."""
    with ledger.alone(lambda: NOW) as books:
        key = books.enter(CHARGE, "GET /rest/v1/sessions?page=1")
    (row,) = rows(warehouse, api_requests)
    assert (row["id"], row["status"], row["answered_at"]) == (key, None, None)
    ledger.answered(key, 429, NOW + 1)
    (row,) = rows(warehouse, api_requests)
    assert row == {
        "id": key,
        "api": "exec",
        "lane": "backfill",
        "asset": "exec_sessions",
        "partition_date": date(2026, 3, 1),
        "path": "GET /rest/v1/sessions?page=1",
        "status": 429,
        "sent_at": datetime.fromtimestamp(NOW, UTC),
        "answered_at": datetime.fromtimestamp(NOW + 1, UTC),
        "run_id": "run-1",
        "backfill": "backfill-1",
    }


def test_the_rooms_know_the_same_lanes() -> None:
    """The door may not ask the ground floor, nor the other way round, so both name them."""
    assert budget.LANES == tables.LANES


def test_every_request_counts_for_a_minute_and_for_a_day(ledger: RequestLedger) -> None:
    """From its end on, whoever sent it."""
    sent(ledger, 3, at=NOW)
    assert wait(ledger, QUOTA, at=NOW + 20) == 40.0
    assert wait(ledger, QUOTA, at=NOW + 60) == 0.0
    sent(ledger, 7, at=NOW + 100, lane=BACKFILL)
    assert wait(ledger, QUOTA, at=NOW + 3600) == DAY_SECONDS - 3600
    assert wait(ledger, QUOTA, at=NOW + DAY_SECONDS) == 0.0


def test_vendors_do_not_share_a_limit(ledger: RequestLedger, warehouse: Warehouse) -> None:
    """Nor what they ask for."""
    sent(ledger, 3, at=NOW)
    ledger.hold(NOW + 500, "429", NOW)
    assert wait(RequestLedger(warehouse, api="sparkwise"), QUOTA, at=NOW) == 0.0


def test_backfills_leave_the_reserve(ledger: RequestLedger) -> None:
    """The lanes are told apart in the table."""
    sent(ledger, 1, at=NOW)
    sent(ledger, 5, at=NOW, lane=BACKFILL)
    assert (free(ledger, at=NOW, lane=BACKFILL), free(ledger, at=NOW, lane=SCHEDULED)) == (0, 4)


def test_a_request_whose_process_died_counts_as_long_as_it_can_be_under_way(ledger: RequestLedger) -> None:
    """Nobody will ever write its answer."""
    sent(ledger, 3, at=NOW, is_answered=False)
    assert wait(ledger, QUOTA, at=NOW + LONGEST_FLIGHT_SECONDS + 59) > 0
    assert wait(ledger, QUOTA, at=NOW + LONGEST_FLIGHT_SECONDS + 60) == 0


def test_a_long_answer_counts_until_its_end(ledger: RequestLedger) -> None:
    """An answer may take minutes: it counts as long as it is under way, and for a window after that."""
    with ledger.alone(lambda: NOW) as books:
        keys = [books.enter(Charge(SCHEDULED), "GET /completions") for _ in range(3)]
    assert wait(ledger, QUOTA, at=NOW + 300) > 0
    for key in keys:
        ledger.answered(key, 200, NOW + 301)
    assert wait(ledger, QUOTA, at=NOW + 310) == 51
    assert wait(ledger, QUOTA, at=NOW + 361) == 0


def test_an_answer_that_came_after_all_is_not_given_up(ledger: RequestLedger, warehouse: Warehouse) -> None:
    """A process that was taken for dead has answered meanwhile: its own time of the end stands."""
    with ledger.alone(lambda: NOW) as books:
        late, lost = (books.enter(CHARGE, "GET /skills") for _ in range(2))
    found = warehouse.read(unanswered("exec", datetime.fromtimestamp(NOW - 1, UTC)))
    ledger.answered(late, 200, NOW + 200)
    warehouse.write(give_up(found, datetime.fromtimestamp(NOW + 201, UTC)))
    ends = {row["id"]: row["answered_at"].timestamp() - NOW for row in rows(warehouse, api_requests)}
    assert ends == {late: 200, lost: ARRIVED_SECONDS}


def test_what_cannot_be_written_down_is_kept(ledger: RequestLedger, warehouse: Warehouse) -> None:
    """An answer that came is not thrown away over the book of it: the rows wait for the next time."""
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE api_requests RENAME TO elsewhere"))
    for _ in range(BUFFERED_ROWS + 1):
        ledger.record(CHARGE, "GET /users", 200, sent_at=NOW, answered_at=NOW + 1)
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO api_requests"))
    ledger.flush()
    assert len(rows(warehouse, api_requests)) == BUFFERED_ROWS + 1


def test_what_is_set_aside_is_drawn_on_and_given_back(ledger: RequestLedger, warehouse: Warehouse) -> None:
    """A run that died gives it back by itself, some time after it last drew."""
    with ledger.alone(lambda: NOW) as books:
        kept, lost = books.reserve(CHARGE, 2), books.reserve(CHARGE, 3)
    assert free(ledger, at=NOW, lane=SCHEDULED) == 5
    with ledger.alone(lambda: NOW + 600) as books:
        assert [books.draw(kept) for _ in range(3)] == [True, True, False]
        assert books.draw(lost)
    ledger.release(kept)
    assert [row["id"] for row in rows(warehouse, api_reservations)] == [lost]
    assert free(ledger, at=NOW + 600 + RESERVED_SECONDS - 1, lane=SCHEDULED) == 8
    assert free(ledger, at=NOW + 600 + RESERVED_SECONDS, lane=SCHEDULED) == 10


def test_a_429_keeps_every_process_waiting(ledger: RequestLedger, warehouse: Warehouse) -> None:
    """The longest wait that the vendor asked for counts, and its reason is kept."""
    for seconds, reason in ((60, "first"), (3600, "second"), (30, "third")):
        ledger.hold(NOW + seconds, reason, NOW)
    assert wait(RequestLedger(warehouse, api="exec"), QUOTA, at=NOW + 10) == 3590.0
    (row,) = rows(warehouse, api_holds)
    assert (row["reason"], row["ends_at"]) == ("second", datetime.fromtimestamp(NOW + 3600, UTC))


def test_requests_without_a_limit_are_written_in_batches(ledger: RequestLedger, warehouse: Warehouse) -> None:
    """None is lost between threads, and the last ones are written in the end."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(1001):
            pool.submit(ledger.record, CHARGE, f"GET /{number}", 200, sent_at=NOW, answered_at=NOW)
    ledger.flush()
    ledger.flush()
    assert Counter(row["path"] for row in rows(warehouse, api_requests)) == Counter(f"GET /{n}" for n in range(1001))


HAMMER = Path(__file__).with_name("hammer.py")


@pytest.mark.parametrize("reserve", [0, 30])
def test_eight_processes_never_send_one_request_too_many(
    warehouse: Warehouse, warehouse_url: str, reserve: int
) -> None:
    """They use the whole allowance, no entry is lost, and backfills leave the reserve."""
    processes = [
        subprocess.Popen([sys.executable, str(HAMMER), warehouse_url, "100", str(reserve)], stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    ends = time.monotonic() + 60
    told = [int(process.communicate(timeout=max(1, ends - time.monotonic()))[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    found = rows(warehouse, api_requests)
    assert len(found) == sum(told) == 100 - reserve
    assert all(row["answered_at"] for row in found)


LANE = Path(__file__).with_name("lane.py")


def loading(url: str, lane: str, *, block: int, total: int) -> subprocess.Popen[bytes]:
    """A process that loads in a lane, against 300 requests a day of which 90 are not for backfills."""
    numbers = map(str, (300, 90, block, total))
    return subprocess.Popen([sys.executable, str(LANE), url, lane, *numbers], stdout=subprocess.PIPE)


def test_two_backfills_leave_scheduled_loads_what_they_need(warehouse: Warehouse, warehouse_url: str) -> None:
    """At full speed, with loads of together the reserve in the middle of it: none is refused, nobody goes over."""
    backfills = [loading(warehouse_url, "backfill", block=block, total=1000) for block in (7, 11)]
    scheduled = [loading(warehouse_url, "scheduled", block=45, total=45) for _ in range(2)]
    told = [process.communicate(timeout=90)[0].decode().strip() for process in (*backfills, *scheduled)]
    assert told[2:] == ["45 done", "45 done"]
    assert all(each.endswith("stopped") for each in told[:2])
    found = rows(warehouse, api_requests)
    assert len(found) == sum(int(each.split()[0]) for each in told) <= 300
    # The whole reserve is kept on a rolling day, whatever of it was used.
    assert len(found) >= 300 - 90 - 7 - 11
    assert rows(warehouse, api_reservations) == []
