"""The one partitions definition that every daily asset shares, and a run's days as windows of time.

The window comes from Dagster, never from the rows; scenario and skill are columns, never a partition dimension.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from exec_orchestration.defs.resources import WarehouseResource, partitions_start_and_zone
from exec_orchestration.errors import BadWindow
from exec_orchestration.tables.warehouse import Window

_START, _ZONE = partitions_start_and_zone()

DAILY = dg.DailyPartitionsDefinition(start_date=_START.isoformat(), timezone=_ZONE)

# A range of days is one run, for daily assets and for the unpartitioned ones that share a job with them.
ONE_RUN = dg.BackfillPolicy.single_run()


@dataclass(frozen=True)
class DayWindow:
    """One partition: its key, its day, and the half-open window [start, end) of instants in UTC."""

    key: str
    day: date
    start: datetime
    end: datetime

    @property
    def window(self) -> Window:
        """The partition as the warehouse knows it."""
        return Window(self.day, self.day)


def days_of(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> list[DayWindow]:
    """The days of this run, earliest first. Raises BadSetting, or BadWindow for a day that is not over yet."""
    # Asked here too: at import a malformed zone or start had to fall back to its default.
    _ = warehouse.first_day, warehouse.zone
    now = datetime.now(UTC)
    days = []
    for key in context.partition_keys:
        window = DAILY.time_window_for_partition_key(key)
        if window.end > now:
            raise BadWindow(
                f"The partition {key} is not over yet: it ends at {window.end:%Y-%m-%d %H:%M %Z}, and now it is "
                f"{now:%Y-%m-%d %H:%M} UTC. Ask for days up to yesterday; nothing was fetched."
            )
        days.append(DayWindow(key, date.fromisoformat(key), window.start.astimezone(UTC), window.end.astimezone(UTC)))
    return days
