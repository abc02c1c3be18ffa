"""On whose account a run's requests go: its lane, taken from the run's tags, and the backfill that it belongs to.

Scheduled loads and the user sync may use the whole quota, backfills what is above EXEC_DAILY_RESERVE. A tag of one's
own, `exec_orchestration/lane`, goes before everything else.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
)

from exec_orchestration.apis.budget import BACKFILL, LANES, SCHEDULED, SYNC, Charge
from exec_orchestration.tables.budget_queries import free_reservations, give_up, reserving_runs, unanswered
from exec_orchestration.tables.warehouse import Warehouse

LANE_TAG = "exec_orchestration/lane"
RESUMED_TAG = "exec_orchestration/backfill"
STOPPED_TAG, STOPPED = "exec_orchestration/stopped", "request budget"
# The run that was stopped itself: a re-execution copies tags.
STOPPED_RUN_TAG = "exec_orchestration/stopped_run"
# How participants are found where the sessions turned out not to be usable; runs that go on do not try them again.
STRATEGY_TAG = "exec_orchestration/participants_strategy"
# On runs that bring the marts of what they load up to date themselves: Dagster's own look at a run knows one day of it.
WITH_MARTS_TAG = "exec_orchestration/with_marts"
RESUME_AT_TAG = "exec_orchestration/resume_at"
SYNC_NAMES = ("user_sync", "hr_roster_sensor")


def lane_of(run: dg.DagsterRun) -> str:
    """The lane of a run: whoever loads several days at once without being a schedule is a backfill."""
    tags = run.tags
    if tags.get(LANE_TAG) in LANES:
        return tags[LANE_TAG]
    if SCHEDULE_NAME_TAG in tags:
        return SYNC if run.job_name.startswith(SYNC_NAMES) else SCHEDULED
    if run.job_name.startswith(SYNC_NAMES) or tags.get(SENSOR_NAME_TAG, "").startswith(SYNC_NAMES):
        return SYNC
    is_range = tags.get(ASSET_PARTITION_RANGE_START_TAG) != tags.get(ASSET_PARTITION_RANGE_END_TAG)
    return BACKFILL if is_range or BACKFILL_ID_TAG in tags or RESUMED_TAG in tags else SCHEDULED


def backfill_of(run: dg.DagsterRun) -> str:
    """The id that a run shares with those that go on where it stops: Dagster's of the backfill, or of the first run."""
    return run.tags.get(RESUMED_TAG) or run.tags.get(BACKFILL_ID_TAG) or run.run_id


def charge_of(run: dg.DagsterRun, asset: str | None = None) -> Charge:
    """On whose account the requests of a run's asset go."""
    lane = lane_of(run)
    return Charge(lane=lane, asset=asset, run_id=run.run_id, backfill=backfill_of(run) if lane == BACKFILL else None)


def free_what_died(instance: dg.DagsterInstance, tables: Warehouse, api: str) -> None:
    """Give back what killed runs have set aside, once Dagster knows that they have ended: they can run again then.

    What they had under way at the vendor `api` counts from then on as any request that has ended.
    """
    now = datetime.now(UTC)
    lost = tables.read(unanswered(api, now - timedelta(days=2)))
    holding = {row.run_id for row in (*tables.read(reserving_runs()), *lost)}
    runs = [instance.get_run_by_id(run_id) for run_id in holding]
    ended = {run.run_id for run in runs if run is not None and run.is_finished}
    if ended:
        tables.write((free_reservations(ended), [{}]))
    if gone := [row for row in lost if row.run_id in ended]:
        tables.write(give_up(gone, now))
