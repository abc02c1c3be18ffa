"""One partition's rows on their way into the table: staged listing by listing, judged, then swapped in at once.

Rows that do not fit are recorded first; above the limit the partition fails there, before anything is replaced.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from exec_orchestration.apis.paging import Item, read_settled
from exec_orchestration.defs.metadata import row_count, window_told
from exec_orchestration.defs.partitions import DayWindow
from exec_orchestration.defs.previews import preview
from exec_orchestration.errors import TooManyRejectedRows, without_e_mails
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.erased import guard_of
from exec_orchestration.tables.rows import Day, DayOf, Reading, RejectedRow, batched, read_rows, rejected_row_values
from exec_orchestration.tables.warehouse import Stage

if TYPE_CHECKING:
    from exec_orchestration.defs.loading import Load

Listing = Callable[[], Iterator[Item]]
RangeListing = Callable[[datetime, datetime], Iterator[Item]]

SHOWN_REJECTS = 3
SHOWN_FLAGS = 20


class Staging:
    """A stage, and what was read into it listing by listing. Made by `Load.staging`."""

    def __init__(self, load: "Load", stage: Stage, *, days: int) -> None:
        self.stage = stage
        self._load = load
        self._days = days
        self._limit = load.warehouse.max_rejected_rows
        self._readings: list[Reading] = []
        self._recorded = False
        self._guard = guard_of(load.warehouse.tables)

    def read(self, listing: Listing, *, partition: Day | DayOf | None = None, **given: Any) -> None:
        """Stage one listing, read again from its beginning if it moves; `given` are columns that no item carries."""
        every = {"fetched_at": self._load.fetched_at, "run_id": self._load.run_id, **given}

        def consume(items: Iterator[Item]) -> Reading:
            reading = Reading(keep=self._limit + 100)
            kept = _without(self._load.leave_out, items, reading)
            rows = read_rows(self._load.table, kept, reading, given=every, partition=partition)
            before = self._guard.left_out
            self.stage.fill(self._guard.rows(self._load.table, rows), part=len(self._readings))
            forgotten = reading.forget(self._guard.knows) if self._guard else 0
            reading.erased = self._guard.left_out - before + forgotten
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
        day = window.day if window else None
        with self._load.judge.failures([day]):
            self.judge_rejects(_days(window), of=f" of {window.key}" if window else "")
        before = self._load.judge.before(self.stage, day)
        replaced = self.stage.replace(window.window if window else None, version=self._load.run_id)
        facts = {
            **row_count(replaced.rows, partitioned=window is not None),
            "rows_changed": replaced.changed,
            **self._facts(window),
            **more,
            "preview": preview(self._load.warehouse.tables, self._load.table, window.window if window else None),
        }
        self._load.tell(window, facts, replaced)
        self._load.judge.judge_load(day, brought=replaced.rows, before=before)

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
        left_out = sum(reading.left_out for reading in self._readings)
        erased = sum(reading.erased for reading in self._readings)
        return {
            **(window_told(window) if window else {}),
            **self._load.spent(),
            "rejected_rows": self.count_rejects(_days(window)),
            **({"left_out_system_users": left_out} if self._load.leave_out else {}),
            **({"left_out_erased_people": erased} if erased else {}),
            "flagged": dg.MetadataValue.json(_told(flags)) if flags else "nothing",
            **({"read_together": f"{self._days} days; the first of them tells the requests"} if self._days > 1 else {}),
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


def _days(window: DayWindow | None) -> set[date | None]:
    """The days whose rejected rows count for a partition: its own, and those of rows that tell no day."""
    return {window.day, None} if window else {None}


def _without(leave_out: Callable[[Item], bool] | None, items: Iterator[Item], reading: Reading) -> Iterator[Item]:
    """The items but for those to be left out, which are counted."""
    if leave_out is None:
        yield from items
        return
    for batch in batched(items):
        kept = [item for item in batch if not leave_out(item)]
        reading.left_out += len(batch) - len(kept)
        yield from kept


def _told(flags: Counter[str]) -> dict[str, int]:
    """The most frequent flags; a field's name or an unknown value may be somebody's address."""
    return {without_e_mails(flag): count for flag, count in flags.most_common(SHOWN_FLAGS)}
