"""Freshness: what has not come when it was due, as Dagster's daemon judges it, and what is told of it."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.definitions.freshness_evaluator import FRESHNESS_EVALUATORS_BY_POLICY_TYPE
from dagster._core.test_utils import freeze_time
from dagster._core.workspace.context import LoadingContext

from exec_orchestration.definitions import defs
from exec_orchestration.defs.alerts.failing import freshness_states

GRAPH = defs.resolve_asset_graph()
FAIL, PASS, UNKNOWN = FreshnessState.FAIL, FreshnessState.PASS, FreshnessState.UNKNOWN


class Context(LoadingContext):
    """What the daemon hands to an evaluator."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[Any, Any] = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict[Any, Any]:
        return self._loaders


def state(instance: dg.DagsterInstance, name: str, at: datetime) -> FreshnessState:
    """What the daemon finds at a moment."""
    node = GRAPH.get(dg.AssetKey(name))
    evaluator = FRESHNESS_EVALUATORS_BY_POLICY_TYPE[type(node.freshness_policy)]()
    with freeze_time(at):
        return asyncio.run(evaluator.evaluate_freshness(Context(instance), node))


def made(instance: dg.DagsterInstance, name: str, at: datetime, day: str | None = None) -> None:
    """A materialization at a moment."""
    with freeze_time(at):
        instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=day))


def moment(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("name", ["exec_sessions", "scenario_lift", "learner_lift", "exec_members"])
def test_what_the_night_brings_is_due_by_half_past_five(instance: dg.DagsterInstance, name: str) -> None:
    """Any day that was loaded since the schedule ran counts; one of the evening before does not."""
    day = "2026-01-18" if GRAPH.get(dg.AssetKey(name)).is_partitioned else None
    assert state(instance, name, moment(20, 12)) == UNKNOWN
    made(instance, name, moment(19, 22), day)
    assert state(instance, name, moment(20, 5, 29)) == PASS
    assert state(instance, name, moment(20, 5, 31)) == FAIL
    made(instance, name, moment(20, 9), day)
    assert state(instance, name, moment(20, 9, 1)) == PASS
    assert state(instance, name, moment(21, 5, 31)) == FAIL


def test_the_other_clocks(instance: dg.DagsterInstance) -> None:
    """The roster is due in the morning, the report after both, the budget every hour and an hour more."""
    for name in ("hr_roster", "learning_report", "request_budget"):
        made(instance, name, moment(20, 5, 20))
    assert state(instance, "hr_roster", moment(20, 7, 16)) == PASS
    assert state(instance, "hr_roster", moment(21, 7, 16)) == FAIL
    assert state(instance, "learning_report", moment(21, 8, 29)) == PASS
    assert state(instance, "learning_report", moment(21, 8, 31)) == FAIL
    assert state(instance, "request_budget", moment(20, 7, 19)) == PASS
    assert state(instance, "request_budget", moment(20, 7, 21)) == FAIL


@pytest.fixture
def kept() -> Iterator[dg.DagsterInstance]:
    """An instance that keeps the daemon's findings."""
    with dg.instance_for_test() as made:
        yield made


def found(instance: dg.DagsterInstance, name: str, new: FreshnessState) -> None:
    """What the daemon writes down when a state changes."""
    instance._report_runless_asset_event(
        FreshnessStateChange(
            key=dg.AssetKey(name), new_state=new, previous_state=UNKNOWN, state_change_timestamp=time.time()
        )
    )


def test_a_night_that_failed_is_one_state(kept: dg.DagsterInstance) -> None:
    """Late as long as any of its assets is; nothing is known before the daemon has looked."""
    assert freshness_states(kept, GRAPH) == []
    for name in ("exec_sessions", "exec_members", "hr_roster"):
        found(kept, name, PASS)
    assert {each.name: each.passed for each in freshness_states(kept, GRAPH)} == {
        "daily_refresh": True,
        "user_sync": True,
    }
    found(kept, "exec_sessions", FAIL)
    found(kept, "exec_members", FAIL)
    late = {each.name: each for each in freshness_states(kept, GRAPH)}
    assert not late["daily_refresh"].passed
    assert "exec_members, exec_sessions" in late["daily_refresh"].text
    assert late["user_sync"].passed
    found(kept, "exec_sessions", PASS)
    assert not freshness_states(kept, GRAPH)[0].passed
    found(kept, "exec_members", PASS)
    assert all(each.passed for each in freshness_states(kept, GRAPH))
