"""Dagster's own records of old runs: which may go, and how. Deleting a run deletes every event that it has told.

So a run stays when anything still stands on its events: the newest materialization of a partition or of an asset, the
newest attempt at one, the last word of a check, a backfill that goes on, what the roster's sensor remembers. What a
partition shows, what is missing of a backfill, how fresh an asset is: all of that is the same afterwards.

Most loads of a day stay for ever in that way, so their log is trimmed: what they told of assets, of checks and of their
end is kept, and the rest, from the start of a step to what it has printed, goes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.tags import SENSOR_NAME_TAG

from exec_orchestration.defs.budget.resuming import ENDED, stopped_chains

RUNS_AT_ONCE = 200
RECORDS_AT_ONCE = 500
# The sensor asks for a roster once: its last run says how that went.
REMEMBERED_BY = "hr_roster_sensor"
OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
TRIMMED_TAG = "exec_orchestration/log"
TRIMMED = "trimmed"
MADE, CHECKED = dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION

# What Dagster and this project read of a run whose log nobody looks at any more, and why it failed.
READ = {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS, dg.DagsterEventType.STEP_FAILURE}


def delete_old_runs(instance: dg.DagsterInstance, *, before: datetime) -> dict[str, int]:
    """Delete the runs that ended before and on which nothing stands, and trim the others; how many of each."""
    before = min([before, *_begun_and_not_ended(instance)])
    needed = _runs_needed(instance)
    old = list(_ended(instance, before))
    gone = [run for run in old if run.run_id not in needed and not _is_last_word(instance, run.run_id)]
    whole = [run for run in old if run not in gone and TRIMMED_TAG not in run.tags]
    for run in gone:
        _delete(instance, run.run_id)
    for run in whole:
        _trim(instance, run.run_id)
    return {"runs": len(gone), "run_logs": len(whole)}


def _begun_and_not_ended(instance: dg.DagsterInstance) -> Iterator[datetime]:
    """When each backfill began that still goes on, or waits for the budget: what came since is read as its own."""
    open_ones = [status for status in BulkActionStatus if status not in ENDED]
    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=open_ones)):
        yield datetime.fromtimestamp(backfill.backfill_timestamp, UTC)
    for chain in stopped_chains(instance):
        yield datetime.fromtimestamp(chain.began_at, UTC)


def _ended(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    """The runs that ended before a moment, oldest first. Whatever touches a run later keeps it a while longer."""
    wanted, cursor = dg.RunsFilter(statuses=OVER, created_before=before), None
    while True:
        page = instance.get_run_records(wanted, limit=RUNS_AT_ONCE, cursor=cursor, ascending=True)
        for record in page:
            if record.end_time is not None and record.end_time < before.timestamp():
                yield record.dagster_run
        if len(page) < RUNS_AT_ONCE:
            return
        cursor = page[-1].dagster_run.run_id


def _runs_needed(instance: dg.DagsterInstance) -> set[str]:
    """The runs on whose materializations, or attempts at one, something stands, and the last of the roster's sensor."""
    needed = {run_id for key in instance.all_asset_keys() for run_id in _runs_of_asset(instance, key)}
    remembered = instance.get_runs(dg.RunsFilter(tags={SENSOR_NAME_TAG: REMEMBERED_BY}), limit=1)
    return needed | {run.run_id for run in remembered}


def _runs_of_asset(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[str]:
    """The runs that made an asset, or each of its partitions, last, and those that failed to do so since."""
    made, planned = (
        instance.get_latest_materialization_event(key),
        instance.get_latest_planned_materialization_info(key),
    )
    yield from (found.run_id for found in (made, planned) if found)
    storage = instance.event_log_storage
    if made is None or (made.asset_materialization and made.asset_materialization.partition):
        # A run over days plans each of them for every asset, of which one without partitions never makes any.
        failed = storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        yield from (run_id for run_id, _ in failed.values())
    ids = sorted(instance.get_latest_storage_id_by_partition(key, MADE).values())
    for at in range(0, len(ids), RECORDS_AT_ONCE):
        wanted = dg.AssetRecordsFilter(key, storage_ids=ids[at : at + RECORDS_AT_ONCE])
        yield from (record.run_id for record in instance.fetch_materializations(wanted, RECORDS_AT_ONCE).records)


def _is_last_word(instance: dg.DagsterInstance, run_id: str) -> bool:
    """True where a check has not been evaluated since: alerts and the UI read what this run found."""
    entries = instance.all_logs(run_id, of_type=CHECKED)
    found = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
    keys = list({each.asset_check_key for each in found})
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return any(record.run_id == run_id for record in latest.values())


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """The run, its events and what its steps have printed; of a SQLite instance also the file of its events."""
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for ending in ("", "-wal", "-shm"):
            Path(f"{storage.path_for_shard(run_id)}{ending}").unlink(missing_ok=True)


def _trim(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete the events of a run that tell only how it went, and what its steps have printed; its tag says so."""
    storage, events = instance.event_log_storage, SqlEventLogStorageTable
    if not isinstance(storage, SqlEventLogStorage):
        return
    # A SQLite instance holds materializations twice, and is asked for them by its index alone.
    read_here = [each.value for each in READ - ({MADE} if storage.is_run_sharded else set())]
    kind = events.c.dagster_event_type
    idle = sa.or_(kind.is_(None), kind.not_in(read_here))
    with storage.run_connection(run_id) as connection:
        connection.execute(events.delete().where(events.c.run_id == run_id, idle))
    if isinstance(storage, SqliteEventLogStorage):
        with closing(sqlite3.connect(storage.path_for_shard(run_id))) as file:
            file.execute("VACUUM")
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.add_run_tags(run_id, {TRIMMED_TAG: TRIMMED})
