"""What has failed and what has been mended, read from Dagster's own records. Nothing is asked, written or sent."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateRecord
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.event_api import RunStatusChangeRecordsFilter
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    ROOT_BACKFILL_ID_TAG,
    ROOT_RUN_ID_TAG,
)

from exec_orchestration.defs.alerts.alerting import LATE, CheckState, RunEnd
from exec_orchestration.defs.budget.lanes import RESUMED_TAG, STOPPED_TAG, backfill_of
from exec_orchestration.defs.clocks import OF_GROUP
from exec_orchestration.tables.declare import METADATA

FAILURE: Final = dg.DagsterEventType.RUN_FAILURE
SUCCESS: Final = dg.DagsterEventType.RUN_SUCCESS
EVENTS_AT_ONCE = 200
SHOWN_ASSETS = 4
GOES_ON = "budget_resume_sensor"
TELLS_CHECKS = "check_alert_sensor"
OF_CHECKS = {"ChecksFailed", "DagsterAssetCheckFailedError"}
ABOUT_PEOPLE = ("hr", "user_sync")
AGAIN_TAGS = (RESUMED_TAG, ROOT_RUN_ID_TAG, ROOT_BACKFILL_ID_TAG)


def last_event(instance: dg.DagsterInstance) -> int:
    """The newest run that ended, as a position to look on from; -1 where none has."""
    pages = [instance.fetch_run_status_changes(kind, limit=1).records for kind in (FAILURE, SUCCESS)]
    return max((record.storage_id for page in pages for record in page), default=-1)


def run_ends(instance: dg.DagsterInstance, after: int) -> tuple[list[RunEnd], int]:
    """What ended after a position, oldest first, and how far was looked: failures, and attempts that succeeded."""
    wanted = (
        RunStatusChangeRecordsFilter(FAILURE, after_storage_id=after),
        RunStatusChangeRecordsFilter(SUCCESS, after_storage_id=after),
    )
    pages = [instance.fetch_run_status_changes(each, limit=EVENTS_AT_ONCE, ascending=True) for each in wanted]
    found = [record for page in pages for record in page.records]
    full_until = [page.records[-1].storage_id for page in pages if page.has_more]
    newest = max((record.storage_id for record in found), default=after)
    # Beyond the end of a full page events of its kind may be missing.
    until = min([newest, *full_until])
    seen = sorted((each for each in found if each.storage_id <= until), key=lambda each: each.storage_id)
    return [end for record in seen if (end := _run_end(instance, record))], until


def _run_end(instance: dg.DagsterInstance, record: dg.EventLogRecord) -> RunEnd | None:
    """The end of a run; None for a run that is gone, a first success, and a stop that goes on by itself."""
    found = instance.get_run_record_by_id(record.run_id)
    if found is None:
        return None
    run, failed = found.dagster_run, record.event_log_entry.dagster_event_type == FAILURE
    if not failed and not run.tags.keys() & set(AGAIN_TAGS):
        return None
    errors = list(_errors(instance, run.run_id)) if failed else []
    kinds = {error for error, _ in errors}
    if failed and (_goes_on(instance, run, kinds) or _is_told_by_checks(instance, kinds)):
        return None
    error, text = errors[0] if errors else ("", "")
    return RunEnd(
        event=record.storage_id,
        chain=chain_of(instance, run),
        run_id=run.run_id,
        what=what_of(instance, run),
        created_at=found.create_timestamp.timestamp(),
        ended_at=record.timestamp,
        failed=failed,
        error=error,
        text=text,
    )


def chain_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The id that a run shares with its backfill, with what goes on where it stops, and with its re-executions."""
    if ROOT_BACKFILL_ID_TAG in run.tags:
        return run.tags[ROOT_BACKFILL_ID_TAG]
    chain = backfill_of(run)
    first = run if chain == run.run_id else instance.get_run_by_id(chain)
    root = first.tags.get(ROOT_RUN_ID_TAG, chain) if first else chain
    if root == chain:
        return chain
    origin = instance.get_run_by_id(root)
    return chain_of(instance, origin) if origin else root


def what_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The job, or where Dagster made one up the assets; and the days."""
    made_up = run.job_name.startswith("__")
    keys = sorted(key.to_user_string() for key in _assets(instance, run)) if made_up else []
    first, last = (run.tags.get(tag) for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
    days = run.tags.get(PARTITION_NAME_TAG) or (f"{first}...{last}" if first else "")
    what = _named(keys) or f"The job {run.job_name}"
    return f"{what} ({days})" if days else what


def _assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Collection[dg.AssetKey]:
    """What the run was to materialize, however it was launched."""
    if run.asset_selection:
        return run.asset_selection
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return {key for entry in entries if entry.dagster_event and (key := entry.dagster_event.asset_key)}


def _errors(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[str, str]]:
    """The class and the text of each step's error; a foreign error has no text here."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data is None:
            continue
        told = data.user_failure_data
        if told and "error" in told.metadata:
            yield str(told.metadata["error"].value), told.description or ""
        elif data.error:
            error = data.error
            while error.cause:
                error = error.cause
            yield error.cls_name or "error", ""


def _goes_on(instance: dg.DagsterInstance, run: dg.DagsterRun, errors: set[str]) -> bool:
    """True when only the request budget stopped the run, and the sensor that goes on with it is not turned off."""
    return STOPPED_TAG in run.tags and errors == {"RateLimited"} and not _is_off(instance, GOES_ON)


def _is_told_by_checks(instance: dg.DagsterInstance, errors: set[str]) -> bool:
    """True when only checks stopped the run, and the sensor that tells of them is not turned off."""
    return bool(errors) and errors <= OF_CHECKS and not _is_off(instance, TELLS_CHECKS)


def _is_off(instance: dg.DagsterInstance, sensor: str) -> bool:
    """True for a sensor that somebody has turned off."""
    if instance.schedule_storage is None:
        return False
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return any(state.name == sensor and state.status == InstigatorStatus.STOPPED for state in states)


def check_states(instance: dg.DagsterInstance, graph: AssetGraph) -> list[CheckState]:
    """Every check that has ever been evaluated, as its last run has left it."""
    keys = sorted(graph.asset_check_keys)
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return [_check_state(instance, graph, key, latest[key]) for key in keys if key in latest]


def _check_state(
    instance: dg.DagsterInstance, graph: AssetGraph, key: dg.AssetCheckKey, record: AssetCheckExecutionRecord
) -> CheckState:
    """Failed where any day of the run failed with severity ERROR; it passes when all of them do."""
    entries = instance.all_logs(record.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
    found = [event for event in events if event.asset_check_key == key]
    bad = [event for event in found if not event.passed]
    failed = [event for event in bad if event.severity == dg.AssetCheckSeverity.ERROR]
    passed = False if failed else (True if found and not bad else None)
    group = METADATA.tables[name].info["group"] if (name := key.asset_key.to_user_string()) in METADATA.tables else ""
    text = "What it found speaks of people: the run has it." if group in ABOUT_PEOPLE else ""
    return CheckState(
        name=f"{name}.{key.name}",
        passed=passed,
        run_id=record.run_id,
        text=text or (failed[0].description or "" if failed else ""),
        evaluated_at=record.create_timestamp,
        heading=key.name,
    )


def freshness_states(instance: dg.DagsterInstance, graph: AssetGraph) -> list[CheckState]:
    """What has not come when it was due, one state for each clock: a night that fails is told once, not per asset."""
    due = {key: clock for key in graph.get_all_asset_keys() if (clock := OF_GROUP.get(graph.get(key).group_name or ""))}
    records = instance.get_freshness_state_records(sorted(due))
    return [
        _freshness_state(clock.name, {key: record for key, record in records.items() if due[key] == clock})
        for clock in sorted(set(due.values()), key=lambda clock: clock.name)
        if any(due[key] == clock for key in records)
    ]


def _freshness_state(name: str, records: Mapping[dg.AssetKey, FreshnessStateRecord]) -> CheckState:
    late = sorted(key for key, record in records.items() if record.freshness_state == FreshnessState.FAIL)
    text = (
        f"Not there when they were due: {_named([key.to_user_string() for key in late])}. See whether the schedule and "
        "the daemon are on, and how the last run has ended."
    )
    newest = max(record.updated_at.timestamp() for record in records.values())
    return CheckState(name, passed=not late, text=text, evaluated_at=newest, titles=LATE, heading="late")


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_ASSETS]) + (f" and {len(names) - SHOWN_ASSETS} more" if names[SHOWN_ASSETS:] else "")
