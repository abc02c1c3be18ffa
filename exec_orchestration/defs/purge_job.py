"""The job that keeps the books from growing for ever: old requests, journals and runs go, within the settings."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.old_runs import delete_old_runs
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.tables.purge import JOURNALS, REQUESTS, purge


@dg.op(out=dg.Out(dg.Nothing), description="Deletes what is older than the KEEP_..._DAYS and nothing stands on.")
@told_plainly
def purge_old(context: dg.OpExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]) -> None:
    """What went of each table, and of Dagster's runs, is in the metadata. A setting of 0 days keeps for ever."""
    now = datetime.now(UTC)
    kept_days = warehouse.keep_days
    gone = purge(warehouse.tables, REQUESTS, before=now - timedelta(days=kept_days["requests"]))
    if kept_days["outcomes"]:
        gone |= purge(warehouse.tables, JOURNALS, before=now - timedelta(days=kept_days["outcomes"]))
    if kept_days["runs"]:
        gone |= delete_old_runs(context.instance, before=now - timedelta(days=kept_days["runs"]))
    context.add_output_metadata({**gone, **{f"kept_days_of_{name}": days for name, days in kept_days.items()}})
    context.log.info("Deleted: " + ", ".join(f"{count} of {name}" for name, count in gone.items()))


@dg.job(
    name="purge",
    description="Deletes old requests, old journal entries and old runs, as KEEP_REQUESTS_DAYS, KEEP_OUTCOMES_DAYS and "
    "KEEP_RUNS_DAYS say. Partitions stay materialized, and no table of facts is touched.",
)
def purge_job() -> None:
    """All of it, in one step."""
    purge_old()
