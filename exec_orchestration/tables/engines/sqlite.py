"""SQLite: WAL, a busy timeout, one writer at a time (`BEGIN IMMEDIATE`), `executemany` on the driver itself."""

import fcntl
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from exec_orchestration.tables.declare import UtcInstant
from exec_orchestration.tables.engines import layout
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.engines.storing import each, each_once, json_of, storing
from exec_orchestration.tables.rows import Row

BUSY_TIMEOUT_MILLISECONDS = 60_000
PASSING, PRIMARY_CODE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL), 0xFF
IN_MEMORY = (None, "", ":memory:")

# No table lies by month here.
knows_months = layout.knows_months
standing_by_month = layout.standing_by_month
rearrange = layout.rearrange
make_room = layout.make_room
drop_months_before = layout.drop_months_before


def options(url: URL, _patience: Patience) -> dict[str, Any]:
    """Nothing but a folder for the file."""
    if url.database not in IN_MEMORY:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    return {}


def prepare(engine: Engine) -> None:
    """Every connection leaves its transactions to us, and waits for others."""
    # Where a statement begins with WITH, the driver does not tell how many rows it has inserted.
    engine.dialect.cte_follows_insert = True
    sa.event.listen(engine, "connect", _prepare_connection)
    sa.event.listen(engine, "begin", _begin)


def _prepare_connection(connection: Any, _record: Any) -> None:
    # The driver is told to leave transactions to us; otherwise it commits before DDL and begins too late.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}", "synchronous=NORMAL", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")
    _switch_to_wal(connection)


def _switch_to_wal(connection: Any) -> None:
    """Write-ahead logging, so that readers go on while one writes; a new file may be busy with its first write."""
    end = time.monotonic() + BUSY_TIMEOUT_MILLISECONDS / 1000
    while connection.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # This switch alone does not wait for the busy timeout. What else is wrong will not pass: a full disk, say.
            if error.sqlite_errorcode & PRIMARY_CODE not in PASSING or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def turn(_engine: Engine) -> AbstractContextManager[None]:
    """Nothing to do: writers wait at `BEGIN IMMEDIATE`."""
    return nullcontext()


def keep_other_writers_out(_connection: Connection, _table: sa.Table) -> None:
    """Nothing to do: the write transaction has the whole file."""


def alone_until_commit(_connection: Connection, _purpose: str) -> None:
    """Nothing to do: the write transaction has the whole file."""


@contextmanager
def alone(engine: Engine, purpose: str) -> Iterator[Callable[[], bool]]:
    """A lock on a file beside the database; in memory there is nobody else."""
    if engine.url.database in IN_MEMORY:
        yield lambda: True
        return
    with _lock_file(Path(f"{engine.url.database}.{purpose}.lock")) as file:
        is_locked = _locked(file)
        yield lambda: is_locked


def _lock_file(path: Path) -> Any:
    """The file, opened; what keeps it from being made keeps the database from being written: a full disk, say."""
    try:
        return path.open("w")
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open its lock file: {error}") from error


def _locked(file: Any) -> bool:
    """True when this process now holds the file's lock; it is let go when the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_stage(connection: Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:
    """A temporary table, in a file of its own."""
    stage = sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    stage.create(connection)
    return stage


def forget_stage(connection: Connection, stage: sa.Table) -> None:
    """SQLite removes a file faster than a table: the connection is closed for good."""
    if connection.engine.url.database in IN_MEMORY:
        stage.drop(connection)
        connection.commit()
    else:
        connection.detach()


def bulk_loader(connection: Connection, table: sa.Table, *, last: Any) -> Callable[[list[Row]], None]:
    """`executemany` on the driver itself."""
    # The statement is SQLAlchemy's own; only its processing of each value is left out.
    statement = str(table.insert().compile(dialect=connection.dialect))
    changes = {UtcInstant: each_once(_instant), sa.Date: each_once(date.isoformat), sa.JSON: each(json_of)}
    stored = storing(table, last, changes)

    def load(batch: list[Row]) -> None:
        # One transaction over all batches: it holds no lock, as long as only the temporary table is written.
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.driver_connection
        driver.executemany(statement, stored(batch))

    return load


def _instant(moment: datetime) -> str:
    """`2026-01-31 23:59:59.000000`, as SQLAlchemy writes an instant in UTC to SQLite."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds")[:26]
