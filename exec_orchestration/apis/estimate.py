"""What loading a range will cost, from a few totals: requests of each asset, days of quota, the time of the end. Pure.

A stop repeats what every run does first (its listings, the proof of a sweep), so the division into days belongs to the
estimate.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from exec_orchestration.apis.sweep import PAGE_ROWS, likely_proof
from exec_orchestration.errors import BudgetTooSmall


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Totals of a workspace and of `days` days. `people_per_skill` is the length of one proficiency listing."""

    days: int
    scenarios: int = 0
    archived: int = 0
    skills: int = 0
    members: int = 0
    assignments: int = 0
    sessions: int = 0
    people_per_skill: int = 0
    users: int = 0


@dataclass(frozen=True)
class Cost:
    """What an asset costs: so many `parts` that cannot be divided, and what each run sends `first`."""

    asset: str
    api: str
    first: int
    parts: int
    per_part: int
    basis: str

    @property
    def requests(self) -> int:
        """In one run, if nothing stops it."""
        return self.first + self.parts * self.per_part


@dataclass(frozen=True)
class Course:
    """How a backfill will go: requests with what stops repeat, days of quota, and when it will be done."""

    requests: Mapping[str, int]
    days_of_quota: int
    ends_at: datetime


def pages(rows: int) -> int:
    """Pages of a listing; an empty one has a page too."""
    return max(1, math.ceil(rows / PAGE_ROWS))


def _listing(asset: str, rows: int, what: str, times: int = 1) -> Cost:
    return Cost(asset, "exec", 0, 1, times * pages(rows), f"{rows} {what}, {PAGE_ROWS} a request")


def _participants(facts: Facts) -> Cost:
    naive, listing = facts.days * facts.scenarios, 2 * pages(facts.scenarios)
    proof = likely_proof(naive, idle=facts.archived)
    dearest = pages(facts.sessions) + likely_proof(naive, idle=facts.scenarios)
    if dearest > naive:
        basis = f"{facts.scenarios} scenarios on each of {facts.days} days"
        return Cost("exec_participant_analytics", "exec", listing, facts.days, facts.scenarios, basis)
    basis = f"{facts.sessions} sessions, {PAGE_ROWS} a request, and {proof} requests in proof"
    return Cost("exec_participant_analytics", "exec", listing + proof, pages(facts.sessions), 1, basis)


def _proficiency(facts: Facts) -> Cost:
    per_day = facts.skills * pages(facts.people_per_skill)
    basis = f"{facts.skills} skills of {facts.people_per_skill} people on each of {facts.days} days"
    return Cost("exec_skill_proficiency", "exec", pages(facts.skills), facts.days, per_day, basis)


COSTS: Mapping[str, Callable[[Facts], Cost]] = {
    "exec_scenarios": lambda facts: _listing("exec_scenarios", facts.scenarios, "scenarios, listed twice", 2),
    "exec_skills": lambda facts: _listing("exec_skills", facts.skills, "skills"),
    "exec_members": lambda facts: _listing("exec_members", facts.members, "members"),
    "exec_participant_analytics": _participants,
    "exec_assignments": lambda facts: _listing("exec_assignments", facts.assignments, "assignments"),
    "exec_skill_proficiency": _proficiency,
    "exec_sessions": lambda facts: _listing("exec_sessions", facts.sessions, "sessions"),
    "sparkwise_clusters": lambda facts: Cost(
        "sparkwise_clusters", "sparkwise", 0, facts.days, 1, f"each of {facts.days} days"
    ),
    "sparkwise_completions": lambda facts: Cost("sparkwise_completions", "sparkwise", 0, 1, 1, "one listing"),
    "sparkwise_users": lambda facts: Cost(
        "sparkwise_users",
        "sparkwise",
        0,
        1,
        max(1, math.ceil(facts.users / 200)),
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
        for _ in range(cost.parts):
            needed = cost.per_part + (0 if is_begun else cost.first)
            if needed > left:
                if cost.per_part + cost.first > per_day:
                    raise BudgetTooSmall(
                        f"{cost.asset} needs {cost.per_part + cost.first} requests at once ({cost.basis}), and "
                        f"backfills have {per_day} a day: it would wait for ever. Raise the day's limit or lower the "
                        "reserve."
                    )
                days, left, today, is_begun = days + 1, per_day, 0, False
                needed = cost.per_part + cost.first
            requests[cost.asset] += needed
            left, today, is_begun = left - needed, today + needed, True
    requests |= {each.asset: each.requests for each in costs if each.api != api}
    minutes = today / per_minute if per_minute else 0
    return Course(requests, days, now + timedelta(days=days - 1, minutes=minutes))
