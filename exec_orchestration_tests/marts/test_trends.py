"""What the plots show, on rows written by hand: whole weeks, figures that are never averages of days, small groups."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from exec_orchestration.marts import report, trends
from exec_orchestration.marts.weeks import midnights_until, span, weeks_until
from exec_orchestration.tables import exec_com, marts, sync
from exec_orchestration.tables.warehouse import Warehouse

LAST = date(2026, 3, 1)
RAW = {"fetched_at": datetime(2026, 3, 2, tzinfo=UTC), "run_id": "test"}


def back(days: int) -> date:
    """A day so many before the last one."""
    return LAST - timedelta(days=days)


def put(warehouse: Warehouse, table: sa.Table, *rows: dict[str, Any]) -> None:
    """Write rows by hand; counts that are not told are 0."""
    counts = {column.name: 0 for column in table.c if isinstance(column.type, sa.BigInteger) and not column.nullable}
    with warehouse.engine.begin() as connection:
        connection.execute(table.insert(), [{**counts, **row} for row in rows])


def rows(warehouse: Warehouse, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """The rows of a query."""
    return [dict(row._mapping) for row in warehouse.read(query)]


def practised(user: str, day: date, first: float | None, best: float | None, scenario: str = "s") -> dict[str, Any]:
    """One day of one person."""
    scores = {"first_score": first, "first_rank": "bronze", "best_score": best, "best_rank": "gold"}
    row = {"partition_date": day, "scenario_id": scenario, "user_id": user, "session_count": 1}
    return {**row, **scores, "total_duration_seconds": 60, **RAW}


def test_weeks_are_whole_and_end_with_the_last_day() -> None:
    """Twelve of seven days, one after the other."""
    weeks = weeks_until(LAST)
    assert len(weeks) == 12
    assert weeks[-1] == (date(2026, 2, 23), LAST)
    assert all((last - first).days == 6 for first, last in weeks)
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(weeks))
    assert span(weeks) == (date(2025, 12, 8), LAST)


def test_midnights_are_those_of_the_zone() -> None:
    """Also across a change of the clock."""
    zone = ZoneInfo("Europe/Berlin")
    found = midnights_until(date(2026, 3, 30), zone, days=3)
    assert [moment.astimezone(UTC).hour for moment in found.values()] == [23, 23, 22]


def test_lift_by_week_is_composed_within_the_week(warehouse: Warehouse) -> None:
    """u1 rose from 50 to 80 over two days, u2 not at all; the days' own lifts (10, 10, 0) are in no average."""
    put(
        warehouse,
        exec_com.exec_participant_analytics,
        practised("u1", back(6), 50, 60),
        practised("u1", back(0), 70, 80),
        practised("u2", back(1), 40, 40),
        practised("u3", back(2), None, None),
        practised("u1", back(7), 20, 25),
        practised("u1", back(83), 1, 2),
        practised("u1", back(84), 0, 99),
        practised("u1", LAST + timedelta(days=1), 0, 99),
    )
    found = {row["week"]: row for row in rows(warehouse, trends.lift_by_week(LAST))}
    assert sorted(found) == [back(77), back(7), back(0)]
    assert (found[back(0)]["people"], found[back(0)]["average_lift_points"]) == (3, 15)
    assert (found[back(7)]["people"], found[back(7)]["average_lift_points"]) == (1, 5)
    # As the report has it of the same days, for each week.
    for first, last in weeks_until(LAST):
        (told,) = rows(warehouse, report.practice((first, last)))
        assert told["average_lift_points"] == found.get(last, {}).get("average_lift_points")
        assert told["people"] == found.get(last, {}).get("people")


def test_ranks_of_the_table_are_those_of_the_days(warehouse: Warehouse) -> None:
    """Both plots of ranks count alike where they are of the same days."""
    put(warehouse, exec_com.exec_participant_analytics, practised("u1", back(1), 5, 9), practised("u2", back(0), 1, 3))
    put(
        warehouse,
        marts.learner_lift,
        *(
            {
                "scenario_id": "s",
                "user_id": user,
                "first_practised_on": LAST,
                "last_practised_on": LAST,
                "first_rank": "bronze",
                "best_rank": "gold",
                "total_duration_seconds": 1,
            }
            for user in ("u1", "u2")
        ),
    )
    expected = [{"first_rank": "bronze", "best_rank": "gold", "learners": 2}]
    assert rows(warehouse, report.rank_migration_of(marts.learner_lift)) == expected
    assert rows(warehouse, report.rank_migration(span(weeks_until(LAST)))) == expected


def test_assignments_are_summed_over_a_week(warehouse: Warehouse) -> None:
    """Every status, all scenarios together."""
    cohort = {"program_id": "", "scenario_id": "s"}
    put(
        warehouse,
        marts.assignment_completion,
        {**cohort, "partition_date": back(0), "assigned": 9, "completed": 3, "past_due": 4, "other_status": 2},
        {**cohort, "partition_date": back(6), "assigned": 1, "completed": 1, "scenario_id": "t"},
        {**cohort, "partition_date": back(7), "assigned": 5, "not_started": 5},
        {**cohort, "partition_date": back(84), "assigned": 7},
    )
    found = {row["week"]: row for row in rows(warehouse, trends.assignments_by_week(LAST))}
    assert {week: row["assigned"] for week, row in found.items()} == {back(0): 10, back(7): 5}
    assert [found[back(0)][status] for status in trends.STATUSES] == [4, 0, 0, 4, 0, 2]


def test_sessions_are_summed_over_a_week(warehouse: Warehouse) -> None:
    """So that a rate is one of participations, not of days."""
    module = {"module_id": "m", "module_name": "M"}
    put(
        warehouse,
        marts.session_completion,
        {**module, "partition_date": back(0), "participants": 1, "attended": 1, "completed": 1},
        {**module, "partition_date": back(1), "participants": 9, "attended": 3, "completed": 0},
    )
    assert rows(warehouse, trends.sessions_by_week(LAST)) == [
        {"week": LAST, "participants": 10, "attended": 4, "completed": 1}
    ]


def test_tiers_are_those_of_the_weeks_last_loaded_day(warehouse: Warehouse) -> None:
    """Skills are added up; days before the last of a week do not count."""
    put(
        warehouse,
        marts.skill_tiers,
        {"partition_date": back(2), "skill_id": "a", "tier": "excellent", "learners": 3},
        {"partition_date": back(2), "skill_id": "b", "tier": "excellent", "learners": 4},
        {"partition_date": back(2), "skill_id": "b", "tier": "developing", "learners": 1},
        {"partition_date": back(3), "skill_id": "a", "tier": "excellent", "learners": 90},
        {"partition_date": back(9), "skill_id": "a", "tier": "brand_new", "learners": 2},
    )
    found = {(row["week"], row["tier"]): row["learners"] for row in rows(warehouse, trends.tiers_by_week(LAST))}
    assert found == {(back(0), "excellent"): 7, (back(0), "developing"): 1, (back(7), "brand_new"): 2}


@pytest.mark.parametrize(("people", "shown"), [(4, None), (5, 5)])
def test_bands_of_few_people_are_not_counted(warehouse: Warehouse, people: int, shown: int | None) -> None:
    """Whoever is terminated does not count; a limit belongs to the band above it."""
    common = {"department": "Sales", "status": "active", "is_in_exec": True, "is_in_sparkwise": True}
    crowd = [{**common, "employee_id": f"E{number}", "average_lift_points": 10.0} for number in range(people)]
    gone = {**common, "employee_id": "X", "average_lift_points": 11.0, "status": "terminated"}
    none = [{**common, "employee_id": f"N{number}", "average_lift_points": None} for number in range(6)]
    put(warehouse, marts.learner_scorecard, *crowd, gone, *none)
    found = {row["band"]: row["people"] for row in rows(warehouse, trends.people_by_lift())}
    assert found == {"10 to 20": shown, "no lift yet": 6}
    assert set(found) < set(trends.BAND_NAMES)


def test_small_departments_and_figures_of_few_are_left_out(warehouse: Warehouse) -> None:
    """Five are enough, four are not."""
    figures = {"average_lift_points": 3.0, "assignment_completion_rate": 0.5, "session_completion_rate": 0.25}
    enough = {"people": 5, "people_practised": 5, "assigned": 5, "participations": 5, **figures}
    put(
        warehouse,
        marts.department_scorecard,
        {"department": "five", **enough},
        {"department": "four", **enough, "people": 4},
        {"department": "many", **enough, "people": 9, "people_practised": 4, "assigned": 4, "participations": 4},
    )
    assert rows(warehouse, trends.departments()) == [
        {"department": "many", "people": 9, **dict.fromkeys(figures)},
        {"department": "five", "people": 5, **figures},
    ]


def planned(person: str, plan: str, moment: datetime, action: str, *, held: bool = False) -> dict[str, Any]:
    """A row of a plan."""
    row = {"plan_id": plan, "employee_id": person, "action": action, "is_held": held, "planned_at": moment}
    return {**row, "changes": {}, "reason": "", "expires_at": moment, "run_id": "test"}


def test_people_are_counted_once_a_day_by_their_last_plan_with_a_change(warehouse: Warehouse) -> None:
    """What was held in the morning and sent in the evening is not held; each day is cut at its midnights."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    put(
        warehouse,
        sync.user_sync_plan,
        planned("a", "p1", noon, "deactivate", held=True),
        planned("a", "p2", noon + timedelta(hours=1), "deactivate"),
        planned("a", "p3", noon + timedelta(hours=2), "unchanged"),
        planned("b", "p1", noon, "deactivate", held=True),
        planned("b", "p0", datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), "blocked"),
        planned("c", "old", datetime(2026, 1, 30, 23, 59, tzinfo=UTC), "create"),
        planned("c", "later", datetime(2026, 3, 2, tzinfo=UTC), "create"),
    )
    found = rows(warehouse, trends.planned_changes(midnights_until(LAST, UTC, days=30)))
    assert {(row["day"], row["action"], row["is_held"]): row["people"] for row in found} == {
        (LAST, "deactivate", False): 1,
        (LAST, "deactivate", True): 1,
        (back(1), "blocked", False): 1,
    }


def test_sent_changes_are_counted_by_how_a_day_ended(warehouse: Warehouse) -> None:
    """A failure that a later attempt made good is none."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    sent = {"plan_id": "p", "action": "update", "run_id": "test", "sent_at": noon}
    put(
        warehouse,
        sync.user_sync_outcome,
        {**sent, "employee_id": "a", "attempt": 1, "result": "failed"},
        {**sent, "employee_id": "a", "attempt": 2, "result": "applied"},
        {**sent, "employee_id": "b", "attempt": 1, "result": "refused"},
    )
    found = rows(warehouse, trends.sent_changes(midnights_until(LAST, UTC, days=30)))
    assert {(row["day"], row["result"]): row["people"] for row in found} == {(LAST, "applied"): 1, (LAST, "refused"): 1}
