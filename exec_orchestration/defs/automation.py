"""What follows by itself: the marts and the report, once rows that they are made of have changed.

A condition is a value; Dagster's daemon evaluates it at each tick of `marts_follow_sensor`, which starts stopped.
Nothing that sends requests to a vendor has a condition, so that none of it is ever asked for here.
"""

from collections.abc import Collection

import dagster as dg
from dagster._core.definitions.declarative_automation.operators.boolean_operators import AndAutomationCondition

from exec_orchestration.apis.budget import SCHEDULED
from exec_orchestration.defs.budget.lanes import LANE_TAG, WITH_MARTS_TAG

WHY_TAG = "exec_orchestration/why"
FOLLOWING_GROUPS = ("analytics", "reports")
Condition = dg.AutomationCondition


def follow_all() -> dg.AutomationCondition:
    """For what is made of all days: asked for when an input has new rows, once no input is being loaded.

    So it is asked for once after a range of days, however many there are, and whatever days of history are missing.
    """
    labelled: dg.AutomationCondition = _follow().with_label("follows_its_inputs")
    return labelled


def follow_the_day(daily_inputs: Collection[str]) -> dg.AutomationCondition:
    """For a daily mart: the days of which a daily input has new rows and none is missing or being loaded.

    Inputs without days are passed over: a change in one of them would ask for every day of history.
    """
    of_days = dg.AssetSelection.assets(*daily_inputs)
    condition: dg.AutomationCondition = (
        _follow(~Condition.any_deps_missing()).allow(of_days).with_label("follows_its_day")
    )
    return condition


def _follow(*more: dg.AutomationCondition) -> AndAutomationCondition:
    """An input has changed, or is asked for too; none is being loaded or has a blocking check that has not passed."""
    changed = Condition.any_deps_match(Condition.data_version_changed() | Condition.will_be_requested())
    not_passed = Condition.any_checks_match(Condition.check_failed() | Condition.in_progress(), blocking_only=True)
    return AndAutomationCondition(
        operands=[
            changed.with_label("inputs_have_changed").since(_handled()),
            ~Condition.any_deps_in_progress(),
            ~Condition.any_deps_match(not_passed).with_label("blocking_checks_have_not_passed"),
            ~Condition.in_progress(),
            *more,
        ]
    )


def _handled() -> dg.AutomationCondition:
    """Asked for or brought up to date, unless an input has changed by itself since the last tick.

    Within one tick Dagster does not tell which was first, and a change that came after the mart must not be lost:
    rather is the mart computed once more.
    """
    with_marts = Condition.all_new_updates_have_run_tags(tag_keys={WITH_MARTS_TAG})
    by_itself = Condition.any_deps_match(Condition.data_version_changed() & ~with_marts)
    done = (Condition.newly_requested() | Condition.newly_updated()) & ~by_itself
    labelled: dg.AutomationCondition = (done | Condition.initial_evaluation()).with_label("handled")
    return labelled


marts_follow_sensor = dg.AutomationConditionSensorDefinition(
    "marts_follow_sensor",
    target=dg.AssetSelection.groups(*FOLLOWING_GROUPS),
    default_status=dg.DefaultSensorStatus.STOPPED,
    minimum_interval_seconds=60,
    run_tags={WHY_TAG: "inputs_have_changed", LANE_TAG: SCHEDULED, WITH_MARTS_TAG: "true"},
    description="Asks for the marts and the report when rows that they are made of have changed: the days that did, "
    "and what is made of all days once. What a run brings up to date itself is not asked for again. It sends no "
    "request to a vendor and loads nothing.",
)
