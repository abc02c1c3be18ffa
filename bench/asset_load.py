"""The project's own asset, `exec_assignments`, materialized once for one day in an ephemeral instance.

`load_seconds` is Dagster's own figure for the step; `step_seconds` is the whole of `dg.materialize` around it. The
schema is migrated before, as on any day but the first.
"""

import argparse
import cProfile
import json
import logging
import pstats
import resource
import sys
import time
from typing import Any

import dagster as dg

from bench.pages import DAY
from exec_orchestration.defs.exec_assets import exec_assignments
from exec_orchestration.defs.resources import ExecResource, WarehouseResource
from exec_orchestration.tables.exec_com import exec_assignments as table
from exec_orchestration.tables.warehouse import Window

TOP = 25


def materialize(environment: dict[str, str]) -> dict[str, Any]:
    """Load DAY; the rows that the partition then holds, and the seconds."""
    warehouse = WarehouseResource(environment)
    exec_com = ExecResource(environment, warehouse=warehouse)
    tables = warehouse.tables
    began = time.perf_counter()
    result = dg.materialize(
        [exec_assignments],
        partition_key=str(DAY),
        resources={"exec_com": exec_com, "warehouse": warehouse},
        instance=dg.DagsterInstance.ephemeral(),
    )
    step_seconds = time.perf_counter() - began
    (step,) = (event for event in result.all_events if event.is_step_success)
    rows = tables.rows_by_day(table, Window(DAY, DAY)).get(DAY, 0)
    exec_com.close()
    tables.close()
    return {"rows": rows, "load_seconds": step.event_specific_data.duration_ms / 1_000, "step_seconds": step_seconds}


def environment_for(options: argparse.Namespace) -> dict[str, str]:
    """The settings that lead to the benchmark's server and warehouse."""
    return {
        "EXEC_API_URL": options.url,
        "EXEC_API_KEY": "exec_live_" + "B" * 40,
        "EXEC_REQUESTS_PER_MINUTE": "0",
        "EXEC_REQUESTS_PER_DAY": "0",
        "EXEC_CONCURRENCY": str(options.concurrency),
        "WAREHOUSE_URL": options.warehouse,
    }


def profiled(environment: dict[str, str]) -> None:
    """Print where the main thread spends its time; with a concurrency of 1 it does everything itself."""
    profile = cProfile.Profile()
    profile.enable()
    materialize(environment)
    profile.disable()
    for order in ("cumulative", "tottime"):
        pstats.Stats(profile, stream=sys.stdout).sort_stats(order).print_stats(TOP)


def main() -> None:
    """Load once and print rows, seconds and the peak of memory."""
    parser = argparse.ArgumentParser(prog="bench.asset_load")
    parser.add_argument("url")
    parser.add_argument("warehouse")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    if options.profile:
        profiled(environment_for(options))
        return
    told = materialize(environment_for(options))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(json.dumps({**told, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main()
