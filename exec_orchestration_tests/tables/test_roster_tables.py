"""The roster's versions and the sync's journal in a real database: what a reading opens and closes, and which outcome
is the last.
"""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.roster.diff import ACTIONS as DIFF_ACTIONS
from exec_orchestration.roster.diff import WRITES as DIFF_WRITES
from exec_orchestration.roster.person import STATUSES as PERSON_STATUSES
from exec_orchestration.roster.person import Person
from exec_orchestration.tables import hr, journal, roster_versions, sync
from exec_orchestration.tables.hr import hr_roster, hr_roster_reads
from exec_orchestration.tables.sync import user_sync_outcome as outcomes
from exec_orchestration.tables.sync import user_sync_plan as plans
from exec_orchestration.tables.warehouse import Warehouse

T1 = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
T2, T3, T4 = (T1 + timedelta(days=days) for days in (1, 2, 3))
ADA = {"first_name": "Ada", "last_name": "Love", "status": "active"}
EVE = {"first_name": "Eve", "last_name": "Wu", "status": "leave", "department": "Sales", "end_on": date(2026, 12, 31)}
People = dict[str, dict[str, Any]]


# Versions of people


@pytest.fixture
def reading(warehouse: Warehouse, row: Any) -> Callable[..., list[int]]:
    """Keeps a reading: id -> what HR says. How many versions it closed and opened."""

    def keep(moment: datetime, people: People, *, unread: Collection[str] = ()) -> list[int]:
        rows = [
            row(hr_roster, employee_id=each, valid_from=moment, run_id=f"run {moment.day}", **said)
            for each, said in people.items()
        ]
        with warehouse.stage(hr_roster) as stage:
            stage.fill(rows)
            return stage.execute(hr_roster, *roster_versions.versions(stage.staged, read_at=moment, unread=unread))

    return keep


@pytest.fixture
def kept(warehouse: Warehouse, content: Any) -> Callable[[], list[tuple[Any, ...]]]:
    """Every version: id, from, to, last name."""
    return lambda: content(warehouse, hr_roster, "employee_id", "valid_from", "valid_to", "last_name")


def test_a_new_person_is_a_new_version(reading: Any, kept: Any, warehouse: Warehouse) -> None:
    """From the reading on, with all that HR says."""
    assert reading(T1, {"E1": ADA, "E2": EVE}) == [0, 2]
    assert kept() == [("E1", T1, None, "Love"), ("E2", T1, None, "Wu")]
    found = [Person(**each._mapping) for each in warehouse.read(roster_versions.current_people())]
    assert found == [Person(employee_id="E1", **ADA), Person(employee_id="E2", **EVE)]


def test_the_same_reading_again_adds_nothing(reading: Any, kept: Any) -> None:
    """Neither later nor at the same moment."""
    reading(T1, {"E1": ADA, "E2": EVE})
    before = kept()
    assert reading(T2, {"E1": ADA, "E2": EVE}) == [0, 0]
    assert reading(T2, {"E2": EVE, "E1": ADA}) == [0, 0]
    assert kept() == before


OTHER = {
    "email": "a@x.example",
    "first_name": "Ava",
    "last_name": "Li",
    "status": "leave",
    "department": "Sales",
    "manager_id": "E9",
    "location": "Oslo",
    "start_on": date(2025, 1, 31),
    "end_on": date(2026, 12, 31),
}


@pytest.mark.parametrize("name", OTHER)
def test_whatever_changes_opens_a_version(reading: Any, kept: Any, warehouse: Warehouse, name: str) -> None:
    """From nothing to something, back to nothing, and at the moment when the one before ends."""
    assert set(OTHER) == set(roster_versions.SAID_BY_HR)
    reading(T1, {"E1": ADA, "E2": EVE})
    assert reading(T2, {"E1": {**ADA, name: OTHER[name]}, "E2": EVE}) == [1, 1]
    (now, _) = warehouse.read(roster_versions.current_people())
    assert now._mapping[name] == OTHER[name]
    assert reading(T3, {"E1": ADA, "E2": EVE}) == [1, 1]
    assert [each[:3] for each in kept()] == [("E1", T1, T2), ("E1", T2, T3), ("E1", T3, None), ("E2", T1, None)]


def test_whoever_is_gone_has_no_version_that_holds(reading: Any, kept: Any) -> None:
    """The last one ends with the first reading that does not name them."""
    reading(T1, {"E1": ADA, "E2": EVE})
    assert reading(T2, {"E1": ADA}) == [1, 0]
    assert reading(T3, {"E1": ADA}) == [0, 0]
    assert kept() == [("E1", T1, None, "Love"), ("E2", T1, T2, "Wu")]
    assert reading(T3, {}) == [1, 0]


def test_whoever_comes_back_begins_anew(reading: Any, kept: Any) -> None:
    """With a gap between, even where HR says the same as before."""
    reading(T1, {"E1": ADA, "E2": EVE})
    reading(T2, {"E1": ADA})
    assert reading(T3, {"E1": ADA, "E2": EVE}) == [0, 1]
    assert kept() == [("E1", T1, None, "Love"), ("E2", T1, T2, "Wu"), ("E2", T3, None, "Wu")]


def test_whoever_cannot_be_read_keeps_the_version_that_holds(reading: Any, kept: Any) -> None:
    """Absent, or there in another row, too; a new one among them has none."""
    reading(T1, {"E1": ADA, "E2": EVE})
    assert reading(T2, {"E1": ADA}, unread={"E2", "E3"}) == [0, 0]
    assert reading(T3, {"E1": ADA, "E2": {**EVE, "last_name": "Li"}}, unread={"E2"}) == [0, 0]
    assert kept() == [("E1", T1, None, "Love"), ("E2", T1, None, "Wu")]
    assert reading(T4, {"E1": ADA, "E2": {**EVE, "last_name": "Li"}}) == [1, 1]


def test_over_many_readings_exactly_one_version_holds(reading: Any, kept: Any) -> None:
    """The versions of a person join without gap or overlap."""
    names = ["Love", "Love", "Li", "Wu", "Wu", "Love"]
    for days, name in enumerate(names):
        reading(T1 + timedelta(days=days), {"E1": {**ADA, "last_name": name}})
    found = kept()
    assert [each[3] for each in found] == ["Love", "Li", "Wu", "Love"]
    assert [each[2] for each in found] == [*(each[1] for each in found[1:]), None]


def test_thousands_of_unread_rows_are_no_matter(reading: Any) -> None:
    """1 % of a large company."""
    reading(T1, {"E1": ADA})
    assert reading(T2, {}, unread=["E1", *(f"X{number}" for number in range(3000))]) == [0, 0]


def test_ids_are_compared_as_they_are(reading: Any) -> None:
    """Capitals make another person."""
    reading(T1, {"E1": ADA})
    assert reading(T2, {"e1": ADA}) == [1, 1]


def test_the_last_reading_is_the_newest(warehouse: Warehouse) -> None:
    """In whatever order they were written; none before the first."""
    assert warehouse.read(roster_versions.last_reading()) == []
    rows = [
        {
            "read_at": moment,
            "fingerprint": f"of {moment.day}",
            "source": "roster.csv",
            "rows": 2,
            "people": 2,
            "rejected": 0,
            "columns": ["employee_id"],
            "run_id": "r",
        }
        for moment in (T1, T3, T2)
    ]
    warehouse.write((hr_roster_reads.insert(), rows))
    (found,) = warehouse.read(roster_versions.last_reading())
    assert (found.fingerprint, found.read_at, found.columns) == ("of 3", T3, ["employee_id"])


# The journal


class Journal:
    """Plans and outcomes, written as the sync writes them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def planned(self, plan_id: str, employee_id: str, action: str = "create", **values: Any) -> None:
        """One row of a plan."""
        given = {"changes": {"active": [None, True]}, "reason": "r", "is_held": False, "run_id": "r"}
        moments = {"planned_at": T1, "expires_at": T2}
        keys = {"plan_id": plan_id, "employee_id": employee_id, "action": action}
        self.warehouse.write((plans.insert(), [{**given, **moments, **keys, **values}]))

    def sent(self, plan_id: str, employee_id: str, result: str, *, attempt: int = 1, at: datetime = T1) -> None:
        """One outcome."""
        keys = {"plan_id": plan_id, "employee_id": employee_id, "attempt": attempt, "action": "create"}
        self.warehouse.write((outcomes.insert(), [{**keys, "result": result, "sent_at": at, "run_id": "r"}]))

    def last(self, result: str | None = None) -> dict[str, tuple[Any, ...]]:
        """Who -> plan, attempt and result of the last outcome."""
        found = self.warehouse.read(journal.last_outcomes(result))
        assert len({each.employee_id for each in found}) == len(found)
        return {each.employee_id: (each.plan_id, each.attempt, each.result) for each in found}


@pytest.fixture
def written(warehouse: Warehouse) -> Journal:
    """An empty journal."""
    return Journal(warehouse)


def test_the_last_outcome_is_that_which_was_sent_last(written: Journal) -> None:
    """Of whatever plan; of one moment that of the newest plan and the last attempt."""
    for plan_id in ("p1", "p2", "p3"):
        for employee_id in ("E1", "E2", "E3"):
            written.planned(plan_id, employee_id)
    written.sent("p1", "E1", "failed", at=T1)
    written.sent("p1", "E1", "failed", attempt=2, at=T2)
    written.sent("p2", "E1", "applied", at=T3)
    written.sent("p3", "E2", "applied", at=T1)  # undone by an older plan's late attempt
    written.sent("p1", "E2", "unknown", at=T2)
    written.sent("p1", "E3", "failed", at=T1)
    written.sent("p2", "E3", "failed", at=T1)
    written.sent("p2", "E3", "refused", attempt=2, at=T1)
    assert written.last() == {
        "E1": ("p2", 1, "applied"),
        "E2": ("p1", 1, "unknown"),
        "E3": ("p2", 2, "refused"),
    }


def test_the_last_outcome_with_a_result_may_lie_further_back(written: Journal) -> None:
    """Such as the last one that was applied; nobody else is told."""
    for plan_id, result, moment in (("p1", "applied", T1), ("p2", "applied", T2), ("p3", "refused", T3)):
        written.planned(plan_id, "E1")
        written.sent(plan_id, "E1", result, at=moment)
    written.planned("p1", "E2")
    written.sent("p1", "E2", "failed")
    assert written.last("applied") == {"E1": ("p2", 1, "applied")}
    assert written.last("sent") == {}


def test_an_outcome_comes_with_how_the_account_was_to_be(written: Journal, warehouse: Warehouse) -> None:
    """And with HR's row that asked for it; people without an outcome have none."""
    written.planned("p1", "E1", account={"active": True}, person_fingerprint="old")
    written.planned("p2", "E1", account={"active": True, "first_name": "Zoë"}, person_fingerprint="new")
    written.planned("p2", "E2", account={"active": True})
    written.sent("p1", "E1", "failed", at=T1)
    written.sent("p2", "E1", "sent", at=T2)
    (found,) = warehouse.read(journal.last_outcomes(None))
    assert (found.account, found.person_fingerprint) == ({"active": True, "first_name": "Zoë"}, "new")
    assert (found.sent_at, found.answered_at, found.error, found.action) == (T2, None, None, "create")


def test_outcomes_of_one_person_are_told_newest_first(written: Journal, warehouse: Warehouse) -> None:
    """And those of nobody else; attempts of one moment count backwards, too."""
    for plan_id, employee_id, attempt, moment in (
        ("p1", "E1", 1, T1),
        ("p2", "E1", 1, T3),
        ("p2", "E1", 2, T3),
        ("p1", "E2", 1, T2),
    ):
        written.sent(plan_id, employee_id, "failed", attempt=attempt, at=moment)
    found = warehouse.read(journal.outcomes_of("E1"))
    assert [(each.plan_id, each.attempt) for each in found] == [("p2", 2), ("p2", 1), ("p1", 1)]


def test_an_answer_is_written_to_its_attempt(written: Journal, warehouse: Warehouse, content: Any) -> None:
    """And to no other."""
    for attempt in (1, 2):
        written.sent("p1", "E1", "sent", attempt=attempt)
    written.sent("p2", "E1", "sent")
    keys = {"b_plan_id": "p1", "b_employee_id": "E1", "b_attempt": 2}
    warehouse.write((journal.answer(), [{**keys, "result": "refused", "error": "no", "answered_at": T2}]))
    assert content(warehouse, outcomes, "plan_id", "attempt", "result", "error", "answered_at") == [
        ("p1", 1, "sent", None, None),
        ("p1", 2, "refused", "no", T2),
        ("p2", 1, "sent", None, None),
    ]


def test_what_was_held_under_a_fingerprint(written: Journal, warehouse: Warehouse) -> None:
    """By the newest plan first; what was not held, or under another one, is not told."""
    for plan_id, fingerprint in (("p1", "f"), ("p2", "f"), ("p3", "g")):
        written.planned(plan_id, "E2", "deactivate", is_held=True, plan_fingerprint=fingerprint)
        written.planned(plan_id, "E1", "deactivate", is_held=True, plan_fingerprint=fingerprint)
        written.planned(plan_id, "E3", "create", plan_fingerprint=fingerprint)
    found = [tuple(each) for each in warehouse.read(journal.held_as("f"))]
    assert found == [
        ("p2", "E1", "deactivate", T2),
        ("p2", "E2", "deactivate", T2),
        ("p1", "E1", "deactivate", T2),
        ("p1", "E2", "deactivate", T2),
    ]
    assert warehouse.read(journal.held_as("h")) == []


def test_what_a_plan_has_done(written: Journal, warehouse: Warehouse) -> None:
    """Who was applied by it, at whatever attempt, once; not what others did."""
    for employee_id in ("E1", "E2", "E3", "E4"):
        written.planned("p1", employee_id, "update", changes={"last_name": ["Lee", employee_id]})
    written.planned("p2", "E2")
    written.sent("p1", "E1", "failed")
    written.sent("p1", "E1", "applied", attempt=2)
    written.sent("p1", "E2", "unknown")
    written.sent("p2", "E2", "applied")
    written.sent("p1", "E3", "applied")
    found = warehouse.read(journal.applied_by("p1"))
    assert [(each.employee_id, each.action, each.changes) for each in found] == [
        ("E1", "update", {"last_name": ["Lee", "E1"]}),
        ("E3", "update", {"last_name": ["Lee", "E3"]}),
    ]
    assert warehouse.read(journal.applied_by("p9")) == []


def test_a_plan_is_carried_out_once_it_says_so(written: Journal, warehouse: Warehouse) -> None:
    """All its rows, and no other plan's."""
    written.planned("p1", "E1")
    written.planned("p1", "E2", "unchanged")
    written.planned("p2", "E1")
    assert warehouse.read(journal.carried_out()) == []
    warehouse.write((journal.mark_carried_out("p1", T3), [{}]))
    assert [each.plan_id for each in warehouse.read(journal.carried_out())] == ["p1"]
    found = warehouse.read(sa.select(plans.c.plan_id, plans.c.carried_out_at).order_by(*plans.primary_key))
    assert [tuple(each) for each in found] == [("p1", T3), ("p1", T3), ("p2", None)]


def test_people_without_a_change_are_forgotten(written: Journal, warehouse: Warehouse, content: Any) -> None:
    """Everybody else stays, the blocked, too."""
    for action in sync.ACTIONS:
        written.planned("p1", f"E {action}", action)
    warehouse.write((journal.forget_unchanged(), [{}]))
    assert {action for (action,) in content(warehouse, plans, "action")} == {*sync.ACTIONS} - {"unchanged"}


def test_the_first_plan_that_was_carried_out_is_kept_whole(
    written: Journal, warehouse: Warehouse, content: Any
) -> None:
    """Of all the others, older or newer, the people without a change are forgotten."""
    for plan_id in ("p1", "p2", "p3"):
        written.planned(plan_id, "E1", "unchanged")
    for plan_id in ("p3", "p2"):
        warehouse.write((journal.mark_carried_out(plan_id, T3), [{}]))
    warehouse.write((journal.forget_unchanged(), [{}]))
    assert content(warehouse, plans, "plan_id") == [("p2",)]


def test_the_last_time_that_anything_was_sent(written: Journal, warehouse: Warehouse) -> None:
    """By whichever plan; null before the first."""
    assert warehouse.read(journal.last_sent())[0].sent_at is None
    for plan_id, moment in (("p1", T1), ("p2", T3), ("p3", T2)):
        written.sent(plan_id, "E1", "applied", at=moment)
    assert warehouse.read(journal.last_sent())[0].sent_at == T3


def test_words_are_the_same_in_the_side_wing_and_on_the_ground_floor() -> None:
    """Rooms that do not know each other agree on actions and statuses."""
    assert hr.STATUSES == PERSON_STATUSES
    assert sync.WRITES == DIFF_WRITES
    assert sync.ACTIONS == DIFF_ACTIONS
