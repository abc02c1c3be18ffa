"""HR's roster of the made-up company, as a CSV file: the list of people that a user sync starts from.

Must not live here: HTTP, Sparkwise's side. Leads to: `roster_rows`, a pure function of the cast and a day, and
`python -m exec_orchestration.sandbox.roster --out roster.csv --edition 2`. With the same options as the server's, the
roster holds the people of the server's world.
"""

import argparse
import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path

from exec_orchestration.sandbox import catalogue
from exec_orchestration.sandbox.cast import Cast, Person, build_cast
from exec_orchestration.sandbox.options import add_world_options, read_options
from exec_orchestration.sandbox.world import ONE_DAY

ACTIVE, LEAVE, PREHIRE, TERMINATED = "active", "leave", "prehire", "terminated"
MONTH = timedelta(days=30)  # how long leavers stand in the roster, and how early HR knows who leaves
NOTICE = timedelta(days=14)  # how early joiners stand there
FIRST_JOINER = 9001


@dataclass(frozen=True)
class RosterRow:
    """One person, with the roster's columns. `end_date` is the last day of employment.

    `manager_id` is an employee of the same roster, and empty for whoever leads the company.
    """

    employee_id: str
    email: str
    first_name: str
    last_name: str
    status: str
    start_date: date
    end_date: date | None
    department: str
    manager_id: str
    location: str


def roster_rows(cast: Cast, as_of: date, *, edition: int = 1) -> list[RosterRow]:
    """HR's roster on a day, which for a world is the day after its last; edition 2 is edition 1 with a month's changes.

    Every date of edition 2's changes lies on or before `as_of`, so either edition can be synchronised on that day.
    """
    if edition not in (1, 2):
        raise ValueError(f"the roster has the editions 1 and 2, not {edition}")
    rows = _first_edition(cast, as_of)
    return rows if edition == 1 else _second_edition(rows, cast, as_of)


def _first_edition(cast: Cast, as_of: date) -> list[RosterRow]:
    rows = [row for number, person in enumerate(cast.people) if (row := _row(person, number, as_of)) is not None]
    dismissed = {row.employee_id: n for n, row in enumerate(_settled(rows, cast, as_of)[-2:], start=1)}
    rows = [
        replace(row, status=TERMINATED, end_date=as_of - dismissed[row.employee_id] * 10 * ONE_DAY)
        if row.employee_id in dismissed
        else row
        for row in rows
    ]
    active = [row.employee_id for row in rows if row.status == ACTIVE]
    away = {active[len(active) * third // 3] for third in (1, 2)} if active else set()
    rows = [replace(row, status=LEAVE) if row.employee_id in away else row for row in rows]
    manager_of = _managers(rows)
    return [replace(row, manager_id=manager_of(row)) for row in rows]


def _row(person: Person, number: int, as_of: date) -> RosterRow | None:
    """The person's row as far as the world decides it, or null for somebody who does not stand in the roster."""
    status, left_on = _status(person, as_of), person.left_on
    if person.employee_id is None or status is None:
        return None
    return RosterRow(
        employee_id=person.employee_id,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        status=status,
        start_date=person.joined_at.date(),
        end_date=left_on - ONE_DAY if left_on and left_on <= as_of + MONTH else None,
        department=person.department,
        manager_id="",
        location=catalogue.LOCATIONS[number % len(catalogue.LOCATIONS)],
    )


def _status(person: Person, as_of: date) -> str | None:
    joined_on, left_on = person.joined_at.date(), person.left_on
    if left_on and left_on <= joined_on:
        return None  # never came
    if left_on and left_on <= as_of:
        return TERMINATED if left_on >= as_of - MONTH else None
    if joined_on <= as_of:
        return ACTIVE
    return PREHIRE if joined_on <= as_of + NOTICE else None


def _settled(rows: Iterable[RosterRow], cast: Cast, as_of: date) -> list[RosterRow]:
    """The people who work here for more than a month, are not about to leave, and have an active account."""
    accounts = {account.remote_id for account in cast.accounts if account.active}
    return [
        row
        for row in rows
        if row.status == ACTIVE
        and row.end_date is None
        and row.start_date < as_of - MONTH
        and row.employee_id in accounts
    ]


def _managers(rows: Iterable[RosterRow]) -> Callable[[RosterRow], str]:
    """Who manages whom: the first active person of a department leads it, the first of all leads the leaders."""
    active = [row for row in rows if row.status == ACTIVE]
    top = active[0].employee_id if active else ""
    heads = {row.department: row.employee_id for row in reversed(active)}

    def manager_of(row: RosterRow) -> str:
        return next(one for one in (heads.get(row.department, top), top, "") if one != row.employee_id)

    return manager_of


def _second_edition(rows: Sequence[RosterRow], cast: Cast, as_of: date) -> list[RosterRow]:
    """What HR did in a month: names, a department, leavers, a rehire, joiners; every other row stays as it was."""
    managers = {row.manager_id for row in rows}
    pool = [row for row in _settled(rows, cast, as_of) if row.employee_id not in managers]
    if len(pool) < 8:
        raise ValueError(
            f"edition 2 needs 8 people with an active account who manage nobody, there are {len(pool)}: "
            "let the company have more people"
        )
    renamed = [replace(row, last_name=name) for row, name in zip(pool, catalogue.NEW_LAST_NAMES, strict=False)]
    moved = replace(pool[3], department=catalogue.NEW_DEPARTMENT)
    left = [replace(row, status=TERMINATED, end_date=as_of - n * ONE_DAY) for n, row in enumerate(pool[-4:-2], start=1)]
    gone = {row.employee_id for row in pool[-2:]}
    changed = {row.employee_id: row for row in (*renamed, moved, *left, *_rehired(rows, cast, as_of))}
    stayed = [changed.get(row.employee_id, row) for row in rows if row.employee_id not in gone]
    return stayed + _joiners(rows, cast, as_of)


def _rehired(rows: Iterable[RosterRow], cast: Cast, as_of: date) -> list[RosterRow]:
    """The first leaver who has an account comes back."""
    accounts = {account.remote_id for account in cast.accounts}
    leavers = [row for row in rows if row.status == TERMINATED and row.employee_id in accounts]
    return [replace(row, status=ACTIVE, start_date=as_of, end_date=None) for row in leavers[:1]]


def _joiners(rows: Iterable[RosterRow], cast: Cast, as_of: date) -> list[RosterRow]:
    manager_of = _managers(rows)
    first = max(FIRST_JOINER, len(cast.people) + 1)  # a big company uses up the usual numbers
    joined = [
        RosterRow(
            employee_id=f"E{first + n}",
            email=f"{mailbox}@{catalogue.COMPANY_DOMAIN}",
            first_name=first_name,
            last_name=last_name,
            status=ACTIVE,
            start_date=as_of - n * ONE_DAY,
            end_date=None,
            department=catalogue.DEPARTMENTS[n],
            manager_id="",
            location=catalogue.LOCATIONS[n],
        )
        for n, (first_name, last_name, mailbox) in enumerate(catalogue.JOINERS)
    ]
    return [replace(row, manager_id=manager_of(row)) for row in joined]


def roster_csv(rows: Iterable[RosterRow]) -> str:
    """The rows under a header; dates are ISO, what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(RosterRow))
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue()


def write_roster(path: Path, rows: Iterable[RosterRow]) -> None:
    """Write the file in UTF-8 at one stroke: a reader finds the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(roster_csv(rows), encoding="utf-8", newline="")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Write one edition, and say what was written."""
    options = _options(argv)
    cast = build_cast(options.seed, start=options.start, people=options.people)
    rows = roster_rows(cast, options.until + ONE_DAY, edition=options.edition)
    write_roster(options.out, rows)
    print(f"{options.out}: {len(rows)} people, edition {options.edition}")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="roster", description="HR's roster of the sandbox's world, as a CSV file")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, or to replace at one stroke")
    parser.add_argument("--edition", type=int, choices=(1, 2), default=1, help="2 = after a month of HR's work")
    add_world_options(parser)
    return read_options(parser, argv)


if __name__ == "__main__":
    main()
