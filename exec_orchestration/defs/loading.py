"""From a listing to a partition: read, stage, judge, replace, and tell Dagster. Shared by every raw asset.

The order is always the same. Everything is fetched and typed into a stage; rows that do not fit are recorded, and above
the limit the partition fails there; only then is the window replaced, in one transaction. An empty day replaces too.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.apis.budget import most_of_a_day
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.paging import Item
from exec_orchestration.defs.budget.lanes import RESUMED_TAG, charge_of, free_what_died
from exec_orchestration.defs.judging import Judge, Results
from exec_orchestration.defs.partitions import DayWindow, days_of
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.defs.retrying import finished_days, left_to_load
from exec_orchestration.defs.staging import Staging
from exec_orchestration.defs.versions import Telling
from exec_orchestration.tables.budget_queries import keep_estimate, last_day_cost
from exec_orchestration.tables.warehouse import Replaced


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
        free_what_died(context.instance, self._tables, client.vendor.name.lower())
        self._told = client.traffic, time.monotonic()
        self.judge = Judge(context, table, self._tables)
        self._telling = Telling(context, self.key)

    @cached_property
    def days(self) -> list[DayWindow]:
        """The days that this run is to load, earliest first: a retry leaves out what the run that died has finished."""
        asked = days_of(self.context, self.warehouse)
        finished = finished_days(self.context.instance, self.context.run, self.key)
        if not finished:
            return asked
        left = left_to_load(asked, finished)
        for day in asked:
            if day not in left:
                self._telling.keep(day.key, finished[day.key])
        self.context.log.info(
            f"{self.table.name}: the run before this one has finished {len(asked) - len(left)} of {len(asked)} days, "
            "which stand."
        )
        return left

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
    def staging_day(self, day: DayWindow, *, requests: int) -> Iterator[Staging]:
        """A stage for one day that costs at least so many `requests`; begun only when they fit into the budget."""
        pacer = self._client.pacer
        with pacer.charged(day.day), pacer.setting_aside(requests), self.staging(day) as staging:
            yield staging

    @contextmanager
    def staging(self, *days: DayWindow) -> Iterator[Staging]:
        """A stage for the rows of these days, or for those of the whole table."""
        with self.judge.failures([day.day for day in days] or [None]), self._tables.stage(self.table) as stage:
            yield Staging(self, stage, days=len(days))

    def results(self) -> Results:
        """What the step yields at its end. Raises ChecksFailed where something is wrong with what it has loaded."""
        yield from self.judge.results(self._telling.results())

    def spent(self) -> dict[str, Any]:
        """Pages, requests, retries and seconds since this was asked last, and what is left of the day's quota."""
        traffic, began = self._told
        self._told = self._client.traffic, time.monotonic()
        spent = self._told[0] - traffic
        left = self._client.pacer.free_today()
        return {
            "pages": spent.requests - spent.retries,
            "requests": spent.requests,
            "retries": spent.retries,
            **({} if left is None else {"quota_left": left}),
            "seconds_waited": round(spent.waited_seconds, 3),
            "seconds": round(self._told[1] - began, 3),
        }

    def tell(self, window: DayWindow | None, facts: dict[str, Any], replaced: Replaced) -> None:
        """Log what became of a partition and tell Dagster; in a range each finished day is told at once."""
        of = f" of {window.key}" if window else ""
        self.context.log.info(f"{self.table.name}{of}: {replaced.rows} rows, {facts['requests']} requests")
        self._telling.tell(window.key if window else None, replaced.version, facts)
