"""What loading a range will cost, from a few totals: requests of each asset, days of quota, the time of the end. Pure.

A stop repeats what every run does first (its listings, the proof of a sweep), so the division into days belongs to the
estimate.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from exec_orchestration.apis.exec_com import PAGE_SIZE, pages
from exec_orchestration.apis.sweep import proof_size
from exec_orchestration.errors import BudgetTooSmall

DOUBT_SHARE = 0.04


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Totals of a workspace and of `days` days; `proficiency_pages` are those of all skills on each of the days."""

    days: int
    strategy: str = "auto"
    scenarios: int = 0
    archived: int = 0
    skills: int = 0
    members: int = 0
    assignments: int = 0
    sessions: int = 0
    proficiency_pages: Sequence[int] = ()
    users: int = 0


@dataclass(frozen=True)
class Cost:
    """What an asset costs: `parts` that cannot be divided, such as days, and what each run sends `first`."""

    asset: str
    api: str
    first: int
    parts: Sequence[int]
    basis: str

    @property
    def requests(self) -> int:
        """In one run, if nothing stops it."""
        return self.first + sum(self.parts)


@dataclass(frozen=True)
class Course:
    """How a backfill will go: requests with what stops repeat, days of quota, and when it will be done."""

    requests: Mapping[str, int]
    days_of_quota: int
    ends_at: datetime


def _listing(asset: str, rows: int, what: str, times: int = 1) -> Cost:
    return Cost(asset, "exec", 0, [times * pages(rows)], f"{rows} {what}, {PAGE_SIZE} a request")


def _participants(facts: Facts) -> Cost:
    naive, listing = facts.days * facts.scenarios, 2 * pages(facts.scenarios)
    proof = proof_size(naive, facts.scenarios, idle=facts.archived)
    dearest = pages(facts.sessions) + proof_size(naive, facts.scenarios, idle=facts.scenarios)
    if facts.strategy in ("windows", "days") or (facts.strategy == "auto" and dearest > naive):
        basis = f"{facts.scenarios} scenarios on each of {facts.days} days"
        basis += ", at the most" if facts.strategy == "windows" else ""
        return Cost("exec_participant_analytics", "exec", listing, [facts.scenarios] * facts.days, basis)
    basis = f"{facts.sessions} sessions, {PAGE_SIZE} a request, and {proof} requests in proof"
    return Cost("exec_participant_analytics", "exec", listing + proof, [1] * pages(facts.sessions), basis)


def _proficiency(facts: Facts) -> Cost:
    some = sorted(facts.proficiency_pages) or [0]
    basis = f"{facts.skills} skills on each of {facts.days} days, in {some[0]} to {some[-1]} pages a day"
    return Cost("exec_skill_proficiency", "exec", pages(facts.skills), facts.proficiency_pages, basis)


COSTS: Mapping[str, Callable[[Facts], Cost]] = {
    "exec_scenarios": lambda facts: _listing("exec_scenarios", facts.scenarios, "scenarios, listed twice", 2),
    "exec_skills": lambda facts: _listing("exec_skills", facts.skills, "skills"),
    "exec_members": lambda facts: _listing("exec_members", facts.members, "members"),
    "exec_participant_analytics": _participants,
    "exec_assignments": lambda facts: _listing("exec_assignments", facts.assignments, "assignments"),
    "exec_skill_proficiency": _proficiency,
    "exec_sessions": lambda facts: _listing("exec_sessions", facts.sessions, "sessions"),
    "sparkwise_clusters": lambda facts: Cost(
        "sparkwise_clusters", "sparkwise", 0, [1] * facts.days, f"each of {facts.days} days"
    ),
    "sparkwise_completions": lambda facts: Cost("sparkwise_completions", "sparkwise", 0, [1], "one listing"),
    "sparkwise_users": lambda facts: Cost(
        "sparkwise_users",
        "sparkwise",
        0,
        [max(1, math.ceil(facts.users / 200))],
        f"{facts.users} users, 200 a request",
    ),
}


def course(
    costs: Sequence[Cost], *, now: datetime, free: int | None, per_day: int, per_minute: int, api: str = "exec"
) -> Course:
    """How the costs of one vendor fit into days of `per_day` requests, of which `free` are left of the first.

    None for `free` means no daily limit. The next day opens 24 hours after the first request of this one. Raises
    BudgetTooSmall where what cannot be divided needs more than a day has.
    """
    requests = {cost.asset: 0 for cost in costs}
    left, days, today = float("inf") if free is None else free, 1, 0
    for cost in (each for each in costs if each.api == api):
        is_begun = False
        for part in cost.parts:
            needed = part + (0 if is_begun else cost.first)
            if needed > left:
                needed = part + cost.first
                if needed > per_day:
                    raise _too_small(cost, needed, per_day)
                days, left, today = days + 1, per_day, 0
            requests[cost.asset] += needed
            left, today, is_begun = left - needed, today + needed, True
    requests |= {each.asset: each.requests for each in costs if each.api != api}
    minutes = today / per_minute if per_minute else 0
    return Course(requests, days, now + timedelta(days=days - 1, minutes=minutes))


def _too_small(cost: Cost, needed: int, per_day: int) -> BudgetTooSmall:
    return BudgetTooSmall(
        f"{cost.asset} needs {needed} requests at once ({cost.basis}), and backfills have {per_day} a day: it would "
        "wait for ever. Raise the day's limit or lower the reserve."
    )


@dataclass(frozen=True)
class _Stretch:
    """Days of one listing between two whose pages are known; those in between lie somewhere from `low` to `high`."""

    listing: int
    first: int
    last: int
    low: int
    high: int

    @property
    def doubt(self) -> int:
        return (self.last - self.first - 1) * (self.high - self.low)


def pages_over_days(rows_on: Callable[[int, int], int], listings: int, days: int) -> list[int]:
    """How many pages all of some growing listings have on each day, to within DOUBT_SHARE, for few questions.

    `rows_on(listing, day)` is a question: it costs a request. The last day of each listing is asked, then the middle of
    whatever stretch leaves most doubt. A listing never shrinks, and before the first day it had a page at the most.
    """
    stretches = [_Stretch(each, -1, days - 1, 1, pages(rows_on(each, days - 1))) for each in range(listings)]
    known = sum(each.high * days for each in stretches)
    while sum(each.doubt for each in stretches) / 2 > DOUBT_SHARE * known:
        widest = max(stretches, key=lambda each: each.doubt)
        middle = (widest.first + widest.last) // 2
        found = min(widest.high, max(widest.low, pages(rows_on(widest.listing, middle))))
        stretches.remove(widest)
        stretches.append(_Stretch(widest.listing, widest.first, middle, widest.low, found))
        stretches.append(_Stretch(widest.listing, middle, widest.last, found, widest.high))
    totals = [0.0] * days
    for each in stretches:
        totals[each.last] += each.high
        for day in range(each.first + 1, each.last):
            totals[day] += (each.low + each.high) / 2
    return _rounded(totals)


def _rounded(values: Sequence[float]) -> list[int]:
    """Whole numbers with the same sum, but for one."""
    found, owed = [], 0.0
    for value in values:
        found.append(math.floor(value + owed))
        owed += value - found[-1]
    return found
