"""How persons are stored: as they are, or as keyed hashes (HMAC-SHA256). Pure; `warehouse` lets no row pass without it.

The same address has the same hash wherever it stands, capitals and outer spaces aside, so that joins by it still hold;
so has the same name, in Unicode's composed form. A hash that comes again stays as it is. Ids are no names and stay. Of
a JSON value in which anybody may stand, numbers, times and declared ids stay, and every other text is a hash.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exec_orchestration.errors import HIDDEN, without_e_mails
from exec_orchestration.tables.declare import METADATA
from exec_orchestration.tables.rows import Row

HASHED = re.compile(r"pii_[0-9a-f]{64}")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
KEPT_HASHES = 100_000

Hide = Callable[[Any], Any]


class Veil:
    """What lies between a person and the tables; without a key, nothing."""

    def __init__(self, key: str = "") -> None:
        self._key = key.encode()
        self._known: dict[tuple[str, str], str] = {}

    @property
    def hides(self) -> bool:
        """True where persons are stored as hashes."""
        return bool(self._key)

    @property
    def check(self) -> str:
        """What tells this key from another, and tells nothing of it."""
        return self._hash("check", "exec_orchestration")

    def email(self, value: str) -> str:
        """An address as it is stored."""
        return self._hidden("email", value.strip().lower()) if self.hides else value

    def name(self, value: str) -> str:
        """A name as it is stored."""
        return self._hidden("name", unicodedata.normalize("NFC", value))

    def json(self, value: Any, *, keep: frozenset[str] = frozenset(), path: str = "") -> Any:
        """A JSON value as it is stored; ids stay at the paths to `keep`."""
        if isinstance(value, dict):
            return {
                self._key_of(name): self.json(each, keep=keep, path=f"{path}.{name}" if path else str(name))
                for name, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.json(each, keep=keep, path=path) for each in value]
        if not isinstance(value, str) or _is_time(value) or path in keep:
            return value
        return self.email(value) if "@" in value else self.name(value)

    def rows(self, table: sa.Table, rows: Iterable[Row]) -> Iterable[Row]:
        """Typed rows of a table as they are stored."""
        hiding = [(at, hide) for at, column in enumerate(table.columns) if (hide := self.hiding(column))]
        return _changed(rows, hiding) if hiding and self.hides else rows

    def parameters(self, table: sa.FromClause, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same for values by the names of their columns."""
        hiding = {str(column.key): hide for column in table.columns if (hide := self.hiding(column))}
        if not (hiding and self.hides):
            return values
        return [
            {
                name: hiding[name](value) if name in hiding and value is not None else value
                for name, value in row.items()
            }
            for row in values
        ]

    def rejects(self, values: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of `rejected_rows` as they are stored: what came may hold a person anywhere."""
        return [self.reject(each) if self.hides else dict(each) for each in values]

    def reject(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One of them. Its id is a fingerprint of what came, and its reason may quote it."""
        payload = self.json(row["payload"], keep=ids_of(row["asset"]))
        return {**row, "id": self._hidden("row", row["id"]), "payload": payload, "reason": _unquoted(row["reason"])}

    def hiding(self, column: sa.ColumnElement[Any]) -> Hide | None:
        """What makes a value of this column what is stored; None where it stays."""
        kind = "json" if column.key == "extra" else column.info.get("personal")
        kinds: dict[Any, Hide] = {
            "email": self.email,
            "name": self.name,
            "words": without_e_mails,
            "json": lambda value: self.json(value, keep=frozenset()),
        }
        return kinds.get(kind)

    def _key_of(self, name: Any) -> Any:
        return self.email(name) if isinstance(name, str) and "@" in name else name

    def _hidden(self, kind: str, text: str) -> str:
        if not text or not self.hides or HASHED.fullmatch(text):
            return text
        known = self._known.get((kind, text))
        if known is None:
            if len(self._known) >= KEPT_HASHES:
                self._known.clear()
            known = self._known[kind, text] = self._hash(kind, text)
        return known

    def _hash(self, kind: str, text: str) -> str:
        told = f"{kind}\0{text}".encode()
        return f"pii_{hmac.digest(self._key, told, 'sha256').hex()}"


PLAIN = Veil()


def ids_of(asset: str) -> frozenset[str]:
    """The paths at which an item of a table holds ids, which stay as they are."""
    table = METADATA.tables.get(asset)
    columns = [] if table is None else [each for each in table.columns if each.info.get("source")]
    return frozenset(str(each.info["source"]) for each in columns if is_id(each))


def is_id(column: sa.Column[Any]) -> bool:
    """True for an id of a person or of anything else."""
    told = column.info
    by_who = told.get("who") not in (None, "email")
    return by_who or told.get("personal") == "id" or bool(told.get("refers_to")) or column.primary_key


def _changed(rows: Iterable[Row], hiding: list[tuple[int, Hide]]) -> Iterator[Row]:
    for row in rows:
        values = list(row)
        for at, hide in hiding:
            if values[at] is not None:
                values[at] = hide(values[at])
        yield tuple(values)


def _unquoted(reason: str) -> str:
    """A reason without the values that it quotes as JSON."""
    return QUOTED.sub(f'"{HIDDEN}"', without_e_mails(reason))


def _is_time(text: str) -> bool:
    if not 10 <= len(text) <= 35:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
