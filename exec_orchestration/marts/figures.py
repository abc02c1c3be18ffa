"""The figures that marts share: rates that are null where nobody is counted, and a median that runs anywhere."""

from datetime import date
from typing import Any

import sqlalchemy as sa

Days = tuple[date, date]
Number = sa.ColumnElement[Any]


def rate(part: Number, whole: Number) -> Number:
    """`part / whole` from 0 to 1; null where `whole` is 0, never 0 for want of people."""
    return sa.cast(part, sa.Double()) / sa.cast(sa.func.nullif(whole, 0), sa.Double())


def count_where(condition: sa.ColumnElement[bool]) -> Number:
    """How many rows of the group meet `condition`; 0 where none does."""
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def average(value: Number) -> Number:
    """The average of the values that are not null, unrounded."""
    return sa.func.avg(sa.cast(value, sa.Double()))


def medians(rows: sa.FromClause, value: str, *, by: tuple[str, ...], name: str) -> sa.CTE:
    """One median of `value` per group: the middle value, or the average of the middle two; nulls are left out.

    Window functions rather than `percentile_cont`, which SQLite lacks.
    """
    group = [rows.c[each] for each in by]
    ranked = (
        sa.select(
            *group,
            rows.c[value],
            sa.func.row_number().over(partition_by=group, order_by=rows.c[value]).label("position"),
            sa.func.count().over(partition_by=group).label("size"),
        )
        .where(rows.c[value].is_not(None))
        .cte(f"ranked_{name}")
    )
    # In doubled positions the middle of n values is n + 1: within 1 of it lie one or two of them.
    is_middle = sa.func.abs(2 * ranked.c.position - ranked.c.size - 1) <= 1
    return (
        sa.select(*(ranked.c[each] for each in by), average(ranked.c[value]).label(name))
        .where(is_middle)
        .group_by(*(ranked.c[each] for each in by))
        .cte(name)
    )


def within(column: Number, days: Days) -> sa.ColumnElement[bool]:
    """The condition that a day lies in `days`, both ends included."""
    return column.between(*days)
