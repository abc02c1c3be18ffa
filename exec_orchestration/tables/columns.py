"""Many items -> columns of typed values, each column at one stroke. Pure, and only a faster way to the same rows.

What fits is told by `convert` and `rows` alone: here a column is passed over where one look at the whole of it shows
that converting each value would change nothing. Anything unusual in any item raises, and the caller reads the items
one by one, which tells what it was.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from operator import itemgetter
from types import NoneType
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.convert import check_key_text, to_integer, to_number, to_text
from exec_orchestration.tables.declare import UtcInstant
from exec_orchestration.tables.fields import Field, Holder

Column = Iterable[Any]


class Unusual(ValueError):
    """Something that a row would be flagged or rejected for."""


def read_columns(items: list[Any], template: list[Any], holders: list[Holder]) -> list[Column]:
    """The columns of a table, of which `template` holds the values that no item carries.

    Raises ValueError, TypeError, AttributeError or OverflowError where reading the items one by one would reject or
    flag any of them.
    """
    columns: list[Column] = [repeat(value, len(items)) for value in template]
    for holder in holders:
        objects = items if holder.name is None else _nested(items, holder)
        if not holder.known.issuperset(set().union(*objects)):
            raise Unusual("a field that the declaration does not know")
        for field, values in zip(holder.fields, _values(objects, [field.key for field in holder.fields]), strict=True):
            columns[field.at] = _typed(values, field)
    return columns


def _nested(items: list[Any], holder: Holder) -> list[Any]:
    """The objects in which the values stand; one without any, where an item has none."""
    nothing = dict.fromkeys(field.key for field in holder.fields)
    (found,) = _values(items, [str(holder.name)])
    return [nothing if each is None else each for each in found]


def _values(objects: list[Any], keys: list[str]) -> list[Sequence[Any]]:
    """The values of all objects under each key; what an object does not have is None."""
    try:
        if len(keys) > 1:
            return list(zip(*map(itemgetter(*keys), objects), strict=True))
    except KeyError:
        pass
    return [[each.get(key) for each in objects] for key in keys]


def _typed(column: Sequence[Any], field: Field) -> Sequence[Any]:
    kinds = set(map(type, column))
    if field.required and NoneType in kinds:
        raise Unusual("a required value is missing")
    typed = _at_one_stroke(column, kinds - {NoneType}, field.column.type)
    if typed is None:
        typed = [None if value is None else field.convert(value) for value in column]
    if field.is_text_key:
        check_key_text(min(typed, key=len))
        check_key_text(max(typed, key=len))
    if field.accepted is not None and not field.accepted.issuperset(set(typed) - {None}):
        raise Unusual("a value that the enumeration does not know")
    return typed


def _at_one_stroke(column: Sequence[Any], kinds: set[type], wanted: sa.types.TypeEngine[Any]) -> Sequence[Any] | None:
    """The typed values, or None where each has to be looked at; raises ValueError where one does not fit."""
    if kinds == {str} and isinstance(wanted, UtcInstant):
        return _instants(column)
    present = [value for value in column if value is not None]
    if kinds == {str} and isinstance(wanted, sa.Text):
        to_text("".join(present))
    elif kinds == {int} and isinstance(wanted, sa.Integer):
        to_integer(min(present))
        to_integer(max(present))
    elif kinds == {float} and isinstance(wanted, sa.Float):
        # One that is not finite makes the sum so, too.
        to_number(sum(present))
    elif kinds:
        return None
    return column


def _instants(column: Sequence[str | None]) -> list[datetime | None] | None:
    """The moments, where every text says that it is in UTC."""
    moments = [None if text is None else datetime.fromisoformat(text) for text in column]
    zones = {moment.tzinfo for moment in moments if moment is not None}
    return moments if zones == {UTC} else None
