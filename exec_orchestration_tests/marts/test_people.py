"""People and departments: whose an address, an account and a session is, and which department it counts for."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exec_orchestration.marts.people import department_scorecard, learner_scorecard
from exec_orchestration.tables import exec_com, hr, sparkwise
from exec_orchestration.tables import marts as mart_tables
from exec_orchestration.tables.warehouse import Warehouse

FIRST, LATER, LAST = (datetime(2026, month, 1, 9, tzinfo=UTC) for month in (1, 3, 5))
DAY = date(2026, 2, 2)
RAW = {"fetched_at": LAST, "run_id": "test"}
MARTS = [(learner_scorecard, mart_tables.learner_scorecard), (department_scorecard, mart_tables.department_scorecard)]


class Facts:
    """A warehouse that is told of people, and asked for scorecards. Steps are enough from 80 %."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._id = 0

    def put(self, table: sa.Table, **values: Any) -> None:
        """Write one row; ids that do not matter are made up."""
        self._id += 1
        made_up = {"id": f"{table.name} {self._id}"} if "id" in table.c else {}
        with self.warehouse.engine.begin() as connection:
            connection.execute(table.insert(), [{**made_up, **RAW, **values} if "fetched_at" in table.c else values])

    def version(self, employee_id: str, email: str | None = None, **more: Any) -> None:
        """One version of a person: from FIRST on in Sales, unless told otherwise."""
        person = {"first_name": "Ada", "last_name": "Lovelace", "status": "active", "department": "Sales"}
        since = {"valid_from": FIRST, "run_id": "test"}
        self.put(hr.hr_roster, employee_id=employee_id, email=email, **{**person, **since, **more})

    def member(self, user_id: str, email: str | None) -> None:
        """A member of Exec's workspace."""
        self.put(exec_com.exec_members, id=user_id, email=email)

    def practised(self, user_id: str, email: str | None, *, day: date = DAY, **more: Any) -> None:
        """A day of practice, as Exec listed it."""
        counted = {"scenario_id": "s", "session_count": 1, "total_duration_seconds": 60}
        row = {"user_id": user_id, "user_email": email, "partition_date": day, **counted, **more}
        self.put(exec_com.exec_participant_analytics, **row)

    def lift(self, user_id: str, scenario_id: str, points: float | None, *, rank: str = "silver", **more: Any) -> None:
        """The composed lift of one user in one scenario: two sessions."""
        days = {"first_practised_on": DAY, "last_practised_on": DAY}
        row = {"lift_points": points, "best_rank": rank, "session_count": 2, "total_duration_seconds": 60, **days}
        self.put(mart_tables.learner_lift, user_id=user_id, scenario_id=scenario_id, **{**row, **more})

    def skill(self, user_id: str, skill_id: str, tier: str, *, day: date = DAY, observations: int = 3) -> None:
        """A proficiency as of the end of a day."""
        row = {"partition_date": day, "tier": tier, "observation_count": observations}
        self.put(exec_com.exec_skill_proficiency, user_id=user_id, skill_id=skill_id, **row)

    def assigned(self, email: str | None, status: str = "completed", *, at: datetime = LATER, **more: Any) -> None:
        """An assignment, as Exec listed it last."""
        row = {"user_id": f"user of {email}", "user_email": email, "scenario_id": "s", "status": status}
        dated = {"created_at": at, "partition_date": at.date(), "attempt_count": 0}
        self.put(exec_com.exec_assignments, **{**row, **dated, **more})

    def booked(self, employee_id: str | None, steps: float | None = 100, **more: Any) -> None:
        """A participation in a Sparkwise session, attended at LATER unless told otherwise."""
        session = {"cluster_id": "c", "module_id": "m", "session_scheduled_start_at": LATER, "partition_date": DAY}
        row = {"remote_user_id": employee_id, "attended": True, "percentage_steps_visited": steps, **session}
        self.put(sparkwise.sparkwise_completions, **{**row, **more})

    def account(self, remote_id: str | None, *, active: bool = True) -> None:
        """A Sparkwise account."""
        self.put(sparkwise.sparkwise_users, remote_id=remote_id, active=active)

    def people(self) -> dict[str, dict[str, Any]]:
        """The learners' scorecards by employee id."""
        return self._rows(learner_scorecard(completed_at_steps_pct=80), "employee_id")

    def departments(self) -> dict[str, dict[str, Any]]:
        """The departments' scorecards by name."""
        return self._rows(department_scorecard(completed_at_steps_pct=80), "department")

    def _rows(self, query: sa.Select[Any], key: str) -> dict[str, dict[str, Any]]:
        with self.warehouse.engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        found = {row[key]: row for row in rows}
        assert len(found) == len(rows), "a row was doubled"
        return found

    def assigned_to(self) -> dict[str, int]:
        """Assignments by employee id, of those who have some."""
        return {person: row["assigned"] for person, row in self.people().items() if row["assigned"]}

    def practised_by(self) -> dict[str, int]:
        """Practised scenarios by employee id, of those who have some."""
        return {person: row["scenarios_practised"] for person, row in self.people().items() if row["is_in_exec"]}

    def booked_in(self) -> dict[str, int]:
        """Participations by department, of those that have some."""
        return {name: row["participations"] for name, row in self.departments().items() if row["participations"]}


@pytest.fixture
def facts(warehouse: Warehouse) -> Facts:
    """An empty warehouse to tell facts to, once on SQLite and once on PostgreSQL."""
    return Facts(warehouse)


# --- both


@pytest.mark.parametrize(("mart", "table"), MARTS)
def test_a_scorecard_has_the_columns_of_its_table(mart: Any, table: sa.Table) -> None:
    """By name and in order: none is left null by being forgotten."""
    query = mart(completed_at_steps_pct=80)
    assert [column.name for column in query.selected_columns] == [column.name for column in table.columns]


def test_nobody_is_no_row(facts: Facts) -> None:
    """Empty tables make empty scorecards."""
    assert facts.people() == {}
    assert facts.departments() == {}


def test_facts_about_strangers_are_nobodys(facts: Facts) -> None:
    """Whom the roster has never named counts nowhere, nor does whoever has neither address nor id."""
    for email in ("stranger@x.com", None, ""):
        facts.assigned(email)
        facts.practised(f"of {email}", email)
        facts.member(f"member {email}", email)
        facts.lift(f"of {email}", "s", 5)
        facts.skill(f"of {email}", "k", "excellent")
    for remote_id in ("stranger", None, ""):
        facts.booked(remote_id)
        facts.account(remote_id)
    assert facts.people() == {}
    assert facts.departments() == {}
    facts.version("e1", None)
    facts.version("e2", "")
    assert {row["is_in_exec"] or row["is_in_sparkwise"] for row in facts.people().values()} == {False}
    assert facts.departments()["Sales"]["people"] == 2
    assert facts.assigned_to() == {}
    assert facts.booked_in() == {}


@pytest.mark.parametrize(("mart", "table"), MARTS)
def test_a_scorecard_is_replaced_whole(facts: Facts, mart: Any, table: sa.Table) -> None:
    """The query fills its table, and the next one replaces what it filled."""
    facts.version("e1", "a@x.com", department="Sales")
    facts.version("e2", "b@x.com", department="Support")
    facts.member("u1", "a@x.com")
    facts.lift("u1", "s", 5)
    facts.booked("e2")
    for _ in range(2):
        facts.warehouse.replace_window_by_query(table, None, mart(completed_at_steps_pct=80))
        assert len(facts.warehouse.frame(sa.select(table))) == 2


@pytest.mark.parametrize("mart", [learner_scorecard, department_scorecard])
def test_sqlite_joins_by_index(tmp_path: Path, mart: Any) -> None:
    """It scans at most one table of a join, or 100,000 people would take hours."""
    warehouse = Warehouse(f"sqlite:///{tmp_path}/warehouse.db")
    warehouse.migrate()
    plan = _plan(warehouse.engine, mart(completed_at_steps_pct=80))
    warehouse.close()
    assert len(plan) > 10
    assert [loops for loops in plan.values() if sum(each.startswith("SCAN") for each in loops) > 1] == []


def _plan(engine: sa.Engine, query: sa.Select[Any]) -> dict[int, list[str]]:
    """The loops of each join in SQLite's plan for the query as it is sent, parameters and all."""
    with engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", _explain, retval=True)
        steps = connection.execute(query).cursor.fetchall()
    plan: dict[int, list[str]] = {}
    for _, parent, _, detail in steps:
        if detail.startswith(("SCAN", "SEARCH")):
            plan.setdefault(parent, []).append(detail)
    return plan


def _explain(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    return f"EXPLAIN QUERY PLAN {statement}", parameters


# --- whose an address is


def test_addresses_match_in_any_letter_case(facts: Facts) -> None:
    """On either side, in assignments and among Exec's users."""
    facts.version("e1", "Ada.Lovelace@X.com")
    facts.assigned("ADA.lovelace@x.COM")
    facts.member("u1", "ada.LOVELACE@x.com")
    facts.lift("u1", "s", 5)
    assert facts.assigned_to() == {"e1": 1}
    assert facts.practised_by() == {"e1": 1}


def test_an_address_of_the_past_is_still_the_persons(facts: Facts) -> None:
    """After a change of name Exec may know the old address, the new one or both."""
    facts.version("e1", "maiden@x.com", valid_to=LATER)
    facts.version("e1", "married@x.com", valid_from=LATER)
    facts.assigned("maiden@x.com")
    facts.assigned("married@x.com")
    facts.member("u1", "maiden@x.com")
    facts.lift("u1", "s", 5)
    assert facts.assigned_to() == {"e1": 2}
    assert facts.practised_by() == {"e1": 1}


def test_an_address_that_was_passed_on_belongs_to_the_one_who_got_it_last(facts: Facts) -> None:
    """Also when the one who got it has another one by now."""
    facts.version("e1", "sam@x.com", valid_to=LATER)
    facts.version("e1", "sam.old@x.com", valid_from=LATER)
    facts.version("e2", "SAM@x.com", valid_from=LATER, valid_to=LAST)
    facts.version("e2", "samantha@x.com", valid_from=LAST)
    facts.assigned("sam@x.com")
    facts.member("u1", "sam@x.com")
    facts.lift("u1", "s", 5)
    assert facts.assigned_to() == {"e2": 1}
    assert facts.practised_by() == {"e2": 1}


def test_an_address_that_two_people_share_belongs_to_nobody(facts: Facts) -> None:
    """Whoever of them moved to another department last, and even where somebody else had it before them."""
    facts.version("e0", "team@x.com", valid_to=LATER)
    facts.version("e1", "team@x.com", valid_from=LATER)
    facts.version("e2", "Team@x.com", valid_from=LAST, department="Support")
    facts.assigned("team@x.com")
    facts.member("u1", "team@x.com")
    facts.lift("u1", "s", 5)
    assert facts.assigned_to() == {}
    assert facts.practised_by() == {}
    assert {row["assigned"] + row["people_practised"] for row in facts.departments().values()} == {0}


def test_an_address_of_somebody_who_has_left_stays_theirs(facts: Facts) -> None:
    """Nobody on the roster today gets it by that."""
    facts.version("e1", "gone@x.com", valid_to=LATER)
    facts.version("e2", "here@x.com")
    facts.assigned("gone@x.com")
    assert facts.assigned_to() == {}
    assert facts.departments()["Sales"]["assigned"] == 1


# --- who an Exec user is


def test_a_members_own_address_decides(facts: Facts) -> None:
    """What Exec listed the user with elsewhere does not, be it newer."""
    facts.version("e1", "member@x.com")
    facts.version("e2", "practice@x.com")
    facts.member("u1", "member@x.com")
    facts.practised("u1", "practice@x.com", fetched_at=LAST + timedelta(days=1))
    facts.lift("u1", "s", 5)
    people = facts.people()
    assert (people["e1"]["scenarios_practised"], people["e2"]["scenarios_practised"]) == (1, 0)


def test_a_former_member_goes_by_the_address_that_was_listed_last(facts: Facts) -> None:
    """By the listing, then by its day; in practice or an assignment, and only where there is an address."""
    for number, email in enumerate(("first", "second", "third")):
        facts.version(f"e{number}", f"{email}@x.com")
    facts.member("u1", None)
    facts.practised("u1", "second@x.com", day=DAY, fetched_at=FIRST)
    facts.practised("u1", "first@x.com", day=DAY - timedelta(1), fetched_at=FIRST)
    facts.practised("u1", None, day=DAY + timedelta(1), fetched_at=LAST)
    facts.lift("u1", "s", 5)
    assert facts.people()["e1"]["scenarios_practised"] == 1
    facts.assigned("third@x.com", user_id="u1", at=FIRST, fetched_at=LATER)
    people = facts.people()
    assert [people[f"e{number}"]["scenarios_practised"] for number in range(3)] == [0, 0, 1]


def test_a_person_is_in_exec_by_any_address(facts: Facts) -> None:
    """One of a member, of practice or of an assignment, and be it one that the user has no longer."""
    emails = ("member", "practice", "assignment", "former", "unknown")
    for email in emails:
        facts.version(email, f"{email}@x.com")
    facts.member("u1", "member@x.com")
    facts.practised("u2", "practice@x.com")
    facts.assigned("assignment@x.com", user_id="u3")
    facts.practised("u1", "former@x.com")
    assert {email for email, row in facts.people().items() if row["is_in_exec"]} == set(emails) - {"unknown"}


def test_two_exec_users_of_one_person_are_added_up(facts: Facts) -> None:
    """Scenarios and skills count once however many users have them; lifts are averaged one by one."""
    facts.version("e1", "old@x.com", valid_to=LATER)
    facts.version("e1", "new@x.com", valid_from=LATER)
    facts.member("u1", "new@x.com")
    facts.practised("u2", "old@x.com")
    facts.lift("u1", "s", 10, rank="gold")
    facts.lift("u2", "s", 20, rank="gold", last_practised_on=DAY + timedelta(3))
    facts.lift("u2", "t", -6)
    facts.lift("u2", "even", 0)
    facts.lift("u1", "unscored", None)
    facts.skill("u1", "k", "excellent")
    facts.skill("u2", "k", "developing")
    facts.skill("u2", "l", "proficient")
    row = facts.people()["e1"]
    assert (row["scenarios_practised"], row["practice_sessions"]) == (4, 10)
    assert row["average_lift_points"] == pytest.approx((10 + 20 - 6 + 0) / 4)
    assert (row["scenarios_improved"], row["gold_scenarios"]) == (1, 1)
    assert row["last_practised_on"] == DAY + timedelta(3)
    assert (row["skills_observed"], row["skills_proficient"]) == (2, 2)
    sales = facts.departments()["Sales"]
    assert (sales["people"], sales["people_practised"]) == (1, 1)
    assert sales["average_lift_points"] == pytest.approx((10 + 20 - 6 + 0) / 4)
    assert sales["improved_share"] == pytest.approx(2 / 4)


# --- a person's figures


def test_a_person_without_any_facts_has_zeros_and_no_rates(facts: Facts) -> None:
    """A count of nothing is 0; a rate, an average and a last day of nothing are null. HR's words are passed on."""
    facts.version("e1", "a@x.com", department=None, manager_id="m1", status="leave")
    assert facts.people()["e1"] == {
        "employee_id": "e1",
        "email": "a@x.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "department": "",
        "manager_id": "m1",
        "status": "leave",
        "is_in_exec": False,
        "is_in_sparkwise": False,
        "is_active_in_sparkwise": None,
        "scenarios_practised": 0,
        "practice_sessions": 0,
        "last_practised_on": None,
        "average_lift_points": None,
        "scenarios_improved": 0,
        "gold_scenarios": 0,
        "skills_observed": 0,
        "skills_proficient": 0,
        "assigned": 0,
        "assignments_completed": 0,
        "assignments_past_due": 0,
        "assignment_completion_rate": None,
        "participations": 0,
        "attended": 0,
        "completed": 0,
        "attendance_rate": None,
        "session_completion_rate": None,
    }


def test_a_scorecard_shows_the_version_that_holds_today(facts: Facts) -> None:
    """Whoever has left the roster has no scorecard; whoever is terminated and still on it has one."""
    facts.version("e1", "a@x.com", valid_to=LATER)
    facts.version("e1", "a@x.com", valid_from=LATER, department="Support", status="terminated")
    facts.version("left", "b@x.com", valid_to=LATER)
    ((person, row),) = facts.people().items()
    assert (person, row["department"], row["status"]) == ("e1", "Support", "terminated")


def test_skills_are_those_of_the_last_loaded_day(facts: Facts) -> None:
    """A skill counts with its first observation; proficient is proficient or excellent."""
    facts.version("e1", "a@x.com")
    facts.member("u1", "a@x.com")
    facts.skill("u1", "forgotten", "excellent", day=DAY - timedelta(1))
    tiers = ("excellent", "proficient", "developing", "needs_work", "insufficient_data")
    for tier in tiers:
        facts.skill("u1", tier, tier, observations=1)
    facts.skill("u1", "unobserved", "excellent", observations=0)
    row = facts.people()["e1"]
    assert (row["skills_observed"], row["skills_proficient"]) == (5, 2)


def test_assignments_are_counted_by_status(facts: Facts) -> None:
    """Every status is assigned, also one that is new to us; completed / assigned is the rate."""
    facts.version("e1", "a@x.com")
    for status in ("completed", "past_due", "past_due", "in_progress", "paused"):
        facts.assigned("a@x.com", status)
    row = facts.people()["e1"]
    assert (row["assigned"], row["assignments_completed"], row["assignments_past_due"]) == (5, 1, 2)
    assert row["assignment_completion_rate"] == pytest.approx(1 / 5)


def test_a_session_is_completed_when_attended_with_enough_steps(facts: Facts) -> None:
    """80 % is enough, a little less is not, and steps without attendance never are; ids match exactly."""
    facts.version("e1")
    facts.version("E1")
    for steps in (79.9, 80, 100, None):
        facts.booked("e1", steps)
    facts.booked("e1", 100, attended=False)
    row = facts.people()["e1"]
    assert (row["participations"], row["attended"], row["completed"]) == (5, 4, 2)
    assert (row["attendance_rate"], row["session_completion_rate"]) == (pytest.approx(4 / 5), pytest.approx(2 / 5))
    assert facts.people()["E1"]["participations"] == 0


@pytest.mark.parametrize(
    ("accounts", "is_active"),
    [((), None), ((True,), True), ((False,), False), ((False, True), True), ((False, False), False)],
)
def test_a_person_is_active_in_sparkwise_when_one_account_is(
    facts: Facts, accounts: tuple[bool, ...], is_active: bool | None
) -> None:
    """Two accounts with one remote id double neither the person nor a session."""
    facts.version("e1", "a@x.com")
    facts.booked("e1")
    facts.account("somebody else")
    for active in accounts:
        facts.account("e1", active=active)
    row = facts.people()["e1"]
    assert (row["is_in_sparkwise"], row["is_active_in_sparkwise"]) == (bool(accounts), is_active)
    assert (row["participations"], row["completed"]) == (1, 1)


def test_sources_do_not_multiply_each_other(facts: Facts) -> None:
    """Three of each source are three of each, for the person and for the department."""
    facts.version("e1", "a@x.com", valid_to=LATER)
    facts.version("e1", "A@x.com", valid_from=LATER, first_name="Augusta")
    facts.member("u1", "a@x.com")
    for number in range(3):
        facts.practised("u1", "a@x.com", day=DAY + timedelta(number))
        facts.lift("u1", f"s{number}", 4)
        facts.skill("u1", f"k{number}", "excellent")
        facts.assigned("a@x.com", user_id="u1")
        facts.booked("e1")
        facts.account("e1")
    row, sales = facts.people()["e1"], facts.departments()["Sales"]
    for name in ("scenarios_practised", "scenarios_improved", "skills_observed", "skills_proficient"):
        assert row[name] == 3
    assert (row["practice_sessions"], row["first_name"]) == (6, "Augusta")
    for name in ("assigned", "assignments_completed", "participations", "attended", "completed"):
        assert (row[name], sales[name]) == (3, 3)
    assert (sales["people"], sales["people_practised"], sales["average_lift_points"]) == (1, 1, 4)


# --- a department's figures


def test_people_and_lifts_count_for_the_department_of_today(facts: Facts) -> None:
    """Averages are over lifts, not over people; whoever is terminated or has left is not among the people."""
    facts.version("e1", "a@x.com", valid_to=LATER)
    facts.version("e1", "a@x.com", valid_from=LATER, department="Support")
    facts.version("e2", "b@x.com", department="Support", status="leave")
    facts.version("e3", "c@x.com", department="Support")
    facts.version("e4", "d@x.com", department="Support", status="terminated")
    facts.version("e5", "e@x.com", department="Support", valid_to=LATER)
    for number, lifts in enumerate([(10, 20, 0), (-2, None), (), (99,), (99,)], start=1):
        facts.member(f"u{number}", f"{'abcde'[number - 1]}@x.com")
        for scenario, points in enumerate(lifts):
            facts.lift(f"u{number}", f"s{scenario}", points)
    ((name, row),) = facts.departments().items()
    assert (name, row["people"], row["people_practised"]) == ("Support", 3, 2)
    assert row["average_lift_points"] == pytest.approx((10 + 20 + 0 - 2) / 4)
    assert row["improved_share"] == pytest.approx(2 / 4)


def test_a_department_without_facts_has_no_rates(facts: Facts) -> None:
    """Of nothing there is no share and no average. A practice without any score is no lift."""
    facts.version("e1", "a@x.com")
    facts.member("u1", "a@x.com")
    facts.lift("u1", "s", None)
    assert facts.departments()["Sales"] == {
        "department": "Sales",
        "people": 1,
        "people_practised": 1,
        "average_lift_points": None,
        "improved_share": None,
        "assigned": 0,
        "assignments_completed": 0,
        "assignment_completion_rate": None,
        "participations": 0,
        "attended": 0,
        "completed": 0,
        "attendance_rate": None,
        "session_completion_rate": None,
    }


def test_no_department_is_one_of_its_own(facts: Facts) -> None:
    """Null, empty and blank are the department ''."""
    for number, department in enumerate((None, "", "  ")):
        facts.version(f"e{number}", department=department)
        facts.booked(f"e{number}")
    ((name, row),) = facts.departments().items()
    assert (name, row["people"], row["participations"]) == ("", 3, 3)


def test_a_move_leaves_behind_what_was_done_before_it(facts: Facts) -> None:
    """The new department begins with the very instant at which the move was read."""
    facts.version("e1", "a@x.com", valid_to=LATER)
    facts.version("e1", "a@x.com", department="Support", valid_from=LATER)
    just_before = LATER - timedelta(microseconds=1)
    facts.booked("e1", 100, session_scheduled_start_at=just_before)
    facts.booked("e1", 10, session_scheduled_start_at=LATER)
    facts.assigned("a@x.com", "completed", at=just_before)
    facts.assigned("a@x.com", "past_due", at=LATER)
    found = facts.departments()
    figures = ("people", "assigned", "assignments_completed", "participations", "attended", "completed")
    assert [found["Sales"][name] for name in figures] == [0, 1, 1, 1, 1, 1]
    assert [found["Support"][name] for name in figures] == [1, 1, 0, 1, 1, 0]
    assert (found["Sales"]["session_completion_rate"], found["Support"]["assignment_completion_rate"]) == (1, 0)


def test_a_session_without_a_start_counts_from_midnight_of_its_day(facts: Facts) -> None:
    """In UTC: a move at that midnight comes in time for it, a move a moment later does not."""
    midnight = datetime.combine(DAY, time(), UTC)
    for person, moved_at in (("e1", midnight), ("e2", midnight + timedelta(microseconds=1))):
        facts.version(person, valid_to=moved_at)
        facts.version(person, department="Support", valid_from=moved_at)
        facts.booked(person, session_scheduled_start_at=None, attended=person == "e1")
    found = facts.departments()
    assert (found["Sales"]["participations"], found["Sales"]["attended"]) == (1, 0)
    assert (found["Support"]["participations"], found["Support"]["attended"]) == (1, 1)


def test_what_came_before_the_first_version_counts_for_its_department(facts: Facts) -> None:
    """The roster is younger than the vendors' history."""
    facts.version("e1", "a@x.com", valid_from=LATER, valid_to=LAST)
    facts.version("e1", "a@x.com", valid_from=LAST, department="Support")
    facts.booked("e1", session_scheduled_start_at=FIRST)
    facts.assigned("a@x.com", at=FIRST)
    assert facts.booked_in() == {"Sales": 1}
    assert facts.departments()["Sales"]["assigned"] == 1


def test_an_absence_counts_for_the_department_before_it(facts: Facts) -> None:
    """Between leaving and being hired again the last version holds on."""
    left_at, back_at = LATER, LAST
    facts.version("e1", valid_to=left_at)
    facts.version("e1", valid_from=back_at, department="Support")
    for moment in (left_at, back_at - timedelta(microseconds=1), back_at):
        facts.booked("e1", session_scheduled_start_at=moment)
    assert facts.booked_in() == {"Sales": 2, "Support": 1}


def test_a_department_of_the_past_keeps_its_figures(facts: Facts) -> None:
    """Whoever has left the roster counts where they last were, before and after, but not among the people."""
    facts.version("e1", "a@x.com", valid_to=LATER)
    facts.member("u1", "a@x.com")
    facts.lift("u1", "s", 5)
    for moment in (FIRST, LAST):
        facts.booked("e1", session_scheduled_start_at=moment)
        facts.assigned("a@x.com", at=moment)
    ((name, row),) = facts.departments().items()
    assert (name, row["people"], row["people_practised"], row["average_lift_points"]) == ("Sales", 0, 0, None)
    assert (row["assigned"], row["participations"]) == (2, 2)


# --- any history

MIDNIGHT = datetime.combine(DAY, time(), UTC)
HOURS = st.integers(0, 60)
PEOPLE = ("e1", "e2", "nobody")


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Versions of some people, one after the other, with absences between them; the last one may hold still."""
    versions = []
    for person in PEOPLE[:2]:
        cuts = sorted(draw(st.sets(HOURS, min_size=1, max_size=5)))
        for since, until in [*pairwise(cuts), (cuts[-1], None)]:
            department = draw(st.sampled_from(["Sales", "Support", None, "absent"]))
            if department != "absent":
                held = {"valid_from": hour(since), "valid_to": hour(until)}
                versions.append({"employee_id": person, "department": department, **held})
    return versions


def hour(number: int | None) -> datetime | None:
    """An instant by its hour since the first midnight."""
    return None if number is None else MIDNIGHT + timedelta(hours=number)


def participations() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Sessions of these people at these hours, some of which have only a day."""
    return st.lists(
        st.fixed_dictionaries(
            {
                "remote_user_id": st.sampled_from(PEOPLE),
                "session_scheduled_start_at": st.none() | HOURS.map(hour),
                "partition_date": st.integers(0, 2).map(lambda number: DAY + timedelta(number)),
                "attended": st.booleans(),
                "percentage_steps_visited": st.sampled_from([None, 79.0, 80.0, 100.0]),
            }
        ),
        max_size=12,
    )


def counted(versions: list[dict[str, Any]], sessions: list[dict[str, Any]]) -> dict[str, tuple[int, int, int]]:
    """Participations, attended and completed by department, one session after the other."""
    found: dict[str, tuple[int, int, int]] = {}
    for session in sessions:
        moment = session["session_scheduled_start_at"] or datetime.combine(session["partition_date"], time(), UTC)
        for version in department_of([v for v in versions if v["employee_id"] == session["remote_user_id"]], moment):
            name, before = version["department"] or "", found.get(version["department"] or "", (0, 0, 0))
            completed = session["attended"] and (session["percentage_steps_visited"] or 0) >= 80
            found[name] = (before[0] + 1, before[1] + session["attended"], before[2] + completed)
    return found


def department_of(versions: list[dict[str, Any]], moment: datetime) -> Iterator[dict[str, Any]]:
    """The version that holds, else the last that began before, else the first; none of nobody."""
    in_order = sorted(versions, key=lambda version: version["valid_from"])
    holding = [v for v in in_order if v["valid_from"] <= moment and (v["valid_to"] is None or moment < v["valid_to"])]
    begun = [v for v in in_order if v["valid_from"] <= moment]
    yield from (holding or begun[-1:] or in_order[:1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=histories(), sessions=participations())
def test_any_history_is_counted_as_one_would_by_hand(
    facts: Facts, versions: list[dict[str, Any]], sessions: list[dict[str, Any]]
) -> None:
    """Each session once, in the department that the person had at its moment."""
    with facts.warehouse.engine.begin() as connection:
        connection.execute(hr.hr_roster.delete())
        connection.execute(sparkwise.sparkwise_completions.delete())
    for version in versions:
        facts.version(**version)
    for session in sessions:
        facts.booked(session["remote_user_id"], session["percentage_steps_visited"], **session)
    found = {
        name: (row["participations"], row["attended"], row["completed"])
        for name, row in facts.departments().items()
        if row["participations"]
    }
    assert found == counted(versions, sessions)
