"""The warehouse: stage what was fetched, then replace a window in ONE transaction.

Whoever else writes rows does so in a transaction that is opened here; only `migrate` opens its own. Fetch first, write
last: rows are staged in a temporary table that no other connection sees and that goes away with the connection, so
memory is bounded by the batch and no write transaction is open while HTTP is in flight. The engines' differences
stand in `engines`, the schema's history in `migrations`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables import changes, dialects, versions
from exec_orchestration.tables.declare import PARTITION, is_daily
from exec_orchestration.tables.engines.layout import UNCHANGED
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.garbage import only_new_garbage
from exec_orchestration.tables.ledger import rejected_rows
from exec_orchestration.tables.migrate import migrate
from exec_orchestration.tables.rows import Row
from exec_orchestration.tables.veil import PLAIN, Veil
from exec_orchestration.tables.window import Replaced, Window

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BATCH_ROWS", "Replaced", "Stage", "Warehouse", "Window"]

BATCH_ROWS = 500


class Warehouse:
    """One database by its SQLAlchemy URL: schema, windows, frames. Every error is a WarehouseError or BadSetting."""

    def __init__(
        self, url: str, *, patience: Patience = dialects.FOR_EVER, layout: str = UNCHANGED, veil: Veil = PLAIN
    ) -> None:
        self.veil = veil
        self.engine = dialects.engine_for(url, patience=patience)
        self._offer = dialects.offer(self.engine)
        self._layout = layout
        self.name = self.engine.url.set(query={}).render_as_string(hide_password=True)
        # Bulk loads speak to the driver itself, whose errors SQLAlchemy then does not wrap.
        self._driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.Error

    def migrate(self) -> None:
        """Bring schema and layout to what they should be; safe when several processes do it at once."""
        with self._guarded("bring the schema up to date"):
            migrate(self.engine, layout=self._layout)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def stage(self, table: sa.Table) -> Iterator["Stage"]:
        """A place for rows of `table` that nobody else sees, until they replace a window."""
        with self._guarded(f"stage rows for {table.name}"), self.engine.connect() as connection:
            stage = Stage(connection, table, self.veil)
            try:
                yield stage
            finally:
                stage.drop()

    def replace_window(self, table: sa.Table, window: Window | None, rows: Iterable[Row]) -> int:
        """The number of rows that now are the whole of `window` (None: of the table), in one transaction."""
        with self.stage(table) as stage:
            stage.fill(rows)
            return stage.replace(window).rows

    def replace_window_by_query(self, table: sa.Table, window: Window | None, query: sa.Select[Any]) -> int:
        """Like `replace_window`, with the rows that `query` selects inside the warehouse, by column name."""
        names = [column.name for column in query.selected_columns]
        with self._guarded(f"compute {table.name}"), dialects.writing(self.engine) as connection:
            self._offer.keep_other_writers_out(connection, table)
            if window:
                self._offer.make_room(connection, table, window.first, window.last)
            connection.execute(_delete(table, window))
            return connection.execute(table.insert().from_select(names, query)).rowcount

    def rows_by_day(self, table: sa.Table, window: Window) -> dict[date, int]:
        """How many rows each day of the window holds; empty days are absent."""
        day = table.c[PARTITION]
        query = sa.select(day, sa.func.count()).where(window.holds(day)).group_by(day)
        with self._guarded(f"count {table.name}"), self.engine.connect() as connection:
            return {found: count for found, count in connection.execute(query)}

    def count(self, table: sa.Table) -> int:
        """How many rows a table holds."""
        return int(self.read(sa.select(sa.func.count()).select_from(table))[0][0])

    def keeps_key(self, table: sa.Table) -> bool:
        """True where the database itself keeps a key from being there twice."""
        with self._guarded(f"look at {table.name}"):
            found = sa.inspect(self.engine).get_pk_constraint(table.name)["constrained_columns"]
        return set(found) == {column.name for column in table.primary_key.columns}

    def newest(self, *instants: sa.Column[datetime]) -> datetime | None:
        """The last of all instants in some columns of a table: in one that keeps versions, when it changed last."""
        last = [self.read(sa.select(sa.func.max(each)))[0][0] for each in instants]
        return max((found for found in last if found is not None), default=None)

    def replace_rejects(self, asset: str, days: Sequence[date | None], values: list[dict[str, Any]]) -> None:
        """Make `values` the rejected rows of these partitions of an asset; None stands for rows without a day."""
        day = rejected_rows.c[PARTITION]
        known = [each for each in days if each is not None]
        of_days = sa.or_(day.in_(known), day.is_(None)) if None in days else day.in_(known)
        with self._guarded(f"record rejected rows of {asset}"), dialects.writing(self.engine) as connection:
            self._offer.keep_other_writers_out(connection, rejected_rows)
            connection.execute(rejected_rows.delete().where(rejected_rows.c.asset == asset, of_days))
            if values:
                connection.execute(rejected_rows.insert(), self.veil.rejects(values))

    def read(self, query: sa.Select[Any]) -> list[sa.Row[Any]]:
        """The rows of a query that is known to be small enough for memory."""
        with self._guarded("read"), self.engine.connect() as connection:
            return list(connection.execute(query).all())

    def write(self, *statements: tuple[sa.UpdateBase, list[dict[str, Any]]]) -> None:
        """Execute statements, each with its parameters, in one transaction."""
        with self._guarded("write"), dialects.writing(self.engine) as connection:
            for statement, parameters in statements:
                connection.execute(statement, self.veil.parameters(statement.table, parameters))

    def write_alone(self, purpose: str, *statements: sa.UpdateBase) -> None:
        """Execute statements in one transaction, while nobody else does so for this purpose."""
        with self.writing(purpose) as connection:
            self._offer.alone_until_commit(connection, purpose)
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def writing(self, doing: str) -> Iterator[Connection]:
        """One short write transaction, for what has to be read and written in one."""
        with self._guarded(doing), dialects.writing(self.engine) as connection:
            yield connection

    @contextmanager
    def alone(self, purpose: str) -> Iterator[Callable[[], None]]:
        """A block for one process at a time, else WarehouseError; it yields what raises that once the lock is lost."""
        with self._guarded(f"lock {purpose}"), self._offer.alone(self.engine, purpose) as is_alone:

            def stay_alone() -> None:
                if not is_alone():
                    raise WarehouseError(
                        f"Another run is in the middle of {purpose} on the warehouse {self.name}, or this one has lost "
                        "its lock. Two at once would send the same things twice; run it again when the other has ended."
                    )

            stay_alone()
            yield stay_alone

    def frame(self, query: sa.Select[Any]) -> "pd.DataFrame":
        """The result of a query as a frame: for previews and reports, never for loads."""
        # Imported where it is used: it takes a third of a second, and no load needs it.
        import pandas as pd

        with self._guarded("read"), self.engine.connect() as connection:
            result = connection.execute(query)
            return pd.DataFrame(result.all(), columns=list(result.keys()))

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        """Turn a database error into one that says what was tried and what to do."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, self._driver_error) as error:
            cause = dialects.cause_of(error)
            raise WarehouseError(
                f"The warehouse {self.name} could not {doing}: {cause}. The transaction was rolled back whole. "
                "Check that WAREHOUSE_URL names a database that is up and may be written, then run this again."
            ) from error


class Stage:
    """Rows of one table in a temporary table of one connection, in numbered parts. Made by `Warehouse.stage`."""

    def __init__(self, connection: Connection, table: sa.Table, veil: Veil) -> None:
        self._connection = connection
        self._veil = veil
        self._offer = dialects.offer(connection)
        self.table = table
        self._parts: set[int] = set()
        columns = [sa.Column(column.name, column.type) for column in table.columns]
        part = sa.Column("stage_part", sa.Integer)
        self.staged = self._offer.make_stage(connection, f"stage_{table.name}", [*columns, part])
        connection.commit()

    def fill(self, rows: Iterable[Row], *, part: int = 0) -> int:
        """Make `rows` the whole of one part, a batch at a time; the number of rows.

        Called again for the same part, it starts afresh: a listing that moved is read again into its own part.
        """
        if part in self._parts:
            self._connection.execute(self.staged.delete().where(self.staged.c.stage_part == part))
        self._parts.add(part)
        self._connection.commit()
        load, count = self._offer.bulk_loader(self._connection, self.staged, last=part), 0
        source = iter(self._veil.rows(self.table, rows))
        with only_new_garbage():
            while batch := list(islice(source, BATCH_ROWS)):
                load(batch)
                count += len(batch)
        self._connection.commit()
        return count

    def read(self, query: sa.Select[Any]) -> list[sa.Row[Any]]:
        """The rows of a query that reads the staged rows, and is small enough for memory."""
        found = list(self._connection.execute(query).all())
        self._connection.commit()
        return found

    def rows_by_day(self) -> dict[date, int]:
        """How many staged rows fall on each day."""
        day = self.staged.c[PARTITION]
        return dict(tuple(row) for row in self.read(sa.select(day, sa.func.count()).group_by(day)))

    def index(self, column: str) -> None:
        """Make picking rows by one column out of many cheap."""
        sa.Index(f"ix_{self.staged.name}", self.staged.c[column]).create(self._connection)
        self._connection.commit()

    def execute(self, target: sa.Table, *statements: sa.UpdateBase) -> list[int]:
        """Change `target` by statements that read the staged rows, in one transaction; how many rows each changed."""
        with dialects.writing_on(self._connection):
            self._offer.keep_other_writers_out(self._connection, target)
            return [self._connection.execute(statement).rowcount for statement in statements]

    def replace(self, window: Window | None, *, version: str | None = None) -> Replaced:
        """Make the staged rows of `window` (None: all of them) the whole of it, in one transaction.

        `version` names the content if it is new. A row whose key stands in another partition moves: the newest listing
        is right about where it belongs.
        """
        held, chosen = ([window.holds(each.c[PARTITION])] if window else [] for each in (self.table, self.staged))
        names = [column.name for column in self.table.columns]
        rows = sa.select(*(self.staged.c[name] for name in names)).where(*chosen)
        with dialects.writing_on(self._connection):
            self._offer.keep_other_writers_out(self._connection, self.table)
            changed = not versions.is_same(self._connection, self.table, self.staged, held, chosen)
            if changed:
                changes.note(self._connection, self.table, self.staged, held, chosen)
            self._connection.execute(_delete(self.table, window))
            self._take_from_elsewhere(window)
            self._make_room(window)
            count = self._connection.execute(self.table.insert().from_select(names, rows)).rowcount
            return Replaced(count, self._settle(window, version or str(uuid4()), changed=changed), changed)

    def _take_from_elsewhere(self, window: Window | None) -> None:
        """Remove rows that now belong to the window from where they stood; their old partitions count as changed."""
        if window is None or self.table.c[PARTITION].primary_key:
            return
        # Only the keys that stand in both are gathered: for SQLite, gathering all that are staged takes longer.
        (key,) = self.table.primary_key.columns
        standing = self.table.alias("standing").c[key.name]
        both = self.staged.join(standing.table, standing == self.staged.c[key.name])
        moved = sa.select(standing).select_from(both).where(window.holds(self.staged.c[PARTITION]))
        if self._connection.execute(self.table.delete().where(key.in_(moved))).rowcount:
            versions.forget(self._connection, self.table.name)

    def _make_room(self, window: Window | None) -> None:
        if window is None and is_daily(self.table):
            day = self.staged.c[PARTITION]
            first, last = self._connection.execute(sa.select(sa.func.min(day), sa.func.max(day))).one()
            window = Window(first, last) if first else None
        if window:
            self._offer.make_room(self._connection, self.table, window.first, window.last)

    def _settle(self, window: Window | None, version: str, *, changed: bool) -> str:
        """The version of the window; one of several days at once has none to keep."""
        if window is not None and window.first != window.last:
            versions.forget(self._connection, self.table.name)
            return version
        partition = str(window) if window else versions.WHOLE_TABLE
        return versions.settle(self._connection, self.table.name, partition, version, changed=changed)

    def append(self, *before: sa.UpdateBase) -> int:
        """Add the staged rows to the table after some other statements, in one transaction; their number."""
        names = [column.name for column in self.table.columns]
        rows = sa.select(*(self.staged.c[name] for name in names))
        return self.execute(self.table, *before, self.table.insert().from_select(names, rows))[-1]

    def drop(self) -> None:
        """Remove the stage; a broken connection has taken it along already."""
        if not self._connection.closed and not self._connection.invalidated:
            self._connection.rollback()
            self._offer.forget_stage(self._connection, self.staged)


def _delete(table: sa.Table, window: Window | None) -> sa.Delete:
    return table.delete() if window is None else table.delete().where(window.holds(table.c[PARTITION]))
