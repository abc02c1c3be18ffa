"""After the sending: what a listing settles, what still differs, and how a plan is taken back."""

from dataclasses import replace
from typing import Any

import pytest

from exec_orchestration.roster.account import Account, Outcome
from exec_orchestration.roster.apply import RESULTS, apply
from exec_orchestration.roster.diff import Change
from exec_orchestration.roster.readback import Drift, differences, drift, settled
from exec_orchestration.roster.undo import inverse
from exec_orchestration_tests.roster.fakes import NEW, NOW, FakeSparkwise, account, change, plan, world

WANTED = {"E1": NEW}
OFF = {"E1": {**NEW, "active": False}}


def outcome(result: str, **values: Any) -> Outcome:
    """What became of E1."""
    return Outcome(**{"employee_id": "E1", "attempt": 2, "action": "create", "sent_at": NOW} | values, result=result)


# What a listing settles


@pytest.mark.parametrize("result", [result for result in RESULTS if result != "applied"])
def test_an_account_that_is_as_it_was_wanted_was_applied(result: str) -> None:
    """Whatever was known before; the attempt stays the same."""
    (decided,) = settled([outcome(result)], WANTED, [account()], now=NOW)
    assert decided == replace(outcome(result), result="applied", answered_at=NOW)


def test_what_was_applied_is_settled_already() -> None:
    """Even if somebody has changed the account since."""
    assert settled([outcome("applied")], WANTED, [account(first_name="Eve")], now=NOW) == []
    assert settled([outcome("applied")], WANTED, [account()], now=NOW) == []


@pytest.mark.parametrize("accounts", [[], [account(first_name="Eve")], [account(active=False)], [account("E2")]])
def test_what_was_only_sent_is_unknown_where_it_is_not_as_wanted(accounts: list[Account]) -> None:
    """The run that sent it was killed; whether it arrived, nobody knows."""
    (decided,) = settled([outcome("sent")], WANTED, accounts, now=NOW)
    assert (decided.result, decided.answered_at) == ("unknown", NOW)
    assert decided.error == "the run ended before Sparkwise's answer, and the account is not as it was to be"


@pytest.mark.parametrize("result", ["unknown", "failed", "refused"])
def test_anything_else_stays_as_it_is(result: str) -> None:
    """Where the account is not as wanted, or nobody knows how it was wanted."""
    assert settled([outcome(result)], WANTED, [account(first_name="Eve")], now=NOW) == []
    assert settled([outcome(result)], {}, [account()], now=NOW) == []


def test_nobody_knows_how_an_account_was_wanted() -> None:
    """Then what was only sent is unknown."""
    assert settled([outcome("sent")], {}, [account()], now=NOW)[0].result == "unknown"


def test_of_a_leaver_only_the_switch_counts() -> None:
    """Names are not sent with a deactivation."""
    assert settled([outcome("sent")], OFF, [account(active=False, first_name="Eve")], now=NOW)[0].result == "applied"
    assert settled([outcome("sent")], OFF, [account()], now=NOW)[0].result == "unknown"


def test_each_outcome_is_settled_by_its_own_account() -> None:
    """Strangers settle nothing."""
    outcomes = [outcome("sent"), outcome("sent", employee_id="E2"), outcome("unknown", employee_id="E3")]
    wanted = {"E1": NEW, "E2": NEW, "E3": NEW}
    decided = settled(outcomes, wanted, [account(None), account("E2"), account("E3")], now=NOW)
    assert [(each.employee_id, each.result) for each in decided] == [
        ("E1", "unknown"),
        ("E2", "applied"),
        ("E3", "applied"),
    ]


# What still differs


def test_drift_is_told_field_by_field() -> None:
    """What was asked for and what Sparkwise holds."""
    found = drift(
        [change("E1"), change("E2", "update"), change("E3"), change("E4", "deactivate"), change("E5", "deactivate")],
        [account("E1"), account("E2", first_name="Eve", active=False), account("E4"), account("E5", active=False)],
    )
    assert found == [
        Drift("E2", "first_name", "Ada", "Eve"),
        Drift("E2", "active", True, False),
        Drift("E3", "account", "to exist", None),
        Drift("E4", "active", False, True),
    ]


def test_the_other_form_of_a_letter_is_no_drift() -> None:
    """Sparkwise may keep it as it likes."""
    assert differences({**NEW, "first_name": "Zo\u00eb"}, account(first_name="Zoe\u0308")) == []


# Taking a plan back


def taken_back(done: Change, *accounts: Account, protected: Any = ()) -> Change:
    """The change that takes one change back."""
    (found,) = inverse([done], accounts, protected=protected, plan_id="p0")
    assert found.employee_id == done.employee_id
    return found


def test_whoever_was_created_is_switched_off() -> None:
    """Accounts are never deleted, and the names stay."""
    found = taken_back(change("E1", "create"), account())
    assert (found.action, found.reason) == ("deactivate", "takes back the create of plan p0")
    assert found.changes == {"active": (True, False)}
    assert found.account == {**NEW, "active": False}


def test_whoever_was_updated_gets_the_old_names_back() -> None:
    """Only those that the plan changed."""
    done = change("E1", "update", changes={"last_name": ("Old", "Love")})
    found = taken_back(done, account(first_name="Eve"))
    assert (found.action, found.changes) == ("update", {"last_name": ("Love", "Old")})
    assert found.account == {"first_name": "Eve", "last_name": "Old", "active": True}


def test_a_name_that_was_not_there_is_taken_away_again() -> None:
    """As the account was."""
    found = taken_back(change("E1", "update", changes={"first_name": (None, "Ada")}), account())
    assert found.account == {"first_name": None, "last_name": "Love", "active": True}


def test_whoever_was_switched_off_is_switched_on() -> None:
    """With the names that the account has."""
    found = taken_back(change("E1", "deactivate"), account(active=False, first_name="Eve"))
    assert (found.action, found.changes) == ("reactivate", {"active": (False, True)})
    assert found.account == {"first_name": "Eve", "last_name": "Love", "active": True}


def test_whoever_was_switched_on_is_switched_off() -> None:
    """A new name stays, since switching off changes no name."""
    done = change("E1", "reactivate", changes={"active": (False, True), "last_name": ("Old", "Love")})
    found = taken_back(done, account())
    assert (found.action, found.changes) == ("deactivate", {"active": (True, False)})
    assert found.account == {**NEW, "active": False}


@pytest.mark.parametrize(
    ("done", "now", "since"),
    [
        (change("E1", "create"), account(first_name="Eve"), "first_name"),
        (change("E1", "create"), account(first_name="Eve", active=False), "first_name, active"),
        (change("E1", "update"), account(last_name="Li"), "last_name"),
        (change("E1", "deactivate"), account(), "active"),
        (change("E1", "reactivate"), account(active=False), "active"),
    ],
)
def test_what_was_changed_since_is_left_alone(done: Change, now: Account, since: str) -> None:
    """By the next plan or by hand; it is not ours to decide which is right."""
    found = taken_back(done, now)
    assert (found.action, found.reason) == ("blocked", f"{since} was changed after plan p0")
    assert (found.changes, found.account) == ({}, None)


def test_an_update_may_be_taken_back_though_something_else_has_changed() -> None:
    """Such as an account that was switched off since: it stays off."""
    found = taken_back(change("E1", "update"), account(active=False))
    assert (found.action, found.account) == ("update", {"first_name": "Ada", "last_name": "Old", "active": False})


def test_who_is_protected_gone_or_there_twice_is_left_alone() -> None:
    """With the reason."""
    done = change("E1", "create")
    assert taken_back(done, account(), protected={"E1"}).reason == "protected (USER_SYNC_PROTECTED)"
    assert taken_back(done, account("E2")).reason == "plan p0 left an account that is gone"
    twice = taken_back(done, account(id="1"), account(id="2"))
    assert twice.reason == "2 accounts have this remote id; remove all but one in Sparkwise"
    for found in (taken_back(done, account(), protected={"E1"}), taken_back(done), twice):
        assert found.action == "blocked"


def test_a_plan_and_its_inverse_leave_everything_as_it_was() -> None:
    """But for the accounts that were created: they are there, and off."""
    before = [account("E2", last_name="Old"), account("E3", active=False), account("E4"), account(None)]
    done = [change("E1"), change("E2", "update"), change("E3", "reactivate"), change("E4", "deactivate")]
    vendor = FakeSparkwise(list(before))
    apply(plan(done), world(vendor))
    assert vendor.accounts != before
    back = inverse(done, vendor.accounts, protected=(), plan_id="p1")
    apply(plan(back), world(vendor))
    assert vendor.accounts[:-1] == before
    assert (vendor.accounts[-1].remote_id, vendor.accounts[-1].active) == ("E1", False)
    assert {each.action for each in inverse(done, vendor.accounts, protected=(), plan_id="p1")} == {"blocked"}
