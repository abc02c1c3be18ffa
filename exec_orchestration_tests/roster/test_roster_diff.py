"""HR against Sparkwise: every action, and every reason why a person is left alone."""

import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from exec_orchestration.roster.account import Account
from exec_orchestration.roster.diff import ACTIONS, Change, Circumstances, Refusal, diff
from exec_orchestration.roster.health import BadRow
from exec_orchestration.roster.person import Person
from exec_orchestration_tests.roster.fakes import TODAY, account, bad_row, person

YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
WANTED = {"first_name": "Ada", "last_name": "Love", "active": True}


def compared(people: Iterable[Person], accounts: Iterable[Account], **given: Any) -> list[Change]:
    """The changes, today."""
    return diff(people, accounts, Circumstances(**{"today": TODAY, **given}))


def one(somebody: Person | None, known: Account | None, **given: Any) -> Change:
    """The one change of one person."""
    (change,) = compared([somebody] if somebody else [], [known] if known else [], **given)
    return change


# What HR asks for


@pytest.mark.parametrize("status", ["active", "leave"])
def test_somebody_without_an_account_is_created(status: str) -> None:
    """With the names of HR, switched on; whoever is on leave is employed, too."""
    hired = person(status=status)
    change = one(hired, None)
    assert (change.employee_id, change.action, change.reason) == ("E1", "create", f"{status}, no account")
    assert change.changes == {"first_name": (None, "Ada"), "last_name": (None, "Love"), "active": (None, True)}
    assert change.account == WANTED
    assert change.person_fingerprint == hired.fingerprint
    assert change.is_write


@pytest.mark.parametrize(
    ("known", "changes", "reason"),
    [
        ({"first_name": "Eve"}, {"first_name": ("Eve", "Ada")}, "new first_name"),
        ({"last_name": "Li"}, {"last_name": ("Li", "Love")}, "new last_name"),
        (
            {"first_name": None, "last_name": "love"},
            {"first_name": (None, "Ada"), "last_name": ("love", "Love")},
            "new first_name and last_name",
        ),
        ({"first_name": " Ada"}, {"first_name": (" Ada", "Ada")}, "new first_name"),
    ],
)
def test_another_name_is_an_update_field_by_field(known: dict[str, Any], changes: Any, reason: str) -> None:
    """The whole account is sent, and only what changes is told."""
    change = one(person(), account(**known))
    assert (change.action, change.reason, change.changes, change.account) == ("update", reason, changes, WANTED)


def test_nobody_is_matched_on_anything_but_the_id() -> None:
    """The same names under another id are another person."""
    found = compared([person("E2")], [account("E1")])
    assert [(change.employee_id, change.action) for change in found] == [("E1", "deactivate"), ("E2", "create")]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_forms_of_a_letter_are_one_name(form: str) -> None:
    """An account that Sparkwise holds in the other form needs no update."""
    known = account(first_name=unicodedata.normalize(form, "Zoë"))
    assert one(person(first_name="Zoë"), known).action == "unchanged"


@pytest.mark.parametrize("status", ["active", "leave"])
def test_an_account_that_is_as_it_should_be_is_unchanged(status: str) -> None:
    """Nothing is to be written; what HR adds besides the names is none of Sparkwise's business."""
    change = one(person(status=status, email="a@x.example", department="Sales"), account())
    assert (change.action, change.reason, change.changes, change.account) == ("unchanged", status, {}, None)
    assert not change.is_write


def test_leave_does_not_switch_off() -> None:
    """Until the last day has passed."""
    assert one(person(status="leave", end_on=TODAY), account()).action == "unchanged"
    assert one(person(status="leave", end_on=YESTERDAY), account()).action == "deactivate"


@pytest.mark.parametrize(
    ("status", "end_on", "action", "reason"),
    [
        ("terminated", None, "deactivate", "terminated"),
        ("terminated", YESTERDAY, "deactivate", "terminated, last day 2026-03-01"),
        ("terminated", TODAY, "unchanged", "terminated"),
        ("terminated", TOMORROW, "unchanged", "terminated"),
        ("active", YESTERDAY, "deactivate", "active, last day 2026-03-01"),
        ("active", TODAY, "unchanged", "active"),
    ],
)
def test_whoever_leaves_is_switched_off_after_the_last_day(
    status: str, end_on: date | None, action: str, reason: str
) -> None:
    """At the end of that day, whatever the status; at once where there is no last day."""
    change = one(person(status=status, end_on=end_on), account())
    assert (change.action, change.reason) == (action, reason)


def test_switching_off_changes_nothing_else() -> None:
    """The names stay as Sparkwise has them; accounts are never deleted."""
    change = one(person(status="terminated", first_name="Eve"), account(first_name=None))
    assert change.changes == {"active": (True, False)}
    assert change.account == {"first_name": None, "last_name": "Love", "active": False}


def test_whoever_is_absent_is_switched_off() -> None:
    """A healthy roster that does not name somebody says that they have left."""
    change = one(None, account())
    assert (change.action, change.reason, change.person_fingerprint) == ("deactivate", "absent from the roster", None)


@pytest.mark.parametrize("somebody", [None, person(status="terminated"), person(end_on=YESTERDAY)])
def test_an_account_that_is_off_already_is_unchanged(somebody: Person | None) -> None:
    """Whether the person is absent or has left."""
    assert one(somebody, account(active=False)).action == "unchanged"


def test_whoever_has_left_gets_no_account() -> None:
    """Nor does somebody who never had one."""
    change = one(person(status="terminated", end_on=YESTERDAY), None)
    assert (change.action, change.reason) == ("unchanged", "terminated, last day 2026-03-01")


@pytest.mark.parametrize(
    ("start", "lead_days", "action"), [(1, 0, "unchanged"), (0, 0, "create"), (3, 2, "unchanged"), (2, 2, "create")]
)
def test_a_prehire_waits_for_the_first_day_less_the_lead_days(start: int, lead_days: int, action: str) -> None:
    """The account is there on the day itself at the latest."""
    starter = person(status="prehire", start_on=TODAY + timedelta(days=start))
    change = one(starter, None, lead_days=lead_days)
    assert change.action == action
    if action == "unchanged":
        assert change.reason == f"a prehire who starts on {starter.start_on}"


def test_a_prehire_without_a_first_day_waits() -> None:
    """However many lead days there are."""
    change = one(person(status="prehire"), None, lead_days=1000)
    assert (change.action, change.reason) == ("unchanged", "a prehire without a first day")


def test_an_account_that_a_prehire_has_already_stays() -> None:
    """Somebody gave it to them; it is not taken away."""
    assert one(person(status="prehire", start_on=TOMORROW), account()).action == "unchanged"
    assert one(person(status="prehire", start_on=TOMORROW), account(active=False)).action == "unchanged"


def test_a_prehire_who_never_came_leaves_like_anybody() -> None:
    """When the last day has passed."""
    for start_on in (None, YESTERDAY):
        change = one(person(status="prehire", start_on=start_on, end_on=YESTERDAY), account())
        assert (change.action, change.reason) == ("deactivate", "prehire, last day 2026-03-01")


# Coming back


def test_a_rehire_is_switched_on_again() -> None:
    """Where it was we who switched the account off; new names go along."""
    change = one(person(), account(active=False, last_name="Old"), switched_off_by_us=frozenset({"E1"}))
    assert (change.action, change.reason, change.account) == ("reactivate", "active again", WANTED)
    assert change.changes == {"last_name": ("Old", "Love"), "active": (False, True)}


def test_an_account_that_somebody_else_switched_off_stays_off() -> None:
    """Even though HR says active, and with other names."""
    change = one(person(), account(active=False, last_name="Old"), switched_off_by_us=frozenset({"E2"}))
    assert change.action == "blocked"
    assert change.reason == "active, but the account was switched off by somebody else, and stays so"
    assert (change.changes, change.account) == ({}, None)


def test_all_are_switched_on_where_that_is_set() -> None:
    """Whoever switched them off."""
    assert one(person(), account(active=False), reactivate_all=True).action == "reactivate"


# Who is left alone


@pytest.mark.parametrize("remote_id", [None, "", "  ", "\t"])
def test_a_stranger_is_not_even_looked_at(remote_id: str | None) -> None:
    """Whatever the names, and however many there are; nothing of theirs is in the plan."""
    strangers = [account(remote_id, id="1"), account(remote_id, id="2", first_name="Odd", active=False)]
    assert compared([], strangers) == []
    assert [change.action for change in compared([person()], strangers)] == ["create"]


@pytest.mark.parametrize(
    ("somebody", "known", "asked"),
    [
        (person(), None, "create"),
        (person(), account(first_name="Eve"), "update"),
        (person(), account(active=False), "reactivate"),
        (None, account(), "deactivate"),
    ],
)
def test_a_protected_person_is_never_written_to(somebody: Person | None, known: Account | None, asked: str) -> None:
    """What HR asks for is told, and not done."""
    given = {"switched_off_by_us": frozenset({"E1"})}
    assert one(somebody, known, **given).action == asked
    change = one(somebody, known, protected=frozenset({"E1"}), **given)
    assert change.action == "blocked"
    assert change.reason == f"protected (USER_SYNC_PROTECTED); HR asks for {asked}"
    assert (change.changes, change.account) == ({}, None)


def test_a_protected_person_of_whom_nothing_is_asked_is_unchanged() -> None:
    """There is nothing to protect them from."""
    assert one(person(), account(), protected=frozenset({"E1"})).action == "unchanged"


@pytest.mark.parametrize("somebody", [person(), person(first_name="Eve"), person(status="terminated"), None])
@pytest.mark.parametrize("active", [True, False])
def test_two_accounts_of_one_person_are_left_alone(somebody: Person | None, active: bool) -> None:
    """A write would hit one of them, and nobody knows which; the person stands in the plan once."""
    people = [somebody] if somebody else []
    (change,) = compared(people, [account(id="1"), account(id="2", active=active)])
    assert change.action == "blocked"
    assert change.reason == "2 accounts have this remote id; remove all but one in Sparkwise"


@pytest.mark.parametrize("known", [None, account(), account(first_name="Eve"), account(active=False)])
@pytest.mark.parametrize("somebody", [None, person()])
def test_whoever_stands_in_a_bad_row_keeps_the_account(somebody: Person | None, known: Account | None) -> None:
    """A duplicate id is a bad row, too. Somebody who was never read before is in the plan all the same."""
    people, accounts = [somebody] if somebody else [], [known] if known else []
    (change,) = compared(people, accounts, bad_rows=[bad_row("E1"), bad_row("E1")])
    assert (change.employee_id, change.action) == ("E1", "blocked")
    assert change.reason == "the roster's row is bad: line 7: it is bad"


@pytest.mark.parametrize(
    ("ours", "theirs"), [("E1", "e1"), ("E1", " E1"), ("E1", "E1 "), ("E 1", "E  1"), ("\u00e91", "e\u03011")]
)
def test_ids_that_are_alike_are_left_alone_on_both_sides(ours: str, theirs: str) -> None:
    """One of them would be created and the other switched off, for a change that nobody asked for."""
    found = compared([person(ours)], [account(theirs)])
    assert [change.action for change in found] == ["blocked", "blocked"]
    assert all("differs from" in change.reason and "in capitals or spaces only" in change.reason for change in found)
    assert all(repr(found[1 - place].employee_id) in change.reason for place, change in enumerate(found))


def test_ids_of_one_side_may_be_alike_too() -> None:
    """Two accounts, or an account and a bad row: nobody knows who is meant."""
    assert [change.action for change in compared([], [account("E1"), account("e1")])] == ["blocked"] * 2
    assert [change.action for change in compared([], [account("E1")], bad_rows=[bad_row("e1")])] == ["blocked"] * 2


# Rows whose id cannot be read


@pytest.mark.parametrize(
    ("payload", "blocked"),
    [
        ({"first_name": "Ada", "last_name": "Love"}, True),
        ({"first_name": " ADA ", "last_name": "love"}, True),
        ({"first_name": None, "last_name": ""}, True),  # anybody
        ({}, True),
        ({"first_name": "Ada", "last_name": "Li"}, False),
        ({"first_name": "Ada"}, False),
        ({"first_name": "Love", "last_name": "Ada"}, False),
        ({"values": []}, True),
        ({"values": ["E"]}, True),  # cut off within the id
        ({"values": ["Ada", "x", "E1", "Love"]}, True),
        ({"values": ["Jane", " e1", "Li"]}, True),
        ({"values": ["9", "Love", "Ada", "active", ""]}, True),
        ({"values": ["9", "Love", "Eve"]}, False),
        ({"values": ["9", "Love"]}, False),
    ],
)
def test_an_absent_person_may_be_the_one_in_a_row_without_an_id(payload: dict[str, Any], blocked: bool) -> None:
    """By the names, or where the row has none; of a row that does not fit the header, by any of its values."""
    change = one(None, account(), bad_rows=[bad_row(None, first_name="No", last_name="One"), bad_row(None, **payload)])
    assert change.action == ("blocked" if blocked else "deactivate")
    if blocked:
        assert change.reason == "absent, but may be the person whose id cannot be read on line 7: it is bad"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_names_of_such_a_row_may_be_in_either_form(form: str) -> None:
    """Of Unicode."""
    row = bad_row(None, first_name=unicodedata.normalize(form, "Zoë"), last_name="Love")
    assert one(None, account(first_name="Zoë"), bad_rows=[row]).action == "blocked"


def test_such_a_row_speaks_of_nobody_who_is_there() -> None:
    """Nor of an account that is off; whoever HR says has left is no riddle either."""
    row = bad_row(None)
    assert one(person(), account(), bad_rows=[row]).action == "unchanged"
    assert one(person(first_name="Eve"), account(), bad_rows=[row]).action == "update"
    assert one(person(status="terminated"), account(), bad_rows=[row]).action == "deactivate"
    assert one(None, account(active=False), bad_rows=[row]).action == "unchanged"
    assert compared([], [account(None)], bad_rows=[row]) == []


# What Sparkwise refused

SOMEBODY = person()
REFUSED = {"E1": Refusal("create", "no such domain", SOMEBODY.fingerprint)}


def test_whoever_was_refused_for_good_waits() -> None:
    """The reason is what Sparkwise said."""
    change = one(SOMEBODY, None, refused=REFUSED)
    assert change.action == "blocked"
    assert change.reason == "Sparkwise refused it: no such domain; it waits until HR's row changes"
    assert change.person_fingerprint == SOMEBODY.fingerprint


@pytest.mark.parametrize("other", [{"email": "a@x.example"}, {"first_name": "Eve"}, {"department": "Sales"}])
def test_a_refused_person_is_tried_again_when_the_row_changes(other: dict[str, Any]) -> None:
    """In any of its values, for the address may be why."""
    assert one(replace(SOMEBODY, **other), None, refused=REFUSED).action == "create"


def test_a_refusal_is_of_one_action() -> None:
    """Whoever was refused an account may be renamed once it is there, or switched off."""
    assert one(SOMEBODY, account(first_name="Eve"), refused=REFUSED).action == "update"
    assert one(None, account(), refused=REFUSED).action == "deactivate"
    assert one(SOMEBODY, account(), refused=REFUSED).action == "unchanged"


def test_a_refused_leaver_who_is_absent_waits_too() -> None:
    """There is no row that could change, but the person may come back."""
    refused = {"E1": Refusal("deactivate", "is the owner", None)}
    assert one(None, account(), refused=refused).action == "blocked"
    assert one(person(status="terminated"), account(), refused=refused).action == "deactivate"


# The whole


def test_everybody_stands_there_once_in_the_order_of_the_ids() -> None:
    """People, accounts of ours and bad rows, whatever order they come in."""
    people = [person("E5"), person("E1"), person("E3", first_name="Eve")]
    accounts = [account("E9"), account("E3"), account("E1"), account(None), account("E4", active=False)]
    rows = [bad_row("E7"), bad_row("E9"), BadRow("x", {"first_name": "No", "last_name": "One"}, None)]
    found = compared(people, accounts, bad_rows=rows)
    assert [(change.employee_id, change.action) for change in found] == [
        ("E1", "unchanged"),
        ("E3", "update"),
        ("E4", "unchanged"),
        ("E5", "create"),
        ("E7", "blocked"),
        ("E9", "blocked"),
    ]
    assert found == compared(reversed(people), reversed(accounts), bad_rows=rows[::-1])
    assert {change.action for change in found} <= set(ACTIONS)


def test_nobody_on_either_side_is_no_change() -> None:
    """An empty plan."""
    assert compared([], []) == []
