"""Participants of several days from fewest requests: which of three ways is cheapest, and the rows that it finds.

- `days` asks every (scenario, day). It is what the others have to equal.
- `windows` asks longer windows of a scenario and splits only those that hold something (`apis.windows`).
- `sweep` lists the sessions once and computes the cells from them (`apis.sweep`); participants is asked in proof: the
  whole range of scenarios without a session and of others, and single cells. Where they disagree, windows are asked.

Each yields blocks: consecutive days that are settled together, and begun only when they fit into the request budget.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import dagster as dg

from exec_orchestration.apis import sweep
from exec_orchestration.apis.exec_com import PAGE_SIZE, ExecApi
from exec_orchestration.apis.paging import Item, read_settled
from exec_orchestration.apis.sweep import Cell
from exec_orchestration.apis.windows import PrunedWindows
from exec_orchestration.defs.partitions import DayWindow
from exec_orchestration.errors import BadAnswer, KeyRefused, ListingMoved, RateLimited, Refused, VendorError

AUTO, SWEEP, WINDOWS, DAYS = "auto", "sweep", "windows", "days"
SPARE = 0.05
LARGEST_SWEEP = 50_000  # sessions that are summed up in memory at once

Days = Sequence[DayWindow]


@dataclass(frozen=True)
class Block:
    """Days that were settled together: the items by scenario of each of them, and how they were found."""

    days: Days
    items: Sequence[Mapping[str, list[Item]]]
    strategy: str
    sample: int = 0
    disagreements: int = 0


class Dearer(Exception):
    """The sweep would cost more than windows are likely to, or more than there is today."""


@dataclass
class TooMuch(Exception):
    """The sweep of so many days does not fit; `share` of them might."""

    share: float


@dataclass
class Finder:
    """Finds the participants of `scenario_ids` on any days. `log` gets what a person should know."""

    api: ExecApi
    scenario_ids: Sequence[str]
    log: dg.DagsterLogManager
    strategy: str = AUTO
    archived: int = 0
    newest_first: bool = False
    remember: Callable[[str], None] = lambda strategy: None
    expect: Callable[[int, str], None] = lambda requests, basis: None
    cost_of_a_day: Callable[[int], int] = lambda at_least: at_least

    def blocks(self, days: Days) -> Iterator[Block]:
        """Every day in some block, in turn. Raises RateLimited before a block that the budget does not allow."""
        left = days
        if self.strategy in (WINDOWS, DAYS) or not self._may_sweep(days):
            self.expect(
                len(days) * self.cost_of_a_day(len(self.scenario_ids)), "each scenario on each day, at the most"
            )
        while left:
            block = self._block(left)
            yield block
            left = left[: -len(block.days)] if self.newest_first else left[len(block.days) :]

    def _block(self, days: Days) -> Block:
        if self.strategy == SWEEP or (self.strategy == AUTO and self._may_sweep(days)):
            try:
                return self._swept(days)
            except Dearer as dearer:
                self.log.info(f"Participants are asked: {dearer}.")
            except (Refused, BadAnswer, ListingMoved) as error:
                self.log.warning(f"The sessions cannot be used to find participants, so these are asked: {error}")
                self.strategy = WINDOWS
                self.remember(WINDOWS)
        if self.strategy in (AUTO, SWEEP, WINDOWS) and len(days) > 1:
            try:
                return self._windows(days)
            except (RateLimited, KeyRefused):
                raise
            except VendorError as error:
                self.log.warning(f"Going on day by day, so that what can be loaded is kept: {error}")
                self.strategy = DAYS
        return self._ask_day(self._end(days, 1)[0])

    def _may_sweep(self, days: Days) -> bool:
        """False where even the cheapest sweep is dearer than asking every day, or does not fit today."""
        naive, free = len(days) * len(self.scenario_ids), self.api.client.pacer.free_today()
        cheapest = 1 + self._dearest_proof(days)
        return cheapest <= naive and (free is None or cheapest <= free)

    def _end(self, days: Days, count: int) -> Days:
        """So many of the days, from the end that comes first."""
        return days[-count:] if self.newest_first else days[:count]

    def _ask_day(self, day: DayWindow) -> Block:
        """Ask each scenario on one day."""
        pacer = self.api.client.pacer
        with pacer.charged(day.day), pacer.setting_aside(self.cost_of_a_day(len(self.scenario_ids))):
            items = {scenario_id: self._participants([day], scenario_id, 0, 1) for scenario_id in self.scenario_ids}
        return Block([day], [items], DAYS)

    def _windows(self, days: Days) -> Block:
        """Pruned windows over as many of the days as fit into the budget if nothing can be spared."""
        free = self.api.client.pacer.free_today()
        dearest = len(self.scenario_ids) * (1 + SPARE)
        chosen = self._end(days, len(days) if free is None else min(len(days), max(1, int(free / dearest))))
        naive = len(chosen) * len(self.scenario_ids)
        with self.api.client.pacer.setting_aside(naive if len(chosen) == 1 else math.ceil(naive * (1 + SPARE))):
            pruned = PrunedWindows(partial(self._participants, chosen), self.scenario_ids, len(chosen), spare=SPARE)
            cells = {(scenario_id, day): items for scenario_id, day, items in pruned.cells()}
        return Block(chosen, _by_day(cells, len(chosen)), WINDOWS, disagreements=pruned.disagreements)

    def _swept(self, days: Days) -> Block:
        """A sweep over as many of the days as fit. Raises Dearer, or what tells that the sessions are not usable."""
        chosen = days
        while True:
            try:
                return self._sweep(chosen)
            except TooMuch as much:
                chosen = self._end(chosen, max(1, int(len(chosen) * much.share)))

    def _sweep(self, days: Days) -> Block:
        proof = self._dearest_proof(days)
        with ExitStack() as stack:

            def begin(rest: int) -> AbstractContextManager[None]:
                self._judge(days, pages=max(1, rest + 1), proof=proof)
                cells = len(days) * len(self.scenario_ids)
                likely = sweep.proof_size(cells, len(self.scenario_ids), idle=self.archived)
                self.expect(rest + 1 + likely, f"{rest + 1} pages of sessions, and {likely} requests in proof")
                stack.enter_context(self.api.client.pacer.setting_aside(rest + proof))
                return nullcontext()

            found = read_settled(
                lambda: self.api.sessions(start=days[0].start, end=days[-1].end, setting_aside=begin),
                partial(_summed_up, days),
            )
            asked = self._prove(days, found)
        known = set(self.scenario_ids)
        cells = {cell: items for cell, items in found.items() if cell[0] in known}
        return Block(days, _by_day(cells, len(days)), SWEEP, sample=asked)

    def _judge(self, days: Days, *, pages: int, proof: int) -> None:
        """Raise where a sweep of so many pages is dearer than windows, or too much at once."""
        scenarios, naive = len(self.scenario_ids), len(days) * len(self.scenario_ids)
        windows = min(naive, scenarios + 2 * pages * PAGE_SIZE)
        if self.strategy == AUTO and pages + proof > windows:
            raise Dearer(f"listing {pages} pages of sessions costs more than about {windows} requests")
        free = self.api.client.pacer.free_today()
        fitting = pages if free is None else min(pages, free + 1 - proof)
        share = min(fitting, LARGEST_SWEEP // PAGE_SIZE) / pages
        if share <= 0:
            raise Dearer(f"of the day's requests only {free} are left, too few to prove a sweep")
        if share < 1 and len(days) > 1:
            raise TooMuch(share)

    def _prove(self, days: Days, found: Mapping[Cell, list[Item]]) -> int:
        """Ask participants in proof; how many windows. Raises BadAnswer where one does not agree."""
        chosen = sweep.proof(found, self.scenario_ids, len(days), seed=days[0].key)
        for each in chosen:
            told = self._participants(days, each.scenario_id, each.first, each.end)
            parts = [found.get((each.scenario_id, number), []) for number in range(each.first, each.end)]
            wrong = sweep.differences(told, sweep.composed(parts))
            if wrong:
                first, last = days[each.first].key, days[each.end - 1].key
                raise BadAnswer(
                    f"Exec's sessions and participants disagree on the scenario {each.scenario_id} from {first} to "
                    f"{last}: {'; '.join(wrong)}."
                )
        return len(chosen)

    def _dearest_proof(self, days: Days) -> int:
        """Requests of a proof if nobody has practised anything."""
        scenarios = len(self.scenario_ids)
        return sweep.proof_size(len(days) * scenarios, scenarios, idle=scenarios)

    def _participants(self, days: Days, scenario_id: str, first: int, end: int) -> list[Item]:
        """Participants of a scenario in days[first:end], read again if the listing moves."""
        start, finish = days[first].start, days[end - 1].end
        return read_settled(partial(self.api.participants, scenario_id, start=start, end=finish), list)


def _by_day(cells: Mapping[Cell, list[Item]], days: int) -> Sequence[Mapping[str, list[Item]]]:
    found: list[dict[str, list[Item]]] = [{} for _ in range(days)]
    for (scenario_id, day), items in cells.items():
        found[day][scenario_id] = items
    return found


def _summed_up(days: Days, sessions: Iterator[Item]) -> dict[Cell, list[Item]]:
    """The cells of a listing. Raises BadAnswer where a session cannot be read."""
    try:
        return sweep.cells_of(sessions, _day_number(days))
    except ValueError as error:
        raise BadAnswer(str(error)) from error


def _day_number(days: Days) -> Callable[[datetime], int]:
    """The number of the day that an instant falls into. Raises ValueError for an instant outside of them."""

    def number(moment: datetime) -> int:
        # Days are consecutive, and of 23 to 25 hours: the first guess is off by one at the most.
        guess = int((moment - days[0].start).total_seconds() // 86_400)
        for each in (guess, guess - 1, guess + 1):
            if 0 <= each < len(days) and days[each].start <= moment < days[each].end:
                return each
        raise ValueError(f"a session of {moment:%Y-%m-%d %H:%M:%S %Z} came with those of other days")

    return number
