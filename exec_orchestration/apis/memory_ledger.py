"""The ledger of one process, in memory: for whoever talks to a vendor without a warehouse, and for tests."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from exec_orchestration.apis.budget import BACKFILL, DAY_SECONDS, Charge


@dataclass
class _Request:
    lane: str
    ended_at: float | None = None


@dataclass
class MemoryLedger:
    """Books and ledger in one. Safe to share between threads."""

    now: float = 0.0
    _requests: dict[str, _Request] = field(default_factory=dict)
    _reserved: dict[str, tuple[str, int]] = field(default_factory=dict)
    _held_until: float = 0.0
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def alone(self, clock: Callable[[], float]) -> Iterator["MemoryLedger"]:
        """The books, forgetting what no window counts any more."""
        with self._lock:
            self.now = clock()
            before = self.now - DAY_SECONDS
            old = [key for key, each in self._requests.items() if each.ended_at and each.ended_at < before]
            for key in old:
                del self._requests[key]
            yield self

    def count(self, since: float, *, reserved: bool) -> tuple[int, int]:
        """Requests that ended after `since` or are under way: all, and those of backfills."""
        lanes = [each.lane for each in self._counted(since)]
        if reserved:
            lanes += [lane for lane, left in self._reserved.values() for _ in range(left)]
        return len(lanes), lanes.count(BACKFILL)

    def ended(self, since: float, place: int) -> float | None:
        """When the `place`-th of them ended, from 1; None while it is under way."""
        ends = sorted(each.ended_at for each in self._counted(since) if each.ended_at is not None)
        return ends[place - 1] if place <= len(ends) else None

    def next_expiry(self) -> float | None:
        """Never: what dies with the process frees everything."""
        return None

    def held_until(self) -> float:
        """Until when the vendor has asked us not to send; 0.0 for never."""
        return self._held_until

    def enter(self, charge: Charge, what: str) -> str:
        """Write that a request is about to be sent; its id."""
        key = f"{next(self._numbers)} {what}"
        self._requests[key] = _Request(charge.lane)
        return key

    def reserve(self, charge: Charge, requests: int) -> str:
        """Set requests of the day aside; the reservation's id."""
        key = str(next(self._numbers))
        self._reserved[key] = (charge.lane, requests)
        return key

    def draw(self, reservation_id: str) -> bool:
        """Take one request out of a reservation; False where nothing is left of it."""
        lane, left = self._reserved.get(reservation_id, ("", 0))
        if left:
            self._reserved[reservation_id] = (lane, left - 1)
        return left > 0

    def answered(self, request_id: str, status: int | None, now: float) -> None:
        """Write how a request ended."""
        with self._lock:
            self._requests[request_id].ended_at = now

    def record(self, charge: Charge, what: str, status: int | None, *, sent_at: float, answered_at: float) -> None:
        """A request without a limit leaves no trace here."""

    def hold(self, until: float, reason: str, now: float) -> None:
        """Write that the vendor asks to wait."""
        with self._lock:
            self._held_until = max(self._held_until, until)

    def release(self, reservation_id: str) -> None:
        """Give back what is left of a reservation."""
        with self._lock:
            self._reserved.pop(reservation_id, None)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def _counted(self, since: float) -> list[_Request]:
        return [each for each in self._requests.values() if each.ended_at is None or each.ended_at > since]
