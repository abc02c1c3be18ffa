"""One value of an item -> one typed value of a column; a value that does not fit raises ValueError with the reason.

Strict on purpose: a number in quotes or a time without a zone is a change of the contract that somebody should see,
not something to guess at. The reason is worded to follow the field's name: "must be ...".
"""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from exec_orchestration.errors import without_e_mails
from exec_orchestration.tables.declare import UtcInstant

Converter = Callable[[Any], Any]

LONGEST_KEY = 500
BARE_DATE = re.compile(r"\d{4}-\d\d-\d\d")
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1


def converter_for(column: sa.Column[Any]) -> Converter:
    """The converter for a column's type. It takes a value that is there: None is for the caller to judge."""
    return next(found for kind, found in _BY_TYPE if isinstance(column.type, kind))


def to_text(value: Any) -> str:
    """A string without NUL or lone surrogates, which no database keeps."""
    if type(value) is not str:
        raise ValueError(f"must be a string, not {shown(value)}")
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    if not value.isascii():
        _encodable(value)
    return value


def _encodable(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"must be valid Unicode, and holds half a character at position {error.start}") from None


def check_key_text(value: str) -> None:
    """Refuse a key that identifies nothing, or that no database's index takes."""
    if not 0 < len(value) <= LONGEST_KEY:
        raise ValueError(f"must have 1 to {LONGEST_KEY} characters, as it is a key, and has {len(value)}")


def to_integer(value: Any) -> int:
    """A whole number of 64 bits; 3.0 is one."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise ValueError(f"must be a whole number, not {shown(value)}")
    if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        raise ValueError(f"must fit into 64 bits, and {shown(value)} does not")
    return value


def to_number(value: Any) -> float:
    """A finite number."""
    if type(value) is not float and type(value) is not int:
        raise ValueError(f"must be a number, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"must be finite, and {shown(value)} is not")
    return number


def to_boolean(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise ValueError(f"must be true or false, not {shown(value)}")
    return value


def to_instant(value: Any) -> datetime:
    """An instant in UTC from ISO 8601 with a zone; a bare date means its first moment in UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError(f"must be a time in ISO 8601, not {shown(value)}") from None
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        if not BARE_DATE.fullmatch(value):
            raise ValueError(f"must say its zone, such as Z, and {shown(value)} does not")
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"must lie between the years 1 and 9999 in UTC, and {shown(value)} does not") from None


def to_day(value: Any) -> date:
    """A calendar day from ISO 8601."""
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError(f"must be a day in ISO 8601, not {shown(value)}") from None


def to_json(value: Any) -> Any:
    """Any JSON value as it is."""
    return value


def shown(value: Any) -> str:
    """A value as it stood in the JSON, shortened for a message; of what may hold a person, its type only."""
    if isinstance(value, dict | list) and value:
        return kind_of(value)
    text = without_e_mails(json.dumps(value, default=str))
    return text if len(text) <= 60 else f"{text[:57]}..."


def kind_of(value: Any) -> str:
    """The name that JSON has for the value's type."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


_BY_TYPE: tuple[tuple[type, Converter], ...] = (
    (sa.JSON, to_json),
    (sa.Boolean, to_boolean),
    (UtcInstant, to_instant),
    (sa.Date, to_day),
    (sa.Integer, to_integer),
    (sa.Float, to_number),
    (sa.Text, to_text),
)
