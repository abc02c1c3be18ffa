"""What an engine must offer beyond portable SQL, as one small interface, and who offers it: one module an engine.

Each module beside this one has the functions of `Offer`: `sqlite`, `postgresql`, and `portable` for every other dialect
that SQLAlchemy speaks. Nothing else in the house asks for a dialect's name. Two things need no offer: an upsert is a
delete and an insert in one transaction, and a median is a window function (`marts.figures`).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from exec_orchestration.tables.engines import portable, postgresql, sqlite
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.rows import Row

Load = Callable[[list[Row]], None]
IsAlone = Callable[[], bool]


class Offer(Protocol):
    """The differences between engines. A module is an offer when it has these functions."""

    def options(self, url: URL, patience: Patience) -> dict[str, Any]:
        """What `create_engine` is told besides; raises OSError where the database has no place."""

    def prepare(self, engine: Engine) -> None:
        """Set a new engine up: what its connections and transactions begin with."""

    def turn(self, engine: Engine) -> AbstractContextManager[None]:
        """A block that holds one write transaction, where the engine itself does not order its writers."""

    def keep_other_writers_out(self, connection: Connection, table: sa.Table) -> None:
        """Let one transaction at a time replace rows of `table`; readers go on."""

    def knows_months(self) -> bool:
        """True where a table can natively be partitioned by month."""

    def standing_by_month(self, connection: Connection) -> frozenset[str]:
        """The names of the tables that are."""

    def rearrange(self, connection: Connection, table: sa.Table, *, by_month: bool) -> None:
        """Put a whole table into months, or make it whole again."""

    def make_room(self, connection: Connection, table: sa.Table, first: date, last: date) -> None:
        """Let a table take rows of these days; other writers are kept out already."""

    def drop_months_before(self, connection: Connection, table: sa.Table, before: date) -> int:
        """Drop every month that ends before the one of `before`, without a look at its rows; how many."""

    def alone_until_commit(self, connection: Connection, purpose: str) -> None:
        """Keep others out of this purpose until the transaction ends."""

    def alone(self, engine: Engine, purpose: str) -> AbstractContextManager[IsAlone]:
        """Keep others out of `alone` for this purpose; a process that dies lets go at once.

        Yields what tells whether nobody else was there, and later, whether it has stayed so.
        """

    def make_stage(self, connection: Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:
        """A new table that no other connection sees, and that goes away with this one."""

    def forget_stage(self, connection: Connection, stage: sa.Table) -> None:
        """Remove it."""

    def bulk_loader(self, connection: Connection, table: sa.Table, *, last: Any) -> Load:
        """The fastest way into `table`: a function that takes a batch of rows.

        The rows lack the table's last column, which is `last` in each of them.
        """


TESTED: dict[str, Offer] = {"sqlite": sqlite, "postgresql": postgresql}


def offer_of(name: str) -> Offer:
    """What the engine of a dialect's name offers."""
    return TESTED.get(name, portable)
