"""One person out of every table, in one transaction, which ends with a search of every column of every table.

Where the person stands follows from the declarations: a row that is the person's (`who`, `belongs_to`) is deleted, a
mention in somebody else's row becomes empty, JSON in which the person stands goes, and our own journals' texts hide it.
What the search still finds ends the transaction: then nothing was erased.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import NotErased
from exec_orchestration.tables import dialects, privacy_state, versions
from exec_orchestration.tables.declare import METADATA
from exec_orchestration.tables.erased import is_own, token
from exec_orchestration.tables.finding import Known, Sought, is_about, known
from exec_orchestration.tables.ledger import erased_people
from exec_orchestration.tables.needles import Needles
from exec_orchestration.tables.warehouse import Warehouse

ROWS_AT_A_TIME = 2_000
OURS = ("user_sync", "ledger")
Values = dict[str, Any]


@dataclass
class Erased:
    """What went, by table; by how many identifiers the person was known; rows of namesakes, which stay."""

    deleted: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    namesakes: Counter[str] = field(default_factory=Counter)
    known_as: dict[str, int] = field(default_factory=dict)
    identifiers: int = 0


class _Rehearsed(Exception):
    """Takes a transaction back; nobody sees it."""


def erase(warehouse: Warehouse, sought: Sought, *, at: datetime, run_id: str, rehearse: bool = False) -> Erased:
    """Erase a person; what went. Raises NotErased, with nothing erased, where the person still stands somewhere."""
    erased = Erased()
    try:
        with warehouse.writing("erase a person") as connection:
            for table in METADATA.tables.values():
                dialects.offer(connection).keep_other_writers_out(connection, table)
            person = known(connection, sought, warehouse.veil)
            erased.known_as = {who: len(values) for who, values in person.ids.items()}
            _Erasure(connection, person, person.needles(sought), erased).run()
            erased.identifiers = _remember(connection, person, at=at, run_id=run_id)
            if rehearse:
                raise _Rehearsed
    except _Rehearsed:
        pass
    return erased


def tokens_of(connection: Connection, person: Known) -> set[str]:
    """The person's identifiers as `erased_people` holds them."""
    salt = privacy_state.salt(connection)
    return {token(salt, who, each) for who, values in person.ids.items() for each in values}


def lift(warehouse: Warehouse, sought: Sought) -> int:
    """Take somebody off the list of erased people, so that loads bring them again; how many identifiers these were."""
    with warehouse.writing("lift an erasure") as connection:
        person = known(connection, sought, warehouse.veil)
        salt = privacy_state.salt(connection)
        named = {token(salt, who, each) for who, values in sought.ids.items() for each in values}
        tokens = sorted(named | tokens_of(connection, person))
        return connection.execute(erased_people.delete().where(erased_people.c.token.in_(tokens))).rowcount


def _remember(connection: Connection, person: Known, *, at: datetime, run_id: str) -> int:
    tokens = sorted(tokens_of(connection, person))
    connection.execute(erased_people.delete().where(erased_people.c.token.in_(tokens)))
    rows = [{"token": each, "erased_at": at, "run_id": run_id} for each in tokens]
    if rows:
        connection.execute(erased_people.insert(), rows)
    return len(rows)


class _Erasure:
    """The steps of one erasure, in their order."""

    def __init__(self, connection: Connection, person: Known, needles: Needles, erased: Erased) -> None:
        self.connection = connection
        self.person = person
        self.needles = needles
        self.erased = erased

    def run(self) -> None:
        """Delete, clear, and search. Raises NotErased."""
        tables = list(METADATA.tables.values())
        for table in tables:
            self._delete_what_belongs(table)
        for table in tables:
            self._delete_own(table)
            self._clear_mentions(table)
        for table in tables:
            for values in list(self._suspects(table)):
                self._clear(table, values)
        self._search(tables)
        for name in {*self.erased.deleted, *self.erased.cleared}:
            versions.forget(self.connection, name)

    def _delete_what_belongs(self, table: sa.Table) -> None:
        """Rows that name their person by another table's row only; before that row goes."""
        for column in table.columns:
            if told := column.info.get("belongs_to"):
                other = METADATA.tables[told.partition(".")[0]]
                condition = is_about(other, self.person.ids)
                theirs = sa.select(other.c[told.partition(".")[2]]).where(
                    sa.false() if condition is None else condition
                )
                self._count(self.erased.deleted, table, table.delete().where(column.in_(theirs)))

    def _delete_own(self, table: sa.Table) -> None:
        condition = is_about(table, self.person.ids)
        if condition is not None:
            self._count(self.erased.deleted, table, table.delete().where(condition))

    def _clear_mentions(self, table: sa.Table) -> None:
        condition = is_about(table, self.person.ids, mentioned=True)
        if condition is not None:
            empty = {each.name: None for each in table.columns if each.info.get("is_mention")}
            self._count(self.erased.cleared, table, table.update().where(condition).values(empty))

    def _count(self, counter: Counter[str], table: sa.Table, statement: sa.UpdateBase) -> None:
        if count := self.connection.execute(statement).rowcount:
            counter[table.name] += count

    def _suspects(self, table: sa.Table) -> Iterator[Values]:
        """Every row in which the person stands, or somebody of the name: the database finds more, and words decide."""
        texts = [each for each in table.columns if isinstance(each.type, sa.Text)]
        # JSON is stored with escapes, so that no text finds it.
        found: list[sa.ColumnElement[bool]] = [each.is_not(None) for each in table.columns if _is_json(each)]
        for word in self.needles.words:
            found += [sa.func.lower(each).contains(word.lower(), autoescape=True) for each in texts]
            # Not every engine knows the small letters of other alphabets.
            found += [] if word.isascii() else [each.contains(word, autoescape=True) for each in texts]
        query = sa.select(table).where(sa.or_(sa.false(), *found))
        for row in self.connection.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME}).mappings():
            values = list(row.values())
            if self.needles.identifies(values) or self.needles.names_somebody(values):
                yield dict(row)

    def _clear(self, table: sa.Table, values: Values) -> None:
        """Take the person out of what is neither an own row nor a mention: JSON, and the texts of our own books."""
        change: Values = {}
        for column in table.columns:
            value = values[column.name]
            if _is_json(column) and self._stands_in(table, values, [value]):
                if not column.nullable:
                    self._count(self.erased.deleted, table, table.delete().where(*_is(table, values)))
                    return
                change[column.name] = None
            is_words = table.info["group"] in OURS and isinstance(column.type, sa.Text) and not column.primary_key
            if is_words and isinstance(value, str) and not column.info.get("who"):
                hidden = self.needles.hidden(value)
                change |= {column.name: hidden} if hidden != value else {}
        if change:
            self._count(self.erased.cleared, table, table.update().where(*_is(table, values)).values(change))

    def _stands_in(self, table: sa.Table, row: Values, values: list[Any]) -> bool:
        """True where the person stands in values of a row; a name alone, in a row of somebody else, is a namesake's."""
        if any(map(self.needles.identifies, values)):
            return True
        return not _is_somebodys(table, row) and self.needles.names_somebody(values)

    def _search(self, tables: list[sa.Table]) -> None:
        left: Counter[str] = Counter()
        for table in tables:
            for row in self._suspects(table):
                standing = [name for name, value in row.items() if self.needles.identifies(value)]
                if not standing and self.needles.names_somebody(row.values()):
                    if _is_somebodys(table, row):
                        self.erased.namesakes[table.name] += 1
                    else:
                        standing = [name for name, value in row.items() if self.needles.names_somebody([value])] or [
                            "*"
                        ]
                left.update(f"{table.name}.{name}" for name in standing)
        if left:
            told = ", ".join(f"{place} ({count} rows)" for place, count in sorted(left.items()))
            raise NotErased(
                f"The person still stands in {told}, where nothing says that the row is the person's. Take it out "
                "where it comes from and load that again, or out of the table; then run this again. Nothing was erased."
            )


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)


def _is(table: sa.Table, values: Values) -> list[sa.ColumnElement[bool]]:
    return [key == values[key.name] for key in table.primary_key.columns]


def _is_somebodys(table: sa.Table, row: Values) -> bool:
    """True for a row that names whose it is."""
    return any(row[column.name] for column in table.columns if is_own(column))
