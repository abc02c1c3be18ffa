"""From a listing to a partition: read, stage, judge, replace, and tell Dagster. Shared by every raw asset.

The order is always the same. Everything is fetched and typed into a stage; rows that do not fit are recorded, and above
the limit the partition fails there; only then is the window replaced, in one transaction. An empty day replaces too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.apis.budget import most_of_a_day
from exec_orchestration.apis.exec_com import is_system_user
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.paging import Item, read_settled
from exec_orchestration.defs.judging import Judge, Results
from exec_orchestration.defs.lanes import RESUMED_TAG, charge_of, free_what_died
from exec_orchestration.defs.metadata import row_count
from exec_orchestration.defs.partitions import DayWindow, days_of
from exec_orchestration.defs.resources import ExecResource, WarehouseResource
from exec_orchestration.errors import TooManyRejectedRows, without_e_mails
from exec_orchestration.tables.budget_queries import keep_estimate, last_day_cost
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.rows import Day, DayOf, Reading, RejectedRow, read_rows, rejected_row_values
from exec_orchestration.tables.warehouse import Stage

Listing = Callable[[], Iterator[Item]]
RangeListing = Callable[[datetime, datetime], Iterator[Item]]

SHOWN_REJECTS = 3
SHOWN_FLAGS = 20


class Load:
    """One run's load of one table: what it was asked for, and what it tells Dagster of each finished partition.

    `client` is asked how many requests it took; items for which `leave_out` is true are counted and passed over.
    """

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
        self.key = dg.AssetKey(table.name)
        self.warehouse = warehouse
        self.leave_out = leave_out
        self.fetched_at = datetime.now(UTC)
        self.run_id = context.run.run_id
        self._tables = warehouse.tables
        self._client = client
        client.pacer.charge = charge_of(context.run, table.name)
        free_what_died(context.instance, self._tables)
        self._told = client.traffic, time.monotonic()
        self.judge = Judge(context, table, self._tables)

    @property
    def days(self) -> list[DayWindow]:
        """The days that this run is asked for, earliest first."""
        return days_of(self.context, self.warehouse)

    @property
    def days_in_turn(self) -> list[DayWindow]:
        """The same, newest first where the run goes on with a backfill that the budget has stopped."""
        return self.days[::-1] if self.goes_on else self.days

    @property
    def goes_on(self) -> bool:
        """True where the run goes on with a backfill that the budget has stopped."""
        return RESUMED_TAG in self.context.run.tags

    @property
    def is_new_backfill(self) -> bool:
        """True in the first run of a backfill."""
        return self._client.pacer.charge.backfill is not None and not self.goes_on

    def expect(self, requests: int, basis: str) -> None:
        """Keep what the whole backfill is thought to cost, at its first run: its spending will stand beside it."""
        if not self.is_new_backfill:
            return
        days = self.days
        row = {
            "backfill": self._client.pacer.charge.backfill,
            "asset": self.table.name,
            "api": self._client.vendor.name.lower(),
            "begins_on": days[0].day,
            "ends_on": days[-1].day,
            "requests": requests,
            "basis": basis,
            "made_at": self.fetched_at,
        }
        self._tables.write_alone("api_estimates", keep_estimate(row))

    def setting_aside(self, rest: int) -> AbstractContextManager[None]:
        """For a listing whose first page tells that there are `rest` more: expect them, and set them aside."""
        self.expect(rest + 1, "the pages of one listing")
        return self._client.pacer.setting_aside(rest)

    def cost_of_a_day(self, at_least: int, likely: int = 0) -> int:
        """How many requests a day of this asset takes, as the last one did that was loaded, by whichever run.

        What is only thought, from that or as `likely`, never makes a day too dear to be begun.
        """
        found = self._tables.read(last_day_cost(self.table.name, self.fetched_at - timedelta(days=30)))
        thought = max([likely, *(int(row.requests) for row in found)])
        pacer = self._client.pacer
        most = most_of_a_day(pacer.quota, pacer.charge.lane) if pacer.quota.per_day else thought
        return max(at_least, min(thought, most))

    @contextmanager
    def staging_day(self, day: DayWindow, *, requests: int) -> Iterator["Staging"]:
        """A stage for one day that costs at least so many `requests`; begun only when they fit into the budget."""
        pacer = self._client.pacer
        with pacer.charged(day.day), pacer.setting_aside(requests), self.staging(day) as staging:
            yield staging

    @contextmanager
    def staging(self, *days: DayWindow) -> Iterator["Staging"]:
        """A stage for the rows of these days, or for those of the whole table."""
        with self.judge.failures([day.day for day in days] or [None]), self._tables.stage(self.table) as stage:
            yield Staging(self, stage)

    def results(self) -> Results:
        """What the step yields at its end. Raises ChecksFailed where something is wrong with what it has loaded."""
        yield from self.judge.results(dg.MaterializeResult(asset_key=self.key))

    def spent(self) -> dict[str, Any]:
        """Requests, retries and seconds since this was asked last."""
        traffic, began = self._told
        self._told = self._client.traffic, time.monotonic()
        spent = self._told[0] - traffic
        return {
            "requests": spent.requests,
            "retries": spent.retries,
            "seconds_waited": round(spent.waited_seconds, 3),
            "seconds": round(self._told[1] - began, 3),
        }

    def tell(self, window: DayWindow | None, facts: dict[str, Any], *, rows: int) -> None:
        """Attach the facts to the materialization; in a range each finished day is told at once.

        So a run that fails on day 40 keeps days 1 to 39: Dagster itself tells of none before the step has ended.
        """
        of = f" of {window.key}" if window else ""
        self.context.log.info(f"{self.table.name}{of}: {rows} rows, {facts['requests']} requests")
        if window is None:
            self.context.add_asset_metadata(facts, asset_key=self.key)
            return
        self.context.add_asset_metadata(facts, asset_key=self.key, partition_key=window.key)
        if len(self.context.partition_keys) > 1:
            self.context.log_event(dg.AssetMaterialization(self.key, partition=window.key, metadata=facts))


class Staging:
    """A stage, and what was read into it listing by listing. Made by `Load.staging`."""

    def __init__(self, load: Load, stage: Stage) -> None:
        self.stage = stage
        self._load = load
        self._limit = load.warehouse.max_rejected_rows
        self._readings: list[Reading] = []
        self._recorded = False

    def read(self, listing: Listing, *, partition: Day | DayOf | None = None, **given: Any) -> None:
        """Stage one listing, read again from its beginning if it moves; `given` are columns that no item carries."""
        every = {"fetched_at": self._load.fetched_at, "run_id": self._load.run_id, **given}

        def consume(items: Iterator[Item]) -> Reading:
            reading = Reading(keep=self._limit + 100)
            kept = _without(self._load.leave_out, items, reading)
            rows = read_rows(self._load.table, kept, reading, given=every, partition=partition)
            self.stage.fill(rows, part=len(self._readings))
            return reading

        self._readings.append(read_settled(listing, consume))

    def read_days(self, listing: RangeListing, days: list[DayWindow], *, cut: DayOf | None) -> None:
        """Stage one listing of all `days`, cut by each row's own time.

        Where a row's own time says another day than the vendor's filter did, the filter is right: ask day by day, as
        without a `cut`.
        """
        if cut is not None:
            self.read(partial(listing, days[0].start, days[-1].end), partition=cut)
            if self._all_fall_within(days):
                if len(days) > 1:
                    self.stage.index(PARTITION)
                return
            self._load.context.log.warning(
                f"Some rows of {self._load.table.name} do not tell a day of {days[0].key}...{days[-1].key}: their "
                f"{cut.column} is not what the vendor filters by. Asking day by day instead."
            )
            self.stage.fill([])
            self._readings.clear()
        for day in days:
            self.read(partial(listing, day.start, day.end), partition=Day(day.day))

    def publish(self, window: DayWindow | None = None, **more: Any) -> None:
        """Make the staged rows the whole of a partition (None: of the table) and tell Dagster, with `more` facts.

        Raises TooManyRejectedRows before anything is replaced.
        """
        self.record_rejects(window)
        self.judge_rejects(_days(window), of=f" of {window.key}" if window else "")
        day = window.day if window else None
        before = self._load.judge.before(self.stage, day)
        rows = self.stage.replace(window.window if window else None)
        facts = {**self._facts(window), **more, **row_count(rows, partitioned=window is not None)}
        self._load.tell(window, facts, rows=rows)
        self._load.judge.judge_load(day, brought=rows, before=before)

    def record_rejects(self, window: DayWindow | None = None) -> None:
        """Put every row that does not fit on record, of whatever day; what an earlier load left there is replaced."""
        day = window.day if window else None
        rejects = self._rejects()
        told = {each.partition_date for each in rejects}
        tables, name = self._load.warehouse.tables, self._load.table.name
        if not self._recorded:
            values = rejected_row_values(name, rejects, fetched_at=self._load.fetched_at, run_id=self._load.run_id)
            tables.replace_rejects(name, [*{day, None, *told}], values)
            self._recorded = True
        elif day not in told:
            tables.replace_rejects(name, [day], [])

    def judge_rejects(self, days: set[date | None] | None = None, *, of: str = "") -> None:
        """Raise TooManyRejectedRows when these days (None: all of the listing's) have more than the limit."""
        total = self.count_rejects(days)
        if total <= self._limit:
            return
        reasons = [each.reason for each in self._rejects() if days is None or each.partition_date in days]
        raise TooManyRejectedRows(
            f"{self._load.table.name}{of}: {total} rows do not fit the declaration, "
            f"and {self._limit} are allowed (MAX_REJECTED_ROWS). The first: {' | '.join(reasons[:SHOWN_REJECTS])}. "
            "They are kept with their payload in the table rejected_rows; what the partition held before is untouched. "
            "Mend the source or the declaration, or raise the limit to load the rest without them."
        )

    def _facts(self, window: DayWindow | None) -> dict[str, Any]:
        """What the UI shows of this materialization."""
        flags = sum((reading.flags for reading in self._readings), Counter[str]())
        return {
            **({"window": f"{window.start.isoformat()} to {window.end.isoformat()}"} if window else {}),
            **self._load.spent(),
            "rejected_rows": self.count_rejects(_days(window)),
            "left_out_system_users": sum(reading.left_out for reading in self._readings),
            "flagged": dg.MetadataValue.json({without_e_mails(each): n for each, n in flags.most_common(SHOWN_FLAGS)}),
        }

    def _rejects(self) -> list[RejectedRow]:
        return [each for reading in self._readings for each in reading.rejected]

    def count_rejects(self, days: set[date | None] | None = None) -> int:
        """How many rows of these days (None: of all) do not fit."""
        counts = [item for reading in self._readings for item in reading.rejected_by_day.items()]
        return sum(count for day, count in counts if days is None or day in days)

    def _all_fall_within(self, days: list[DayWindow]) -> bool:
        asked = {day.day for day in days}
        told = set(self.stage.rows_by_day()).union(*(reading.rejected_by_day for reading in self._readings))
        return told <= asked


def system_users(exec_com: ExecResource) -> Callable[[Item], bool] | None:
    """What tells Exec's own people from learners, where the settings leave them out."""
    return is_system_user if exec_com.exclude_system_users else None


def _days(window: DayWindow | None) -> set[date | None]:
    """The days whose rejected rows count for a partition: its own, and those of rows that tell no day."""
    return {window.day, None} if window else {None}


def _without(leave_out: Callable[[Item], bool] | None, items: Iterator[Item], reading: Reading) -> Iterator[Item]:
    """The items but for those to be left out, which are counted."""
    if leave_out is None:
        yield from items
        return
    for item in items:
        if leave_out(item):
            reading.left_out += 1
        else:
            yield item
