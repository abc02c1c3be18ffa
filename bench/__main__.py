"""`python -m bench` prints every figure; `--profile` shows where one load spends its time instead."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator

from bench import ingest, overhead, requests_spent, user_sync
from bench.figures import Figure, machine, table
from bench.processes import CHILD_TIMEOUT_SECONDS, ROOT, postgresql_warehouses, serving, sqlite_warehouses


def figures() -> Iterator[list[Figure]]:
    """Every measurement, one after the other: two at once would measure each other."""
    with serving("bench.pages", "--rows", ingest.ROWS) as server:
        base = server["BASE"]
        with sqlite_warehouses() as sqlite:
            yield ingest.throughput(base, sqlite, "SQLite")
            yield ingest.memory(base, sqlite, "SQLite")
            yield ingest.latency(base, sqlite)
        with postgresql_warehouses() as postgresql:
            yield ingest.throughput(base, postgresql, "PostgreSQL")
            yield ingest.memory(base, postgresql, "PostgreSQL")
        yield overhead.range_of_days(base)
    yield overhead.daily_refresh()
    yield user_sync.large_company()
    yield requests_spent.shapes()


def profile(database: str) -> None:
    """Print the profile of one load with one request at a time, so that one thread does all the work."""
    warehouses = sqlite_warehouses if database == "sqlite" else postgresql_warehouses
    with serving("bench.pages", "--rows", ingest.ROWS) as server, warehouses() as fresh:
        url = f"{server['BASE']}/rows/{ingest.ROWS}/delay/0"
        command = [sys.executable, "-m", "bench.asset_load", url, fresh(), "--concurrency", "1", "--profile"]
        subprocess.run(command, cwd=ROOT, check=True, timeout=CHILD_TIMEOUT_SECONDS)


def main() -> None:
    """Measure and print. A missed target is told in the table, not by the exit status."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--profile", action="store_true", help="profile one load of 200,000 rows instead")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="for --profile")
    options = parser.parse_args()
    # So that `timeout` or a supervisor ends the servers too, and not only this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(machine(), flush=True)
    if options.profile:
        profile(options.database)
        return
    measured: list[Figure] = []
    for group in figures():
        measured += group
        print(".", end="", file=sys.stderr, flush=True)
    print("", file=sys.stderr)
    print(table(measured))


if __name__ == "__main__":
    main()
