"""Databases to copy and what stands in them: what the fault suite compares before, after and without a fault.

Here: copies of a template on SQLite and PostgreSQL, the content of tables as values, the sandbox as a process.
Not here: runs (`errands`), faults.
"""

import itertools
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import sqlalchemy as sa

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import PARTITION, is_daily
from exec_orchestration_tests.test_dagster import PROJECT, bare_environment

# When something was fetched, observed or synced, and by which run, is no content.
NO_CONTENT = {"fetched_at", "run_id", "observed_from", "valid_from", "recorded_at", "version"}
ONLY_WHETHER = {"observed_to", "valid_to"}

Rows = tuple[tuple[Any, ...], ...]
Contents = dict[tuple[str, str], Rows]  # by table and partition; '' for a table without any

_numbers = itertools.count(1)


class Databases:
    """Where the databases of one engine are: a folder, or a server."""

    def __init__(self, folder: Path, server: str | None) -> None:
        self._folder = folder
        self._server = server

    def new(self, *, like: str | None = None) -> str:
        """The URL of a new database: empty, or with all that stands in another one, which nobody uses meanwhile."""
        name = f"fault_{next(_numbers)}"
        if self._server is None:
            path = self._folder / f"{name}.db"
            if like:
                shutil.copy(str(sa.make_url(like).database), path)
            return f"sqlite:///{path}"
        of = f' TEMPLATE "{sa.make_url(like).database}"' if like else ""
        self._execute(f"CREATE DATABASE {name}{of}")
        return sa.make_url(self._server).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected."""
        path = sa.make_url(url).database
        if self._server is not None:
            self._execute(f'DROP DATABASE "{path}" WITH (FORCE)')
            return
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)

    def _execute(self, statement: str) -> None:
        engine = sa.create_engine(str(self._server), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


def contents(url: str, names: Collection[str]) -> Contents:
    """What stands in tables, by table and partition, in the order of its keys."""
    engine = sa.create_engine(url)
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    try:
        with engine.connect() as connection:
            for name in names:
                table = METADATA.tables[name]
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings():
                    part = str(row[PARTITION]) if is_daily(table) else ""
                    found[name, part].append(_content(row))
    finally:
        engine.dispose()
    return {place: tuple(sorted(rows, key=repr)) for place, rows in found.items()}


def _content(row: Any) -> tuple[Any, ...]:
    return tuple(
        (name, value is None if name in ONLY_WHETHER else repr(value))
        for name, value in row.items()
        if name not in NO_CONTENT
    )


def rows_in(found: Contents) -> int:
    """How many rows there are."""
    return sum(map(len, found.values()))


def read(url: str, query: sa.Select[Any]) -> list[Any]:
    """The rows of a query."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return list(connection.execute(query).all())
    finally:
        engine.dispose()


def names_in(url: str) -> set[str]:
    """The tables of a database."""
    engine = sa.create_engine(url)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def home_in(folder: Path, *, like: Path | None = None) -> Path:
    """A folder with a Dagster instance on SQLite, as dagster.yaml says; new, or a copy of another one."""
    if like is not None:
        shutil.copytree(like, folder)
        return folder
    folder.mkdir(parents=True)
    shutil.copy(PROJECT / "dagster.yaml", folder)
    with dg.DagsterInstance.from_config(str(folder)):
        return folder


class Sandbox:
    """Both vendors as a process of their own, with their switches."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        base = settings["SPARKWISE_API_URL"].removesuffix("/sparkwise")
        self.switches = httpx.Client(base_url=f"{base}/_sandbox", trust_env=False)

    def put(self, what: str, content: Any) -> None:
        """Replace the faults or the accounts."""
        self.switches.put(f"/{what}", json=content).raise_for_status()

    def forget(self) -> None:
        """Clear the log, and switch every fault off."""
        self.switches.delete("/requests").raise_for_status()
        self.switches.delete("/faults").raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """What was asked so far, in order."""
        return list(self.switches.get("/requests").json())

    def writes(self) -> list[dict[str, Any]]:
        """The writes so far, in order."""
        return [entry for entry in self.requests() if "users" in entry]

    def accounts(self) -> list[dict[str, Any]]:
        """The accounts."""
        return list(self.switches.get("/accounts").json())


@contextmanager
def sandbox(*options: str) -> Iterator[Sandbox]:
    """A sandbox of its own."""
    command = [sys.executable, "-m", "exec_orchestration.sandbox.app", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare_environment(), cwd=PROJECT)
    assert process.stdout is not None
    made = Sandbox(dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n")))
    try:
        yield made
    finally:
        made.switches.close()
        process.terminate()
        process.wait()
        process.stdout.close()
