"""The plan: what its limits hold back, what an approval means, and the last look before anything is sent."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exec_orchestration.errors import PlanRefused
from exec_orchestration.roster.diff import Change
from exec_orchestration.roster.plan import Limits, Plan, approved, hard_limit, make_plan
from exec_orchestration_tests.roster.fakes import NOW, change, changes, plan

USUAL = Limits()


def usual(found: Iterable[Change], *, managed: int, **values: Any) -> Plan:
    """A plan with the usual limits."""
    return plan(found, managed=managed, **{"limits": USUAL, **values})


def reasons(made: Plan) -> list[str]:
    """Why anything is held back."""
    return [held.reason for held in made.held]


def seen(made: Plan) -> list[tuple[str, str]]:
    """What somebody sees who looks at what waits."""
    return [(each.employee_id, each.action) for each in made.waiting]


# Limits


@pytest.mark.parametrize(
    ("managed", "allowed"),
    [(0, 5), (1, 5), (4, 5), (99, 5), (100, 5), (119, 5), (120, 6), (380, 19), (399, 19), (400, 20), (100_000, 20)],
)
def test_twenty_people_or_five_percent_may_be_switched_off(managed: int, allowed: int) -> None:
    """Whatever is less; under 100 accounts 5 people."""
    assert USUAL.allowed(managed) == allowed


@pytest.mark.parametrize(
    ("limits", "managed", "allowed"),
    [
        (Limits(max_deactivations=0), 1000, 0),
        (Limits(max_deactivations=0), 50, 0),
        (Limits(max_deactivations=3), 50, 3),
        (Limits(max_deactivations=100), 50, 5),
        (Limits(max_deactivations=100, max_deactivation_share=0.2), 99, 5),
        (Limits(max_deactivations=100, max_deactivation_share=0.2), 100, 20),
        (Limits(max_deactivations=100), 1000, 50),
        (Limits(max_deactivations=100, max_deactivation_share=0.2), 1000, 100),
        (Limits(max_deactivations=100, max_deactivation_share=0.2), 400, 80),
        (Limits(max_deactivation_share=0.0), 1000, 0),
        (Limits(max_deactivations=10**6, max_deactivation_share=1.0), 1000, 1000),
    ],
)
def test_the_limits_are_settings(limits: Limits, managed: int, allowed: int) -> None:
    """Both count; the share does not under 100 accounts."""
    assert limits.allowed(managed) == allowed


@pytest.mark.parametrize(
    ("leaving", "managed", "waits"),
    [
        (19, 10_000, False),
        (20, 10_000, False),
        (21, 10_000, True),
        (20, 400, False),
        (21, 400, True),
        (20, 399, True),  # 5 % are 19
        (19, 399, False),
        (5, 100, False),
        (6, 100, True),
        (5, 99, False),
        (6, 99, True),
        (0, 99, False),
    ],
)
def test_leavers_wait_where_they_are_too_many(leaving: int, managed: int, waits: bool) -> None:
    """All of them, and nobody else: creates and updates go on."""
    others = [*changes("create", 3), *changes("update", 3)]
    made = usual([*changes("deactivate", leaving), *others], managed=managed)
    assert len(made.waiting) == (leaving if waits else 0)
    assert {each.action for each in made.waiting} <= {"deactivate"}
    assert len(made.sendable) == 6 + (0 if waits else leaving)
    assert (made.fingerprint is not None) is waits
    made.raise_if_unsafe(NOW)


def test_the_reason_tells_the_count_the_limit_and_the_settings() -> None:
    """Whoever reads it knows what to raise."""
    (reason,) = reasons(usual(changes("deactivate", 21), managed=400))
    assert reason == (
        "21 of 400 accounts would be switched off, and 20 are allowed (USER_SYNC_MAX_DEACTIVATIONS 20, "
        "USER_SYNC_MAX_DEACTIVATION_SHARE 5% of 400; at most 5 under 100)"
    )


def test_a_limit_of_zero_holds_every_leaver() -> None:
    """There is no off switch, but there is this one."""
    made = usual([*changes("deactivate", 1), *changes("create", 1)], managed=1000, limits=Limits(max_deactivations=0))
    assert [each.action for each in made.sendable] == ["create"]


def test_raised_limits_let_go() -> None:
    """For the plan that they are given to."""
    leavers = changes("deactivate", 80)
    assert usual(leavers, managed=1000).held
    raised = usual(leavers, managed=1000, limits=Limits(max_deactivations=80, max_deactivation_share=0.08))
    assert not raised.held
    assert len(raised.sendable) == 80


@pytest.mark.parametrize("leaving", [1, 5, 500])
def test_the_first_sync_switches_nobody_off(leaving: int) -> None:
    """However few they are."""
    made = usual([*changes("deactivate", leaving), *changes("create", 2)], managed=1000, is_first_sync=True)
    assert reasons(made) == [f"the first sync switches nobody off, and {leaving} would be"]
    assert [each.action for each in made.sendable] == ["create", "create"]


def test_a_first_sync_without_leavers_holds_nothing() -> None:
    """Nor does an empty plan."""
    assert not usual(changes("create", 1000), managed=0, is_first_sync=True).held
    empty = usual([], managed=0, is_first_sync=True)
    assert (empty.held, empty.sendable, empty.fingerprint, sum(empty.counts.values())) == ((), [], None, 0)
    empty.raise_if_unsafe(NOW)


# A column that was mapped wrongly


@pytest.mark.parametrize(
    ("updates", "managed", "waits"),
    [(29, 100, False), (30, 100, True), (31, 100, True), (299, 1000, False), (300, 1000, True), (100, 100, True)],
)
@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_one_field_that_changes_for_thirty_percent_waits(name: str, updates: int, managed: int, waits: bool) -> None:
    """It looks like a mapping gone wrong; those updates wait, and the leavers with them."""
    touched = changes("update", updates, changes={name: ("Old", "New")})
    rest = [*changes("unchanged", managed - updates), *changes("create", 2), *changes("deactivate", 1)]
    made = usual([*touched, *rest], managed=managed)
    assert len(made.waiting) == (updates + 1 if waits else 0)
    assert sorted({each.action for each in made.sendable}) == (
        ["create"] if waits else ["create", "deactivate", "update"]
    )
    if waits:
        assert reasons(made) == [
            f"{name} would change on {updates} of {managed} accounts ({updates / managed:.0%}, and under 30% is "
            "allowed), which looks like a column that was mapped wrongly"
        ]


@pytest.mark.parametrize(("updates", "waits"), [(5, False), (6, True)])
def test_five_people_may_change_in_any_company(updates: int, waits: bool) -> None:
    """In a small one 30 % is nobody."""
    assert bool(usual(changes("update", updates), managed=6).held) is waits


def test_two_fields_are_two_suspicions() -> None:
    """Of different people each is judged by itself."""
    first = changes("update", 29, changes={"first_name": ("Old", "New")})
    last = changes("update", 29, first=29, changes={"last_name": ("Old", "New")})
    assert not usual([*first, *last], managed=100).held
    both = changes("update", 30, changes={"first_name": ("a", "b"), "last_name": ("a", "b")})
    assert len(usual(both, managed=100).held) == 2
    assert len(usual(both, managed=100).waiting) == 30


def test_people_without_an_account_do_not_hide_a_mass_update() -> None:
    """A roster may name thousands who left long ago; the share is of the accounts."""
    made = usual([*changes("update", 100), *changes("unchanged", 10_000)], managed=100)
    assert len(made.waiting) == 100


def test_updates_alone_are_no_mass_update() -> None:
    """A plan that takes another one back lists nobody who is unchanged."""
    assert not usual(changes("update", 29), managed=100).held


def test_switching_on_again_is_no_update() -> None:
    """It is what HR asks for after a leave of absence of many."""
    found = changes("reactivate", 50, changes={"active": (False, True), "last_name": ("a", "b")})
    assert not usual(found, managed=100).held


# Ids that were written in another way


@pytest.mark.parametrize(
    ("absent", "new", "managed", "waits"),
    [
        (31, 31, 100, True),
        (31, 30, 100, False),
        (30, 31, 100, False),
        (100, 100, 100, True),
        (100, 0, 100, False),
        (5, 5, 6, False),
        (6, 6, 6, True),
    ],
)
def test_new_ids_for_everybody_wait(absent: int, new: int, managed: int, waits: bool) -> None:
    """Otherwise everybody would get a second account. Updates go on."""
    limits = Limits(max_deactivations=10**6, max_deactivation_share=1.0)
    found = [*changes("deactivate", absent), *changes("create", new), *changes("update", 1)]
    made = usual(found, managed=managed, limits=limits)
    suspicions = [reason for reason in reasons(made) if "looks like employee ids that are written" in reason]
    assert len(suspicions) == waits
    assert "update" in {each.action for each in made.sendable}
    if waits:
        assert suspicions[0].startswith(f"{absent} of {managed} accounts are absent from the roster while {new} people")
        assert {each.action for each in made.sendable} == {"update"}


def test_leavers_whom_hr_names_are_no_new_ids() -> None:
    """Many may leave and many may come at once."""
    leavers = changes("deactivate", 40, reason="terminated, last day 2026-03-01")
    made = usual([*leavers, *changes("create", 40)], managed=100)
    assert {each.action for each in made.sendable} == {"create"}
    assert len(made.held) == 1


def test_accounts_that_are_off_already_are_no_new_ids() -> None:
    """Nobody of them leaves now."""
    found = [*changes("unchanged", 40, reason="absent from the roster"), *changes("create", 40)]
    assert not usual(found, managed=100).held


def test_a_first_sync_may_find_any_accounts() -> None:
    """Nobody has written ids there before; leavers wait all the same."""
    made = usual([*changes("deactivate", 40), *changes("create", 40)], managed=100, is_first_sync=True)
    assert {each.action for each in made.sendable} == {"create"}


# The value itself


def test_counts_hold_every_action() -> None:
    """Those that nobody needs, too."""
    made = usual([*changes("create", 2), *changes("blocked", 1)], managed=9)
    assert made.counts == {"create": 2, "update": 0, "reactivate": 0, "deactivate": 0, "unchanged": 0, "blocked": 1}


def test_whoever_is_switched_off_comes_last() -> None:
    """By id within each; nobody who is unchanged or blocked is sent."""
    found = [change("E1", "deactivate"), change("E4"), change("E3", "update"), change("E2", "reactivate")]
    rest = [change("E0", "unchanged"), change("E5", "blocked"), change("E6", "deactivate")]
    made = usual([*found, *rest], managed=100)
    assert [each.employee_id for each in made.sendable] == ["E2", "E3", "E4", "E1", "E6"]


def test_the_fingerprint_is_that_of_what_waits() -> None:
    """Whatever the order, the plan's name and the hour; what is not held has no part in it."""
    held = [*changes("deactivate", 21), *changes("update", 200)]
    first = usual([*held, *changes("create", 5)], managed=400)
    mixed = random.Random(1).sample(held, len(held))
    later = usual([*changes("blocked", 3), *mixed], managed=400, plan_id="p2", planned_at=NOW + timedelta(days=3))
    assert first.fingerprint == later.fingerprint
    assert first.fingerprint is not None
    assert re.fullmatch("held-[0-9a-f]{12}", first.fingerprint)


@pytest.mark.parametrize(
    "other",
    [
        changes("deactivate", 22),
        changes("deactivate", 21, first=1),
        [*changes("deactivate", 20), change("d00020", "deactivate", changes={"active": (None, False)})],
    ],
)
def test_other_people_or_other_fields_have_another_fingerprint(other: Sequence[Change]) -> None:
    """One more, somebody else, the same person from another value."""
    assert usual(other, managed=400).fingerprint != usual(changes("deactivate", 21), managed=400).fingerprint


# Approval

HELD = changes("deactivate", 21)


def test_an_approval_lets_everything_go() -> None:
    """The same people for the same reason, in a plan that was made anew."""
    before = usual(HELD, managed=400)
    assert before.fingerprint is not None
    now = usual([*HELD, *changes("create", 3)], managed=400, plan_id="p2", planned_at=NOW + timedelta(hours=1))
    decided = approved(now, seen(before), fingerprint=before.fingerprint)
    assert (decided.held, decided.is_approved, len(decided.sendable)) == ((), True, 24)
    assert decided.plan_id == "p2"
    decided.raise_if_unsafe(NOW + timedelta(hours=1))


def test_an_approval_holds_where_no_limit_does_any_more() -> None:
    """After a first sync the same leavers may be within the limits of the second."""
    before = usual(HELD[:3], managed=400, is_first_sync=True)
    now = usual(HELD[:3], managed=400)
    assert not now.held
    assert approved(now, seen(before), fingerprint=before.fingerprint or "").is_approved


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (HELD[:20], "1 are no longer asked for (deactivate d00020), 0 are new. Nothing"),
        ([*HELD, *changes("deactivate", 1, first=90)], "0 are no longer asked for, 1 are new (deactivate d00090)."),
        ([*HELD[1:], *changes("deactivate", 1, first=90)], "1 are no longer asked for (deactivate d00000), 1 are new"),
        ([*HELD[1:], change("d00000", "update")], "1 are no longer asked for (deactivate d00000), 0 are new. Noth"),
        ([*HELD[1:], change("d00000", "blocked")], "1 are no longer asked for (deactivate d00000), 0 are new. Noth"),
        ([], "21 are no longer asked for (deactivate d00000, deactivate d00001, deactivate d00002, "),
        (
            [*HELD[:20], change("d00020", "deactivate", changes={"active": (None, False)})],
            "0 are no longer asked for, 0 are new, and some of them look different. Nothing was sent.",
        ),
    ],
)
def test_an_approval_is_true_or_refused(now: Sequence[Change], told: str) -> None:
    """With what is gone, what is new and which plan to look at instead."""
    before = usual(HELD, managed=400)
    with pytest.raises(PlanRefused) as error:
        approved(usual(now, managed=400, plan_id="p2"), seen(before), fingerprint=before.fingerprint or "")
    text = str(error.value)
    assert text.startswith(
        f"What was approved as {before.fingerprint} is no longer true: of 21 changes held then, {told}"
    )
    assert "Nothing was sent. Look at the newest plan, p2, " in text


@pytest.mark.parametrize(("gone", "end"), [(5, "d00004)"), (6, "d00004 ...)")])
def test_a_refused_approval_names_five_people(gone: int, end: str) -> None:
    """And says when there are more."""
    before = usual(HELD, managed=400)
    with pytest.raises(PlanRefused) as error:
        approved(usual(HELD[gone:], managed=400), seen(before), fingerprint=before.fingerprint or "")
    first = "deactivate d00000, deactivate d00001, deactivate d00002, deactivate d00003, "
    assert f"({first}deactivate {end}," in str(error.value)


def test_a_refused_approval_names_the_next_one() -> None:
    """Or says that nothing waits."""
    before = usual(HELD, managed=400)
    more = usual([*HELD, *changes("deactivate", 1, first=90)], managed=400)
    with pytest.raises(PlanRefused, match=f"and approve {more.fingerprint}"):
        approved(more, seen(before), fingerprint=before.fingerprint or "")
    with pytest.raises(PlanRefused, match="which holds nothing back"):
        approved(usual(HELD[:20], managed=400), seen(before), fingerprint=before.fingerprint or "")
    with pytest.raises(PlanRefused, match="look different"):
        approved(before, seen(before), fingerprint="0" * 16)


# The last look


def test_thirty_percent_are_never_switched_off() -> None:
    """Approved or not, and whatever the limits: at the limit it goes, one over it does not."""
    for leaving, goes in ((300, True), (301, False)):
        before = usual(changes("deactivate", leaving), managed=1000)
        decided = approved(before, seen(before), fingerprint=before.fingerprint or "")
        raised = plan(changes("deactivate", leaving), managed=1000)
        assert len(raised.sendable) == (leaving if goes else 0)
        if goes:
            decided.raise_if_unsafe(NOW)
        else:
            with pytest.raises(PlanRefused, match=r"switch off 301 of 1000 accounts; more than 300 \(30%\)"):
                decided.raise_if_unsafe(NOW)


@pytest.mark.parametrize(("managed", "limit"), [(0, 5), (5, 5), (16, 5), (19, 5), (20, 6), (100, 30), (1010, 303)])
def test_the_hard_limit_is_thirty_percent_or_five_people(managed: int, limit: int) -> None:
    """In a very small company 30 % is nobody."""
    assert hard_limit(managed) == limit


@pytest.mark.parametrize(("hours", "goes"), [(0, True), (23.999, True), (24, False), (25, False)])
def test_a_plan_expires_after_a_day(hours: float, goes: bool) -> None:
    """At the very moment it is too late."""
    made = usual(changes("create", 1), managed=100)
    if goes:
        made.raise_if_unsafe(NOW + timedelta(hours=hours))
    else:
        with pytest.raises(PlanRefused, match="The plan p1 expired at 2026-03-03 06:00 UTC; make a new one"):
            made.raise_if_unsafe(NOW + timedelta(hours=hours))


def test_a_plan_must_not_hold_anybody_twice() -> None:
    """Once unchanged and once to be written is once."""
    with pytest.raises(PlanRefused, match="holds somebody twice; nothing was sent"):
        usual([change("E1"), change("E1", "update")], managed=100).raise_if_unsafe(NOW)
    usual([change("E1"), change("E1", "unchanged")], managed=100).raise_if_unsafe(NOW)


def test_a_plan_beyond_its_limits_is_not_sent_by_mistake() -> None:
    """Even if somebody takes away what holds it."""
    made = replace(usual(HELD, managed=400), held=())
    with pytest.raises(PlanRefused, match="beyond its limits and not approved; nothing was sent"):
        made.raise_if_unsafe(NOW)
    replace(made, is_approved=True).raise_if_unsafe(NOW)
    replace(made, limits=Limits(max_deactivations=21, max_deactivation_share=0.06)).raise_if_unsafe(NOW)


def test_a_plan_is_made_for_its_moment() -> None:
    """It knows when, for how many accounts and within which limits."""
    made = make_plan(changes("create", 1), plan_id="p", planned_at=NOW, managed=7, limits=USUAL)
    assert (made.plan_id, made.planned_at, made.managed, made.limits) == ("p", NOW, 7, USUAL)
    assert made.expires_at - made.planned_at == timedelta(hours=24)
    assert not made.is_approved
