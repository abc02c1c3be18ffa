"""Days of 23 and of 25 hours, and the 29th of February: no session is lost at their edges, or stands on two days."""

from collections import Counter
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from exec_orchestration.sandbox.world import build_world
from exec_orchestration.tables.exec_com import exec_sessions
from exec_orchestration_tests.faults.conftest import NO_LIMITS, Note
from exec_orchestration_tests.faults.places import read, sandbox
from exec_orchestration_tests.test_dagster import dagster

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("days")]

PEOPLE = 60
CASES = {
    "an hour less": ("Europe/Berlin", date(2026, 3, 28), date(2026, 3, 30)),
    "an hour more": ("America/New_York", date(2025, 11, 1), date(2025, 11, 3)),
    "a leap day": ("UTC", date(2024, 2, 28), date(2024, 3, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_odd_day(case: str, tmp_path: Path, note: Note) -> None:
    """Each day holds the sessions that the vendor's world has between its midnights, by the command line."""
    zone, first, last = CASES[case]
    start = first.replace(day=1)
    world = build_world(7, start=start, until=last, people=PEOPLE)
    days = Counter(
        each.created_at.astimezone(ZoneInfo(zone)).date() for each in world.sessions if not each.user.is_system
    )
    url = f"sqlite:///{tmp_path}/warehouse.db"
    with sandbox("--start", str(start), "--until", str(last), "--people", str(PEOPLE)) as vendors:
        done = dagster(
            *("asset", "materialize", "-m", "exec_orchestration.definitions", "--select", "exec_sessions"),
            *("--partition-range", f"{first}...{last}"),
            folder=tmp_path,
            **{**vendors.settings, **NO_LIMITS, "WAREHOUSE_URL": url},
            PARTITIONS_START=str(start),
            PARTITIONS_TIMEZONE=zone,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    query = sa.select(exec_sessions.c.partition_date, sa.func.count()).group_by(exec_sessions.c.partition_date)
    found = {day: count for day, count in read(url, query)}
    assert found == {day: count for day, count in days.items() if first <= day <= last}
    note("days, sqlite", case, "each session on its day", rows=sum(found.values()))
