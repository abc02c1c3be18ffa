"""An accepted roster -> the warehouse: versions of people, the rows put aside, and what was read."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from exec_orchestration.roster.health import Reading, Roster
from exec_orchestration.roster.person import Person
from exec_orchestration.tables import roster_versions
from exec_orchestration.tables.erased import guard_of
from exec_orchestration.tables.hr import hr_roster, hr_roster_reads
from exec_orchestration.tables.rows import RejectedRow, Row, rejected_row_values
from exec_orchestration.tables.warehouse import Warehouse


def last_reading(warehouse: Warehouse) -> Reading | None:
    """The last accepted reading."""
    for row in warehouse.read(roster_versions.last_reading()):
        return Reading(row.fingerprint, row.modified_at, row.rows, row.people, tuple(row.columns))
    return None


def without_erased(warehouse: Warehouse, roster: Roster) -> Roster:
    """The roster without the bad rows of people who were erased; their good rows are left out when it is kept."""
    guard = guard_of(warehouse)
    return replace(roster, bad_rows=tuple(row for row in roster.bad_rows if not guard.knows(row.payload)))


def keep_roster(warehouse: Warehouse, roster: Roster, *, source: str, run_id: str) -> Mapping[str, Any]:
    """Write an accepted roster; what was new about it, for the UI."""
    read_at, reading = datetime.now(UTC), roster.reading
    guard = guard_of(warehouse)
    rejects = [RejectedRow(row.reason, dict(row.payload), None) for row in roster.bad_rows]
    values = rejected_row_values(hr_roster.name, rejects, fetched_at=read_at, run_id=run_id)
    warehouse.replace_rejects(hr_roster.name, [None], values)
    unread = {row.employee_id for row in roster.bad_rows if row.employee_id is not None}
    with warehouse.stage(hr_roster) as stage:
        people = (_version(person, read_at, run_id) for person in roster.people)
        stage.fill(guard.rows(hr_roster, people))
        stage.index("employee_id")
        statements = roster_versions.versions(stage.staged, read_at=read_at, unread=unread)
        closed, opened = stage.execute(hr_roster, *statements)
    facts = {
        "fingerprint": reading.fingerprint,
        "source": source,
        "modified_at": reading.modified_at,
        "rows": reading.rows,
        "people": reading.people,
        "rejected": len(roster.bad_rows),
        "columns": list(reading.columns),
    }
    warehouse.write((hr_roster_reads.insert(), [{"read_at": read_at, "run_id": run_id, **facts}]))
    told = {name: value for name, value in facts.items() if value is not None and name != "modified_at"}
    return {
        **told,
        **({"left_out_erased_people": left_out} if (left_out := guard.left_out) else {}),
        "versions_closed": closed,
        "versions_opened": opened,
        "ignored_columns": list(roster.ignored_columns),
    }


def version_of_roster(warehouse: Warehouse) -> str:
    """The data version of `hr_roster`: when any person's version last began or ended."""
    return str(warehouse.newest(hr_roster.c.valid_from, hr_roster.c.valid_to))


def _version(person: Person, read_at: datetime, run_id: str) -> Row:
    """The row of `hr_roster` that a person's new version would be."""
    given = {"employee_id": person.employee_id, "valid_from": read_at, "valid_to": None, "run_id": run_id}
    return tuple(
        given[column.name] if column.name in given else getattr(person, column.name) for column in hr_roster.columns
    )
