"""Which value of an item fills which column: a table's declaration, compiled once for every reading of it.

Here: where a value stands and what it must be. Not here: reading an item (`rows`), or many at once (`columns`).
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.convert import Converter, converter_for


@dataclass(frozen=True)
class Field:
    """One column that an item fills: where its value stands and how it becomes a typed one."""

    at: int
    column: sa.Column[Any]
    path: tuple[str, ...]
    convert: Converter
    required: bool
    accepted: frozenset[str] | None

    @property
    def key(self) -> str:
        """The value's name in the object that holds it."""
        return self.path[-1]

    @property
    def is_text_key(self) -> bool:
        return self.column.primary_key and isinstance(self.column.type, sa.Text)


@dataclass(frozen=True)
class Holder:
    """An object that holds values: the item itself (`name` is None), or one that is nested in it."""

    name: str | None
    known: frozenset[str]
    fields: list[Field]


def fields_of(table: sa.Table) -> list[Field]:
    """The columns that have a source, in the order of the table."""
    return [
        Field(
            at,
            column,
            tuple(column.info["source"].split(".")),
            converter_for(column),
            required=not column.nullable,
            accepted=frozenset(column.info["accepted"]) if column.info["accepted"] else None,
        )
        for at, column in enumerate(table.columns)
        if column.info.get("source")
    ]


def holders_of(fields: list[Field]) -> list[Holder]:
    """The fields grouped by the object that holds them: the item itself first, then each nested object."""
    nested = list(dict.fromkeys(each.path[0] for each in fields if len(each.path) == 2))
    holders = []
    for name in (None, *nested):
        here = [each for each in fields if (each.path[0] if len(each.path) == 2 else None) == name]
        known = frozenset(each.key for each in here) | (frozenset(nested) if name is None else frozenset())
        holders.append(Holder(name, known, here))
    return holders
