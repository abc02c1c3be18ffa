"""Each type's accepted and refused values: strict, so that a change of the contract is seen and not guessed at."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.convert import (
    converter_for,
    shown,
    to_boolean,
    to_day,
    to_instant,
    to_integer,
    to_json,
    to_number,
    to_text,
)
from exec_orchestration.tables.declare import boolean, day, instant, integer, json_text, number, text

CONVERTERS = (to_text, to_integer, to_number, to_boolean, to_instant, to_day)


@pytest.mark.parametrize("convert", CONVERTERS)
def test_null_is_no_value(convert: Any) -> None:
    """Whether a column may be null is the reader's business: a converter is given what is there."""
    with pytest.raises(ValueError, match=r"must be .* not null"):
        convert(None)


@pytest.mark.parametrize("value", ["", " ", "x", "Löwe", "日本", "😀", "\t\n\\\"'", "\x01", "\ue000", "N" * 100_000])
def test_text_is_kept_as_it_is(value: str) -> None:
    """Nothing is trimmed, folded or cut."""
    assert to_text(value) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\0b", "NUL"),
        ("\0", "NUL"),
        ("ab\ud800", "half a character at position 2"),
        ("\udfffab", "half a character at position 0"),
        (7, "must be a string, not 7"),
        (True, "must be a string, not true"),
        (1.5, "must be a string, not 1.5"),
        ([], r"must be a string, not \[\]"),
        ({}, "must be a string, not {}"),
    ],
)
def test_text_refuses(value: Any, reason: str) -> None:
    """What no database keeps, and what is no string."""
    with pytest.raises(ValueError, match=reason):
        to_text(value)


@pytest.mark.parametrize(
    ("value", "kept"), [(0, 0), (-1, -1), (3.0, 3), (-0.0, 0), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63))]
)
def test_integers_have_64_bits(value: Any, kept: int) -> None:
    """Up to both limits; a float without a fraction is one."""
    found = to_integer(value)
    assert found == kept
    assert type(found) is int


@pytest.mark.parametrize(
    "value",
    [
        *(2**63, -(2**63) - 1, 2.0**63, 1e300, 10**400),
        *(3.5, float("nan"), float("inf"), -float("inf")),
        *(True, False, "3", "", [], {}),
    ],
)
def test_integers_refuse(value: Any) -> None:
    """One over and one under the limits, fractions, booleans and numbers in quotes."""
    with pytest.raises(ValueError, match=r"whole number|64 bits"):
        to_integer(value)


@pytest.mark.parametrize("value", [0, 1, -1.5, 0.1, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 2**63])
def test_numbers_are_finite(value: Any) -> None:
    """Up to the largest float; a whole number is one."""
    found = to_number(value)
    assert found == value
    assert type(found) is float


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), json.loads("1e400"), True, "1.5", "", "NaN", [], {}]
)
def test_numbers_refuse(value: Any) -> None:
    """What is not finite, booleans and numbers in quotes."""
    with pytest.raises(ValueError, match=r"must be a number|must be finite"):
        to_number(value)


@pytest.mark.parametrize("value", [10**309, 10**400, -(10**400)], ids=["310 digits", "401 digits", "negative"])
def test_numbers_refuse_integers_beyond_floats(value: int) -> None:
    """JSON knows whole numbers of any length."""
    with pytest.raises(ValueError, match="must be finite"):
        to_number(value)


@pytest.mark.parametrize("value", [True, False])
def test_booleans(value: bool) -> None:
    """True and false."""
    assert to_boolean(value) is value


@pytest.mark.parametrize("value", [0, 1, 1.0, "true", "", "yes", [], {}])
def test_booleans_refuse(value: Any) -> None:
    """Nothing else is one."""
    with pytest.raises(ValueError, match="must be true or false"):
        to_boolean(value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-01-31T12:30:15Z", datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC)),
        ("2026-01-31T12:30:15.123Z", datetime(2026, 1, 31, 12, 30, 15, 123000, tzinfo=UTC)),
        ("2026-01-31T12:30:15.123456Z", datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)),
        ("2026-01-31T12:30:15+00:00", datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC)),
        ("2026-01-31T00:30:00+01:00", datetime(2026, 1, 30, 23, 30, tzinfo=UTC)),
        ("2026-01-31T23:30:00-05:00", datetime(2026, 2, 1, 4, 30, tzinfo=UTC)),
        ("2026-01-31T12:00:00+05:45", datetime(2026, 1, 31, 6, 15, tzinfo=UTC)),
        ("2026-01-31 12:30Z", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59+01:00", datetime(9999, 12, 31, 22, 59, 59, tzinfo=UTC)),
    ],
)
def test_instants_are_in_utc(value: str, moment: datetime) -> None:
    """Any offset is converted; a bare date is its first moment in UTC."""
    found = to_instant(value)
    assert found == moment
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-01-31T12:30:15", "must say its zone"),
        ("2026-01-31 12:30", "must say its zone"),
        ("20260131", "must say its zone"),
        ("9999-12-31T23:59:59-01:00", "between the years 1 and 9999"),
        ("0001-01-01T00:00:00+01:00", "between the years 1 and 9999"),
        ("2026-02-30T00:00:00Z", "ISO 8601"),
        ("2026-02-30", "ISO 8601"),
        ("2025-02-29", "ISO 8601"),
        ("10000-01-01T00:00:00Z", "ISO 8601"),
        ("31.01.2026", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        ("", "ISO 8601"),
        ("2026-01-31\ud800", "ISO 8601"),
        (1_770_000_000, "ISO 8601"),
        (True, "ISO 8601"),
        ([], "ISO 8601"),
        ({}, "ISO 8601"),
    ],
)
def test_instants_refuse(value: Any, reason: str) -> None:
    """A time without a zone, one that does not exist, one that leaves the calendar, and what is no text."""
    with pytest.raises(ValueError, match=reason):
        to_instant(value)


@given(moment=st.datetimes(timezones=st.just(UTC)), minutes=st.integers(-1439, 1439))
def test_an_instant_is_the_same_in_any_offset(moment: datetime, minutes: int) -> None:
    """What is written in a zone is read back as the same moment."""
    try:
        local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    except OverflowError:
        local = moment
    assert to_instant(local.isoformat()) == moment


def test_a_naive_time_as_long_as_a_date_is_refused() -> None:
    """Noon of a week's first day, in ISO 8601's form of weeks, does not say its zone."""
    with pytest.raises(ValueError, match="must say its zone"):
        to_instant("2026W05T12")


def test_days() -> None:
    """A calendar day, without a time."""
    assert to_day("2026-01-31") == date(2026, 1, 31)


@pytest.mark.parametrize("value", ["2026-01-31T00:00:00Z", "2026-02-30", "", "today", 20260131, True, []])
def test_days_refuse(value: Any) -> None:
    """A time, a day that does not exist, and what is no text."""
    with pytest.raises(ValueError, match="must be a day"):
        to_day(value)


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": [1, None]}])
def test_json_is_kept_as_it_is(value: Any) -> None:
    """Any value."""
    assert to_json(value) == value


@pytest.mark.parametrize(
    ("declare", "convert"),
    [
        (text, to_text),
        (integer, to_integer),
        (number, to_number),
        (boolean, to_boolean),
        (instant, to_instant),
        (day, to_day),
        (json_text, to_json),
    ],
)
def test_a_columns_type_chooses_the_converter(declare: Any, convert: Any) -> None:
    """Whether it may be null or not."""
    for column in (declare("x", "c"), declare("x", "c", required=True), declare("x", "c", key=True)):
        assert converter_for(column) is convert


def test_every_declared_column_has_a_converter() -> None:
    """No type without one."""
    for table in METADATA.tables.values():
        for column in table.columns:
            assert callable(converter_for(column)), column


def test_values_are_shown_short() -> None:
    """As they stood in the JSON, at most sixty characters."""
    assert shown("a\0b") == '"a\\u0000b"'
    assert shown("x" * 58) == '"' + "x" * 58 + '"'
    assert len(shown("x" * 59)) == 60
    assert shown("x" * 59).endswith("...")
    assert shown(sa.Text) == json.dumps(str(sa.Text))
