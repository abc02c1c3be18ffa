"""What differs between databases: connecting, write transactions and bulk loading. Everything else is portable SQL.

SQLite: WAL, a busy timeout, one writer at a time (`BEGIN IMMEDIATE`), `executemany`. PostgreSQL: COPY.
Any other SQLAlchemy dialect gets the portable `INSERT`.
"""

import fcntl
import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from exec_orchestration.errors import BadSetting
from exec_orchestration.tables.declare import UtcInstant
from exec_orchestration.tables.rows import Row

Load = Callable[[list[Row]], None]

BUSY_TIMEOUT_MILLISECONDS = 60_000
IN_MEMORY = (None, "", ":memory:")
CONNECT_TIMEOUT_SECONDS = 10
VALID_URLS = "sqlite:///data/warehouse.db or postgresql://user:password@host:5432/database"


def engine_for(url: str, *, setting: str = "WAREHOUSE_URL") -> Engine:
    """An engine for a SQLAlchemy URL; raises BadSetting where it does not parse or its driver is not installed."""
    try:
        parsed = _with_driver(sa.make_url(url))
        if "@" in (parsed.host or ""):
            raise ValueError("an @ in its user or password has to be written as %40")
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database not in IN_MEMORY:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        # An idle connection may have died with a restart of the server: ask before use. Parameters hold people.
        engine = sa.create_engine(
            parsed,
            pool_pre_ping=not sqlite,
            connect_args=_connect_args(parsed),
            hide_parameters=True,
            json_serializer=json_of,
        )
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise BadSetting(
            f"{setting} asks for {parsed.drivername}, whose driver is not installed ({error}); "
            "PostgreSQL comes with `pip install 'exec_orchestration[postgres]'`, and SQLite is always there; "
            f"valid is for example {VALID_URLS}."
        ) from error
    except (sa.exc.ArgumentError, ValueError):
        raise BadSetting(
            f"{setting} cannot be read as a database URL (its text is not repeated here, as it may hold a "
            f"password); valid is for example {VALID_URLS}, with any @ : / in the password percent-encoded."
        ) from None
    except OSError as error:
        raise BadSetting(f"{setting} names a file whose folder cannot be made: {error}.") from error
    if sqlite:
        # Where a statement begins with WITH, the driver does not tell how many rows it has inserted.
        engine.dialect.cte_follows_insert = True
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _with_driver(url: URL) -> URL:
    """The URL with psycopg 3 where it asks for PostgreSQL without naming a driver."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _connect_args(url: URL) -> dict[str, Any]:
    return {"connect_timeout": CONNECT_TIMEOUT_SECONDS} if url.get_backend_name() == "postgresql" else {}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
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
        except sqlite3.OperationalError:
            # This switch alone does not wait for the busy timeout.
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def cause_of(error: BaseException) -> str:
    """The first line of the driver's error, below which rows are quoted; of a value that does not fit, its class."""
    cause = getattr(error, "orig", None) or error
    is_about_a_value = any(each.__name__ == "DataError" for each in type(cause).__mro__)
    return type(cause).__name__ if is_about_a_value else str(cause).strip().partition("\n")[0]


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in one write transaction: committed whole, or rolled back whole."""
    with engine.connect() as connection, writing_on(connection):
        yield connection


@contextmanager
def writing_on(connection: Connection) -> Iterator[None]:
    """One write transaction on `connection`; SQLite's lock is taken at its beginning, not half-way."""
    connection.execution_options(writes=True, preserve_rowcount=True)
    try:
        with connection.begin():
            yield
    finally:
        connection.execution_options(writes=False)


def keep_other_writers_out(connection: Connection, table: sa.Table) -> None:
    """Let one transaction at a time replace rows of `table`; readers go on.

    Without it, two loads of one window on PostgreSQL would each insert what the other's DELETE has not seen.
    """
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.execute(sa.text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))


def alone_until_commit(connection: Connection, purpose: str) -> None:
    """Keep others out of this purpose until the transaction ends; SQLite's write transaction does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_number(purpose))))


def _lock_number(purpose: str) -> int:
    return int.from_bytes(sha256(purpose.encode()).digest()[:8], "big", signed=True)


@contextmanager
def alone(engine: Engine, purpose: str) -> Iterator[bool]:
    """Yields True where nobody else is within `alone` for this purpose; a process that dies lets go at once."""
    if engine.dialect.name == "postgresql":
        number = _lock_number(purpose)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            is_alone = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(number))))
            try:
                yield is_alone
            finally:
                if is_alone:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
    elif engine.dialect.name == "sqlite" and engine.url.database not in IN_MEMORY:
        with Path(f"{engine.url.database}.{purpose}.lock").open("w") as file:
            yield _locked(file)
    else:
        yield True


def _locked(file: Any) -> bool:
    """True when this process now holds the file's lock; it is let go when the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def forget_temporary(connection: Connection, table: sa.Table) -> None:
    """Remove a temporary table. SQLite removes a file faster than a table: its connection is closed for good."""
    if connection.dialect.name == "sqlite" and connection.engine.url.database not in IN_MEMORY:
        connection.detach()
    else:
        table.drop(connection)
        connection.commit()


def bulk_loader(connection: Connection, table: sa.Table, *, last: Any) -> Load:
    """The fastest way into `table` that the connection's dialect has: a function that takes a batch of rows.

    The rows lack the table's last column, which is `last` in each of them.
    """
    if connection.dialect.name == "sqlite":
        return _sqlite_loader(connection, table, last)
    if connection.dialect.driver == "psycopg":
        return _copy_loader(connection, table, last)
    names = [column.name for column in table.columns]

    def load(batch: list[Row]) -> None:
        connection.execute(table.insert(), [dict(zip(names, (*row, last), strict=True)) for row in batch])
        connection.commit()

    return load


def _sqlite_loader(connection: Connection, table: sa.Table, last: Any) -> Load:
    # The statement is SQLAlchemy's own; only its processing of each value is left out.
    statement = str(table.insert().compile(dialect=connection.dialect))
    stored = _storing(table, last, {UtcInstant: _sqlite_instant, sa.Date: date.isoformat, sa.JSON: json_of})

    def load(batch: list[Row]) -> None:
        # One transaction over all batches: it holds no lock, as long as only the temporary table is written.
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.driver_connection
        driver.executemany(statement, stored(batch))

    return load


def _copy_loader(connection: Connection, table: sa.Table, last: Any) -> Load:
    statement = f"COPY {connection.dialect.identifier_preparer.format_table(table)} FROM STDIN (FORMAT BINARY)"
    types = [_copy_type(column.type) for column in table.columns]
    stored = _storing(table, last, {sa.JSON: json_of})

    def load(batch: list[Row]) -> None:
        connection.execute(sa.text("SELECT 1"))  # opens the transaction that the COPY belongs to
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in stored(batch):
                copy.write_row(row)
        # Committed batch by batch, so that no transaction stays idle while the next page is fetched.
        connection.commit()

    return load


_COPY_TYPES: tuple[tuple[type, str], ...] = (
    (sa.BigInteger, "int8"),
    (sa.Integer, "int4"),
    (sa.Double, "float8"),
    (sa.Boolean, "bool"),
    (sa.Date, "date"),
    (UtcInstant, "timestamptz"),
    # JSON travels as the text that it is.
    (sa.JSON, "text"),
    (sa.Text, "text"),
)


def _copy_type(kind: sa.types.TypeEngine[Any]) -> str:
    return next(name for known, name in _COPY_TYPES if isinstance(kind, known))


def _storing(
    table: sa.Table, last: Any, changes: dict[type, Callable[[Any], Any]]
) -> Callable[[list[Row]], Iterator[Row]]:
    """What turns typed rows into what the driver stores: as SQLAlchemy would, without its cost for every value."""
    changed = [
        (at, change)
        for at, column in enumerate(table.columns)
        for kind, change in changes.items()
        if isinstance(column.type, kind)
    ]

    def stored(batch: list[Row]) -> Iterator[Row]:
        columns: list[Any] = [*zip(*batch, strict=True), repeat(last)]
        for at, change in changed:
            columns[at] = [None if value is None else change(value) for value in columns[at]]
        return zip(*columns, strict=False)

    return stored


@lru_cache(maxsize=4096)
def _sqlite_instant(moment: datetime) -> str:
    """`2026-01-31 23:59:59.000000`, as SQLAlchemy writes an instant in UTC to SQLite."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds")[:26]


def json_of(value: Any) -> str:
    """JSON that every database takes: numbers that are not finite, which JSON has no word for, become strings."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
