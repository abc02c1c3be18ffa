"""Pacing: carries out what `budget` decides. Waits in place for what opens soon, stops for what does not.

One pacer stands before each client and asks one ledger, so that all threads, and all processes that share the ledger,
keep one limit. Seams are arguments: `ledger`, `sleep`, `clock`. Nothing is sent here.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from exec_orchestration.apis.budget import (
    BACKFILL,
    DAY_SECONDS,
    HELD,
    POLL_SECONDS,
    SYNC,
    Books,
    Charge,
    Ledger,
    Quota,
    free_today,
    most_of_a_day,
    turn,
)
from exec_orchestration.errors import BudgetTooSmall, RateLimited

log = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 75.0
TOLD_WAIT_SECONDS = 5.0
LONGEST_NAP_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 10.0
LONGEST_RESUME_SECONDS = 366 * DAY_SECONDS


@dataclass(frozen=True)
class Traffic:
    """How much was asked of a vendor: requests sent (retries among them), retries, and seconds waited."""

    requests: int = 0
    retries: int = 0
    waited_seconds: float = 0.0

    def __add__(self, more: "Traffic") -> "Traffic":
        return Traffic(
            self.requests + more.requests, self.retries + more.retries, self.waited_seconds + more.waited_seconds
        )

    def __sub__(self, earlier: "Traffic") -> "Traffic":
        return self + Traffic(-earlier.requests, -earlier.retries, -earlier.waited_seconds)


class Pacer:
    """Gives each request its turn. Safe to share between threads. `charge` says on whose account requests go."""

    def __init__(
        self, name: str, quota: Quota, *, ledger: Ledger, sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self.quota = quota
        self.charge = Charge()
        self.traffic = Traffic()
        self._name = name
        self._ledger = ledger
        self._sleep = sleep
        self._clock = clock
        self._held_until = 0.0
        self._looked_at = 0.0
        self._reservation: str | None = None
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, what: str) -> Iterator["Turned"]:
        """A block in which one request is under way; its `status` is written down in the end, whatever happens.

        Raises RateLimited before the block where its turn comes later than a run should hold its place.
        """
        turned = Turned(self._wait_for_turn(what), self._clock())
        try:
            yield turned
        finally:
            now = self._clock()
            if self.quota.is_unlimited:
                self._ledger.record(self.charge, what, turned.status, sent_at=turned.sent_at, answered_at=now)
            else:
                self._ledger.answered(turned.entry, turned.status, now)

    @contextmanager
    def setting_aside(self, requests: int) -> Iterator[None]:
        """A block that begins only when so many requests fit into what is left of the day.

        So that what is begun can be ended: half a day's cells would be fetched twice. Within another such block it
        asks for nothing. Raises RateLimited where they do not fit soon, BudgetTooSmall where they never will.
        """
        if not self.quota.per_day or requests < 1 or self._reservation is not None:
            yield
            return
        most = most_of_a_day(self.quota, self.charge.lane)
        if requests > most:
            raise self._too_small(requests, most)
        reservation = self._wait_for_turn(f"the next {requests} requests", aside=requests)
        self._reservation = reservation
        try:
            yield
        finally:
            self._reservation = None
            self._ledger.release(reservation)

    @contextmanager
    def charged(self, partition_date: date | None) -> Iterator[None]:
        """A block whose requests go on the account of one partition."""
        before = self.charge
        self.charge = replace(before, partition_date=partition_date)
        try:
            yield
        finally:
            self.charge = before

    def free_today(self) -> int | None:
        """How many requests of the day are left for this lane; None where there is no limit."""
        if not self.quota.per_day:
            return None
        with self._ledger.alone(self._clock) as books:
            return max(0, free_today(books, self.quota, self.charge.lane))

    def hold(self, seconds: float, reason: str) -> None:
        """Keep every thread, and every process that shares the ledger, from sending for so long."""
        now = self._clock()
        self._held_until = max(self._held_until, now + seconds)
        self._ledger.hold(now + seconds, reason, now)

    def wait_before_retry(self, seconds: float) -> None:
        """Wait in place, and count it as one retry."""
        self._count(Traffic(retries=1, waited_seconds=seconds))
        self._sleep(seconds)

    def resume_at(self, seconds: float) -> datetime:
        """The time so many seconds from now, however far off a vendor says it is."""
        return datetime.fromtimestamp(self._clock() + min(seconds, LONGEST_RESUME_SECONDS), UTC)

    def close(self) -> None:
        """Write what the ledger still has in memory."""
        self._ledger.flush()

    def _wait_for_turn(self, what: str, *, aside: int = 0) -> str:
        """Wait until one more request fits, or until so many can be set `aside`; the id of the entry in the ledger."""
        is_told = False
        while True:
            wait, why, entry = self._ask_for_turn(what, aside)
            if wait <= 0:
                return entry
            if wait > LONGEST_WAIT_SECONDS:
                raise self._spent(what, why, wait)
            if wait > TOLD_WAIT_SECONDS and not is_told:
                log.info("%s: %s; waiting %.0f s", self._name, why, wait)
                is_told = True
            # In short naps: a clock that is set right, or a machine that was asleep, may have opened it meanwhile.
            nap = min(wait, LONGEST_NAP_SECONDS)
            self._count(Traffic(waited_seconds=nap))
            self._sleep(nap)

    def _ask_for_turn(self, what: str, aside: int) -> tuple[float, str, str]:
        """Seconds to wait and why; with 0.0 the entry in the ledger, which is made."""
        held = self._held() - self._clock()
        if held > 0:
            return held, HELD, ""
        if self.quota.is_unlimited:
            self._count(Traffic(requests=1))
            return 0.0, "", ""
        with self._ledger.alone(self._clock) as books:
            is_paid = not aside and self._reservation is not None
            found = turn(books, self.quota, self.charge, requests=aside or 1, is_paid=is_paid)
            if found.wait_seconds > LONGEST_WAIT_SECONDS:
                return max(found.wait_seconds, self._worth_while(books)), found.why, ""
            if found.wait_seconds > 0:
                return found.wait_seconds, found.why, ""
            if aside:
                return 0.0, "", books.reserve(self.charge, aside)
            if self._reservation is not None and not books.draw(self._reservation):
                # More pages than were set aside: the rest has to find its own place.
                self._reservation = None
                return POLL_SECONDS, "", ""
            self._count(Traffic(requests=1))
            return 0.0, "", books.enter(self.charge, what)

    def _worth_while(self, books: Books) -> float:
        """Seconds until a backfill has half a day's requests again: on a rolling day they come back one by one."""
        if self.charge.lane != BACKFILL or not self.quota.per_day:
            return 0.0
        half = turn(books, self.quota, self.charge, requests=max(1, most_of_a_day(self.quota, BACKFILL) // 2))
        return half.wait_seconds

    def _held(self) -> float:
        """Until when nothing is sent. Without a limit the ledger, which others write to, is looked at now and then."""
        if self.quota.is_unlimited and self._clock() >= self._looked_at + LOOK_AGAIN_SECONDS:
            self._looked_at = self._clock()
            self._held_until = max(self._held_until, self._ledger.held_until())
        return self._held_until

    def _count(self, more: Traffic) -> None:
        with self._lock:
            self.traffic += more

    def go_on(self, moment: datetime) -> str:
        """When to go on, and who does so by itself; what is left of that minute is waited for in place."""
        who = "budget_resume_sensor, which asks for what is missing"
        if self.charge.lane == SYNC:
            who = "hr_roster_sensor, which asks again for the run that it has asked for"
        return (
            f"The request budget opens again then. Run this again at {moment:%Y-%m-%d %H:%M} UTC or later, or leave it "
            f"to {who}."
        )

    def _spent(self, what: str, why: str, wait: float) -> RateLimited:
        """The error for a limit that opens too late to be waited for."""
        moment = self.resume_at(wait)
        return RateLimited(
            f"{self._name}: {why}, so this was not sent: {what}. {self.go_on(moment)} What is finished stands.",
            resume_at=moment,
        )

    def _too_small(self, requests: int, most: int) -> BudgetTooSmall:
        return BudgetTooSmall(
            f"{self._name}: what cannot be divided needs {requests} requests, and the {self.charge.lane} lane never "
            f"has more than {most} of a day's {self.quota.per_day} ({self.quota.reserve} are not for backfills), so it "
            "would wait for ever. Raise the day's limit, lower the reserve, or load it in the scheduled lane, one day "
            "at a time. It was not begun."
        )


@dataclass
class Turned:
    """A request under way: its entry in the ledger, when it was sent, and, once it is there, the answer's status."""

    entry: str
    sent_at: float
    status: int | None = None
