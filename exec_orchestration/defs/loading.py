"""From a listing to a partition: read, stage, judge, replace, and tell Dagster. Shared by every raw asset.

The order is always the same. Everything is fetched and typed into a stage; rows that do not fit are recorded, and above
the limit the partition fails there; only then is the window replaced, in one transaction. An empty day replaces too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.apis.exec_com import is_system_user
from exec_orchestration.apis.http import JsonClient, Traffic
from exec_orchestration.apis.paging import Item, read_settled
from exec_orchestration.defs.metadata import row_count
from exec_orchestration.defs.partitions import DayWindow, days_of
from exec_orchestration.defs.resources import ExecResource, WarehouseResource
from exec_orchestration.errors import TooManyRejectedRows
from exec_orchestration.tables.rows import Day, DayOf, Reading, read_rows, rejected_row_values
from exec_orchestration.tables.warehouse import Stage

Listing = Callable[[], Iterator[Item]]
RangeListing = Callable[[datetime, datetime], Iterator[Item]]
SHOWN_REJECTS = 3


class Load:
    """One run's load of one table. `client` is asked how many requests it took."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        table: sa.Table,
        warehouse: WarehouseResource,
        client: JsonClient,
        *,
        leave_out: Callable[[Item], bool] | None = None,
    ) -> None:
        self.context = context
        self.table = table
        self.fetched_at = datetime.now(UTC)
        self._warehouse = warehouse
        self._tables = warehouse.tables
        self._client = client
        self._leave_out = leave_out
        self.key = dg.AssetKey(table.name)
        self._told: tuple[Traffic, float] = (client.traffic, time.monotonic())

    @property
    def days(self) -> list[DayWindow]:
        """The days that this run is asked for."""
        return days_of(self.context, self._warehouse)

    @contextmanager
    def staging(self) -> Iterator["Staging"]:
        """A stage for one day's rows, or for those of the whole range."""
        with self._tables.stage(self.table) as stage:
            yield Staging(self, stage)

    def read(self, staging: "Staging", listing: Listing, partition: Day | DayOf | None, given: dict[str, Any]) -> None:
        """Stage what one listing holds, read again from its beginning if it moves."""

        def consume(items: Iterator[Item]) -> Reading:
            reading = Reading()
            kept = self._without_left_out(items, reading)
            every = {"fetched_at": self.fetched_at, "run_id": self.context.run.run_id, **given}
            rows = read_rows(self.table, kept, reading, given=every, partition=partition)
            staging.stage.fill(rows, part=len(staging.readings))
            return reading

        staging.readings.append(read_settled(listing, consume))

    def publish(self, staging: "Staging", window: DayWindow | None) -> None:
        """Make the staged rows the whole of a partition (None: of the table) and tell Dagster.

        Raises TooManyRejectedRows before anything is replaced.
        """
        self._judge_rejects(staging, window)
        rows = staging.stage.replace(window.window if window else None)
        facts = {**self._facts(staging, window), **row_count(rows, partitioned=window is not None)}
        self._tell(window, facts)

    def _judge_rejects(self, staging: "Staging", window: DayWindow | None) -> None:
        """Record the partition's rejected rows; raise when there are too many."""
        days: list[date | None] = [window.day, None] if window else [None]
        rejects = [each for reading in staging.readings for each in reading.rejected if each.partition_date in days]
        total = sum(reading.rejected_by_day[day] for reading in staging.readings for day in days)
        values = rejected_row_values(self.table.name, rejects, fetched_at=self.fetched_at, run_id=self.context.run.run_id)
        self._tables.replace_rejects(self.table.name, days, values)
        if total <= self._warehouse.max_rejected_rows:
            return
        shown = " | ".join(each.reason for each in rejects[:SHOWN_REJECTS])
        raise TooManyRejectedRows(
            f"{self.table.name}{f' of {window.key}' if window else ''}: {total} rows do not fit the declaration, and "
            f"{self._warehouse.max_rejected_rows} are allowed (MAX_REJECTED_ROWS). The first: {shown}. They are kept "
            "with their payload in the table rejected_rows; what the partition held before is untouched. Mend the "
            "source or the declaration, or raise the limit to load the rest without them."
        )

    def _facts(self, staging: "Staging", window: DayWindow | None) -> dict[str, Any]:
        """What the UI shows of this materialization."""
        traffic, began = self._told
        self._told = (self._client.traffic, time.monotonic())
        spent = self._told[0] - traffic
        days: list[date | None] = [window.day, None] if window else [None]
        flags = sum((reading.flags for reading in staging.readings), Counter[str]())
        return {
            **({"window": f"{window.start.isoformat()} to {window.end.isoformat()}"} if window else {}),
            "requests": spent.requests,
            "retries": spent.retries,
            "seconds": round(self._told[1] - began, 3),
            "rejected_rows": sum(reading.rejected_by_day[day] for reading in staging.readings for day in days),
            "left_out_system_users": sum(reading.left_out for reading in staging.readings),
            "flagged": dg.MetadataValue.json(dict(flags.most_common(20))),
        }

    def _tell(self, window: DayWindow | None, facts: dict[str, Any]) -> None:
        """Attach the facts to the materialization; in a range each finished day is told at once.

        So a run that fails on day 40 keeps days 1 to 39: Dagster itself tells of none before the step has ended.
        """
        if window is None:
            self.context.add_asset_metadata(facts, asset_key=self.key)
            return
        self.context.add_asset_metadata(facts, asset_key=self.key, partition_key=window.key)
        if len(self.context.partition_keys) > 1:
            self.context.log_event(dg.AssetMaterialization(self.key, partition=window.key, metadata=facts))

    def _without_left_out(self, items: Iterator[Item], reading: Reading) -> Iterator[Item]:
        if self._leave_out is None:
            yield from items
            return
        for item in items:
            if self._leave_out(item):
                reading.left_out += 1
            else:
                yield item


class Staging:
    """A stage and what was read into it, listing by listing."""

    def __init__(self, load: Load, stage: Stage) -> None:
        self.stage = stage
        self.readings: list[Reading] = []
        self._load = load

    def read(self, listing: Listing, *, partition: Day | DayOf | None = None, **given: Any) -> None:
        """Stage one listing; `given` are the columns that its items do not carry."""
        self._load.read(self, listing, partition, given)

    def read_days(self, listing: RangeListing, days: list[DayWindow], *, cut: DayOf) -> None:
        """Stage one listing of all `days`, cut by each row's own time.

        Where a row's own time says another day than the vendor's filter did, the filter is right: ask day by day.
        """
        if len(days) > 1:
            self.read(lambda: listing(days[0].start, days[-1].end), partition=cut)
            if self._all_fall_within(days):
                self.stage.index_days()
                return
            self._load.context.log.warning(
                f"Some rows of {self.stage.table.name} do not tell a day of {days[0].key}...{days[-1].key} by their "
                f"{cut.column}; asking day by day instead."
            )
            self.stage.fill([])
            self.readings.clear()
        for day in days:
            self.read(partial(listing, day.start, day.end), partition=Day(day.day))

    def publish(self, window: DayWindow | None = None) -> None:
        """Replace the partition, or the whole table, by what is staged."""
        self._load.publish(self, window)

    def _all_fall_within(self, days: list[DayWindow]) -> bool:
        asked = {day.day for day in days}
        told = set(self.stage.rows_by_day()).union(*(reading.rejected_by_day for reading in self.readings))
        return told <= asked


def system_users(exec_com: ExecResource) -> Callable[[Item], bool] | None:
    """What tells Exec's own people from learners, where the settings leave them out."""
    return is_system_user if exec_com.exclude_system_users else None
