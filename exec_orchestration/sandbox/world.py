"""The whole made-up company and its history as one value, and ways to look things up in it quickly.

Must not live here: HTTP, vendor JSON, aggregates. Leads to: `build_world`; `analytics` reads `World.valid_sessions`.

A world is simulated day by day, each day from its own random numbers, so what happened up to a day does not depend on
how many days follow. All instants are UTC.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from random import Random

from exec_orchestration.sandbox.cast import Cast, Scenario, Skill, build_cast
from exec_orchestration.sandbox.practice import Assignment, Practice, Session
from exec_orchestration.sandbox.team_learning import Cluster, Completion, form_clusters

FIRST_DAY = date(2026, 1, 1)
PEOPLE = 120
ONE_DAY = timedelta(days=1)
ONE_MICROSECOND = timedelta(microseconds=1)


class Timeline:
    """Sessions in order of time, cut by bisection."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = sessions
        self._times = [session.created_at for session in sessions]

    def between(self, first: datetime | None, last: datetime | None) -> Sequence[Session]:
        """The sessions from `first` to `last`, both included; null means open."""
        low = 0 if first is None else bisect_left(self._times, first)
        high = len(self._times) if last is None else bisect_right(self._times, last)
        return self.sessions[low:high]


EMPTY = Timeline(())


@dataclass(frozen=True)
class World:
    seed: int
    start: date
    until: date
    cast: Cast
    sessions: tuple[Session, ...]
    assignments: tuple[Assignment, ...]
    clusters: tuple[Cluster, ...]
    completions: tuple[Completion, ...]

    def scenario(self, id_or_slug: str) -> Scenario | None:
        return next((s for s in self.cast.scenarios if id_or_slug in (s.id, s.slug)), None)

    def skill(self, skill_id: str) -> Skill | None:
        return next((s for s in self.cast.skills if s.id == skill_id), None)

    def sessions_between(self, first: datetime | None, last: datetime | None, *, now: datetime) -> list[Session]:
        """All attempts, graded or not, of the window as far as it lies before `now`, as they are seen then."""
        return [session.as_seen_at(now) for session in self._all.between(first, _earlier(last, now))]

    def valid_sessions(
        self, scenario_id: str, first: datetime | None, last: datetime | None, *, now: datetime
    ) -> list[Session]:
        """One scenario's attempts of the window, both ends included, that are graded by `now`."""
        found = self._by_scenario.get(scenario_id, EMPTY).between(first, _earlier(last, now))
        return [session for session in found if session.is_valid_at(now)]

    def attempts(self, assignment: Assignment, *, now: datetime) -> list[Session]:
        """The valid attempts that the assigned person made at it since it was given."""
        line = self._by_user_and_scenario.get((assignment.user.id, assignment.scenario.id), EMPTY)
        found = line.between(assignment.created_at, _earlier(None, now))
        return [session for session in found if session.is_valid_at(now)]

    @cached_property
    def _all(self) -> Timeline:
        return Timeline(self.sessions)

    @cached_property
    def _by_scenario(self) -> dict[str, Timeline]:
        lines: defaultdict[str, list[Session]] = defaultdict(list)
        for session in self.sessions:
            lines[session.scenario.id].append(session)
        return {key: Timeline(line) for key, line in lines.items()}

    @cached_property
    def _by_user_and_scenario(self) -> dict[tuple[str, str], Timeline]:
        lines: defaultdict[tuple[str, str], list[Session]] = defaultdict(list)
        for session in self.sessions:
            lines[session.user.id, session.scenario.id].append(session)
        return {key: Timeline(line) for key, line in lines.items()}


def build_world(seed: int = 7, *, start: date = FIRST_DAY, until: date, people: int = PEOPLE) -> World:
    """The company's history from `start` through `until`, both included."""
    if until < start:
        raise ValueError(f"a world needs at least one day: start {start} is after until {until}")
    cast = build_cast(seed, start=start, people=people)
    practice = Practice(cast)
    sessions: list[Session] = []
    assignments: list[Assignment] = []
    clusters: list[Cluster] = []
    completions: list[Completion] = []
    for day in days(start, until):
        rng = Random(f"{seed}:{day}")
        given, attempted = practice.live(day, rng)
        formed, completed = form_clusters(cast, day, rng)
        assignments += given
        sessions += attempted
        clusters += formed
        completions += completed
    completions.sort(key=lambda c: (c.cluster.starts_at, c.id))
    return World(seed, start, until, cast, tuple(sessions), tuple(assignments), tuple(clusters), tuple(completions))


def days(first: date, last: date) -> Iterable[date]:
    return (first + n * ONE_DAY for n in range((last - first).days + 1))


def _earlier(last: datetime | None, now: datetime) -> datetime:
    newest = now - ONE_MICROSECOND
    return newest if last is None else min(last, newest)
