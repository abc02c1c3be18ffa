"""Many items -> columns of typed values, each column at one stroke. Pure, and only a faster way to the same rows.

What fits is told by `convert` and `rows` alone: here a column is passed over where one look at the whole of it shows
that converting each value would change nothing. Anything unusual in any item raises, and the caller reads the items
one by one, which tells what it was.
"""

from collections.abc import Iterable
from itertools import repeat
from types import NoneType
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.convert import check_key_text, to_integer, to_text
from exec_orchestration.tables.fields import Field, Holder

Column = Iterable[Any]

NOTHING: dict[str, Any] = {}


class Unusual(ValueError):
    """Something that a row would be flagged or rejected for."""


def read_columns(items: list[Any], template: list[Any], holders: list[Holder]) -> list[Column]:
    """The columns of a table, of which `template` holds the values that no item carries.

    Raises ValueError, TypeError, AttributeError or OverflowError where reading the items one by one would reject or
    flag any of them.
    """
    columns: list[Column] = [repeat(value, len(items)) for value in template]
    for holder in holders:
        objects = items if holder.name is None else _nested(items, holder.name)
        if not holder.known.issuperset(set().union(*objects)):
            raise Unusual("a field that the declaration does not know")
        for field in holder.fields:
            key = field.key
            columns[field.at] = _typed([each.get(key) for each in objects], field)
    return columns


def _nested(items: list[Any], name: str) -> list[Any]:
    found = [item.get(name) for item in items]
    return [NOTHING if each is None else each for each in found]


def _typed(column: list[Any], field: Field) -> list[Any]:
    kinds = set(map(type, column))
    if field.required and NoneType in kinds:
        raise Unusual("a required value is missing")
    if not _is_typed(column, kinds - {NoneType}, field.column.type):
        column = [None if value is None else field.convert(value) for value in column]
    if field.is_text_key:
        check_key_text(min(column, key=len))
        check_key_text(max(column, key=len))
    if field.accepted is not None and not field.accepted.issuperset(set(column) - {None}):
        raise Unusual("a value that the enumeration does not know")
    return column


def _is_typed(column: list[Any], kinds: set[type], wanted: sa.types.TypeEngine[Any]) -> bool:
    """True where converting the values would leave each as it is; raises ValueError where one does not fit."""
    if kinds == {str} and isinstance(wanted, sa.Text):
        to_text("".join(filter(None, column)))
        return True
    if kinds == {int} and isinstance(wanted, sa.Integer):
        numbers = [value for value in column if value is not None]
        to_integer(min(numbers))
        to_integer(max(numbers))
        return True
    return not kinds
