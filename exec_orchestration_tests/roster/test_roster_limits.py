"""The limits of a plan under any changes: what nobody has approved never goes beyond them, and nothing is lost."""

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exec_orchestration.errors import PlanRefused
from exec_orchestration.roster.diff import ABSENT, CREATE, DEACTIVATE, UPDATE, Change
from exec_orchestration.roster.plan import (
    MASS_SHARE,
    SMALL_COMPANY,
    SMALL_COMPANY_LIMIT,
    Limits,
    Plan,
    approved,
    hard_limit,
    make_plan,
)
from exec_orchestration_tests.roster.fakes import NOW, change

LIMITS = st.builds(
    Limits,
    max_deactivations=st.sampled_from([0, 4, 5, 6, 20, 60]),
    max_deactivation_share=st.sampled_from([0.0, 0.05, 0.2, 0.3, 1.0]),
)
# About the limits, and a few others; most often nobody, so that one limit at a time is met.
FEW = st.just(0) | st.sampled_from([1, 4, 5, 6, 7, 20, 21, 22, 31, 40, 55]) | st.integers(0, 70)
COUNTS = st.fixed_dictionaries(
    {
        DEACTIVATE: FEW,
        "terminated": FEW,
        UPDATE: st.just(0) | FEW,
        CREATE: st.just(0) | FEW,
        "unchanged": st.sampled_from([0, 20, 60, 79, 80, 93, 94, 95, 100, 150]),
        "blocked": st.integers(0, 2),
    }
)


def changes(counts: dict[str, int]) -> list[Change]:
    """So many people of each kind; `terminated` are leavers who still stand in the roster."""
    found = []
    for kind, count in counts.items():
        action = DEACTIVATE if kind == "terminated" else kind
        more = {"reason": ABSENT if kind == DEACTIVATE else kind, "changes": {}}
        more |= {"changes": {"last_name": ("Old", "New")}} if kind == UPDATE else {}
        found += [change(f"{kind}{number:03}", action, **more) for number in range(count)]
    return found


def leaving(plan: Plan) -> int:
    """How many accounts would be switched off at once."""
    return sum(each.action == DEACTIVATE for each in plan.sendable)


@settings(max_examples=300, deadline=None)
@given(counts=COUNTS, limits=LIMITS, is_first_sync=st.booleans())
@example(
    counts={DEACTIVATE: 55, "unchanged": 80},
    limits=Limits(max_deactivations=60, max_deactivation_share=1.0),
    is_first_sync=False,
)
def test_what_nobody_approved_stays_within_the_limits(
    counts: dict[str, int], limits: Limits, is_first_sync: bool
) -> None:
    """All of them at once; everybody is either sent or waits, and the plan passes its own guard."""
    found = changes(counts)
    managed = sum(each.action != CREATE for each in found)
    plan = make_plan(found, plan_id="p1", planned_at=NOW, managed=managed, limits=limits, is_first_sync=is_first_sync)
    most = limits.max_deactivations
    most = min(most, SMALL_COMPANY_LIMIT if managed < SMALL_COMPANY else limits.max_deactivation_share * managed + 1e-6)
    assert leaving(plan) <= min(most, max(SMALL_COMPANY_LIMIT, 0.3 * managed))
    assert not (is_first_sync and leaving(plan))
    renamed = sum(each.action == UPDATE for each in plan.sendable)
    assert renamed <= max(SMALL_COMPANY_LIMIT, MASS_SHARE * managed)
    plan.raise_if_unsafe(NOW)
    told = Counter(each.employee_id for each in [*plan.sendable, *plan.waiting])
    assert told == Counter(each.employee_id for each in found if each.is_write)
    assert bool(plan.held) == bool(plan.waiting) == (plan.fingerprint is not None)
    switched_off = [each.action == DEACTIVATE for each in plan.sendable]
    assert switched_off == sorted(switched_off), "accounts are switched off last"


@settings(max_examples=200, deadline=None)
@given(counts=COUNTS, limits=LIMITS)
def test_approval_lifts_the_limits_but_for_the_hard_one(counts: dict[str, int], limits: Limits) -> None:
    """Everything is sent then, or nothing where 30 % of the accounts would be switched off."""
    found = changes(counts)
    managed = sum(each.action != CREATE for each in found)
    plan = make_plan(found, plan_id="p1", planned_at=NOW, managed=managed, limits=limits)
    if plan.fingerprint is None:
        return
    seen = [(each.employee_id, each.action) for each in plan.waiting]
    lifted = approved(plan, seen, fingerprint=plan.fingerprint)
    assert {each.employee_id for each in lifted.sendable} == {each.employee_id for each in found if each.is_write}
    if leaving(lifted) > hard_limit(managed):
        with pytest.raises(PlanRefused, match="never switched off in one run"):
            lifted.raise_if_unsafe(NOW)
    else:
        lifted.raise_if_unsafe(NOW)
