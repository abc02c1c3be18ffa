"""PostgreSQL: COPY, table locks, advisory locks that a process lets go of when it dies."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from exec_orchestration.tables.declare import UtcInstant
from exec_orchestration.tables.engines import months, portable
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.engines.storing import each, json_of, storing
from exec_orchestration.tables.rows import Row

CONNECT_TIMEOUT_SECONDS = 10
# Of one process. A run takes one for its stage, one for its lock and one for each of its EXEC_CONCURRENCY requests.
KEPT_CONNECTIONS, MOST_CONNECTIONS = 5, 10

# Native partitions have a module of their own.
knows_months = months.knows_months
standing_by_month = months.standing_by_month
rearrange = months.rearrange
make_room = months.make_room
drop_months_before = months.drop_months_before


def options(url: URL, patience: Patience) -> dict[str, Any]:
    """An idle connection may have died with a restart of the server: ask before use."""
    connect_args: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    if limits := _limits(patience):
        # What the URL says itself comes last, and wins.
        connect_args["options"] = " ".join([limits, *filter(None, [str(url.query.get("options", ""))])])
    sizes = {"pool_size": KEPT_CONNECTIONS, "max_overflow": MOST_CONNECTIONS - KEPT_CONNECTIONS}
    return {"pool_pre_ping": True, "connect_args": connect_args, **sizes}


def _limits(patience: Patience) -> str:
    """The server's settings of a session; none for 0, since some poolers refuse to be told any."""
    seconds = {
        "statement_timeout": patience.statement_seconds,
        "lock_timeout": patience.lock_seconds,
        "idle_in_transaction_session_timeout": patience.lock_seconds,
    }
    return " ".join(f"-c {name}={each}s" for name, each in seconds.items() if each)


def prepare(_engine: Engine) -> None:
    """Nothing to do."""


def turn(_engine: Engine) -> AbstractContextManager[None]:
    """Nothing to do: the server orders its writers."""
    return nullcontext()


def keep_other_writers_out(connection: Connection, table: sa.Table) -> None:
    """Without it, two loads of one window would each insert what the other's DELETE has not seen."""
    name = connection.dialect.identifier_preparer.format_table(table)
    # Of a table that lies by month it is enough to lock the whole: nobody else writes to a month by its name.
    connection.execute(sa.text(f"LOCK TABLE ONLY {name} IN SHARE ROW EXCLUSIVE MODE"))


def alone_until_commit(connection: Connection, purpose: str) -> None:
    """An advisory lock of the transaction."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_number(purpose))))


_SESSION = sa.select(sa.func.pg_backend_pid())


def _lock_number(purpose: str) -> int:
    return int.from_bytes(sha256(purpose.encode()).digest()[:8], "big", signed=True)


@contextmanager
def alone(engine: Engine, purpose: str) -> Iterator[Callable[[], bool]]:
    """An advisory lock of a connection of its own, which takes the lock along when it breaks."""
    number = _lock_number(purpose)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_locked = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(number))))
        session = connection.scalar(_SESSION)
        try:
            # One that was made anew is another session, and has no lock.
            yield lambda: is_locked and connection.scalar(_SESSION) == session
        finally:
            if is_locked and not connection.invalidated:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))


def make_stage(connection: Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:
    """A temporary table of the connection."""
    stage = sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    stage.create(connection)
    return stage


def forget_stage(connection: Connection, stage: sa.Table) -> None:
    """The connection goes back to the pool, so the table has to go."""
    stage.drop(connection)
    connection.commit()


def bulk_loader(connection: Connection, table: sa.Table, *, last: Any) -> Callable[[list[Row]], None]:
    """Binary COPY, which only psycopg 3 speaks; with other drivers the portable INSERT."""
    if connection.dialect.driver != "psycopg":
        return portable.bulk_loader(connection, table, last=last)
    statement = f"COPY {connection.dialect.identifier_preparer.format_table(table)} FROM STDIN (FORMAT BINARY)"
    types = [_copy_type(column.type) for column in table.columns]
    stored = storing(table, last, {sa.JSON: each(json_of)})

    def load(batch: list[Row]) -> None:
        connection.begin()
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
