"""Items -> typed rows, by a table's declaration. Pure: no database, no vendor, no clock.

A row is a tuple in the order of the table's columns. An item that does not fit becomes a RejectedRow with every reason;
a field that the declaration does not know goes to `extra`, an unknown value of an enumeration is kept as it is, and
both are counted as flags. Nothing is dropped in silence. A batch in which nothing is unusual is read column by column
(`columns`), any other one by one.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.columns import read_columns
from exec_orchestration.tables.convert import check_key_text, kind_of, shown
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.fields import fields_of, holders_of

Row = tuple[Any, ...]
REQUIRED = "must be present, and is missing or null"
ITEMS_AT_A_TIME = 100
DOES_NOT_FIT = (ValueError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True)
class RejectedRow:
    """An item that does not fit its declaration: why, what came, and the partition where that can be read."""

    reason: str
    payload: Any
    partition_date: date | None


@dataclass(frozen=True)
class Day:
    """The partition of every row, whatever the row says: the window that was asked for."""

    value: date


@dataclass(frozen=True)
class DayOf:
    """The partition that each row falls into: the calendar day, in `zone`, of its instant in `column`."""

    column: str
    zone: tzinfo


@dataclass
class Reading:
    """What happened while items were read, filled as rows are drawn; the first `keep` rejects of each day are kept."""

    keep: int = 100
    accepted: int = 0
    left_out: int = 0
    erased: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedRow] = field(default_factory=list)
    rejected_by_day: Counter[date | None] = field(default_factory=Counter)

    def forget(self, is_forgotten: Callable[[Any], bool]) -> int:
        """Take back the kept rejects whose payload is to be forgotten; how many these were."""
        gone = [row for row in self.rejected if is_forgotten(row.payload)]
        self.rejected = [row for row in self.rejected if row not in gone]
        self.rejected_by_day -= Counter(row.partition_date for row in gone)
        return len(gone)

    def reject(self, row: RejectedRow) -> None:
        self.rejected_by_day[row.partition_date] += 1
        if self.rejected_by_day[row.partition_date] <= self.keep:
            self.rejected.append(row)


def read_rows(
    table: sa.Table,
    items: Iterable[Any],
    reading: Reading,
    *,
    given: Mapping[str, Any],
    partition: Day | DayOf | None = None,
) -> Iterator[Row]:
    """The items that fit `table`, typed; `reading` tells of the others.

    `given` holds the columns that no item carries, such as `run_id`. A daily table needs a `partition`.
    """
    reader = _Reader(table, given=given, partition=partition)
    return chain.from_iterable(_batch(reader, batch, reading) for batch in batched(items))


def batched(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items, as many at a time as one page of a vendor has."""
    source = iter(items)
    return iter(lambda: list(islice(source, ITEMS_AT_A_TIME)), [])


def _batch(reader: "_Reader", items: list[Any], reading: Reading) -> Iterable[Row]:
    try:
        rows = reader.rows(items)
    except DOES_NOT_FIT:
        return _one_by_one(reader, items, reading)
    reading.accepted += len(rows)
    return rows


def _one_by_one(reader: "_Reader", items: list[Any], reading: Reading) -> Iterator[Row]:
    """The rows of a batch in which something is unusual; `reading` is told what."""
    for item in items:
        try:
            row = reader.row(item)
        except DOES_NOT_FIT:
            reading.reject(reader.rejected(item))
            reader.flags.clear()
            continue
        reading.accepted += 1
        if reader.flags:
            reading.flags.update(reader.flags)
            reader.flags.clear()
        yield row


class _Reader:
    """The declaration of one table, compiled into a plan: per object of the item, its fields and their converters."""

    def __init__(self, table: sa.Table, *, given: Mapping[str, Any], partition: Day | DayOf | None) -> None:
        self.flags: list[str] = []
        self._names = [column.name for column in table.columns]
        fixed = {**given, **({PARTITION: partition.value} if isinstance(partition, Day) else {})}
        self._template = [fixed.get(name) for name in self._names]
        self._fields = fields_of(table)
        self._holders = holders_of(self._fields)
        self._plan = [
            (each.name, each.known, [(field.at, field.key, field.convert) for field in each.fields])
            for each in self._holders
        ]
        self._required = [each.at for each in self._fields if each.required]
        self._text_keys = [each.at for each in self._fields if each.is_text_key]
        self._accepted = [(each.at, each.accepted) for each in self._fields if each.accepted is not None]
        self._extra = self._names.index("extra") if "extra" in self._names else None
        self._cut = partition if isinstance(partition, DayOf) else None
        if self._cut:
            self._partition_at = self._names.index(PARTITION)
            self._instant_at = self._names.index(self._cut.column)
            # In UTC, by far the most common zone, no conversion is needed.
            self._cut_zone = None if self._cut.zone in (UTC, _utc_named(self._cut.zone)) else self._cut.zone

    def rows(self, items: list[Any]) -> list[Row]:
        """The typed rows of items in which nothing is unusual; raises one of DOES_NOT_FIT where anything is."""
        columns = read_columns(items, self._template, self._holders)
        if self._cut:
            columns[self._partition_at] = self._days(columns[self._instant_at])
        return list(zip(*columns, strict=True))

    def row(self, item: Any) -> Row:
        """The typed row; raises ValueError, TypeError or AttributeError when a value does not fit."""
        values = self._template.copy()
        extra: dict[str, Any] = {}
        for name, known, fields in self._plan:
            holder = item if name is None else item.get(name)
            if holder is None:
                holder = {}
            if not holder.keys() <= known:
                prefix = "" if name is None else f"{name}."
                extra.update((prefix + key, value) for key, value in holder.items() if key not in known)
            for at, key, convert in fields:
                value = holder.get(key)
                if value is not None:
                    values[at] = convert(value)
        self._check(values)
        if extra:
            self._keep_extra(values, extra)
        if self._cut:
            (values[self._partition_at],) = self._days([values[self._instant_at]])
        return tuple(values)

    def _days(self, moments: Iterable[Any]) -> list[date]:
        """The partitions of moments; raises AttributeError for None."""
        if self._cut_zone is None:
            return [moment.date() for moment in moments]
        return [moment.astimezone(self._cut_zone).date() for moment in moments]

    def _check(self, values: list[Any]) -> None:
        """Refuse a row without a required value; flag values that their enumeration does not know."""
        for at in self._required:
            if values[at] is None:
                raise ValueError(REQUIRED)
        for at in self._text_keys:
            check_key_text(values[at])
        for at, accepted in self._accepted:
            value = values[at]
            if value is not None and value not in accepted:
                self.flags.append(f"unknown value in {self._names[at]}: {value[:40]}")

    def rejected(self, item: Any) -> RejectedRow:
        """Why an item does not fit, value by value."""
        if not isinstance(item, dict):
            return RejectedRow(f"a row must be an object, not {kind_of(item)}", item, self._template_day())
        reasons = list(self._reasons(item))
        day = self._day_of(item)
        if self._cut and day is None and not any(self._tells_day(reason) for reason in reasons):
            reasons.append(f"{self._cut.column} must be present and within the calendar: it tells the partition")
        return RejectedRow("; ".join(reasons) or "the row does not fit its table", item, day)

    def _reasons(self, item: dict[str, Any]) -> Iterator[str]:
        for each in self._fields:
            holder: Any = item
            for part in each.path[:-1]:
                holder = holder.get(part) if isinstance(holder, dict) else holder
            if holder is not None and not isinstance(holder, dict):
                yield f"{'.'.join(each.path[:-1])} must be an object, not {kind_of(holder)}"
                continue
            value = (holder or {}).get(each.path[-1])
            try:
                if value is None and each.required:
                    raise ValueError(REQUIRED)
                if value is not None:
                    each.convert(value)
                if value is not None and each.is_text_key:
                    check_key_text(value)
            except (ValueError, TypeError, AttributeError) as error:
                came = shown(value)
                told = str(error).replace(came, kind_of(value)) if each.column.info["personal"] else error
                yield f"{'.'.join(each.path)} {told}"

    def _tells_day(self, reason: str) -> bool:
        """True for a reason about the value that the partition is cut by."""
        return any(
            reason.startswith(each.path[0] + " ")
            for each in self._fields
            if self._cut and each.column.name == self._cut.column
        )

    def _day_of(self, item: dict[str, Any]) -> date | None:
        """The partition of a rejected item, where it can be read."""
        if self._cut is None:
            return self._template_day()
        source = next(each for each in self._fields if each.column.name == self._cut.column)
        try:
            moment: datetime = source.convert(item.get(source.path[0]))
            return moment.astimezone(self._cut.zone).date()
        except (ValueError, OverflowError):
            return None

    def _template_day(self) -> date | None:
        day = self._template[self._names.index(PARTITION)] if PARTITION in self._names else None
        return day if isinstance(day, date) else None

    def _keep_extra(self, values: list[Any], extra: dict[str, Any]) -> None:
        self.flags.extend(f"unknown field: {path[:80]}" for path in extra)
        if self._extra is not None:
            values[self._extra] = extra


def _utc_named(zone: tzinfo) -> tzinfo | None:
    """`zone` itself when it is UTC under whatever name."""
    return zone if getattr(zone, "key", None) == "UTC" else None


def rejected_row_values(
    asset: str, rejects: Iterable[RejectedRow], *, fetched_at: datetime, run_id: str
) -> list[dict[str, Any]]:
    """The rejects as rows of `rejected_rows`, with ids that are the same whenever the same row comes again."""
    seen: Counter[str] = Counter()
    values = []
    for each in rejects:
        payload = json.dumps(each.payload, sort_keys=True, default=str)
        fingerprint = hashlib.sha256(f"{asset}|{each.partition_date}|{payload}".encode()).hexdigest()[:32]
        seen[fingerprint] += 1
        values.append(
            {
                "id": f"{fingerprint}-{seen[fingerprint]}",
                "asset": asset,
                PARTITION: each.partition_date,
                "reason": each.reason,
                "payload": each.payload,
                "fetched_at": fetched_at,
                "run_id": run_id,
            }
        )
    return values
