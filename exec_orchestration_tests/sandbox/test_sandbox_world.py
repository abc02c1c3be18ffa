"""The made-up company: repeatable, varied, quick."""

import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import fmean

import pytest

from exec_orchestration.sandbox.cast import midnight
from exec_orchestration.sandbox.world import World, build_world, days

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_same_seed_gives_the_same_world(world: World) -> None:
    """The seed decides everything."""
    assert build_world(7, start=FIRST, until=LAST) == world
    assert build_world(8, start=FIRST, until=LAST) != world


@pytest.mark.parametrize("until", [date(2026, 1, 1), date(2026, 2, 10), date(2026, 3, 30)])
def test_a_day_does_not_depend_on_how_many_follow(world: World, until: date) -> None:
    """A shorter world is the beginning of a longer one."""
    short, end = build_world(7, start=FIRST, until=until), midnight(until + timedelta(days=1))
    assert short.cast == world.cast
    assert short.sessions == tuple(s for s in world.sessions if s.created_at < end)
    assert short.assignments == tuple(a for a in world.assignments if a.created_at < end)
    assert short.clusters == tuple(c for c in world.clusters if c.created_at < end)
    assert short.completions == tuple(c for c in world.completions if c.cluster.created_at < end)


def test_a_world_needs_a_day() -> None:
    """An end before the start is an error; one day is enough."""
    assert build_world(start=FIRST, until=FIRST, people=3).sessions == ()
    with pytest.raises(ValueError, match="at least one day"):
        build_world(start=FIRST, until=FIRST - timedelta(days=1))


def test_world_has_the_awkward_cases(world: World) -> None:
    """Every case that a loader must cope with occurs."""
    people, sessions = world.cast.people, world.sessions
    assert sum(person.is_system for person in people) == 4
    assert any(not person.last_name.isascii() for person in people)
    assert any("'" in person.last_name for person in people)
    assert any(person.email != person.email.lower() for person in people)
    gone = {p.id for p in people if not p.is_member_at(midnight(LAST))}
    assert any(session.user.id in gone for session in sessions)
    assert any(session.graded_at is None for session in sessions)
    assert any(session.graded_at and session.graded_at.date() > session.created_at.date() for session in sessions)
    assert any(session.graded_at and session.score is None for session in sessions)
    assert any(isinstance(session.score, float) for session in sessions)
    assert any(session.duration_seconds is None for session in sessions)
    assert {session.rank for session in sessions} == {"gold", "silver", "bronze", "unranked", None}
    assert any(s.created_at == midnight(s.created_at.date()) for s in sessions)
    assert any(
        s.created_at + timedelta(milliseconds=1) == midnight(s.created_at.date() + timedelta(1)) for s in sessions
    )
    lowest_gold = min(s.score for s in sessions if s.rank == "gold" and s.score is not None)
    assert lowest_gold < max(s.score for s in sessions if s.rank == "silver" and s.score is not None)
    assert {account.active for account in world.cast.accounts} == {True, False}
    assert any(account.remote_id is None for account in world.cast.accounts)


def test_ids_are_unique(world: World) -> None:
    """No two things of a kind share an id."""
    for things in (world.sessions, world.assignments, world.clusters, world.completions, world.cast.people):
        assert len({thing.id for thing in things}) == len(things)
    assert len({person.email.casefold() for person in world.cast.people}) == len(world.cast.people)


def test_some_days_are_busy_and_some_are_empty(world: World) -> None:
    """Campaign weeks are busy, some days have nobody, and some scenarios have empty days."""
    by_day = Counter(session.created_at.date() for session in world.sessions)
    cells = {(session.created_at.date(), session.scenario.id) for session in world.sessions}
    all_days = list(days(world.start, world.until))
    assert max(by_day.values()) > 2 * fmean(by_day.values())
    assert any(day not in by_day for day in all_days)
    assert len(cells) < len(all_days) * len(world.cast.scenarios) / 2


def test_people_learn(world: World) -> None:
    """Scores rise over a person's attempts at a scenario."""
    scores: defaultdict[int, list[float]] = defaultdict(list)
    nth: Counter[tuple[str, str]] = Counter()
    for session in world.sessions:
        key = session.user.id, session.scenario.id
        if session.score is not None:
            scores[nth[key]].append(session.score)
        nth[key] += 1
    assert fmean(scores[4]) > fmean(scores[0]) + 5


def test_assignments_are_many(world: World) -> None:
    """About 600 in two months, some of a program, some without a date."""
    two_months = [a for a in world.assignments if a.created_at < datetime(2026, 3, 1, tzinfo=UTC)]
    assert 450 <= len(two_months) <= 750
    assert {a.program is None for a in two_months} == {True, False}
    assert {a.due_at is None for a in two_months} == {True, False}


def test_a_year_is_built_and_read_quickly() -> None:
    """330 days of 120 people in under 2 s; a scenario's day in under 2 ms."""
    began = time.perf_counter()
    year = build_world(until=FIRST + timedelta(days=329))
    assert time.perf_counter() - began < 2
    scenario = year.cast.scenarios[0].id
    year.valid_sessions(scenario, None, None, now=LATER)
    began = time.perf_counter()
    for day in days(year.start, year.until):
        year.valid_sessions(scenario, midnight(day), midnight(day + timedelta(days=1)), now=LATER)
    assert (time.perf_counter() - began) / 330 < 0.002
