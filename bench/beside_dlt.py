"""The asset beside dlt's `rest_api` source: the same 200,000 assignments from the same server, in one run.

dlt has no SQLite without more libraries; its own embedded database is DuckDB, so ours on SQLite stands beside that.
"""

import tempfile
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from bench.figures import Figure
from bench.ingest import CONCURRENCY, ROWS
from bench.processes import ROOT, FreshWarehouse, measured

DLT_PYTHON = ROOT / ".venv-dlt/bin/python"
TIMES_FASTER_TARGET = 3


def beside_dlt(base: str, warehouse: FreshWarehouse, database: str) -> list[Figure]:
    """Rows per second of both; ours before and after dlt's, so that a busy minute does not decide."""
    if not DLT_PYTHON.exists():
        raise RuntimeError(f"{DLT_PYTHON} is missing: `make bench` installs it")
    url = f"{base}/rows/{ROWS}/delay/0"
    ours = [_asset(url, warehouse())]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        is_postgresql = database == "PostgreSQL"
        target = for_libpq(warehouse()) if is_postgresql else str(Path(folder) / "dlt.duckdb")
        told = measured("bench.dlt_load", url, target, python=DLT_PYTHON)
    ours.append(_asset(url, warehouse()))
    if told["rows"] != ROWS:
        raise RuntimeError(f"dlt loaded {told['rows']} of {ROWS} rows")
    name = f"ingest, {database}:"
    speed, dlt_speed = ROWS / median(ours), ROWS / told["load_seconds"]
    return [
        Figure(f"{name} dlt into {'PostgreSQL' if is_postgresql else 'DuckDB'}", dlt_speed, "rows/s"),
        Figure(f"{name} asset / dlt", speed / dlt_speed, at_least=TIMES_FASTER_TARGET),
    ]


def _asset(url: str, warehouse: str) -> float:
    return float(measured("bench.asset_load", url, warehouse, "--concurrency", CONCURRENCY)["load_seconds"])


def for_libpq(warehouse: str) -> str:
    """The same database as libpq reads it. dlt wants a host's name; the socket's folder in the query wins over it."""
    url = sa.make_url(warehouse).set(drivername="postgresql", host="localhost")
    return url.render_as_string(hide_password=False)
