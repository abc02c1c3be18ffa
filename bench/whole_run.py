"""One run of the project's assets in one process, on an instance that keeps its events in SQLite.

Settings come from the environment, as in production; only the transports are replaced, to know the time in flight.
Prints the seconds in flight, the number of requests and the seconds of the run.
"""

import argparse
import json
import logging
import os
import time

import dagster as dg

from bench.timed_transport import TimedTransport
from exec_orchestration.definitions import defs
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource


def timed_definitions(transports: list[TimedTransport]) -> dg.Definitions:
    """The project's own definitions, with resources that ask through `transports`."""
    resources = {
        "exec_com": ExecResource(os.environ, transport=transports[0]),
        "sparkwise": SparkwiseResource(os.environ, transport=transports[1]),
        "roster": RosterResource(os.environ),
        "warehouse": WarehouseResource(os.environ),
    }
    return dg.Definitions(assets=defs.assets, jobs=defs.jobs, resources=resources, executor=dg.in_process_executor)


def range_tags(first: str, last: str) -> dict[str, str]:
    """What makes one run of a range of days."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def main() -> None:
    """Run a job, or one of its assets, for the days given."""
    parser = argparse.ArgumentParser(prog="bench.whole_run")
    parser.add_argument("first_day")
    parser.add_argument("last_day")
    parser.add_argument("--asset", help="this asset alone, by its name")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    transports = [TimedTransport(), TimedTransport()]
    job = timed_definitions(transports).resolve_job_def("daily_refresh")
    began = time.perf_counter()
    result = job.execute_in_process(
        instance=dg.DagsterInstance.get(),
        tags=range_tags(options.first_day, options.last_day),
        asset_selection=[dg.AssetKey(options.asset)] if options.asset else None,
    )
    told = {
        "run_seconds": time.perf_counter() - began,
        "fetch_seconds": sum(each.seconds for each in transports),
        "requests": sum(each.requests for each in transports),
        "materializations": sum(event.is_step_materialization for event in result.all_events),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
