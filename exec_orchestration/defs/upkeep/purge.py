"""The job that keeps the books from growing for ever: old requests, journals, runs and days go, as settings say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.defs.upkeep.old_runs import delete_old_runs
from exec_orchestration.tables.purge import JOURNALS, REQUESTS, purge, purge_days


@dg.op(out=dg.Out(dg.Nothing), description="Deletes what is older than the KEEP_... settings and nothing stands on.")
@told_plainly
def purge_old(context: dg.OpExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]) -> None:
    """What went of each table, and of Dagster's runs, is in the metadata. A setting of 0 keeps for ever."""
    now = datetime.now(UTC)
    kept_days, kept_from = warehouse.keep_days, warehouse.kept_from
    gone = purge(warehouse.tables, REQUESTS, before=now - timedelta(days=kept_days["requests"]))
    if kept_days["outcomes"]:
        gone |= purge(warehouse.tables, JOURNALS, before=now - timedelta(days=kept_days["outcomes"]))
    if kept_days["runs"]:
        gone |= delete_old_runs(context.instance, before=now - timedelta(days=kept_days["runs"]))
    # Last, since dropping a month may fail on somebody who reads for long.
    if kept_from:
        gone |= purge_days(warehouse.tables, before=kept_from)
    kept: dict[str, Any] = {f"kept_days_of_{name}": days for name, days in kept_days.items()}
    context.add_output_metadata({**gone, **kept, "facts_are_kept_from": str(kept_from or "ever")})
    context.log.info("Deleted: " + ", ".join(f"{count} of {name}" for name, count in gone.items()))


@dg.job(
    name="purge",
    description="Deletes old requests, old journal entries and old runs, as KEEP_REQUESTS_DAYS, KEEP_OUTCOMES_DAYS and "
    "KEEP_RUNS_DAYS say, and days of the daily tables only where KEEP_FACTS_MONTHS does. Partitions stay materialized.",
)
def purge_job() -> None:
    """All of it, in one step."""
    purge_old()
