"""The request limits of a workspace: a minute window and a day window, both sliding.

Must not live here: HTTP answers (`desk` makes the 429). Leads to: `RateLimiter.seconds_to_wait`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

MINUTE_SECONDS, DAY_SECONDS = 60, 86_400


@dataclass(frozen=True)
class Limits:
    """Requests allowed in any minute and in any day; 0 = no limit.

    The vendor does not say where `retry_after` stands, nor whether a refused request counts: both are settings.
    """

    per_minute: int = 60
    per_day: int = 1000
    retry_after_place: str = "body"
    count_refused: bool = False


NO_LIMITS = Limits(0, 0)


class RateLimiter:
    """Counts what was admitted. `clock` answers in epoch seconds."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._windows = ((limits.per_minute, MINUTE_SECONDS), (limits.per_day, DAY_SECONDS))
        self._counted: deque[float] = deque(maxlen=max(limits.per_minute, limits.per_day))
        self._lock = Lock()

    def seconds_to_wait(self) -> float:
        """0 if the request is admitted (it is then counted), else the time until one would be."""
        with self._lock:
            now = self._clock()
            waits = [
                self._counted[-limit] + seconds - now
                for limit, seconds in self._windows
                if limit and len(self._counted) >= limit
            ]
            wait = max([0.0, *waits])
            if wait == 0 or self.limits.count_refused:
                self._counted.append(now)
            return wait
