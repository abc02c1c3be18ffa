"""One day of roleplay practice: who is given an assignment, who makes an attempt, and how it goes.

Must not live here: aggregates over days (`analytics`), HTTP. Leads to: `Practice.live`, called once a day by `world`.
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random

from exec_orchestration.sandbox.cast import Cast, Person, Program, Scenario, long_id, midnight, short_id

HOLIDAYS = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})  # (month, day): nobody does anything
LAST_MILLISECOND = 86_400_000 - 1


@dataclass(frozen=True)
class Session:
    """One attempt. It counts in analytics from `graded_at` on; null means that it is never graded."""

    id: str
    user: Person
    scenario: Scenario
    created_at: datetime
    graded_at: datetime | None
    score: float | None
    rank: str | None
    duration_seconds: int | None

    def is_valid_at(self, now: datetime) -> bool:
        return self.graded_at is not None and self.graded_at <= now

    def as_seen_at(self, now: datetime) -> "Session":
        """This attempt, without a grade that is given only later."""
        if self.graded_at is None or self.is_valid_at(now):
            return self
        return replace(self, graded_at=None, score=None, rank=None)


@dataclass(frozen=True)
class Assignment:
    id: str
    user: Person
    scenario: Scenario
    created_at: datetime
    due_at: datetime | None
    attempt_min: int | None
    attempt_max: int | None
    rank_min: str | None
    program: Program | None


@dataclass
class Practice:
    """What the days so far have left behind: it makes people better, and attentive to what they were given."""

    cast: Cast
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    given: defaultdict[str, list[Scenario]] = field(default_factory=lambda: defaultdict(list))

    def live(self, day: date, rng: Random) -> tuple[list[Assignment], list[Session]]:
        """The day's assignments and sessions, each in order of time."""
        if (day.month, day.day) in HOLIDAYS:
            return [], []
        assignments = sorted(self._assign(day, rng), key=lambda a: (a.created_at, a.id))
        for assignment in assignments:
            self.given[assignment.user.id].append(assignment.scenario)
        sessions = [session for person in self.cast.people for session in self._practise(person, day, rng)]
        return assignments, sorted(sessions, key=lambda s: (s.created_at, s.id))

    def _assign(self, day: date, rng: Random) -> list[Assignment]:
        if day.weekday() >= 5:
            return []
        present = [p for p in self.cast.people if _is_at_work(p, day) and not p.is_system]
        chosen: list[tuple[Person, Scenario, Program | None]] = []
        if day.weekday() == 0 and is_campaign(day):
            program = campaign_program(self.cast, day)
            chosen += [(p, rng.choice(program.scenarios), program) for p in present if rng.random() < 0.5]
        open_now = open_scenarios(self.cast, day)
        chosen += [(rng.choice(present), rng.choice(open_now), None) for _ in range(rng.randrange(20)) if present]
        return [_assignment(rng, day, person, scenario, program) for person, scenario, program in chosen]

    def _practise(self, person: Person, day: date, rng: Random) -> list[Session]:
        if not _is_at_work(person, day) or rng.random() >= _chance(person, day):
            return []
        times = sorted(_time_of_day(rng, day) for _ in range(rng.choice((1, 1, 2, 3))))
        return [self._attempt(person, self._choose(person, day, rng), at, rng) for at in times]

    def _choose(self, person: Person, day: date, rng: Random) -> Scenario:
        open_now = open_scenarios(self.cast, day)
        given = [scenario for scenario in self.given[person.id][-4:] if scenario in open_now]
        if given and rng.random() < 0.6:
            return rng.choice(given)
        if is_campaign(day) and rng.random() < 0.6:
            return rng.choice(campaign_program(self.cast, day).scenarios)
        # the later a scenario stands in the catalogue, the rarer it is practised: some of its days are empty
        return rng.choices(open_now, weights=[1 / (n + 1) for n in range(len(open_now))])[0]

    def _attempt(self, person: Person, scenario: Scenario, at: datetime, rng: Random) -> Session:
        nth = self.attempts[person.id, scenario.id]
        self.attempts[person.id, scenario.id] += 1
        graded_at = _graded_at(rng, at)
        score = _score(rng, person, scenario, nth) if graded_at and rng.random() > 0.02 else None
        return Session(
            id=short_id(rng),
            user=person,
            scenario=scenario,
            created_at=at,
            graded_at=graded_at,
            score=score,
            rank=None if score is None else _rank(rng, score),
            duration_seconds=None if rng.random() < 0.01 else max(30, round(rng.gauss(420, 150))),
        )


def is_campaign(day: date) -> bool:
    """Two busy weeks in six."""
    return day.isocalendar().week % 6 in (2, 3)


def campaign_program(cast: Cast, day: date) -> Program:
    return cast.programs[day.isocalendar().week // 6 % len(cast.programs)]


def open_scenarios(cast: Cast, day: date) -> list[Scenario]:
    return [scenario for scenario in cast.scenarios if scenario.closes_on is None or day < scenario.closes_on]


def _is_at_work(person: Person, day: date) -> bool:
    return person.joined_at < midnight(day) and (person.left_on is None or day < person.left_on)


def _chance(person: Person, day: date) -> float:
    if person.quits_on and day >= person.quits_on:
        return 0.0
    if day.weekday() >= 5:
        return 0.004 * person.zeal
    return (0.25 if is_campaign(day) else 0.06) * person.zeal


def _time_of_day(rng: Random, day: date) -> datetime:
    """Office hours mostly; now and then the day's very first or very last instant, where windows meet."""
    if rng.random() < 0.01:
        return midnight(day) + timedelta(milliseconds=rng.choice((0, LAST_MILLISECOND)))
    seconds = min(max(rng.gauss(13, 2.5), 0.5), 23) * 3600
    milliseconds = rng.randrange(1000) if rng.random() < 0.7 else 0
    return midnight(day) + timedelta(seconds=int(seconds), milliseconds=milliseconds)


def _graded_at(rng: Random, at: datetime) -> datetime | None:
    luck = rng.random()
    if luck < 0.08:
        return None
    return at + timedelta(hours=rng.uniform(6, 40)) if luck < 0.10 else at


def _score(rng: Random, person: Person, scenario: Scenario, nth: int) -> float:
    learnt = person.growth * (1 - math.exp(-nth / 3))
    score = min(max(person.talent + scenario.ease + learnt + rng.gauss(0, 6), 0), 100)
    return round(score, 1) if rng.random() < 0.1 else round(score)


def _rank(rng: Random, score: float) -> str:
    """The vendor's rank is not a pure function of the score, so neither is ours."""
    judged = score + (rng.uniform(-5, 5) if rng.random() < 0.15 else 0)
    return "gold" if judged >= 85 else "silver" if judged >= 70 else "bronze" if judged >= 50 else "unranked"


def _assignment(rng: Random, day: date, person: Person, scenario: Scenario, program: Program | None) -> Assignment:
    created = midnight(day) + timedelta(hours=8, seconds=rng.randrange(6 * 3600), milliseconds=rng.randrange(1000))
    due = midnight(day) + timedelta(days=rng.randrange(8, 31), seconds=-1)
    attempt_min = rng.choice((None, 1, 2, 3))
    return Assignment(
        id=long_id(rng),
        user=person,
        scenario=scenario,
        created_at=created,
        due_at=due if rng.random() < 0.8 else None,
        attempt_min=attempt_min,
        attempt_max=(attempt_min or 1) + rng.randrange(4) if rng.random() < 0.4 else None,
        rank_min=rng.choice((None, None, "bronze", "silver", "gold")),
        program=program,
    )
