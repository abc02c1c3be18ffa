"""The plan: all changes as one value that knows its limits, what it holds back, and how to be approved. Pure.

Within the limits everything may be sent. Beyond them only what is suspicious waits: leavers, when too many leave at
once; one field's updates, when it changes for everybody; all of it, when the ids themselves seem to have changed.
There is no off switch: limits can be raised for one run, and the hard ones not at all.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from exec_orchestration.errors import PlanRefused
from exec_orchestration.roster.diff import ABSENT, BLOCKED, CREATE, DEACTIVATE, UNCHANGED, UPDATE, WRITES, Change

VALID_FOR = timedelta(hours=24)
SMALL_COMPANY = 100
SMALL_COMPANY_LIMIT = 5
HARD_SHARE = 0.30
MASS_SHARE = 0.30
FINGERPRINT_CHARACTERS = 12


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many people one run may switch off without anybody's approval."""

    max_deactivations: int = 20
    max_deactivation_share: float = 0.05

    def allowed(self, managed: int) -> int:
        """The number for a company of so many managed accounts; the share counts from 100 accounts up."""
        if managed < SMALL_COMPANY:
            return min(self.max_deactivations, SMALL_COMPANY_LIMIT)
        return min(self.max_deactivations, int(self.max_deactivation_share * managed + 1e-9))


@dataclass(frozen=True)
class Held:
    """A limit that was tripped: what was counted against what, and whom it holds back."""

    reason: str
    employee_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done, for whom, and how much of it may be sent. `managed` counts the accounts that are ours."""

    plan_id: str
    planned_at: datetime
    managed: int
    limits: Limits
    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    is_approved: bool = False

    @property
    def expires_at(self) -> datetime:
        """Until when held changes may be approved, and anything may be sent."""
        return self.planned_at + VALID_FOR

    @property
    def held_ids(self) -> frozenset[str]:
        """Who waits."""
        return frozenset().union(*(held.employee_ids for held in self.held))

    @property
    def sendable(self) -> list[Change]:
        """The changes that may be sent, those that switch accounts off last."""
        held = self.held_ids
        writes = [change for change in self.changes if change.is_write and change.employee_id not in held]
        return sorted(writes, key=lambda change: (change.action == DEACTIVATE, change.employee_id))

    @property
    def waiting(self) -> list[Change]:
        """The changes that are held back."""
        held = self.held_ids
        return [change for change in self.changes if change.employee_id in held]

    @property
    def counts(self) -> dict[str, int]:
        """How many people each action is planned for."""
        found = Counter(change.action for change in self.changes)
        return {action: found[action] for action in (*WRITES, UNCHANGED, BLOCKED)}

    @property
    def fingerprint(self) -> str | None:
        """The name by which the held changes are approved; None where nothing is held."""
        return fingerprint_of(self.waiting) if self.held else None

    def raise_if_unsafe(self, now: datetime) -> None:
        """Raises PlanRefused where it must not be sent: the last look before anything is."""
        sendable = self.sendable
        leaving = sum(change.action == DEACTIVATE for change in sendable)
        if now >= self.expires_at:
            raise PlanRefused(
                f"The plan {self.plan_id} expired at {self.expires_at:%Y-%m-%d %H:%M} UTC; make a new one."
            )
        if len({change.employee_id for change in sendable}) != len(sendable):
            raise PlanRefused(f"The plan {self.plan_id} holds somebody twice; nothing was sent. Report this.")
        if leaving > hard_limit(self.managed):
            raise PlanRefused(
                f"The plan {self.plan_id} would switch off {leaving} of {self.managed} accounts; more than "
                f"{hard_limit(self.managed)} ({HARD_SHARE:.0%}) are never switched off in one run, approved or not. "
                "Nothing was sent. If that many people did leave, let HR remove them in several steps."
            )
        if leaving > self.limits.allowed(self.managed) and not self.is_approved:
            raise PlanRefused(f"The plan {self.plan_id} is beyond its limits and not approved; nothing was sent.")


def make_plan(
    changes: Iterable[Change],
    *,
    plan_id: str,
    planned_at: datetime,
    managed: int,
    limits: Limits,
    is_first_sync: bool = False,
) -> Plan:
    """The plan of these changes, with what its limits hold back."""
    found = tuple(changes)
    held = tuple(_held(found, managed=managed, limits=limits, is_first_sync=is_first_sync))
    return Plan(plan_id=plan_id, planned_at=planned_at, managed=managed, limits=limits, changes=found, held=held)


def approved(plan: Plan, seen: Sequence[tuple[str, str]], *, fingerprint: str) -> Plan:
    """The plan with nothing held back, as somebody approved it who saw `seen`: (employee id, action) of each held one.

    It is true as long as the same changes are asked for, whether a limit still holds them or not. Raises PlanRefused
    with what has changed where they are not, or where others are held back now.
    """
    before = dict(seen)
    now = {change.employee_id: change.action for change in plan.changes if change.is_write}
    gone = [pair for pair in seen if now.get(pair[0]) != pair[1]]
    new = [(change.employee_id, change.action) for change in plan.waiting if change.employee_id not in before]
    same = fingerprint_of(change for change in plan.changes if change.employee_id in before) == fingerprint
    if gone or new or not same:
        instead = f"and approve {plan.fingerprint}" if plan.fingerprint else "which holds nothing back"
        raise PlanRefused(
            f"What was approved as {fingerprint} is no longer true: of {len(before)} changes held then, {len(gone)} "
            f"are no longer asked for{_named(gone)}, {len(new)} are new{_named(new)}"
            f"{'' if gone or new else ', and some of them look different'}. Nothing was sent. Look at the newest "
            f"plan, {plan.plan_id}, {instead}."
        )
    return replace(plan, held=(), is_approved=True)


def fingerprint_of(changes: Iterable[Change]) -> str:
    """The same for the same changes of the same people, whenever they are planned."""
    told = sorted((change.employee_id, change.action, sorted(change.changes.items())) for change in changes)
    # Words first, so that nobody's configuration takes a name of digits for a number.
    return f"held-{sha256(json.dumps(told).encode()).hexdigest()[:FINGERPRINT_CHARACTERS]}"


def hard_limit(managed: int) -> int:
    """How many accounts one run may switch off at the very most."""
    return max(SMALL_COMPANY_LIMIT, int(HARD_SHARE * managed + 1e-9))


def _named(pairs: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"{action} {employee_id}" for employee_id, action in pairs[:5])
    return f" ({shown}{' ...' if len(pairs) > 5 else ''})" if pairs else ""


def _held(changes: tuple[Change, ...], *, managed: int, limits: Limits, is_first_sync: bool) -> Iterator[Held]:
    leaving = {change.employee_id for change in changes if change.action == DEACTIVATE}
    allowed = min(limits.allowed(managed), hard_limit(managed))
    if leaving and is_first_sync:
        yield Held(f"the first sync switches nobody off, and {len(leaving)} would be", frozenset(leaving))
    elif len(leaving) > allowed:
        yield Held(
            f"{len(leaving)} of {managed} accounts would be switched off, and {allowed} are allowed "
            f"(USER_SYNC_MAX_DEACTIVATIONS {limits.max_deactivations}, USER_SYNC_MAX_DEACTIVATION_SHARE "
            f"{limits.max_deactivation_share:.0%} of {managed}; at most {SMALL_COMPANY_LIMIT} under {SMALL_COMPANY})",
            frozenset(leaving),
        )
    yield from _mass_updates(changes, leaving, managed)
    if not is_first_sync:
        yield from _new_ids(changes, managed)


def _mass_updates(changes: tuple[Change, ...], leaving: set[str], managed: int) -> Iterator[Held]:
    """One field that changes for 30 % of the people who have an account: the mark of a mapping gone wrong."""
    for name in ("first_name", "last_name"):
        touched = {change.employee_id for change in changes if change.action == UPDATE and name in change.changes}
        if len(touched) > SMALL_COMPANY_LIMIT and len(touched) >= MASS_SHARE * managed:
            yield Held(
                f"{name} would change on {len(touched)} of {managed} accounts ({len(touched) / managed:.0%}, and under "
                f"{MASS_SHARE:.0%} is allowed), which looks like a column that was mapped wrongly",
                frozenset(touched | leaving),
            )


def _new_ids(changes: tuple[Change, ...], managed: int) -> Iterator[Held]:
    """Accounts vanish while as many are new: the mark of ids that were written in another way."""
    absent = {change.employee_id for change in changes if change.action == DEACTIVATE and change.reason == ABSENT}
    new = {change.employee_id for change in changes if change.action == CREATE}
    if min(len(absent), len(new)) > max(SMALL_COMPANY_LIMIT, MASS_SHARE * managed):
        yield Held(
            f"{len(absent)} of {managed} accounts are absent from the roster while {len(new)} people are new, which "
            "looks like employee ids that are written in another way",
            frozenset(absent | new),
        )
