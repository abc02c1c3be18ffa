"""Typed rows -> what a driver stores: as SQLAlchemy would, without its cost for every value."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.rows import Row

Change = Callable[[Sequence[Any]], Iterable[Any]]


def storing(table: sa.Table, last: Any, changes: dict[type, Change]) -> Callable[[list[Row]], Iterator[Row]]:
    """A function of a batch: each row with `last` at its end, and the columns of these types changed."""
    changed = [
        (at, change)
        for at, column in enumerate(table.columns)
        for kind, change in changes.items()
        if isinstance(column.type, kind)
    ]

    def stored(batch: list[Row]) -> Iterator[Row]:
        columns: list[Any] = [*zip(*batch, strict=True), repeat(last)]
        for at, change in changed:
            columns[at] = change(columns[at])
        return zip(*columns, strict=False)

    return stored


def each(change: Callable[[Any], Any]) -> Change:
    """A change of every value of a column; None stays."""
    return lambda column: [None if value is None else change(value) for value in column]


def each_once(change: Callable[[Any], Any]) -> Change:
    """The same for values that look alike where they are equal: one that many rows have is changed once."""

    def changed(column: Sequence[Any]) -> Iterable[Any]:
        stored = {value: change(value) for value in set(column) - {None}}
        return map(stored.get, column)

    return changed


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
