"""What every row of a table is expected to be, as queries that count the rows which are not. Pure.

All of it follows from the declarations: a key that is there once, required values, ranges by unit, known values and
fields, and values that should be found in another table. A database that enforces some of it itself only makes sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.declare import PARTITION, is_daily
from exec_orchestration.tables.warehouse import Window

MISSING, OUT_OF_RANGE, UNKNOWN_VALUE, UNKNOWN_FIELD = "missing", "out_of_range", "unknown_value", "unknown_field"
ROUNDING = 1e-9
WEEKS_BACK = 8


@dataclass(frozen=True)
class Rule:
    """What no row should be: in `kind`, for `column`. Its count is found under `label`."""

    kind: str
    column: str
    broken: sa.ColumnElement[bool]

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.column}"


def rules(table: sa.Table) -> list[Rule]:
    """Every rule that the declaration of a table implies, column by column."""
    found = []
    for column in table.columns:
        if not column.nullable:
            found.append(Rule(MISSING, column.name, column.is_(None)))
        low, high = column.info.get("range") or (None, None)
        if low is not None:
            found.append(Rule(OUT_OF_RANGE, column.name, _outside(column, low, high)))
        if column.info.get("accepted"):
            found.append(Rule(UNKNOWN_VALUE, column.name, column.not_in(column.info["accepted"])))
        if column.name == "extra":
            found.append(Rule(UNKNOWN_FIELD, column.name, column.is_not(None)))
    return found


def _outside(column: sa.Column[Any], low: float, high: float | None) -> sa.ColumnElement[bool]:
    below = column < low - ROUNDING
    return below if high is None else sa.or_(below, column > high + ROUNDING)


def tally(table: sa.Table, window: Window | None) -> sa.Select[Any]:
    """One row per partition that has rows (None: one for the table): `rows`, and how many break `any_rule`.

    One condition for all rules: to count each by itself, over every row, takes several times as long.
    """
    broken = sa.or_(sa.false(), *(rule.broken for rule in rules(table)))
    return _by_partition(table, window, sa.func.count().label("rows"), _count(broken).label("any_rule"))


def broken_rules(table: sa.Table, window: Window | None) -> sa.Select[Any]:
    """The same for each rule by itself, under its label: for where `tally` has found something."""
    return _by_partition(table, window, *(_count(rule.broken).label(rule.label) for rule in rules(table)))


def surplus_keys(table: sa.Table, window: Window | None) -> sa.Select[Any]:
    """How many rows of each partition repeat a key, within it or of another: `rows`. Those without any are absent."""
    by = list(dict.fromkeys([*_partition(table), *table.primary_key.columns]))
    surplus = sa.func.count() - sa.case((_stands_elsewhere(table), 0), else_=1)
    repeated = (
        sa.select(*by, surplus.label("surplus"))
        .where(_in_window(table, window))
        .group_by(*by)
        .having(surplus > 0)
        .subquery("repeated")
    )
    days = [repeated.c[column.name] for column in _partition(table)]
    return sa.select(*days, sa.func.sum(repeated.c.surplus).label("rows")).group_by(*days)


def _stands_elsewhere(table: sa.Table) -> sa.ColumnElement[bool]:
    """The row's key is that of a row in another partition, too, where the day is no part of it."""
    if not is_daily(table) or table.c[PARTITION].primary_key:
        return sa.false()
    other = table.alias("elsewhere")
    same_key = [other.c[column.name] == column for column in table.primary_key.columns]
    return sa.exists().where(*same_key, other.c[PARTITION] != table.c[PARTITION])


def references(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns whose values should be found in another table."""
    return [column for column in table.columns if column.info.get("refers_to")]


def unknown_references(table: sa.Table, window: Window | None) -> sa.Select[Any]:
    """Per partition (None: in all), for each reference the number of rows whose value is not found."""
    return _by_partition(table, window, *(_count(_is_lost(each)).label(each.name) for each in references(table)))


def _is_lost(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """A value that its table does not hold; a table without any row has not been loaded, and says nothing."""
    name, other = column.info["refers_to"].split(".")
    target = column.table.metadata.tables[name]
    is_loaded = sa.exists(sa.select(sa.literal(1)).select_from(target))
    known = sa.select(target.c[other]).where(target.c[other].is_not(None))
    return sa.and_(column.is_not(None), is_loaded, column.not_in(known))


def same_weekdays_before(day: date) -> Sequence[date]:
    """The days by which a day's number of rows is judged: the same weekday, WEEKS_BACK times."""
    return [day - timedelta(weeks=number) for number in range(1, WEEKS_BACK + 1)]


def rows_on(table: sa.Table, days: Sequence[date]) -> sa.Select[Any]:
    """How many `rows` a daily table holds on each of these days; days without any are absent."""
    day = table.c[PARTITION]
    return sa.select(day, sa.func.count().label("rows")).where(day.in_(days)).group_by(day)


def changed_hashes(staged: sa.Table, table: sa.Table, day: date) -> sa.Select[Any]:
    """How many staged `rows` of a day stand in the table already, with another hash."""
    same = staged.join(table, staged.c.id == table.c.id)
    is_changed = staged.c.hash.is_distinct_from(table.c.hash)
    return sa.select(sa.func.count().label("rows")).select_from(same).where(staged.c[PARTITION] == day, is_changed)


def open_twice(table: sa.Table, *, of: str, ends: str) -> sa.Select[Any]:
    """How many things (`rows`), told by the column `of`, have more than one state that has not ended."""
    thing, is_open = table.c[of], table.c[ends].is_(None)
    twice = sa.select(thing).where(is_open).group_by(thing).having(sa.func.count() > 1).subquery("twice")
    return sa.select(sa.func.count().label("rows")).select_from(twice)


def ended_early(table: sa.Table, *, begins: str, ends: str) -> sa.Select[Any]:
    """How many states (`rows`) end before they begin, or as they do."""
    return sa.select(sa.func.count().label("rows")).where(table.c[ends] <= table.c[begins])


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _by_partition(table: sa.Table, window: Window | None, *figures: Any) -> sa.Select[Any]:
    days = _partition(table)
    return sa.select(*days, *figures).where(_in_window(table, window)).group_by(*days)


def _partition(table: sa.Table) -> list[sa.Column[Any]]:
    return [table.c[PARTITION]] if is_daily(table) else []


def _in_window(table: sa.Table, window: Window | None) -> sa.ColumnElement[bool]:
    return window.holds(table.c[PARTITION]) if window else sa.true()
