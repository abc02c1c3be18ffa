"""Who was erased, and must not come back by the next load: known here by salted hashes of identifiers, and left out.

A row about such a person is left out, and a mention of them in somebody else's row is empty. Vendors and HR may list
the person for as long as they like.
"""

import hmac
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables import privacy_state
from exec_orchestration.tables.ledger import erased_people
from exec_orchestration.tables.rows import Row
from exec_orchestration.tables.veil import Veil
from exec_orchestration.tables.warehouse import Warehouse

ANY_WHO = ("email", "employee", "exec_user", "account")


class Guard:
    """Leaves erased people out; counts them in `left_out`."""

    def __init__(self, tokens: frozenset[str], salt: str, veil: Veil) -> None:
        self.left_out = 0
        self._tokens = tokens
        self._salt = salt
        self._veil = veil
        self._known: dict[tuple[str, str], bool] = {}

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def rows(self, table: sa.Table, rows: Iterable[Row]) -> Iterable[Row]:
        """The rows that are about nobody who was erased, without mentions of them."""
        return self._kept(table, rows) if self else rows

    def knows(self, value: Any) -> bool:
        """True where an erased person's identifier stands in a JSON value, whoever gave it out."""
        if isinstance(value, dict):
            return any(self.knows(each) for pair in value.items() for each in pair)
        if isinstance(value, list | tuple):
            return any(map(self.knows, value))
        return isinstance(value, str) and any(self._is_erased(who, value) for who in ANY_WHO)

    def _kept(self, table: sa.Table, rows: Iterable[Row]) -> Iterator[Row]:
        whose = [(at, column.info["who"]) for at, column in enumerate(table.columns) if is_own(column)]
        mentions = [at for at, column in enumerate(table.columns) if column.info.get("is_mention")]
        named = [(at, who) for at in mentions if (who := list(table.columns)[at].info["who"])]
        extra = [at for at, column in enumerate(table.columns) if column.name == "extra"]
        for row in rows:
            if any(self._is_erased(who, row[at]) for at, who in whose):
                self.left_out += 1
                continue
            gone = mentions if any(self._is_erased(who, row[at]) for at, who in named) else []
            gone = [*gone, *(at for at in extra if self.knows(row[at]))]
            yield tuple(None if at in gone else value for at, value in enumerate(row)) if gone else row

    def _is_erased(self, who: str, value: Any) -> bool:
        if not isinstance(value, str) or not value:
            return False
        known = self._known.get((who, value))
        if known is None:
            stored = self._veil.email(value) if who == "email" else value
            known = not {token(self._salt, who, each) for each in (value, stored)}.isdisjoint(self._tokens)
            self._known[who, value] = known
        return known


def guard_of(warehouse: Warehouse) -> Guard:
    """The guard of a warehouse as it is now."""
    tokens = frozenset(row.token for row in warehouse.read(sa.select(erased_people.c.token)))
    salt = privacy_state.fact(warehouse, privacy_state.SALT) if tokens else None
    return Guard(tokens, salt or "", warehouse.veil)


def token(salt: str, who: str, identifier: str) -> str:
    """An identifier as `erased_people` holds it; of an address capitals and outer spaces do not matter."""
    told = identifier.strip().lower() if who == "email" else identifier
    return hmac.digest(bytes.fromhex(salt), f"{who} {told}".encode(), "sha256").hex()


def is_own(column: sa.Column[Any]) -> bool:
    """True for a column that says whose a row is."""
    return bool(column.info.get("who")) and not column.info.get("is_mention")
