"""A run that died and is retried by Dagster fetches only what was not finished; everybody else loads everything."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    PARENT_RUN_ID_TAG,
)

from exec_orchestration.definitions import defs
from exec_orchestration.defs.partitions import DayWindow
from exec_orchestration.defs.retrying import finished_days, left_to_load
from exec_orchestration_tests.defs.conftest import House
from exec_orchestration_tests.defs.test_loads import DAYS, FIRST, LAST

BY_DAY = "exec_skill_proficiency"
BY_RANGE = "sparkwise_completions"


def run_again(house: House, name: str, of: Any, *, is_dagsters: bool = True, **settings: str) -> Any:
    """Run the range again as a re-execution of another run, by Dagster itself or by a person."""
    run_id = str(uuid4())
    if is_dagsters:
        house.instance.add_run_tags(of.run_id, {AUTO_RETRY_RUN_ID_TAG: run_id})
    tags = {PARENT_RUN_ID_TAG: of.run_id, ASSET_PARTITION_RANGE_START_TAG: FIRST, ASSET_PARTITION_RANGE_END_TAG: LAST}
    with house.resources(**settings) as resources:
        made = dg.Definitions(
            assets=defs.assets, jobs=[dg.define_asset_job("again", selection=[name])], resources=resources
        )
        return made.resolve_job_def("again").execute_in_process(
            run_id=run_id, instance=house.instance, tags=tags, raise_on_error=False
        )


def days_asked(house: House) -> set[str]:
    """The days that proficiency was asked for since this was asked last."""
    queries = [entry["query"] for entry in house.sandbox.requests("/proficiency")]
    house.sandbox.log.clear()
    return {day for query in queries for day in re.findall(r"end_date=(\d{4}-\d\d-\d\d)", query)}


def ends(result: Any) -> dict[str, str]:
    """The data version that the run has told last, of each day."""
    events = result.get_asset_materialization_events()
    return {event.partition: event.materialization.tags["dagster/data_version"] for event in events}


def test_a_retry_leaves_finished_days_as_they_are(house: House) -> None:
    """Days 1 to 3 are not asked for again, keep their rows, and are told with the version and facts they had."""
    whole = house.run(BY_DAY, first=FIRST, last=LAST)
    expected, versions = house.rows(BY_DAY), ends(whole)
    house.sandbox.fault("/proficiency.*end_date=2026-01-22", status=400)
    died = house.run(BY_DAY, first=FIRST, last=LAST)
    told = house.metadata(BY_DAY, DAYS[0])
    house.sandbox.heal()
    days_asked(house)
    again = run_again(house, BY_DAY, died)
    assert again.success
    assert days_asked(house) == set(DAYS[3:])
    assert house.rows(BY_DAY) == expected
    assert ends(again) == versions
    assert house.metadata(BY_DAY, DAYS[0]) == told
    (note,) = [
        entry.user_message
        for entry in house.instance.all_logs(again.run_id)
        if "before this one has finished" in entry.user_message
    ]
    assert "3 of 5 days" in note


def test_what_a_person_launches_again_loads_everything(sqlite_house: House) -> None:
    """Whoever re-executes a run may want the finished days to be fetched anew."""
    house = sqlite_house
    house.sandbox.fault("/proficiency.*end_date=2026-01-22", status=400)
    died = house.run(BY_DAY, first=FIRST, last=LAST)
    house.sandbox.heal()
    days_asked(house)
    by_hand = run_again(house, BY_DAY, died, is_dagsters=False)
    assert days_asked(house) == set(DAYS)
    # A retry of this one looks no further back than to what the person has launched.
    assert run_again(house, BY_DAY, by_hand).success
    assert days_asked(house) == {DAYS[-1]}


def test_a_retry_of_a_retry_knows_both(sqlite_house: House) -> None:
    """What either of them has finished stands."""
    house = sqlite_house
    house.sandbox.fault("/proficiency.*end_date=2026-01-20", status=400)
    died = house.run(BY_DAY, first=FIRST, last=LAST)
    house.sandbox.heal()
    house.sandbox.fault("/proficiency.*end_date=2026-01-22", status=400)
    again = run_again(house, BY_DAY, died)
    house.sandbox.heal()
    days_asked(house)
    assert run_again(house, BY_DAY, again).success
    assert days_asked(house) == set(DAYS[3:])


def test_a_day_that_was_judged_wrong_is_loaded_again(sqlite_house: House) -> None:
    """It stands, but a check has failed on it: the retry judges it anew, and from there on loads everything."""
    house = sqlite_house
    house.sandbox.fault("/proficiency.*end_date=2026-01-20", set_field={"score": 140.0})
    died = house.run(BY_DAY, first=FIRST, last=LAST)
    assert not died.success
    assert house.materialized(BY_DAY) == DAYS
    house.sandbox.heal()
    days_asked(house)
    assert run_again(house, BY_DAY, died).success
    assert days_asked(house) == {DAYS[1]}


def test_one_listing_of_what_is_left_of_a_range(sqlite_house: House) -> None:
    """Assets that list a range at once list the days that are left."""
    house = sqlite_house
    house.run(BY_RANGE, first=FIRST, last=LAST)
    expected = house.rows(BY_RANGE)
    house.sandbox.fault("/completions", status=400)
    died = house.run(BY_RANGE, first=FIRST, last=LAST)
    house.sandbox.heal()
    assert run_again(house, BY_RANGE, died).success
    assert house.rows(BY_RANGE) == expected


KEY = dg.AssetKey("exec_sessions")
JOB = "daily_refresh"


def died_after(instance: dg.DagsterInstance, *told: tuple[str, list[bool]]) -> dg.DagsterRun:
    """A run that Dagster retries: which days the one before has told, with the verdicts that it came to; the retry."""
    died = instance.create_run_for_job(defs.resolve_job_def(JOB))
    for day, verdicts in told:
        made = StepMaterializationData(dg.AssetMaterialization(KEY, partition=day))
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        instance.report_dagster_event(dg.DagsterEvent(kind.value, JOB, event_specific_data=made), died.run_id)
        for number, passed in enumerate(verdicts):
            verdict = dg.AssetCheckEvaluation(KEY, f"check_{number}", passed=passed, metadata={}, partition=day)
            kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
            instance.report_dagster_event(dg.DagsterEvent(kind.value, JOB, event_specific_data=verdict), died.run_id)
    retry = instance.create_run_for_job(defs.resolve_job_def(JOB), tags={PARENT_RUN_ID_TAG: died.run_id})
    instance.add_run_tags(died.run_id, {AUTO_RETRY_RUN_ID_TAG: retry.run_id})
    return retry


@pytest.mark.parametrize(
    ("told", "finished"),
    [
        ([], []),
        ([("1", [True, True]), ("2", [True, True]), ("3", [True, True])], ["1", "2", "3"]),
        ([("1", [True, True]), ("2", [True, True]), ("3", [True])], ["1", "2"]),
        ([("1", [True, True]), ("2", [True, True]), ("3", [])], ["1", "2"]),
        ([("1", [True, True]), ("2", [False, True])], ["1"]),
        ([("1", [True])], []),
        ([("1", []), ("2", [])], ["1", "2"]),
    ],
    ids=["nothing", "all judged", "half judged", "not judged", "wrong", "one day alone", "a load without checks"],
)
def test_a_day_is_finished_when_it_is_told_and_judged(
    instance: dg.DagsterInstance, told: list[tuple[str, list[bool]]], finished: list[str]
) -> None:
    """A run may die between the two; of one day alone nobody knows how many verdicts there should be."""
    assert list(finished_days(instance, died_after(instance, *told), KEY)) == finished


def window(day: int) -> DayWindow:
    """A day of January."""
    start = datetime(2026, 1, day, tzinfo=UTC)
    return DayWindow(f"2026-01-{day:02}", date(2026, 1, day), start, start + timedelta(days=1))


@pytest.mark.parametrize(
    ("finished", "left"),
    [
        ([], [1, 2, 3, 4]),
        ([1, 2], [3, 4]),
        ([3, 4], [1, 2]),
        ([1, 4], [2, 3]),
        ([2], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [4]),
    ],
    ids=["none", "from the first on", "from the last on", "from both ends", "in between", "all"],
)
def test_what_is_left_is_one_stretch(finished: list[int], left: list[int]) -> None:
    """From the first day that is missing to the last: one listing serves it. Of nothing, the last day is left."""
    days = [window(day) for day in range(1, 5)]
    assert left_to_load(days, {window(day).key for day in finished}) == [window(day) for day in left]
