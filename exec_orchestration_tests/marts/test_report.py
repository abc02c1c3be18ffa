"""The learning report's figures on rows written by hand: a period, the one before, groups that hide single people."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.marts import groups, report
from exec_orchestration.tables import exec_com, hr, sparkwise
from exec_orchestration.tables.warehouse import Warehouse

PERIOD = (date(2026, 2, 2), date(2026, 2, 8))
BEFORE = (date(2026, 1, 26), date(2026, 2, 1))
READ_AT = datetime(2026, 2, 9, 5, tzinfo=UTC)
RAW = {"fetched_at": READ_AT, "run_id": "test"}


def feb(number: int) -> date:
    """A day of February 2026."""
    return date(2026, 2, number)


class Facts:
    """A warehouse that is told of a week, and asked for the report's figures. Steps are enough from 80 %."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._id = 0

    def put(self, table: sa.Table, **values: Any) -> None:
        """Write one row; ids that do not matter are made up."""
        self._id += 1
        made_up = {"id": f"{self._id}"} if "id" in table.c and "id" not in values else {}
        with self.warehouse.engine.begin() as connection:
            connection.execute(table.insert(), [{**made_up, **(RAW if "fetched_at" in table.c else {}), **values}])

    def practised(self, user: str, scenario: str, day: date, first: Any = None, best: Any = None, **more: Any) -> None:
        """A day of practice; `first` and `best` are pairs of score and rank."""
        scores = dict(zip(("first_score", "first_rank"), first or (None, None), strict=True))
        scores |= dict(zip(("best_score", "best_rank"), best or (None, None), strict=True))
        row = {"user_id": user, "user_email": f"{user}@x.com", "scenario_id": scenario, "partition_date": day}
        counted = {"session_count": 1, "total_duration_seconds": 60}
        self.put(exec_com.exec_participant_analytics, **{**row, **counted, **scores, **more})

    def assigned(self, user: str, *, completed: bool, day: date = PERIOD[0]) -> None:
        """An assignment that was created on a day."""
        row = {"user_id": user, "user_email": f"{user}@x.com", "scenario_id": "s", "attempt_count": 0}
        made_at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        status = "completed" if completed else "not_started"
        self.put(exec_com.exec_assignments, **row, status=status, partition_date=day, created_at=made_at)

    def booked(self, person: str, *, steps: float = 100, attended: bool = True, day: date = PERIOD[0]) -> None:
        """A participation in a session."""
        session = {"cluster_id": "c", "module_id": "m", "partition_date": day, "percentage_steps_visited": steps}
        self.put(sparkwise.sparkwise_completions, remote_user_id=person, attended=attended, **session)

    def works(self, person: str, department: str | None = "Sales", **more: Any) -> None:
        """A version of somebody on the roster, who is in Exec by `person`@x.com."""
        names = {"first_name": "Ada", "last_name": "Lovelace", "status": "active", "email": f"{person}@x.com"}
        since = {"valid_from": READ_AT, "run_id": "test"}
        self.put(hr.hr_roster, **{"employee_id": person, "department": department, **names, **since, **more})

    def staff(self, **sizes: int) -> None:
        """Departments of these sizes; Sales' people are Sales1, Sales2 ..."""
        for department, size in sizes.items():
            for number in range(1, size + 1):
                self.works(f"{department}{number}", department)

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """The rows of a query."""
        return [dict(row._mapping) for row in self.warehouse.read(query)]

    def by(self, group: groups.Group) -> dict[str | None, dict[str, Any]]:
        """The groups of the period by name."""
        if group == "department":
            found = self.rows(groups.departments(PERIOD, completed_at_steps_pct=80))
        else:
            found = self.rows(groups.by_group(group, PERIOD, completed_at_steps_pct=80))
        named = {row["name"]: row for row in found}
        assert len(named) == len(found)
        return named

    def helped(self) -> dict[str, list[str]]:
        """The departments that need help, and what is low there."""
        rows = self.by("department").values()
        low = {row["name"]: [name for name in groups.HELPED if row[f"is_low_{name}"]] for row in rows}
        return {name: figures for name, figures in low.items() if figures}


@pytest.fixture
def facts(warehouse: Warehouse) -> Facts:
    """An empty warehouse to tell facts to, once on SQLite and once on PostgreSQL."""
    return Facts(warehouse)


@pytest.fixture
def week(facts: Facts) -> Facts:
    """A week of three learners, with a day before it and one after it."""
    facts.put(exec_com.exec_scenarios, id="s", name="Price objection", archived=False)
    facts.practised("u1", "s", feb(1), (20, "unranked"), (30, "unranked"))
    facts.practised("u1", "s", feb(2), (50, "bronze"), (60, "bronze"))
    facts.practised("u1", "s", feb(4), (70, "silver"), (80, "gold"))
    facts.practised("u1", "t", feb(3), (90, "gold"), (90, "gold"))
    facts.practised("u2", "s", feb(8), (40, "bronze"), (50, "silver"))
    facts.practised("u3", "s", feb(6), session_count=2)
    facts.practised("u2", "s", feb(9), (95, "gold"), (100, "gold"))
    return facts


# --- everybody


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (PERIOD, BEFORE),
        ((feb(2), feb(2)), (feb(1), feb(1))),
        ((date(2026, 3, 1), date(2026, 3, 31)), (date(2026, 1, 29), date(2026, 2, 28))),
    ],
)
def test_the_period_before_is_as_long_and_ends_on_the_day_before(days: Any, expected: Any) -> None:
    """Whatever months it crosses."""
    assert report.before(days) == expected


def test_practice_is_composed_over_the_period(week: Facts) -> None:
    """u1 rose from 50 to 80 in s and not at all in t, u2 from 40 to 50; u3 has no score. Days outside do not count."""
    (row,) = week.rows(report.practice(PERIOD))
    assert (row["people"], row["sessions"]) == (3, 6)
    assert row["average_lift_points"] == pytest.approx((30 + 0 + 10) / 3)
    assert row["improved_share"] == pytest.approx(2 / 3)
    (row,) = week.rows(report.practice(BEFORE))
    assert (row["people"], row["sessions"], row["average_lift_points"], row["improved_share"]) == (1, 1, 10, 1)


def test_lift_by_scenario(week: Facts) -> None:
    """Averages over those with a score; a scenario that is not listed has no name."""
    found = {row["scenario_id"]: row for row in week.rows(report.lift_by_scenario(PERIOD))}
    names = ("name", "learners", "average_first_score", "average_best_score", "average_lift_points", "improved_share")
    assert [found["s"][name] for name in names] == ["Price objection", 3, 45, 65, 20, 1]
    assert [found["t"][name] for name in names] == [None, 1, 90, 90, 0, 0]


def test_ranks_migrate_from_the_first_to_the_best_of_the_period(week: Facts) -> None:
    """Each learner once for each scenario; whoever has no rank is not counted."""
    found = {(row["first_rank"], row["best_rank"]): row["learners"] for row in week.rows(report.rank_migration(PERIOD))}
    assert found == {("bronze", "gold"): 1, ("gold", "gold"): 1, ("bronze", "silver"): 1}


def test_assignments_of_the_period_are_those_created_in_it(facts: Facts) -> None:
    """3 of 4 in the period, 1 of 2 before it."""
    for day, completed in [(2, True), (2, True), (8, True), (5, False), (1, True), (1, False), (9, False)]:
        facts.assigned("u1", completed=completed, day=feb(day))
    assert facts.rows(report.assigned(PERIOD)) == [{"assigned": 4, "completion_rate": 0.75}]
    assert facts.rows(report.assigned(BEFORE)) == [{"assigned": 2, "completion_rate": 0.5}]


def test_sessions_are_attended_and_completed(facts: Facts) -> None:
    """3 of 4 attended, 2 of them with enough steps; the rates of days are not averaged."""
    facts.booked("e1", steps=80)
    facts.booked("e2", steps=79.9)
    facts.booked("e3", attended=False)
    facts.booked("e1", day=feb(8))
    facts.booked("e1", day=feb(9))
    (row,) = facts.rows(report.attended(PERIOD, completed_at_steps_pct=80))
    assert row == {"booked": 4, "attendance_rate": 0.75, "completion_rate": 0.5}


def test_skills_are_those_of_the_last_loaded_day(facts: Facts) -> None:
    """Not after the period; all five tiers are present."""
    facts.put(exec_com.exec_skills, id="k", name="Listening")
    for user, day, tier in [
        ("a", 5, "excellent"),
        ("a", 7, "proficient"),
        ("b", 7, "needs_work"),
        ("b", 9, "excellent"),
    ]:
        row = {"skill_id": "k", "user_id": user, "tier": tier, "observation_count": 3}
        facts.put(exec_com.exec_skill_proficiency, partition_date=feb(day), **row)
    assert facts.rows(report.last_day_of_skills(PERIOD[1])) == [{"last_day": feb(7)}]
    found = {row["tier"]: (row["name"], row["learners"]) for row in facts.rows(report.tiers_of_skills(feb(7)))}
    assert found == {tier: ("Listening", int(tier in ("proficient", "needs_work"))) for tier in exec_com.TIERS}


def test_freshness_is_the_last_day_and_the_last_reading_of_each_source(week: Facts) -> None:
    """A source without days has none, one without rows has neither."""
    read = {"source": "roster.csv", "fingerprint": "f", "rows": 1, "people": 1, "rejected": 0, "columns": []}
    week.put(hr.hr_roster_reads, read_at=READ_AT + timedelta(1), run_id="test", **read)
    found = {row["source"]: (row["last_day"], row["fetched_at"]) for row in week.rows(report.freshness())}
    assert found == {
        "exec_participant_analytics": (feb(9), READ_AT),
        "exec_assignments": (None, None),
        "exec_skill_proficiency": (None, None),
        "sparkwise_completions": (None, None),
        "exec_scenarios": (None, READ_AT),
        "exec_skills": (None, None),
        "hr_roster": (None, READ_AT + timedelta(1)),
    }


@pytest.mark.parametrize("is_loaded_elsewhere", [False, True])
def test_a_period_without_data_has_nulls_and_no_zeros(facts: Facts, is_loaded_elsewhere: bool) -> None:
    """In an empty warehouse, and where other days are loaded."""
    if is_loaded_elsewhere:
        facts.practised("u1", "s", feb(9), (1, "bronze"), (2, "bronze"))
        facts.assigned("u1", completed=True, day=feb(9))
        facts.booked("e1", day=feb(9))
    for query in (
        report.practice(PERIOD),
        report.assigned(PERIOD),
        report.attended(PERIOD, completed_at_steps_pct=80),
        report.last_day_of_skills(PERIOD[1]),
    ):
        (row,) = facts.rows(query)
        assert set(row.values()) == {None}
    for query in (report.lift_by_scenario(PERIOD), report.rank_migration(PERIOD), report.tiers_of_skills(feb(2))):
        assert facts.rows(query) == []
    assert (facts.by("department"), facts.by("cohort"), facts.helped()) == ({}, {}, {})


# --- groups of people


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ({"A": 5}, {"A": 5}),
        ({"A": 4}, {}),
        ({"A": 1}, {}),
        ({"A": 4, "B": 1}, {None: 5}),
        ({"A": 6, "B": 3, "C": 2}, {"A": 6, None: 5}),
        ({"A": 7, "B": 5, "C": 1}, {"A": 7, None: 6}),
        ({"A": 5, "B": 5, "C": 4}, {"B": 5, None: 9}),
        ({"A": 7, "B": 1}, {None: 8}),
    ],
)
def test_small_departments_are_merged_until_nobody_can_be_told(
    facts: Facts, sizes: dict[str, int], shown: dict[str | None, int]
) -> None:
    """Fewer than five people join the others; where these are too few as well, the next smallest does."""
    facts.staff(**sizes)
    assert {name: row["people"] for name, row in facts.by("department").items()} == shown


def test_a_department_of_one_person_is_not_shown(facts: Facts) -> None:
    """Its name is nowhere, and what its person did is in the others only."""
    facts.staff(Sales=6, Support=5, Legal=1)
    for person in ("Legal1", *(f"Support{number}" for number in range(1, 6))):
        facts.assigned(person, completed=person == "Legal1")
    found = facts.by("department")
    assert set(found) == {"Sales", None}
    assert (found[None]["people_assigned"], found[None]["assignment_completion_rate"]) == (6, pytest.approx(1 / 6))
    assert "Legal" not in facts.helped()


def test_a_departments_figures(facts: Facts) -> None:
    """By its people of today: lifts over learners and scenarios, rates over assignments and sessions."""
    facts.staff(Sales=5, Support=6)
    for number, points in enumerate([0, 10, 20, 30, 40], start=1):
        facts.practised(f"Sales{number}", "s", feb(3), (40, "bronze"), (40 + points, "gold"))
        facts.assigned(f"Sales{number}", completed=number <= 3)
        facts.booked(f"Sales{number}", attended=number <= 4, steps=20 * number)
        facts.assigned(f"Support{number}", completed=True)
    facts.practised("Sales1", "t", feb(3), (10, "bronze"), (90, "gold"))
    facts.assigned("stranger", completed=False)
    found = facts.by("department")
    sales, support = found["Sales"], found["Support"]
    assert (sales["people_practised"], sales["people_with_lift"]) == (5, 5)
    assert sales["average_lift_points"] == pytest.approx((0 + 10 + 20 + 30 + 40 + 80) / 6)
    assert sales["improved_share"] == pytest.approx(5 / 6)
    assert (sales["assignment_completion_rate"], sales["all_assignment_completion_rate"]) == (0.6, 0.8)
    assert (sales["attendance_rate"], sales["session_completion_rate"]) == (0.8, 0.2)
    assert (support["people_practised"], support["average_lift_points"], support["people_booked"]) == (0, None, 0)


@pytest.mark.parametrize(("people", "rate"), [(4, None), (5, 1)])
def test_a_figure_needs_five_people_behind_it(facts: Facts, people: int, rate: float | None) -> None:
    """However large the department is, and of all departments together, too."""
    facts.staff(Sales=20)
    for number in range(1, people + 1):
        facts.assigned(f"Sales{number}", completed=True)
        facts.assigned(f"Sales{number}", completed=True)
        facts.booked(f"Sales{number}")
        facts.practised(f"Sales{number}", "s", feb(3), (1, "bronze"), (2, "bronze"))
    sales = facts.by("department")["Sales"]
    for name in (*groups.HELPED, "improved_share", "attendance_rate"):
        assert (sales[name], sales[f"all_{name}"]) == (rate, rate)
    assert (sales["people_assigned"], sales["people_booked"], sales["people_with_lift"]) == (people,) * 3


def test_nobody_has_practised_is_no_data(facts: Facts) -> None:
    """Rather than 0 people; with practice elsewhere it is 0."""
    facts.staff(Sales=5, Support=5)
    assert {row["people_practised"] for row in facts.by("department").values()} == {None}
    facts.practised("Sales1", "s", feb(3))
    assert {name: row["people_practised"] for name, row in facts.by("department").items()} == {"Sales": 1, "Support": 0}


def test_only_those_who_work_here_today_are_in_a_group(facts: Facts) -> None:
    """By their version of today; whoever has no department is in the group ''."""
    facts.staff(Sales=6)
    for number in range(5):
        facts.works(f"none{number}", [None, "", " "][number % 3])
    facts.works("gone", status="terminated")
    facts.works("moved", "Sales", valid_from=READ_AT - timedelta(9), valid_to=READ_AT)
    facts.works("moved", " Sales ", valid_from=READ_AT)
    assert {name: row["people"] for name, row in facts.by("department").items()} == {"Sales": 7, "": 5}


def test_a_cohort_is_the_month_of_the_first_day(facts: Facts) -> None:
    """Whoever has no first day is in the unknown one."""
    for number in range(5):
        facts.works(f"jan{number}", start_on=date(2025, 1, 1 + 7 * number))
        facts.works(f"dec{number}", start_on=date(2024, 12, 31))
        facts.works(f"none{number}")
        facts.assigned(f"jan{number}", completed=number == 0)
    found = facts.by("cohort")
    assert {name: row["people"] for name, row in found.items()} == {"202501": 5, "202412": 5, "unknown": 5}
    assert found["202501"]["assignment_completion_rate"] == 0.2


@pytest.mark.parametrize(("completed", "low"), [(3, True), (4, False), (5, False)])
def test_help_is_needed_more_than_a_fifth_below_all(facts: Facts, completed: int, low: bool) -> None:
    """Sales completes so many of 10, the whole company half: 4 of 10 is exactly a fifth below."""
    facts.staff(Sales=10, Support=10)
    for number in range(1, 11):
        facts.assigned(f"Sales{number}", completed=number <= completed)
        facts.assigned(f"Support{number}", completed=number <= 10 - completed)
    assert facts.helped() == ({"Sales": ["assignment_completion_rate"]} if low else {})


def test_help_names_what_is_low(facts: Facts) -> None:
    """Sessions and lifts as well as assignments; nobody is low where nothing is above 0."""
    facts.staff(Sales=5, Support=5)
    for number in range(1, 6):
        facts.booked(f"Sales{number}", steps=0)
        facts.practised(f"Sales{number}", "s", feb(3), (10, "bronze"), (10, "bronze"))
    assert facts.helped() == {}
    for number in range(1, 6):
        facts.booked(f"Support{number}")
        facts.practised(f"Support{number}", "s", feb(3), (10, "bronze"), (12, "bronze"))
    assert facts.helped() == {"Sales": ["session_completion_rate", "average_lift_points"]}


@pytest.mark.parametrize(("completed", "low"), [(0, True), (1, False)])
def test_help_is_not_needed_where_a_figure_is_hardly_below(facts: Facts, completed: int, low: bool) -> None:
    """One of 20 beside 2 of 20 is half, and 2.5 percentage points below all: nobody asks for help over that."""
    facts.staff(Sales=20, Support=20)
    for number in range(1, 21):
        facts.assigned(f"Sales{number}", completed=number <= completed)
        facts.assigned(f"Support{number}", completed=number <= 2)
    assert facts.helped() == ({"Sales": ["assignment_completion_rate"]} if low else {})


# --- how it is asked


def queries() -> Iterator[sa.Select[Any]]:
    """Every query of the report."""
    yield from (each(PERIOD) for each in (report.practice, report.assigned, report.lift_by_scenario))
    yield from (report.rank_migration(PERIOD), report.attended(PERIOD, completed_at_steps_pct=80))
    yield from (report.tiers_of_skills(PERIOD[1]), report.last_day_of_skills(PERIOD[1]), report.freshness())
    yield groups.departments(PERIOD, completed_at_steps_pct=80)
    yield groups.by_group("cohort", PERIOD, completed_at_steps_pct=80)


def test_no_query_selects_who_somebody_is() -> None:
    """Neither a column that is declared personal nor an id of a person."""
    personal = {column.name for column in hr.hr_roster.c if column.info["personal"]}
    personal |= {"employee_id", "user_id", "remote_user_id", "user_email", "user_first_name", "user_last_name"}
    for query in queries():
        assert not personal & {column.name for column in query.selected_columns}


def test_sqlite_joins_by_index(tmp_path: Path) -> None:
    """It scans at most one table of a join, or 100,000 people would take hours; the five tiers of skills may be."""
    warehouse = Warehouse(f"sqlite:///{tmp_path}/warehouse.db")
    warehouse.migrate()
    with warehouse.engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", _explain, retval=True)
        plans = [connection.execute(query).cursor.fetchall() for query in queries()]
    warehouse.close()
    for plan in plans:
        scanned = [parent for _, parent, _, detail in plan if detail.startswith("SCAN") and "every_tier" not in detail]
        assert len(plan) > 0
        assert len(scanned) == len(set(scanned)), plan


def _explain(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    return f"EXPLAIN QUERY PLAN {statement}", parameters
