"""The asset beside dlt's `rest_api` source: the same 200,000 assignments from the same server, in one run.

Both load into the same database. dlt's own embedded one is DuckDB: its figure there stands beside ours on SQLite, too.
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
        targets = {"PostgreSQL": for_libpq(warehouse())} if database == "PostgreSQL" else _embedded(Path(folder))
        theirs = {name: _dlt(url, target) for name, target in targets.items()}
    ours.append(_asset(url, warehouse()))
    return [figure for name, seconds in theirs.items() for figure in _figures(database, median(ours), name, seconds)]


def _embedded(folder: Path) -> dict[str, str]:
    return {"SQLite": f"sqlite:///{folder / 'dlt.sqlite'}", "DuckDB": str(folder / "dlt.duckdb")}


def _figures(database: str, our_seconds: float, target: str, their_seconds: float) -> list[Figure]:
    ratio = f"ingest, {database}: asset / dlt into {target}"
    wanted = TIMES_FASTER_TARGET if target == database else None
    return [
        Figure(f"ingest, {database}: dlt into {target}", ROWS / their_seconds, "rows/s"),
        Figure(ratio, their_seconds / our_seconds, at_least=wanted),
    ]


def _dlt(url: str, target: str) -> float:
    told = measured("bench.dlt_load", url, target, python=DLT_PYTHON)
    if told["rows"] != ROWS:
        raise RuntimeError(f"dlt loaded {told['rows']} of {ROWS} rows")
    return float(told["load_seconds"])


def _asset(url: str, warehouse: str) -> float:
    return float(measured("bench.asset_load", url, warehouse, "--concurrency", CONCURRENCY)["load_seconds"])


def for_libpq(warehouse: str) -> str:
    """The same database as libpq reads it. dlt wants a host's name; the socket's folder in the query wins over it."""
    url = sa.make_url(warehouse).set(drivername="postgresql", host="localhost")
    return url.render_as_string(hide_password=False)
