"""One user sync of a large company in one process, on the sandbox: two rosters, one after the other.

The first roster is what the accounts hold already; in the second a share of the people has changed. Prints what the
second sync cost: seconds of each step and of comparing and planning alone, requests, and the peak of memory.
"""

import argparse
import csv
import json
import logging
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx

from exec_orchestration.defs import roster_assets, sparkwise_assets
from exec_orchestration.defs.resources import SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.sensors import hr_roster_sensor
from exec_orchestration.defs.sync.run import UserSync

HEADER = ("employee_id", "email", "first_name", "last_name", "status", "department")
LEAVERS, JOINERS_SHARE = 20, 0.3
STEPS = ("hr_roster", "sparkwise_users", "plan_and_send")


def people(count: int, *, changed: int = 0) -> Iterator[tuple[str, ...]]:
    """The roster's rows: of `changed` people 20 have left, some are new, and the rest have a new last name."""
    joiners = int(changed * JOINERS_SHARE)
    renamed = changed - joiners - LEAVERS if changed else 0
    for number in range(count):
        status = "terminated" if changed and number < LEAVERS else "active"
        last = "Renamed" if LEAVERS <= number < LEAVERS + renamed else f"Person {number}"
        yield (f"E{number:07}", f"e{number}@example.com", "Zoë", last, status, f"Department {number % 40}")
    for number in range(joiners):
        yield (f"N{number:07}", f"n{number}@example.com", "Ana", f"Joiner {number}", "active", "Department 1")


def write_roster(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    """The rows as a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def open_accounts(sandbox: str, count: int) -> None:
    """Give the sandbox the accounts of the first roster, and no others."""
    held = [
        {"firstName": first, "lastName": last, "active": True, "remoteId": employee_id}
        for employee_id, _, first, last, _, _ in people(count)
    ]
    httpx.put(f"{sandbox}/_sandbox/accounts", json=held, timeout=60).raise_for_status()


def sync(resources: dict[str, Any]) -> dict[str, float]:
    """Seconds of each step of one sync."""
    result = dg.materialize(
        [roster_assets.hr_roster, sparkwise_assets.sparkwise_users, roster_assets.plan_and_send],
        resources=resources,
        instance=dg.DagsterInstance.ephemeral(),
    )
    return {
        event.step_key: event.event_specific_data.duration_ms / 1_000
        for event in result.all_events
        if event.is_step_success
    }


def timing(seconds: list[float]) -> None:
    """Append to `seconds` how long each comparing and planning takes."""
    plan = UserSync.plan

    def timed(self: UserSync, config: Any) -> Any:
        began = time.perf_counter()
        try:
            return plan(self, config)
        finally:
            seconds.append(time.perf_counter() - began)

    UserSync.plan = timed  # type: ignore[method-assign]


def tick(environment: dict[str, str]) -> float:
    """How long hr_roster_sensor takes to look at the roster once."""
    os.environ.update(environment)
    context = dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral())
    began = time.perf_counter()
    hr_roster_sensor(context)
    return time.perf_counter() - began


def main() -> None:
    """Sync twice and print what the second time cost."""
    parser = argparse.ArgumentParser(prog="bench.sync_run")
    parser.add_argument("people", type=int)
    parser.add_argument("changed", type=int)
    parser.add_argument("roster", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    sandbox = os.environ["SPARKWISE_API_URL"].removesuffix("/sparkwise")
    open_accounts(sandbox, options.people)
    environment = {**os.environ, "HR_ROSTER_URL": str(options.roster), "HR_ROSTER_SETTLE_SECONDS": "0"}
    sparkwise = SparkwiseResource(environment)
    resources = {
        "roster": RosterResource(environment),
        "sparkwise": sparkwise,
        "warehouse": WarehouseResource(environment),
    }
    planning: list[float] = []
    timing(planning)
    write_roster(options.roster, people(options.people))
    sync(resources)
    write_roster(options.roster, people(options.people, changed=options.changed))
    tick_seconds = tick(environment)
    before = sparkwise.api.client.traffic.requests
    steps = sync(resources)
    told = {
        **{f"{name}_seconds": steps[name] for name in STEPS},
        "planning_seconds": planning[-1],
        "tick_seconds": tick_seconds,
        "requests": sparkwise.api.client.traffic.requests - before,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
