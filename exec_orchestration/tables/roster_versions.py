"""The roster's history: statements, as values, that turn one accepted reading into versions of people.

A person whose row says something new gets a new version; one who is gone has the last one closed. Whoever stands in a
row that could not be read keeps the version that holds.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from exec_orchestration.tables.hr import hr_roster, hr_roster_reads

SAID_BY_HR = (
    "email",
    "first_name",
    "last_name",
    "status",
    "department",
    "manager_id",
    "location",
    "start_on",
    "end_on",
)


def versions(read: sa.FromClause, *, read_at: datetime, unread: Collection[str]) -> tuple[sa.Update, sa.Insert]:
    """Close the versions that no longer hold, then open those that are new. Both belong into one transaction.

    `read` holds the people of the reading as `hr_roster` does; `unread` are ids whose rows could not be read.
    """
    return _close(read, read_at, unread), _open(read)


def current_people() -> sa.Select[tuple[object, ...]]:
    """The version of each person that holds now."""
    columns = (hr_roster.c.employee_id, *(hr_roster.c[name] for name in SAID_BY_HR))
    return sa.select(*columns).where(hr_roster.c.valid_to.is_(None)).order_by(hr_roster.c.employee_id)


def last_reading() -> sa.Select[tuple[object, ...]]:
    """The last accepted reading."""
    return sa.select(hr_roster_reads).order_by(hr_roster_reads.c.read_at.desc()).limit(1)


def _close(read: sa.FromClause, read_at: datetime, unread: Collection[str]) -> sa.Update:
    same = sa.select(read.c.employee_id).where(
        read.c.employee_id == hr_roster.c.employee_id,
        *(read.c[name].is_not_distinct_from(hr_roster.c[name]) for name in SAID_BY_HR),
    )
    return (
        hr_roster.update()
        .where(
            hr_roster.c.valid_to.is_(None),
            hr_roster.c.employee_id.not_in(list(unread)),
            sa.not_(sa.exists(same.correlate(hr_roster))),
        )
        .values(valid_to=read_at)
    )


def _open(read: sa.FromClause) -> sa.Insert:
    names = [column.name for column in hr_roster.columns]
    has_current = sa.exists().where(hr_roster.c.employee_id == read.c.employee_id, hr_roster.c.valid_to.is_(None))
    people = sa.select(*(read.c[name] for name in names)).where(sa.not_(has_current.correlate(read)))
    return hr_roster.insert().from_select(names, people)
