"""A sheet -> people, or a refusal of the whole sheet before anybody compares it with anything. Pure.

A single bad row is put aside with its reason and the rest goes on; a sheet that looks like an accident (a column is
gone, rows are gone, too many rows are bad) is refused with its counts. Whoever stands in a bad row keeps the account
as it is.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exec_orchestration.errors import UnhealthyRoster
from exec_orchestration.roster.mapping import RosterMapping
from exec_orchestration.roster.person import COLUMNS, REQUIRED, Person, identifier, person_from
from exec_orchestration.roster.sources import Line, Sheet

MAX_BAD_SHARE = 0.01
MAX_DUPLICATE_SHARE = 0.01
MAX_SHRINK_SHARE = 0.10
SHOWN_LINES = 5
ACCEPTABLE = ("columns", "older", "shrink")


@dataclass(frozen=True)
class BadRow:
    """A row that was put aside: where and why, what it holds, and whose it is where its id can be read."""

    reason: str
    payload: Mapping[str, Any]
    employee_id: str | None


@dataclass(frozen=True)
class Reading:
    """What is remembered of an accepted reading, for the next one to be judged against."""

    fingerprint: str
    modified_at: datetime | None
    rows: int
    people: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Roster:
    """An accepted roster: its people, the rows put aside, and which of its columns nobody reads."""

    people: tuple[Person, ...]
    bad_rows: tuple[BadRow, ...]
    reading: Reading
    ignored_columns: tuple[str, ...]


def examine(
    sheet: Sheet, mapping: RosterMapping, *, last: Reading | None, accept: Collection[str] = frozenset()
) -> Roster:
    """The roster that the sheet holds. Raises UnhealthyRoster with every count that is out of order.

    `last` is the last accepted reading; `accept` names what somebody has looked at and finds right this once:
    "columns" (one less than last time), "older" or "shrink".
    """
    columns = mapping.our_columns(sheet.header)
    problems = list(_column_problems(sheet, columns, mapping, last, accept))
    if problems:
        raise _refusal(sheet, problems)
    people, bad_rows = _read(sheet, columns, mapping)
    duplicates = _duplicates(people)
    named = {person.employee_id for _, person in people} | {row.employee_id for row in bad_rows if row.employee_id}
    reading = Reading(
        fingerprint=sheet.fingerprint,
        modified_at=sheet.modified_at,
        rows=len(sheet.lines),
        people=len(named),
        columns=tuple(sorted(name for name in columns if name)),
    )
    problems = [*_row_problems(sheet, bad_rows, duplicates), *_time_problems(reading, last, accept)]
    if problems:
        raise _refusal(sheet, problems)
    repeated = {number for rows in duplicates.values() for number, _ in rows}
    aside = [_as_bad_row(number, person, rows) for rows in duplicates.values() for number, person in rows]
    return Roster(
        people=tuple(person for number, person in people if number not in repeated),
        bad_rows=(*bad_rows, *aside),
        reading=reading,
        ignored_columns=tuple(name for name, ours in zip(sheet.header, columns, strict=True) if ours is None),
    )


Numbered = tuple[int, Person]


def _read(sheet: Sheet, columns: tuple[str | None, ...], mapping: RosterMapping) -> tuple[list[Numbered], list[BadRow]]:
    """Each person with the line where they stand, and the rows that hold none."""
    people: list[Numbered] = []
    bad_rows: list[BadRow] = []
    for line in sheet.lines:
        row = {name: value for name, value in zip(columns, line.values, strict=False) if name}
        try:
            if line.problem:
                raise ValueError(line.problem)
            person = person_from(row, statuses=mapping.statuses, date_format=mapping.date_format)
            people.append((line.number, person))
        except ValueError as problem:
            payload = _misfit(line, columns) if line.problem else _payload(row)
            bad_rows.append(BadRow(f"line {line.number}: {problem}", payload, readable_id(payload)))
    return people, bad_rows


def _payload(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a bad row holds, as JSON takes it, and the id as a row of people would have it."""
    known = readable_id(row)
    return {name: _as_json(value) for name, value in row.items()} | ({"employee_id": known} if known else {})


def _as_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def _misfit(line: Line, columns: Sequence[str | None]) -> dict[str, Any]:
    """All values of a row that does not fit the header. Which is which nobody knows, but for an id that stands first:
    a delimiter too many or too few comes after it, and if it is the only value, it may have been cut off.
    """
    has_id = columns[0] == "employee_id" and len(line.values) > 1
    return {**({"employee_id": line.values[0]} if has_id else {}), "values": list(line.values)}


def readable_id(row: Mapping[str, Any]) -> str | None:
    """Whose row it is, as far as its id can be read."""
    try:
        return identifier(row.get("employee_id"))
    except ValueError:
        return None


def _duplicates(people: Iterable[Numbered]) -> dict[str, list[Numbered]]:
    """The rows of each id that stands more than once; ids that differ in capitals only are one id to most systems."""
    by_id: dict[str, list[Numbered]] = {}
    for number, person in people:
        by_id.setdefault(person.employee_id.casefold(), []).append((number, person))
    return {folded: rows for folded, rows in by_id.items() if len(rows) > 1}


def _as_bad_row(number: int, person: Person, rows: Sequence[Numbered]) -> BadRow:
    others = ", ".join(str(other) for other, _ in rows if other != number)
    payload = {name: str(value) for name, value in zip(person.__slots__, _values(person), strict=True) if value}
    reason = f"line {number}: employee_id {person.employee_id!r} also stands on line {others}"
    return BadRow(reason, payload, person.employee_id)


def _values(person: Person) -> Iterator[Any]:
    return (getattr(person, name) for name in person.__slots__)


def _column_problems(
    sheet: Sheet,
    columns: tuple[str | None, ...],
    mapping: RosterMapping,
    last: Reading | None,
    accept: Collection[str],
) -> Iterator[str]:
    """What is wrong with the header, or with there being no row under it."""
    # Without a header, the first row would stand here: a person.
    is_header = any(columns)
    has = f"it has {', '.join(sheet.header)}" if is_header else f"none of the {len(columns)} in its first line is known"
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        yield f"the required column {', '.join(map(mapping.their_column, missing))} is missing; {has}"
    gone = [name for name in (last.columns if last else ()) if name not in columns and name not in missing]
    if gone and "columns" not in accept:
        yield (
            f"the column {', '.join(map(mapping.their_column, gone))} is missing, which the last roster had; {has} "
            '(if HR dropped it on purpose: accept ["columns"])'
        )
    twice = [name for name in COLUMNS if columns.count(name) > 1]
    if twice:
        yield f"the column {', '.join(twice)} stands there more than once; {has}"
    if not sheet.lines:
        yield f"it is empty: 0 rows under the header{f', and {last.rows} last time' if last else ''}"


def _row_problems(
    sheet: Sheet, bad_rows: Sequence[BadRow], duplicates: Mapping[str, Sequence[Numbered]]
) -> Iterator[str]:
    """What is wrong with too many of the rows."""
    rows = len(sheet.lines)
    if len(bad_rows) > MAX_BAD_SHARE * rows:
        first = " | ".join(row.reason for row in bad_rows[:SHOWN_LINES])
        yield (
            f"{len(bad_rows)} of {rows} rows cannot be read ({len(bad_rows) / rows:.1%}, and {MAX_BAD_SHARE:.0%} is "
            f"allowed), the first being {first}"
        )
    if len(duplicates) > MAX_DUPLICATE_SHARE * rows:
        first = " | ".join(
            f"{pairs[0][1].employee_id!r} on lines {', '.join(str(number) for number, _ in pairs)}"
            for pairs in list(duplicates.values())[:SHOWN_LINES]
        )
        yield (
            f"{len(duplicates)} employee_ids of {rows} rows are duplicates ({len(duplicates) / rows:.1%}, and "
            f"{MAX_DUPLICATE_SHARE:.0%} is allowed), the first being {first}"
        )


def _time_problems(reading: Reading, last: Reading | None, accept: Collection[str]) -> Iterator[str]:
    """What does not follow from the last accepted reading."""
    if last is None:
        return
    lost = last.people - reading.people
    if lost > MAX_SHRINK_SHARE * last.people and "shrink" not in accept:
        yield (
            f"it shrank by {lost / last.people:.1%}, from {last.people} people to {reading.people} ({lost} fewer; "
            f'{MAX_SHRINK_SHARE:.0%} is allowed; if so many left: accept ["shrink"])'
        )
    is_older = reading.modified_at and last.modified_at and reading.modified_at < last.modified_at
    if is_older and reading.fingerprint != last.fingerprint and "older" not in accept:
        yield (
            f"it was written at {reading.modified_at:%Y-%m-%d %H:%M:%S} UTC, before the last one "
            f'({last.modified_at:%Y-%m-%d %H:%M:%S} UTC; if it is right all the same: accept ["older"])'
        )


def _refusal(sheet: Sheet, problems: Sequence[str]) -> UnhealthyRoster:
    told = "; ".join(problems)
    return UnhealthyRoster(
        f"The roster {sheet.name} was refused: {told}. Nothing was sent to Sparkwise, and the last accepted roster "
        "still holds. Mend the file or HR_ROSTER_MAPPING, then run this again."
    )
