"""Schedules: they ask for runs, and load nothing themselves. All start stopped. When they run stands in `clocks`."""

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from exec_orchestration.defs import clocks
from exec_orchestration.defs.jobs import daily_refresh
from exec_orchestration.defs.partitions import DAILY
from exec_orchestration.defs.resources import lookback_days
from exec_orchestration.defs.sync.jobs import user_sync
from exec_orchestration.defs.upkeep.purge import purge_job


@dg.schedule(
    job=daily_refresh,
    cron_schedule=clocks.NIGHT.cron,
    execution_timezone=DAILY.timezone,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Loads yesterday, and the LOOKBACK_DAYS - 1 days before it again, since sessions are graded late.",
)
def daily_refresh_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run over the last LOOKBACK_DAYS complete days."""
    keys = DAILY.get_partition_keys(current_time=context.scheduled_execution_time)[-lookback_days() :]
    if not keys:
        return dg.SkipReason(f"No day since {DAILY.start:%Y-%m-%d} is over yet.")
    return dg.RunRequest(
        run_key=f"{keys[0]}...{keys[-1]}",
        tags={ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]},
    )


@dg.schedule(
    job=user_sync,
    cron_schedule=clocks.MORNING.cron,
    execution_timezone=DAILY.timezone,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Syncs the users even when HR has not changed: people edit Sparkwise by hand, and last days pass.",
)
def user_sync_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run a day."""
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")


request_budget_schedule = dg.ScheduleDefinition(
    name="request_budget_schedule",
    target=dg.AssetSelection.assets("request_budget"),
    cron_schedule=clocks.BUDGET.cron,
    execution_timezone=DAILY.timezone,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Brings request_budget up to date every hour. It sends no request to a vendor.",
)

purge_schedule = dg.ScheduleDefinition(
    name="purge_schedule",
    job=purge_job,
    cron_schedule=clocks.PURGE.cron,
    execution_timezone=DAILY.timezone,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Deletes old requests, journal entries and runs every Sunday, when the night's work is done.",
)

SCHEDULES = [daily_refresh_schedule, user_sync_schedule, request_budget_schedule, purge_schedule]
