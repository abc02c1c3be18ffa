"""Checks of the roster and the user sync, as values. What is out of order is named, with numbers and what to do.

People are named by HR's ids; by their names only where `names` is true.
"""

from collections.abc import Sequence

import dagster as dg

from exec_orchestration.defs.table_checks import check_description
from exec_orchestration.roster.account import Outcome
from exec_orchestration.roster.apply import APPLIED
from exec_orchestration.roster.diff import BLOCKED, Change
from exec_orchestration.roster.discretion import discreet, fields_in_words, names_in
from exec_orchestration.roster.health import Roster
from exec_orchestration.roster.plan import Plan

SHOWN = 5

EVERY_ROW_IS_GOOD = dg.AssetCheckSpec(
    "every_row_is_good",
    asset="hr_roster",
    description=check_description(
        "Every row of the roster could be read; the others are in rejected_rows, and their people keep their "
        "accounts as they are.",
        "every_row_is_good",
    ),
)
WITHIN_LIMITS = dg.AssetCheckSpec(
    "within_limits",
    asset="user_sync_plan",
    description=check_description(
        "No limit holds changes back. What is held waits for user_sync_apply, and is planned anew each time.",
        "within_limits",
    ),
)
NOBODY_IS_BLOCKED = dg.AssetCheckSpec(
    "nobody_is_blocked",
    asset="user_sync_plan",
    description=check_description(
        "Nobody's account is left as it is because of a doubt or a refusal; protected people do not count.",
        "nobody_is_blocked",
    ),
)
EVERYBODY_IS_ANSWERED = dg.AssetCheckSpec(
    "everybody_is_answered",
    asset="user_sync_outcome",
    description=check_description(
        "Sparkwise has carried out every change that was sent.",
        "everybody_is_answered",
    ),
)
NO_DRIFT = dg.AssetCheckSpec(
    "no_drift",
    asset="user_sync_outcome",
    description=check_description(
        "After the sync Sparkwise holds what HR asks for, but for what waits or is blocked.",
        "no_drift",
    ),
)


def every_row_is_good(roster: Roster) -> dg.AssetCheckResult:
    """WARN with the first rows that could not be read."""
    bad = [row.reason for row in roster.bad_rows]
    told = (
        f"{len(bad)} of {roster.reading.rows} rows could not be used, the first: {' | '.join(bad[:SHOWN])}. Their "
        "people keep their accounts as they are; mend them in HR's system."
        if bad
        else f"All {roster.reading.rows} rows could be read."
    )
    return _warning(EVERY_ROW_IS_GOOD, passed=not bad, told=told, counts={"bad_rows": len(bad)})


def within_limits(plan: Plan, *, approval: str | None) -> dg.AssetCheckResult:
    """WARN with each limit that was tripped, its counts, and the command that approves what waits."""
    told = (
        f"{len(plan.held_ids)} changes wait: {'; '.join(held.reason for held in plan.held)}. Everything else goes on. "
        f"If it is right, approve it until {plan.expires_at:%Y-%m-%d %H:%M} UTC by: {approval}"
        if plan.held
        else "No limit was reached."
    )
    counts = {"waiting": len(plan.held_ids), "managed_accounts": plan.managed}
    return _warning(WITHIN_LIMITS, passed=not plan.held, told=told, counts=counts)


def nobody_is_blocked(plan: Plan, *, names: bool = False) -> dg.AssetCheckResult:
    """WARN with the people whom a sync leaves alone, and what to mend."""
    blocked = [each for each in plan.changes if each.action == BLOCKED and not each.reason.startswith("protected")]
    by_reason: dict[str, list[str]] = {}
    for each in blocked:
        by_reason.setdefault(discreet(each.reason, names=names), []).append(each.employee_id)
    shown = [f"{len(ids)} ({', '.join(ids[:SHOWN])}): {reason}" for reason, ids in list(by_reason.items())[:SHOWN]]
    told = (
        f"{len(blocked)} people are left as they are: {' | '.join(shown)}. All of them are in user_sync_plan."
        if blocked
        else "Nobody is blocked."
    )
    return _warning(NOBODY_IS_BLOCKED, passed=not blocked, told=told, counts={"blocked": len(blocked)})


def everybody_is_answered(
    outcomes: Sequence[Outcome], *, of: Sequence[Change], names: bool = False
) -> dg.AssetCheckResult:
    """WARN with the people whose change is not done, and why; `of` are the changes that were to be sent."""
    known = {change.employee_id: names_in(change.changes, change.account) for change in of}
    left = [each for each in outcomes if each.result != APPLIED]
    first = " | ".join(
        f"{each.employee_id}: {each.action} is {each.result} "
        f"({discreet(str(each.error), known.get(each.employee_id, ()), names=names)})"
        for each in left[:SHOWN]
    )
    told = (
        f"{len(left)} of {len(outcomes)} changes are not done, the first: {first}. Refused people wait until HR's row "
        "changes, the others are sent again by the next run."
        if left
        else f"All {len(outcomes)} changes that were sent are done."
    )
    return _warning(EVERYBODY_IS_ANSWERED, passed=not left, told=told, counts={"not_done": len(left)})


def no_drift(left: Sequence[Change], *, waiting: int, blocked: int, names: bool = False) -> dg.AssetCheckResult:
    """WARN with what Sparkwise still holds otherwise, field by field; who waits or is blocked is only counted."""
    first = " | ".join(
        f"{change.employee_id}: {change.action} ({fields_in_words(change.changes, names=names)})"
        for change in left[:SHOWN]
    )
    told = (
        f"{len(left)} people are not as HR asks for, the first: {first}. The next run sends them again."
        if left
        else "Sparkwise holds what HR asks for."
    )
    if waiting or blocked:
        told += f" Not counted are {waiting} people who wait and {blocked} who are blocked: user_sync_plan says why."
    counts = {"people": len(left), "waiting": waiting, "blocked": blocked}
    return _warning(NO_DRIFT, passed=not left, told=told, counts=counts)


def _warning(spec: dg.AssetCheckSpec, *, passed: bool, told: str, counts: dict[str, int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata=counts,
    )
