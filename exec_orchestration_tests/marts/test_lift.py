"""Lift: what the warehouse computes equals what Exec itself answers, for days and for any range of days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exec_orchestration.apis.exec_com import ExecApi
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.vendor import Vendor
from exec_orchestration.marts.lift import learner_lift, scenario_lift
from exec_orchestration.marts.ranks import rank_distribution
from exec_orchestration.sandbox.world import World
from exec_orchestration.tables import exec_com as tables
from exec_orchestration.tables.rows import Day, Reading, read_rows
from exec_orchestration.tables.warehouse import Warehouse, Window
from exec_orchestration_tests.conftest import Sandbox

FIRST, DAYS = date(2026, 1, 1), 60


def midnight(day: date) -> datetime:
    """The first instant of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class Loaded:
    """Two months of participants in a warehouse, and Exec to compare with."""

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        vendor = Vendor(
            name="Exec",
            base_url=sandbox.environment["EXEC_API_URL"],
            key=sandbox.environment["EXEC_API_KEY"],
            key_header="Authorization",
            key_prefix="Bearer ",
            key_setting="EXEC_API_KEY",
            url_setting="EXEC_API_URL",
        )
        self.exec = ExecApi(JsonClient(vendor, transport=sandbox.transport))
        self.warehouse = Warehouse(url)
        self.warehouse.migrate()
        self.scenarios = [item["id"] for item in self.exec.scenarios()]
        days = [FIRST + timedelta(number) for number in range(DAYS)]
        rows = [row for day in days for scenario in self.scenarios for row in self._cell(scenario, day)]
        self.warehouse.replace_window(tables.exec_participant_analytics, Window(days[0], days[-1]), rows)

    def _cell(self, scenario: str, day: date) -> Iterator[tuple[Any, ...]]:
        items = self.exec.participants(scenario, start=midnight(day), end=midnight(day + timedelta(1)))
        given = {"scenario_id": scenario, "fetched_at": datetime.now(UTC), "run_id": "test"}
        return read_rows(tables.exec_participant_analytics, items, Reading(), given=given, partition=Day(day))

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self.warehouse.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def loaded(
    request: pytest.FixtureRequest, shared_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    """The loaded warehouse, once on SQLite and once on PostgreSQL."""
    folder = tmp_path_factory.mktemp("lift")
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    made = Loaded(Sandbox(shared_world), server or f"sqlite:///{folder}/warehouse.db")
    yield made
    with made.warehouse.engine.begin() as connection:
        for table in reversed(made.warehouse.engine.dialect.get_table_names(connection)):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    made.warehouse.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, DAYS - 1), st.integers(0, DAYS - 1), st.integers(0, 9))
def test_any_range_composed_from_days_equals_exec_for_that_range(
    loaded: Loaded, one: int, other: int, nth: int
) -> None:
    """Counts and durations add up, first is the earliest, best the highest, lift their difference: exactly as Exec."""
    first, last = sorted((FIRST + timedelta(one), FIRST + timedelta(other)))
    scenario = loaded.scenarios[nth]
    composed = {
        row["user_id"]: row for row in loaded.rows(learner_lift((first, last))) if row["scenario_id"] == scenario
    }
    asked = list(loaded.exec.participants(scenario, start=midnight(first), end=midnight(last + timedelta(1))))
    assert set(composed) == {item["user"]["id"] for item in asked}
    for item in asked:
        row = composed[item["user"]["id"]]
        assert row["session_count"] == item["session_count"]
        assert row["total_duration_seconds"] == item["total_duration_seconds"]
        for name in ("first_score", "first_rank", "best_score", "best_rank"):
            assert row[name] == item[name]
        assert row["lift_points"] == pytest.approx(item["lift_percentage"], nan_ok=True) or row["lift_points"] is None
        assert (row["lift_points"] is None) == (item["lift_percentage"] is None)


def test_a_day_agrees_with_the_summary(loaded: Loaded) -> None:
    """Participants, sessions and averages of each day and scenario are those of /analytics/summary."""
    by_cell = {
        (row["partition_date"], row["scenario_id"]): row
        for row in loaded.rows(scenario_lift((FIRST, FIRST + timedelta(DAYS - 1))))
    }
    for number in range(0, DAYS, 3):
        day = FIRST + timedelta(number)
        for scenario in loaded.scenarios:
            asked = loaded.exec.scenario_summary(scenario, start=midnight(day), end=midnight(day + timedelta(1)))
            cell = by_cell.get((day, scenario))
            assert (cell["participants"] if cell else 0) == asked["participant_count"]
            assert (cell["sessions"] if cell else 0) == asked["total_sessions"]
            if cell and cell["average_best_score"] is not None:
                assert cell["average_best_score"] == pytest.approx(asked["average_best_score"], abs=0.01)
                assert cell["average_lift_points"] == pytest.approx(asked["average_lift_percentage"], abs=0.01)


def test_best_ranks_agree_with_the_summary(loaded: Loaded) -> None:
    """The best ranks of a day are the summary's score distribution."""
    day = FIRST + timedelta(20)
    ranks = loaded.rows(rank_distribution((day, day)))
    assert ranks
    for scenario in loaded.scenarios:
        asked = loaded.exec.scenario_summary(scenario, start=midnight(day), end=midnight(day + timedelta(1)))
        counted = {row["rank"]: row["best_participants"] for row in ranks if row["scenario_id"] == scenario}
        if counted:
            assert counted == {each["rank"]: each["count"] for each in asked["score_distribution"]}
        else:
            assert asked["participant_count"] == 0
