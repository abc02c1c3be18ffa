"""Every other dialect of SQLAlchemy: plain `INSERT`, ordinary transactions, locks that hold within one process only.

A dialect that is used in this way is named in the log, once a process: loads are slower, and two processes are not
kept apart.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from exec_orchestration.tables.engines import layout
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.rows import Row

log = logging.getLogger(__name__)

_turns: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
_purposes: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

# No table lies by month here.
knows_months = layout.knows_months
standing_by_month = layout.standing_by_month
rearrange = layout.rearrange
make_room = layout.make_room
drop_months_before = layout.drop_months_before


def options(_url: URL, _patience: Patience) -> dict[str, Any]:
    """An idle connection may have died with a restart of the server: ask before use."""
    return {"pool_pre_ping": True}


def prepare(engine: Engine) -> None:
    """Say once what this engine lacks."""
    warn(engine.dialect.name)


@cache
def warn(name: str) -> None:
    """Name an engine that is not tested."""
    log.warning(
        "%s is not among the tested engines (SQLite, PostgreSQL): loads are slower, and two processes that write to "
        "it at once are not kept apart. Let one run at a time use it.",
        name,
    )


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """One write transaction at a time in this process, whatever the engine would make of two."""
    with _turns[_name(engine)]:
        yield


def keep_other_writers_out(_connection: Connection, _table: sa.Table) -> None:
    """Nothing to do: the transaction has its turn."""


def alone_until_commit(_connection: Connection, _purpose: str) -> None:
    """Nothing to do: the transaction has its turn."""


@contextmanager
def alone(engine: Engine, purpose: str) -> Iterator[Callable[[], bool]]:
    """A lock of this process."""
    lock = _purposes[_name(engine), purpose]
    is_alone = lock.acquire(blocking=False)
    try:
        yield lambda: is_alone
    finally:
        if is_alone:
            lock.release()


def _name(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def make_stage(connection: Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:
    """A temporary table; where there is no such thing, an ordinary one of a name that nobody else has."""
    try:
        stage = _table(name, columns, prefixes=["TEMPORARY"])
        stage.create(connection)
    except sa.exc.DBAPIError:
        connection.rollback()
        stage = _table(f"{name}_{uuid4().hex[:8]}", columns)
        stage.create(connection)
    return stage


def _table(name: str, columns: Sequence[sa.Column[Any]], **more: Any) -> sa.Table:
    return sa.Table(name, sa.MetaData(), *(sa.Column(each.name, each.type) for each in columns), **more)


def forget_stage(connection: Connection, stage: sa.Table) -> None:
    """Either kind is dropped; an ordinary one outlives a process that is killed."""
    stage.drop(connection)
    connection.commit()


def bulk_loader(connection: Connection, table: sa.Table, *, last: Any) -> Callable[[list[Row]], None]:
    """`INSERT` through SQLAlchemy, which knows how the dialect stores each type."""
    names = [column.name for column in table.columns]

    def load(batch: list[Row]) -> None:
        connection.execute(table.insert(), [dict(zip(names, (*row, last), strict=True)) for row in batch])
        connection.commit()

    return load
