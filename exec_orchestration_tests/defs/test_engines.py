"""DuckDB, by the portable offer alone, and PostgreSQL with tables by month end with the tables that SQLite has."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from exec_orchestration.sandbox.roster import roster_rows, write_roster
from exec_orchestration.tables import METADATA
from exec_orchestration_tests.conftest import LAST_DAY, Sandbox
from exec_orchestration_tests.defs.conftest import House
from exec_orchestration_tests.defs.test_loads import DAILY_RAW, FIRST, LAST, WHOLE

DAILY_MARTS = ("scenario_lift", "rank_distribution", "assignment_completion", "session_completion", "skill_tiers")
PEOPLE = ("learner_lift", "learner_scorecard", "department_scorecard")
MARTS = (*DAILY_MARTS, *PEOPLE)
# What tells when and by which run a row came is another in every run, and so are the ids that we give.
OF_A_RUN = ("fetched_at", "run_id", "observed_from", "observed_to", "valid_from", "read_at", "version", "source")
OF_A_RUN_TOO = ("id", "backfill", "sent_at", "answered_at", "modified_at", "expires_at", "made_at")


@pytest.fixture(params=["duckdb", "by month"])
def houses(
    request: pytest.FixtureRequest,
    make_sandbox: Callable[..., Sandbox],
    any_url: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[list[House]]:
    """One house on SQLite and another one, each over a sandbox of its own, with HR's roster of its company."""
    roster, made = tmp_path / "roster.csv", []
    duckdb = (f"duckdb:///{tmp_path}/warehouse.duckdb", {})
    # The setting makes the months, as on a new database of somebody who turns it on at once.
    other = (any_url("postgresql"), {"WAREHOUSE_PARTITIONS": "month"}) if request.param == "by month" else duckdb
    with dg.DagsterInstance.ephemeral() as first, dg.DagsterInstance.ephemeral() as second:
        for (url, more), instance in (((any_url("sqlite"), {}), first), (other, second)):
            sandbox = make_sandbox()
            write_roster(roster, roster_rows(sandbox.world.cast, LAST_DAY))
            limits = {**more, "EXEC_REQUESTS_PER_MINUTE": "9000", "EXEC_REQUESTS_PER_DAY": "90000"}
            made.append(House(sandbox, url, instance, HR_ROSTER_URL=str(roster), **limits))
        yield made
        for house in made:
            house.warehouse.close()


def content(house: House) -> dict[str, list[dict[str, Any]]]:
    """Every table, but for what belongs to a run."""
    found = {}
    for name, table in METADATA.tables.items():
        left_out = (*OF_A_RUN, *OF_A_RUN_TOO) if table.info["group"] == "ledger" else OF_A_RUN
        found[name] = sorted(house.rows(name, but=left_out), key=repr)
    return found


def assert_alike(houses: list[House]) -> None:
    """Row for row; a number may differ by what the order of adding up leaves in its last digits."""
    one, other = (content(house) for house in houses)
    for name, rows in one.items():
        assert len(rows) == len(other[name]), name
        for row, like in zip(rows, other[name], strict=True):
            assert like == {
                column: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
                for column, value in row.items()
            }, name


def test_another_engine_ends_with_the_tables_of_sqlite(houses: list[House]) -> None:
    """Every listing, every mart and the scorecards; then a day again, with a bad row and a new status."""
    for house in houses:
        assert house.run(*DAILY_RAW, *WHOLE, "hr_roster", first=FIRST, last=LAST).success
        assert house.run(*MARTS, first=FIRST, last=LAST).success
    assert_alike(houses)
    assert all(houses[1].rows(name) for name in (*DAILY_RAW, *WHOLE, *MARTS, "hr_roster", "api_requests"))
    assert any(row["median_lift_points"] is not None for row in houses[1].rows("scenario_lift"))

    for house in houses:
        states = len(house.rows("exec_assignment_history"))
        house.sandbox.fault("/sessions", set_field={"duration_seconds": "long"}, index=0)
        house.sandbox.fault("/scenarios/assignments", set_field={"status": "did_not_pass"}, index=0)
        assert house.run("exec_sessions", "exec_assignments", first=LAST, MAX_REJECTED_ROWS="1").success
        assert house.run(*MARTS, first=LAST).success
        assert len(house.rows("exec_assignment_history")) > states
        assert house.rows("rejected_rows")
    assert_alike(houses)


def test_the_user_sync_runs_on_another_engine(houses: list[House]) -> None:
    """A plan with its limits, what is sent, and what is written down of it."""
    run = ("plan_id", "planned_at", "expires_at", "carried_out_at", "run_id")
    for house in houses:
        house.run("hr_roster", "sparkwise_users", "user_sync_plan", "user_sync_outcome")
    plans = [house.rows("user_sync_plan", but=run) for house in houses]
    assert plans[0]
    assert sorted(plans[1], key=repr) == sorted(plans[0], key=repr)
    run = ("plan_id", "sent_at", "answered_at", "run_id")
    outcomes = [house.rows("user_sync_outcome", but=run) for house in houses]
    assert sorted(outcomes[1], key=repr) == sorted(outcomes[0], key=repr)
