"""The history of assignments: what a series of listings tells, and nothing that none of them saw."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from exec_orchestration.tables.exec_com import exec_assignment_history, exec_assignments
from exec_orchestration.tables.history import observations
from exec_orchestration.tables.warehouse import Warehouse

T1 = datetime(2026, 2, 1, 6, 0, tzinfo=UTC)
T2, T3, T4 = (T1 + timedelta(days=days) for days in (1, 2, 3))
Listing = dict[str, tuple[str, int, float | None]]


@pytest.fixture
def listed(warehouse: Warehouse, row: Any) -> Callable[[datetime, Listing], list[int]]:
    """Observes a listing: id -> status, attempts, best score. How many states it closed, refreshed and opened."""

    def observe(moment: datetime, listing: Listing) -> list[int]:
        rows = [
            row(exec_assignments, id=each, partition_date=date(2026, 1, 1), status=s, attempt_count=n, best_score=best)
            for each, (s, n, best) in listing.items()
        ]
        with warehouse.stage(exec_assignments) as stage:
            stage.fill(rows)
            return stage.execute(
                exec_assignment_history, *observations(stage.staged, observed_at=moment, run_id=f"run {moment.day}")
            )

    return observe


@pytest.fixture
def states(warehouse: Warehouse, content: Any) -> Callable[[], list[tuple[Any, ...]]]:
    """Every state: id, from, to, status, attempts, best score, run."""
    names = ("assignment_id", "observed_from", "observed_to", "status", "attempt_count", "best_score", "run_id")
    return lambda: content(warehouse, exec_assignment_history, *names)


def test_the_first_listing_opens_a_state_each(listed: Any, states: Any) -> None:
    """From the listing on, never from before it."""
    assert listed(T1, {"a": ("not_started", 0, None), "b": ("completed", 3, 91.5)}) == [0, 0, 2]
    assert states() == [
        ("a", T1, None, "not_started", 0, None, "run 1"),
        ("b", T1, None, "completed", 3, 91.5, "run 1"),
    ]


def test_a_changed_status_closes_one_state_and_opens_the_next(listed: Any, states: Any) -> None:
    """At the same instant: at any time exactly one state is current; what did not change stays."""
    listed(T1, {"a": ("not_started", 0, None), "b": ("in_progress", 1, 40.0)})
    assert listed(T2, {"a": ("in_progress", 1, 55.0), "b": ("in_progress", 1, 40.0)}) == [1, 0, 1]
    assert states() == [
        ("a", T1, T2, "not_started", 0, None, "run 1"),
        ("a", T2, None, "in_progress", 1, 55.0, "run 2"),
        ("b", T1, None, "in_progress", 1, 40.0, "run 1"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [((1, 40.0), (2, 40.0)), ((1, 40.0), (1, 50.0)), ((0, None), (0, 50.0)), ((1, 50.0), (1, None))],
)
def test_an_unchanged_status_is_refreshed(listed: Any, states: Any, before: Any, after: Any) -> None:
    """Attempts and best score are those of the last listing; the state stays. A closed one is not touched."""
    listed(T1, {"a": ("not_started", 0, None)})
    listed(T2, {"a": ("in_progress", *before)})
    assert listed(T3, {"a": ("in_progress", *after)}) == [0, 1, 0]
    assert states() == [
        ("a", T1, T2, "not_started", 0, None, "run 1"),
        ("a", T2, None, "in_progress", *after, "run 2"),
    ]


def test_a_status_that_comes_back_is_a_state_of_its_own(listed: Any, states: Any) -> None:
    """A, B and A again are three states without a gap."""
    for moment, status in ((T1, "in_progress"), (T2, "past_due"), (T3, "in_progress")):
        listed(moment, {"a": (status, 1, None)})
    assert [state[1:4] for state in states()] == [
        (T1, T2, "in_progress"),
        (T2, T3, "past_due"),
        (T3, None, "in_progress"),
    ]


def test_the_same_listing_twice_changes_nothing(listed: Any, states: Any) -> None:
    """Neither later nor at the same instant."""
    listing = {"a": ("in_progress", 1, None), "b": ("completed", 3, 91.5)}
    listed(T1, listing)
    first = states()
    assert listed(T2, listing) == [0, 0, 0]
    assert listed(T2, listing) == [0, 0, 0]
    assert states() == first


def test_a_listing_that_is_observed_twice_after_a_change_changes_nothing(listed: Any, states: Any) -> None:
    """A run that is repeated whole."""
    listed(T1, {"a": ("not_started", 0, None)})
    listed(T2, {"a": ("completed", 1, 90.0)})
    first = states()
    assert listed(T2, {"a": ("completed", 1, 90.0)}) == [0, 0, 0]
    assert states() == first


def test_another_status_at_the_same_instant_is_not_two_states(listed: Any, states: Any) -> None:
    """A state cannot end when it began."""
    listed(T1, {"a": ("not_started", 0, None)})
    assert listed(T1, {"a": ("completed", 1, 90.0)}) == [0, 0, 0]
    assert states() == [("a", T1, None, "not_started", 0, None, "run 1")]


def test_what_is_not_listed_stays_open(listed: Any, states: Any) -> None:
    """Nobody saw it end; an empty listing ends nothing either."""
    listed(T1, {"a": ("in_progress", 1, None), "b": ("in_progress", 1, None)})
    first = states()
    assert listed(T2, {"a": ("in_progress", 1, None)}) == [0, 0, 0]
    assert listed(T3, {}) == [0, 0, 0]
    assert states() == first


def test_an_older_listing_does_not_close_a_newer_state(listed: Any, states: Any) -> None:
    """Runs may finish in another order than they began."""
    listed(T1, {"a": ("not_started", 0, None)})
    listed(T3, {"a": ("completed", 2, 90.0)})
    first = states()
    assert listed(T2, {"a": ("in_progress", 1, 50.0)}) == [0, 0, 0]
    assert states() == first


def test_an_older_listing_does_not_refresh_a_newer_state(listed: Any, states: Any) -> None:
    """Its attempts and best score were seen before that state began."""
    listed(T3, {"a": ("in_progress", 5, 80.0)})
    first = states()
    listed(T2, {"a": ("in_progress", 3, 60.0)})
    assert states() == first


def test_a_closed_assignment_may_be_seen_again_and_again(listed: Any, states: Any) -> None:
    """Over many listings: the states join without gap or overlap, and only the last is open."""
    statuses = ["not_started", "not_started", "in_progress", "past_due", "past_due", "completed", "completed"]
    for days, status in enumerate(statuses):
        listed(T1 + timedelta(days=days), {"a": (status, days, None)})
    found = states()
    assert [state[3] for state in found] == ["not_started", "in_progress", "past_due", "completed"]
    assert [state[2] for state in found] == [*(state[1] for state in found[1:]), None]
