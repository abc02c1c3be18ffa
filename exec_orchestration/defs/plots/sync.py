"""The user sync's plots: what was planned and what was sent on each of the last days, as counts of people."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg

from exec_orchestration.defs.plots.kinds import in_markdown, stacked_bars
from exec_orchestration.marts import trends
from exec_orchestration.marts.weeks import midnights_until
from exec_orchestration.tables.sync import WRITES
from exec_orchestration.tables.warehouse import Warehouse

SHOWN_DAYS = 30
HELD, BLOCKED, NOT_DONE = "held for approval", "blocked", "not done"
PLANNED = (*WRITES, HELD, BLOCKED)
DONE = {"create": "created", "update": "updated", "reactivate": "reactivated", "deactivate": "deactivated"}

Counts = Mapping[tuple[date, str], int]


def planned_over_time(warehouse: Warehouse, now: datetime) -> Mapping[str, dg.MetadataValue]:
    """For whom something was planned on each of the last days, by action."""
    counts: dict[tuple[date, str], int] = {}
    for row in warehouse.read(trends.planned_changes(midnights_until(now.date(), UTC, days=SHOWN_DAYS))):
        key = (row.day, HELD if row.is_held else row.action)
        counts[key] = counts.get(key, 0) + row.people
    note = "Each person once a day, as the day's last plan with a change for them says."
    return _plot(counts, PLANNED, now, "Planned changes by day", note)


def sent_over_time(warehouse: Warehouse, now: datetime) -> Mapping[str, dg.MetadataValue]:
    """For whom something was sent on each of the last days, and whether it was done."""
    counts: dict[tuple[date, str], int] = {}
    for row in warehouse.read(trends.sent_changes(midnights_until(now.date(), UTC, days=SHOWN_DAYS))):
        key = (row.day, DONE[row.action] if row.result == "applied" else NOT_DONE)
        counts[key] = counts.get(key, 0) + row.people
    note = "Each person once a day, as the day's last attempt for them ended; not done: refused, failed or unknown."
    return _plot(counts, (*DONE.values(), NOT_DONE), now, "Sent changes by day", note)


def _plot(
    counts: Counts, names: tuple[str, ...], now: datetime, title: str, note: str
) -> Mapping[str, dg.MetadataValue]:
    days = [*midnights_until(now.date(), UTC, days=SHOWN_DAYS)]
    if not counts:
        return {
            "changes_over_time": dg.MetadataValue.md(f"There was no change in the {SHOWN_DAYS} days up to {days[-1]}.")
        }
    series = {name: [counts.get((day, name), 0) for day in days] for name in names}
    told = [
        f"{day} " + ", ".join(f"{counts[day, name]} {name}" for name in names if counts.get((day, name)))
        for day in days
        if any((day, name) in counts for name in names)
    ]
    picture = stacked_bars([f"{day.day} {day:%b}" for day in days], series, unit="people")
    image = in_markdown(picture, title=title, alt=f"{title}: {'; '.join(told)}.")
    return {"changes_over_time": dg.MetadataValue.md(f"{image}\n\n{note} Days are those of UTC.")}
