"""The vendor's arithmetic at its limits: an assignment's state, ties, tiers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exec_orchestration.sandbox.analytics import assignment_state, best_of, tier_of
from exec_orchestration.sandbox.practice import Assignment, Session
from exec_orchestration.sandbox.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPEN: dict[str, Any] = {"due_at": None, "attempt_min": None, "attempt_max": None, "rank_min": None}


def attempts(world: World, *ranks: str) -> list[Session]:
    made = [replace(world.sessions[n], score=50 + n, rank=rank) for n, rank in enumerate(ranks)]
    return sorted(made, key=lambda session: session.created_at)


@pytest.mark.parametrize(
    ("terms", "ranks", "status"),
    [
        ({}, [], "not_started"),
        ({}, ["unranked"], "completed"),
        ({"attempt_min": 2}, ["gold"], "in_progress"),
        ({"attempt_min": 2}, ["gold", "gold"], "completed"),
        ({"rank_min": "silver"}, ["bronze"], "in_progress"),
        ({"rank_min": "silver"}, ["bronze", "silver"], "completed"),
        ({"rank_min": "silver"}, ["gold", "bronze"], "completed"),
        ({"rank_min": "gold", "attempt_max": 2}, ["silver", "silver"], "did_not_pass"),
        ({"rank_min": "gold", "attempt_max": 2}, ["silver", "silver", "gold"], "did_not_pass"),
        ({"due_at": NOW}, [], "not_started"),
        ({"due_at": NOW - timedelta(seconds=1)}, [], "past_due"),
        ({"due_at": NOW - timedelta(seconds=1), "rank_min": "gold"}, ["bronze"], "past_due"),
        ({"due_at": NOW - timedelta(seconds=1)}, ["bronze"], "completed"),
        ({"due_at": NOW + timedelta(seconds=1), "rank_min": "gold"}, ["bronze"], "in_progress"),
    ],
)
def test_an_assignments_state(world: World, terms: dict[str, Any], ranks: list[str], status: str) -> None:
    """Enough attempts at the rank complete it, even late; a spent allowance fails it; else the date decides."""
    assignment: Assignment = replace(world.assignments[0], **{**OPEN, **terms})
    assert assignment_state(assignment, attempts(world, *ranks), now=NOW).status == status


def test_attempts_past_the_allowance_do_not_count(world: World) -> None:
    """Neither in number nor as the best one."""
    assignment = replace(world.assignments[0], **{**OPEN, "attempt_max": 2})
    state = assignment_state(assignment, attempts(world, "bronze", "bronze", "gold"), now=NOW)
    assert state.attempt_count == 2
    assert state.best is not None
    assert state.best.rank == "bronze"


def test_the_earliest_of_equal_bests_wins(world: World) -> None:
    """On a tie the rank is that of the earlier attempt; without a score there is no best."""
    tied = [replace(session, score=80) for session in world.sessions[:3]]
    assert best_of(tied) is tied[0]
    assert best_of([replace(world.sessions[0], score=None)]) is None
    assert best_of([replace(world.sessions[0], score=0)]) is not None


@pytest.mark.parametrize(
    ("score", "tier"),
    [
        (None, "insufficient_data"), (100, "excellent"), (90, "excellent"), (89.99, "proficient"), (75, "proficient"),
        (74.99, "developing"), (50, "developing"), (49.99, "needs_work"), (0, "needs_work"),
    ],
)  # fmt: skip
def test_tiers_have_the_contracts_cuts(score: float | None, tier: str) -> None:
    """90, 75 and 50, each included."""
    assert tier_of(score) == tier
