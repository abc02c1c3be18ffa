"""The clock that the limits follow: a base clock, and how far tests have moved it ahead.

Must not live here: what the time means to anybody (`limits`), the twins' day (`app`).
Leads to: `MovableClock`, which `switches` moves.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from exec_orchestration.sandbox.answers import JsonObject

LAST_INSTANT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()  # behind it there are no calendar days


class MovableClock:
    """Epoch seconds of `base`, which runs on, plus what it was advanced by."""

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self._advanced = 0.0
        self._lock = Lock()

    def __call__(self) -> float:
        with self._lock:
            return self._base() + self._advanced

    def advance(self, seconds: float) -> None:
        """Move ahead, on top of earlier moves."""
        # a comparison refuses what is not a number, infinite, or a whole number too long for a float
        if not 0 <= seconds <= LAST_INSTANT:
            raise ValueError(f"a clock advances by 0 seconds or more, up to the year 9999, not by {seconds!r}")
        with self._lock:
            if self._base() + self._advanced + seconds >= LAST_INSTANT:
                raise ValueError(f"{seconds!r} seconds more are behind the year 9998")
            self._advanced += seconds

    def put_back(self) -> None:
        """Show the base clock's time again."""
        with self._lock:
            self._advanced = 0.0

    def state(self) -> JsonObject:
        with self._lock:
            return {"now": self._base() + self._advanced, "advanced_seconds": self._advanced}


def advance_from_json(sent: Any) -> float:
    """The seconds of `{"advance_seconds": N}`. Raises ValueError where it is something else."""
    if not isinstance(sent, dict) or set(sent) != {"advance_seconds"}:
        raise ValueError(f"the body is an object with advance_seconds, not {sent!r}")
    seconds = sent["advance_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(f"advance_seconds is a number, not {seconds!r}")
    return seconds
