"""Typed rows -> what a driver stores: as SQLAlchemy would, without its cost for every value."""

import json
import math
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.rows import Row


def storing(
    table: sa.Table, last: Any, changes: dict[type, Callable[[Any], Any]]
) -> Callable[[list[Row]], Iterator[Row]]:
    """A function of a batch: each row with `last` at its end, and the values of these types changed."""
    changed = [
        (at, change)
        for at, column in enumerate(table.columns)
        for kind, change in changes.items()
        if isinstance(column.type, kind)
    ]

    def stored(batch: list[Row]) -> Iterator[Row]:
        columns: list[Any] = [*zip(*batch, strict=True), repeat(last)]
        for at, change in changed:
            columns[at] = [None if value is None else change(value) for value in columns[at]]
        return zip(*columns, strict=False)

    return stored


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
