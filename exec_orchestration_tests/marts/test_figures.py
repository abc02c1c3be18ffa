"""The marts' figures on rows written by hand: medians, shares, rates, nulls, unknown values, history."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.marts.completion import assignment_completion, session_completion
from exec_orchestration.marts.lift import learner_lift, scenario_lift
from exec_orchestration.marts.proficiency import skill_tiers
from exec_orchestration.marts.ranks import rank_distribution
from exec_orchestration.tables import exec_com, sparkwise
from exec_orchestration.tables import marts as mart_tables
from exec_orchestration.tables.warehouse import Warehouse

DAY = date(2026, 1, 5)
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
ONE = (DAY, DAY)
RAW = {"fetched_at": NOW, "run_id": "test"}


def put(warehouse: Warehouse, table: sa.Table, *rows: dict[str, Any]) -> None:
    """Write rows by hand."""
    with warehouse.engine.begin() as connection:
        connection.execute(table.insert(), list(rows))


def rows(warehouse: Warehouse, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """The rows of a query."""
    with warehouse.engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def practised(user: str, first: float | None, best: float | None, *, day: date = DAY, **more: Any) -> dict[str, Any]:
    """One day of one person."""
    lift = None if first is None or best is None else best - first
    return {
        "partition_date": day,
        "scenario_id": "s",
        "user_id": user,
        "session_count": 1,
        "first_score": first,
        "first_rank": None if first is None else "bronze",
        "best_score": best,
        "best_rank": None if best is None else "gold",
        "lift_percentage": lift,
        "total_duration_seconds": 60,
        **RAW,
        **more,
    }


@pytest.mark.parametrize(
    ("lifts", "median"),
    [([], None), ([4], 4), ([1, 9], 5), ([1, 2, 9], 2), ([-3, 0, 1, 50], 0.5), ([5, 5, 5, 5, 7], 5)],
)
def test_the_median_is_the_middle_or_the_average_of_the_middle_two(
    warehouse: Warehouse, lifts: list[float], median: float | None
) -> None:
    """Odd, even, one, none; people without a lift are not counted."""
    people = [practised(f"u{n}", 50, 50 + lift) for n, lift in enumerate(lifts)]
    put(warehouse, exec_com.exec_participant_analytics, practised("unscored", None, None), *people)
    (row,) = rows(warehouse, scenario_lift(ONE))
    assert row["median_lift_points"] == median
    assert row["participants"] == len(lifts) + 1
    improved = [lift for lift in lifts if lift > 0]
    assert row["improved_share"] == (pytest.approx(len(improved) / len(lifts)) if lifts else None)


def test_a_day_without_practice_has_no_row(warehouse: Warehouse) -> None:
    """Cells without anybody are absent."""
    assert rows(warehouse, scenario_lift(ONE)) == []
    assert rows(warehouse, rank_distribution(ONE)) == []
    assert rows(warehouse, skill_tiers(ONE)) == []
    assert rows(warehouse, learner_lift()) == []


def test_lift_is_composed_and_never_summed(warehouse: Warehouse) -> None:
    """First of the first scored day, best of the best day: 40 -> 90 is 50 points, not the sum of daily lifts."""
    days = [DAY + timedelta(n) for n in range(4)]
    put(
        warehouse,
        exec_com.exec_participant_analytics,
        practised("u", None, None, day=days[0]),
        practised("u", 40, 60, day=days[1], first_rank="unranked", best_rank="bronze"),
        practised("u", 50, 90, day=days[2], best_rank="gold"),
        practised("u", 70, 90, day=days[3], best_rank="silver"),
    )
    (row,) = rows(warehouse, learner_lift())
    assert (row["first_score"], row["first_rank"], row["best_score"], row["best_rank"]) == (40, "unranked", 90, "gold")
    assert row["lift_points"] == 50
    assert (row["first_practised_on"], row["last_practised_on"]) == (days[0], days[3])
    assert (row["session_count"], row["total_duration_seconds"]) == (4, 240)


def test_all_four_ranks_are_present_and_shares_sum_to_one(warehouse: Warehouse) -> None:
    """People without a rank are in no share; a rank that is new to us is counted under its own name."""
    put(
        warehouse,
        exec_com.exec_participant_analytics,
        practised("a", 50, 80),
        practised("b", 50, 80, best_rank="platinum"),
        practised("c", None, None),
        practised("d", None, None, scenario_id="unscored"),
    )
    found = rows(warehouse, rank_distribution(ONE))
    here = {row["rank"]: row for row in found if row["scenario_id"] == "s"}
    assert set(here) == {"gold", "silver", "bronze", "unranked", "platinum"}
    assert sum(row["first_share"] for row in here.values()) == pytest.approx(1)
    assert sum(row["best_share"] for row in here.values()) == pytest.approx(1)
    assert (here["bronze"]["first_participants"], here["gold"]["best_share"]) == (2, 0.5)
    unscored = [row for row in found if row["scenario_id"] == "unscored"]
    assert len(unscored) == 4
    assert {(row["first_participants"], row["first_share"], row["best_share"]) for row in unscored} == {(0, None, None)}


def test_all_five_tiers_are_present(warehouse: Warehouse) -> None:
    """`insufficient_data` is a tier of its own; shares sum to 1."""
    person = {"partition_date": DAY, "skill_id": "k", "observation_count": 1, **RAW}
    put(
        warehouse,
        exec_com.exec_skill_proficiency,
        {**person, "user_id": "a", "tier": "excellent", "score": 95},
        {**person, "user_id": "b", "tier": "insufficient_data", "score": None},
        {**person, "user_id": "c", "tier": "insufficient_data", "score": None},
    )
    found = {row["tier"]: row for row in rows(warehouse, skill_tiers(ONE))}
    assert list(sorted(found)) == ["developing", "excellent", "insufficient_data", "needs_work", "proficient"]
    assert (found["insufficient_data"]["learners"], found["needs_work"]["learners"]) == (2, 0)
    assert sum(row["share"] for row in found.values()) == pytest.approx(1)


def assigned(number: int, status: str, *, due: datetime | None = None, program: str | None = None) -> dict[str, Any]:
    """One assignment of the cohort."""
    return {
        "id": f"a{number}",
        "partition_date": DAY,
        "user_id": f"u{number}",
        "scenario_id": "s",
        "status": status,
        "due_at": due,
        "attempt_count": 0,
        "program_id": program,
        "created_at": NOW,
        **RAW,
    }


def test_a_cohort_counts_each_status_and_rates_what_is_completed(warehouse: Warehouse) -> None:
    """Standalone assignments are the program ''; a status that is new to us is counted, too."""
    statuses = ["completed", "completed", "in_progress", "not_started", "past_due", "did_not_pass", "paused"]
    put(warehouse, exec_com.exec_assignments, *(assigned(n, status) for n, status in enumerate(statuses)))
    put(warehouse, exec_com.exec_assignments, assigned(99, "not_started", program="p"))
    standalone, program = sorted(rows(warehouse, assignment_completion(ONE)), key=lambda row: row["program_id"])
    assert (standalone["program_id"], standalone["assigned"], standalone["completed"]) == ("", 7, 2)
    assert standalone["other_status"] == 1
    assert standalone["completion_rate"] == pytest.approx(2 / 7)
    assert (program["program_id"], program["completion_rate"], program["on_time_rate"]) == ("p", 0, None)


def test_on_time_is_what_no_listing_has_seen_late(warehouse: Warehouse) -> None:
    """Completed and never seen open after the due date; not yet due is not counted."""
    due = NOW - timedelta(days=1)
    put(
        warehouse,
        exec_com.exec_assignments,
        assigned(1, "completed", due=due),
        assigned(2, "completed", due=due),
        assigned(3, "past_due", due=due),
        assigned(4, "completed", due=NOW + timedelta(days=1)),
        assigned(5, "completed"),
    )
    late = {"assignment_id": "a2", "attempt_count": 0, "run_id": "test"}
    put(
        warehouse,
        exec_com.exec_assignment_history,
        {**late, "status": "past_due", "observed_from": due + timedelta(hours=1), "observed_to": NOW},
        {**late, "status": "completed", "observed_from": NOW, "observed_to": None},
    )
    (row,) = rows(warehouse, assignment_completion(ONE))
    assert (row["on_time_due"], row["on_time_completed"]) == (3, 1)
    assert row["on_time_rate"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("steps", "completed"), [(79.9, 0), (80, 1), (80.1, 1), (None, 0)])
def test_a_session_is_completed_when_attended_with_enough_steps(
    warehouse: Warehouse, steps: float | None, completed: int
) -> None:
    """80 % of the steps is enough, a little less is not, and steps without attendance never are."""
    row = {"partition_date": DAY, "cluster_id": "c", "module_id": "m", **RAW}
    put(
        warehouse,
        sparkwise.sparkwise_completions,
        {**row, "id": "1", "attended": True, "percentage_steps_visited": steps},
        {**row, "id": "2", "attended": False, "percentage_steps_visited": 100},
    )
    (found,) = rows(warehouse, session_completion(ONE, completed_at_steps_pct=80))
    assert (found["participants"], found["attended"], found["completed"]) == (2, 1, completed)
    assert (found["attendance_rate"], found["completion_rate"]) == (0.5, completed / 2)


@pytest.mark.parametrize(
    ("query", "table"),
    [
        (scenario_lift(ONE), mart_tables.scenario_lift),
        (learner_lift(), mart_tables.learner_lift),
        (rank_distribution(ONE), mart_tables.rank_distribution),
        (assignment_completion(ONE), mart_tables.assignment_completion),
        (session_completion(ONE, completed_at_steps_pct=80), mart_tables.session_completion),
        (skill_tiers(ONE), mart_tables.skill_tiers),
    ],
)
def test_a_query_selects_every_column_of_its_table(query: sa.Select[Any], table: sa.Table) -> None:
    """No column of a mart is left null by being forgotten."""
    assert {column.name for column in query.selected_columns} == {column.name for column in table.columns}
