"""How daily tables lie in the database: the words of it, and what an engine does that knows no months. Nothing of SQL.

A daily table is whole, or natively partitioned by the month of its `partition_date`. How it lies is asked of the
database and never of a setting: a setting only asks for a change.
"""

import re
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

UNCHANGED, MONTH, NONE = LAYOUTS = ("unchanged", "month", "none")

_NAME_OF_MONTH = re.compile(r".+_(?P<year>\d{4})_(?P<month>0[1-9]|1[0-2])")


def name_of_month(table: str, month: date) -> str:
    """The partition's own name: `exec_sessions_2026_01`."""
    return f"{table}_{month.year:04}_{month.month:02}"


def month_of(name: str) -> date | None:
    """The first day of the month that a table is named by; None where it is no such partition."""
    found = _NAME_OF_MONTH.fullmatch(name)
    return date(int(found["year"]), int(found["month"]), 1) if found else None


def knows_months() -> bool:
    """Only PostgreSQL does."""
    return False


def standing_by_month(_connection: Connection) -> frozenset[str]:
    """No table does."""
    return frozenset()


def rearrange(_connection: Connection, _table: sa.Table, *, by_month: bool) -> None:
    """Never asked for: no table lies by month, and none shall."""
    raise NotImplementedError(f"by_month={by_month}")


def make_room(_connection: Connection, _table: sa.Table, _first: date, _last: date) -> None:
    """Nothing to do: a whole table takes every day."""


def drop_months_before(_connection: Connection, _table: sa.Table, _before: date) -> int:
    """There is none to drop."""
    return 0
