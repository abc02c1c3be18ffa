"""What the runs before this one have finished, where Dagster itself retries a run whose process died.

A retry is asked for the same range of days as the run that died. The days that this one had loaded, told and judged
stand, and each would cost its requests again. A run that a person launches, or launches again, loads everything.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import dagster as dg
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, PARENT_RUN_ID_TAG

from exec_orchestration.defs.partitions import DayWindow

READ = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}

Finished = Mapping[str, dg.AssetMaterialization]


def finished_days(instance: dg.DagsterInstance, run: dg.DagsterRun, key: dg.AssetKey) -> Finished:
    """The days of an asset that the runs which `run` is a retry of have told and judged, and what they told."""
    told: dict[str, dg.AssetMaterialization] = {}
    well: dict[str, dict[str, bool]] = defaultdict(dict)
    for event in _events(instance, run):
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            verdict = event.asset_check_evaluation_data
            if verdict.asset_key == key and verdict.partition:
                is_well = verdict.passed or verdict.severity != dg.AssetCheckSeverity.ERROR
                well[verdict.partition][verdict.check_name] = is_well
        elif event.asset_key == key and event.partition:
            told[event.partition] = event.step_materialization_data.materialization
    if not well:
        return told
    # A day is told first and judged then: the last one may lack some of the verdicts that the others have.
    most = max(map(len, well.values())) if len(well) > 1 else math.inf
    return {day: each for day, each in told.items() if len(well[day]) == most and all(well[day].values())}


def left_to_load(days: Collection[DayWindow], finished: Collection[str]) -> list[DayWindow]:
    """The days from the first to the last that is not finished; where all are, the last, which tells of the step."""
    asked = list(days)
    lacking = [number for number, day in enumerate(asked) if day.key not in finished]
    return asked[lacking[0] : lacking[-1] + 1] if lacking else asked[-1:]


def _events(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.DagsterEvent]:
    """What the runs before have told, oldest first."""
    for run_id in reversed(list(_retried(instance, run))):
        for entry in instance.all_logs(run_id, of_type=READ):
            if entry.dagster_event:
                yield entry.dagster_event


def _retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """The runs that Dagster retries by this one, newest first."""
    while parent := instance.get_run_by_id(run.tags.get(PARENT_RUN_ID_TAG, "")):
        if parent.tags.get(AUTO_RETRY_RUN_ID_TAG) != run.run_id:
            return
        yield parent.run_id
        run = parent
