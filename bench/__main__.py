"""`python -m bench` prints every figure, `--only PART` those of one part; `--profile` tells where a load takes long."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator

from bench import backfill, beside_dlt, history, ingest, overhead, requests_spent, user_sync
from bench.figures import Figure, machine, table
from bench.processes import CHILD_TIMEOUT_SECONDS, ROOT, postgresql_warehouses, serving, sqlite_warehouses


def of_ingest() -> Iterator[list[Figure]]:
    """Loads from a server of pages, on both databases."""
    with serving("bench.pages", "--rows", ingest.ROWS) as server:
        base = server["BASE"]
        for database, warehouses in DATABASES.items():
            with warehouses() as fresh:
                yield ingest.throughput(base, fresh, database)
                yield ingest.limits(base, fresh, database)
                yield ingest.memory(base, fresh, database)
                if database == "SQLite":
                    yield ingest.latency(base, fresh)
                    yield ingest.in_flight(base, fresh)


def of_dlt() -> Iterator[list[Figure]]:
    """The same loads beside dlt's."""
    with serving("bench.pages", "--rows", ingest.ROWS) as server:
        for database, warehouses in DATABASES.items():
            with warehouses() as fresh:
                yield beside_dlt.beside_dlt(server["BASE"], fresh, database)


def of_dagster() -> Iterator[list[Figure]]:
    """What Dagster costs around the fetching."""
    with serving("bench.pages", "--rows", 0) as server:
        yield overhead.range_of_days(server["BASE"])
    yield overhead.daily_refresh()


def of_history() -> Iterator[list[Figure]]:
    """Ten million rows in PostgreSQL."""
    with postgresql_warehouses() as fresh:
        yield history.three_years(fresh)


def figures(parts: Iterable[str]) -> Iterator[list[Figure]]:
    """The measurements of some parts, one after the other: two at once would measure each other."""
    for part in parts:
        yield from PARTS[part]()


DATABASES = {"SQLite": sqlite_warehouses, "PostgreSQL": postgresql_warehouses}
PARTS: dict[str, Callable[[], Iterable[list[Figure]]]] = {
    "ingest": of_ingest,
    "dlt": of_dlt,
    "overhead": of_dagster,
    "backfill": lambda: [backfill.year_of_days()],
    "history": of_history,
    "user_sync": lambda: [user_sync.large_company()],
    "requests": lambda: [requests_spent.shapes()],
}


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
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
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
    for group in figures(options.only or PARTS):
        measured += group
        print(".", end="", file=sys.stderr, flush=True)
    print("", file=sys.stderr)
    print(table(measured))


if __name__ == "__main__":
    main()
