"""The files in which a SQLite instance keeps its events, held open while a step tells of its days.

Dagster opens a connection for each statement, and closes it. Whoever closes the last one to a SQLite file writes its
log back and deletes it, which is half of what an event costs. A connection that does nothing keeps the log in place;
every event is committed as before, so that what was told of a day stands whatever becomes of the next.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from weakref import finalize

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


def hold_open(owner: object, instance: dg.DagsterInstance, run_id: str) -> None:
    """Hold the index and the run's own file open for as long as `owner` lives; nothing on other instances."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return
    for shard in (INDEX_SHARD_NAME, run_id):
        path = Path(sa.make_url(storage.conn_string_for_shard(shard)).database or "")
        if path.is_file():
            finalize(owner, _idle(path).close)


def _idle(path: Path) -> sqlite3.Connection:
    """A connection that has read once, since SQLite opens a file only then, and holds no lock."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as cursor:
        cursor.fetchall()
    return connection
