"""Rows per second against the bare loop and the machine, memory against rows, time against the latency of a page."""

from statistics import median

from bench.figures import Figure
from bench.processes import FreshWarehouse, measured

ROWS, FEWER_ROWS = 200_000, 20_000
CONCURRENCY = 4
ROUNDS = 3
# A hundred pages, of which the step's own half a second is a part that shows, and four hundred.
FEW_SLOW_ROWS, SLOW_ROWS, SLOW_PAGE_MILLISECONDS, PAGE_ROWS = 10_000, 40_000, 50, 100

RATIO_TARGET = 0.6
ROWS_PER_SECOND_TARGET, BARE_ROWS_PER_SECOND = 20_000, 35_000
MEMORY_TARGET = 1.3
CONCURRENCY_TARGET = 3.5

IN_FLIGHT = 8
WHOLE_LOAD_TARGET = 1.5


def throughput(base: str, warehouse: FreshWarehouse, database: str) -> list[Figure]:
    """Rows per second of the bare loop and of the asset, in turns, each in a fresh process and database."""
    url = f"{base}/rows/{ROWS}/delay/0"
    bare, asset, step = [], [], []
    for _ in range(ROUNDS):
        bare.append(measured("bench.bare_load", url, warehouse(), "--concurrency", CONCURRENCY)["load_seconds"])
        told = measured("bench.asset_load", url, warehouse(), "--concurrency", CONCURRENCY)
        if told["rows"] != ROWS:
            raise RuntimeError(f"the partition holds {told['rows']} of {ROWS} rows")
        asset.append(told["load_seconds"])
        step.append(told["step_seconds"])
    bare_speed, asset_speed = ROWS / median(bare), ROWS / median(asset)
    scaled = ROWS_PER_SECOND_TARGET * bare_speed / BARE_ROWS_PER_SECOND
    name = f"ingest, {database}:"
    return [
        Figure(f"{name} bare loop", bare_speed, "rows/s"),
        Figure(f"{name} asset", asset_speed, "rows/s", at_least=scaled),
        Figure(f"{name} asset / bare loop", asset_speed / bare_speed, at_least=RATIO_TARGET),
        Figure(f"{name} whole run of the asset", median(step), "s"),
    ]


def memory(base: str, warehouse: FreshWarehouse, database: str) -> list[Figure]:
    """The asset's peak of memory for many rows over that for few."""
    peaks = [
        measured("bench.asset_load", f"{base}/rows/{rows}/delay/0", warehouse())["peak_mib"]
        for rows in (ROWS, FEWER_ROWS)
    ]
    return [
        Figure(f"memory, {database}: peak at {ROWS:,} rows", peaks[0], "MiB"),
        Figure(f"memory, {database}: over that at {FEWER_ROWS:,}", peaks[0] / peaks[1], at_most=MEMORY_TARGET),
    ]


def latency(base: str, warehouse: FreshWarehouse) -> list[Figure]:
    """How much faster several requests at once are where each page takes its time, for few pages and for many."""
    return [figure for rows in (FEW_SLOW_ROWS, SLOW_ROWS) for figure in _latency(base, warehouse, rows)]


def _latency(base: str, warehouse: FreshWarehouse, rows: int) -> list[Figure]:
    url = f"{base}/rows/{rows}/delay/{SLOW_PAGE_MILLISECONDS}"
    one, four = (
        measured("bench.asset_load", url, warehouse(), "--concurrency", concurrency)["load_seconds"]
        for concurrency in (1, CONCURRENCY)
    )
    name = f"latency, {SLOW_PAGE_MILLISECONDS} ms a page, {rows // PAGE_ROWS} pages:"
    return [
        Figure(f"{name} one at a time", one, "s"),
        Figure(f"{name} EXEC_CONCURRENCY={CONCURRENCY}", four, "s"),
        Figure(f"{name} times faster", one / four, at_least=CONCURRENCY_TARGET),
    ]


def in_flight(base: str, warehouse: FreshWarehouse) -> list[Figure]:
    """The whole load of slow pages beside what waiting for them alone would take."""
    pages = SLOW_ROWS // PAGE_ROWS
    url = f"{base}/rows/{SLOW_ROWS}/delay/{SLOW_PAGE_MILLISECONDS}"
    seconds = median(
        measured("bench.asset_load", url, warehouse(), "--concurrency", IN_FLIGHT)["load_seconds"]
        for _ in range(ROUNDS)
    )
    waiting = pages / IN_FLIGHT * SLOW_PAGE_MILLISECONDS / 1_000
    name = f"latency, {SLOW_PAGE_MILLISECONDS} ms a page, {pages} pages, {IN_FLIGHT} in flight:"
    return [
        Figure(f"{name} whole load", seconds, "s"),
        Figure(f"{name} whole load / (pages / {IN_FLIGHT} x latency)", seconds / waiting, at_most=WHOLE_LOAD_TARGET),
    ]


def limits(base: str, warehouse: FreshWarehouse, database: str) -> list[Figure]:
    """What the machine can do at most: fetching without a database, and writing without fetching."""
    fetch = measured("bench.limits", "fetch", f"{base}/rows/{ROWS}/delay/0", "--concurrency", CONCURRENCY)
    write = measured("bench.limits", "write", warehouse(), "--rows", ROWS)
    told = {"fetched and decoded, no database": fetch, f"ready rows into {database}'s table, no HTTP": write}
    return [Figure(f"limit, {name}", each["rows"] / each["seconds"], "rows/s") for name, each in told.items()]
