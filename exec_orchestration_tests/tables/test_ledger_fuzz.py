"""The ledger under any interleaving: processes that send, set aside, wait, die and come back, on one warehouse.

The vendor sees each request at some time while it is under way, and never more in any minute or day than it allows.
Nobody sleeps here: who would have to wait gives up, and the clock is moved by the machine.
"""

import tempfile
from bisect import bisect_right, insort
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exec_orchestration.apis.budget import (
    BACKFILL,
    DAY_SECONDS,
    MINUTE_SECONDS,
    SCHEDULED,
    Charge,
    Quota,
    free_today,
)
from exec_orchestration.apis.pacing import Pacer, Turned
from exec_orchestration.errors import BudgetTooSmall, RateLimited
from exec_orchestration.tables.budget import api_reservations
from exec_orchestration.tables.request_ledger import LONGEST_FLIGHT_SECONDS, RESERVED_SECONDS, RequestLedger
from exec_orchestration.tables.warehouse import Warehouse

START = 1_774_700_000.0
TIMEOUT_SECONDS = 70.0  # the client's own: no request is under way for longer
QUOTA = Quota(per_minute=3, per_day=11, reserve=4)
PROCESSES = 3
ROUNDING = 1e-3
GAPS = st.sampled_from([0.0, 0.4, 7.0, 31.0, 61.0, 61.0, 899.0, 901.0, 43_000.0, 86_399.0, 86_401.0])


class MustWait(Exception):
    """Somebody would have to wait."""


class Gone:
    """The ledger as a dead process leaves it: nothing is written any more."""

    def answered(self, *_: Any) -> None: ...
    def release(self, *_: Any) -> None: ...


@dataclass
class Request:
    """One request, as the vendor and the ledger know it."""

    process: "Process"
    lane: str
    sent_at: float
    turned: AbstractContextManager[Turned]
    answered_at: float | None = None
    is_lost: bool = False

    @property
    def is_under_way(self) -> bool:
        return self.answered_at is None and not self.is_lost

    def counts_at(self, now: float) -> bool:
        """Whether the ledger counts it for the day."""
        if self.answered_at is not None:
            return self.answered_at > now - DAY_SECONDS
        return self.sent_at > now - DAY_SECONDS - LONGEST_FLIGHT_SECONDS


@dataclass
class Process:
    """A process with a warehouse and a pacer of its own."""

    warehouse: Warehouse
    pacer: Pacer
    lane: str
    aside: AbstractContextManager[None] | None = None


class Ledgers(RuleBasedStateMachine):
    """Whatever they do, the vendor counts no more than it allows, and what was set aside comes back."""

    @initialize()
    def begin(self) -> None:
        self.now, self.held_until = START, 0.0
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.url = f"sqlite:///{Path(folder)}/warehouse.db"
        with_schema = Warehouse(self.url)
        with_schema.migrate()
        with_schema.close()
        self.processes = [self._started(BACKFILL if number else SCHEDULED) for number in range(PROCESSES)]
        self.requests: list[Request] = []
        self.set_aside_by: dict[str, Process] = {}
        self.seen: list[float] = []
        self.seen_of_backfills: list[float] = []

    def _started(self, lane: str) -> Process:
        def must_wait(_: float) -> None:
            raise MustWait

        warehouse = Warehouse(self.url)
        ledger = RequestLedger(warehouse, api="exec")
        pacer = Pacer("Exec", QUOTA, ledger=ledger, sleep=must_wait, clock=lambda: self.now)
        pacer.charge = Charge(lane)
        return Process(warehouse, pacer, lane)

    @rule(after=GAPS, number=st.integers(0, PROCESSES - 1), count=st.integers(1, 6))
    def send(self, after: float, number: int, count: int) -> None:
        """As many as may be sent then."""
        self._pass_time(after)
        process = self.processes[number]
        expired = {row.id: row.requests for row in self._aside() if row.expires_at.timestamp() <= self.now}
        for _ in range(count):
            turned = process.pacer.turn("GET /skills")
            try:
                turned.__enter__()
            except (MustWait, RateLimited):
                return
            assert self.now >= self.held_until - ROUNDING, "sent while the vendor had asked to wait"
            self.requests.append(Request(process, process.lane, self.now, turned))
            left = {row.id: row.requests for row in self._aside()}
            assert expired.items() <= left.items(), "drawn on what had expired, and may be somebody else's by now"

    def _aside(self) -> Sequence[Any]:
        """The rows of what is set aside, or was."""
        return self.processes[0].warehouse.read(sa.select(api_reservations))

    @rule(after=GAPS, number=st.integers(0, PROCESSES - 1), count=st.integers(1, 5))
    def set_aside(self, after: float, number: int, count: int) -> None:
        """If it fits: a listing's pages."""
        self._pass_time(after)
        process = self.processes[number]
        if process.aside is not None:
            return
        aside = process.pacer.setting_aside(count)
        try:
            aside.__enter__()
        except (MustWait, RateLimited, BudgetTooSmall):
            return
        process.aside = aside
        if process.pacer._reservation:
            self.set_aside_by[process.pacer._reservation] = process

    @rule(number=st.integers(0, PROCESSES - 1))
    def give_back(self, number: int) -> None:
        """What is left of it."""
        process = self.processes[number]
        if process.aside is not None:
            process.aside.__exit__(None, None, None)
            process.aside = None
            self.set_aside_by = {key: each for key, each in self.set_aside_by.items() if each is not process}

    @precondition(lambda self: any(each.is_under_way for each in self.requests))
    @rule(data=st.data(), place=st.floats(0, 1))
    def answer(self, data: st.DataObject, place: float) -> None:
        """One of those under way; the vendor saw it anywhere in between."""
        self._answer(data.draw(st.sampled_from([each for each in self.requests if each.is_under_way])), place)

    def _answer(self, request: Request, place: float) -> None:
        request.turned.__exit__(None, None, None)
        request.answered_at = self.now
        self._see(request, request.sent_at + place * (self.now - request.sent_at))

    @rule(number=st.integers(0, PROCESSES - 1))
    def die(self, number: int) -> None:
        """Nothing is answered, nothing given back; another process takes its place."""
        process = self.processes[number]
        process.pacer._ledger = Gone()  # type: ignore[assignment]
        for request in self.requests:
            if request.process is process and request.is_under_way:
                request.turned.__exit__(None, None, None)
                request.is_lost = True
                self._see(request, self.now)
        if process.aside is not None:
            process.aside.__exit__(None, None, None)
        process.warehouse.close()
        self.processes[number] = self._started(process.lane)

    @rule(number=st.integers(0, PROCESSES - 1), seconds=st.sampled_from([1.0, 30.0]))
    def hold(self, number: int, seconds: float) -> None:
        """A 429 that one of them got."""
        self.processes[number].pacer.hold(seconds, "429")
        self.held_until = max(self.held_until, self.now + seconds)

    def _pass_time(self, seconds: float) -> None:
        """What is under way for too long is broken off by its client."""
        end = self.now + seconds
        for request in self.requests:
            if request.is_under_way and request.sent_at + TIMEOUT_SECONDS < end:
                self.now = max(self.now, request.sent_at + TIMEOUT_SECONDS)
                self._answer(request, 1.0)
        self.now = end

    def _see(self, request: Request, moment: float) -> None:
        insort(self.seen, moment)
        if request.lane == BACKFILL:
            insort(self.seen_of_backfills, moment)

    @invariant()
    def the_vendor_counts_no_more_than_it_allows(self) -> None:
        """In no sliding minute, in no 24 hours, and backfills leave the reserve."""
        assert most_within(self.seen, MINUTE_SECONDS) <= QUOTA.per_minute
        assert most_within(self.seen, DAY_SECONDS) <= QUOTA.per_day
        assert most_within(self.seen_of_backfills, DAY_SECONDS) <= QUOTA.per_day - QUOTA.reserve

    @invariant()
    def the_ledger_counts_what_was_sent(self) -> None:
        """Neither more, so that no request is lost, nor less; what is set aside comes on top."""
        with self.processes[0].pacer._ledger.alone(lambda: self.now) as books:
            counted, _ = books.count(self.now - DAY_SECONDS, reserved=False)
            free = free_today(books, QUOTA, SCHEDULED)
            held_until = books.held_until()
        assert max(held_until, self.now) >= self.held_until - ROUNDING, "a wait that was asked for is forgotten"
        assert counted == sum(each.counts_at(self.now) for each in self.requests)
        aside = sum(row.requests for row in self._aside() if row.expires_at.timestamp() > self.now)
        assert free == QUOTA.per_day - counted - aside

    @invariant()
    def what_was_set_aside_is_there_until_it_is_given_back(self) -> None:
        """And after that it is not; of a dead process it stays, and counts no longer once it has expired."""
        assert {row.id for row in self._aside()} == set(self.set_aside_by)

    def teardown(self) -> None:
        """A day later everything is there again."""
        if not hasattr(self, "stack"):
            return
        for number in range(PROCESSES):
            self.give_back(number)
        self._pass_time(DAY_SECONDS + LONGEST_FLIGHT_SECONDS + RESERVED_SECONDS + 1)
        with self.processes[0].pacer._ledger.alone(lambda: self.now) as books:
            assert free_today(books, QUOTA, SCHEDULED) == QUOTA.per_day
            assert free_today(books, QUOTA, BACKFILL) == QUOTA.per_day - QUOTA.reserve
        for process in self.processes:
            process.warehouse.close()
        self.stack.close()


def most_within(moments: list[float], seconds: float) -> int:
    """The most of them that a window of so many seconds holds."""
    return max(
        (bisect_right(moments, first + seconds - ROUNDING) - place for place, first in enumerate(moments)), default=0
    )


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
