"""The request limits of a workspace: a minute window that slides, and a day, which slides or is a calendar's.

Must not live here: HTTP answers (`desk` makes the 429), time itself (`clock`).
Leads to: `RateLimiter.seconds_to_wait`; `RateLimiter.counts`, `change` and `forget` for `switches`.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, time, timedelta
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from exec_orchestration.sandbox.answers import RETRY_AFTER_PLACES, JsonObject

MINUTE_SECONDS, DAY_SECONDS = 60, 86_400

Window = Callable[[float], float]  # when what was counted at this instant counts no longer


@dataclass(frozen=True)
class Limits:
    """Requests allowed in any minute and in any day; 0 = no limit.

    The vendor does not say where `retry_after` stands, nor whether a refused request counts, nor when a day begins:
    all are settings. Without `day_zone` a day is the last 24 hours, with it a calendar day there ("Europe/Berlin").
    """

    per_minute: int = 60
    per_day: int = 1000
    retry_after_place: str = "body"
    count_refused: bool = False
    day_zone: str | None = None

    def __post_init__(self) -> None:
        for name in ("per_minute", "per_day"):
            limit = getattr(self, name)
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
                raise ValueError(f"{name} is a whole number, 0 or more, not {limit!r}")
        if self.retry_after_place not in RETRY_AFTER_PLACES:
            raise ValueError(f"retry_after_place is one of {RETRY_AFTER_PLACES}, not {self.retry_after_place!r}")
        if not isinstance(self.count_refused, bool):
            raise ValueError(f"count_refused is true or false, not {self.count_refused!r}")
        if self.day_zone is not None:
            zone_named(self.day_zone)

    def changed(self, sent: Any) -> "Limits":
        """These limits, with what a JSON object names replaced."""
        known = {one.name for one in fields(self)}
        if not isinstance(sent, dict) or not set(sent) <= known:
            raise ValueError(f"limits are an object with some of {sorted(known)}, not {sent!r}")
        return replace(self, **sent)


NO_LIMITS = Limits(0, 0)


def zone_named(name: Any) -> ZoneInfo:
    """The time zone. Raises ValueError where there is none of this name."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"no time zone is called {name!r}") from error


def sliding(seconds: float) -> Window:
    return lambda counted_at: counted_at + seconds


def calendar_day(zone: ZoneInfo) -> Window:
    """Until the next midnight of the zone: its days may last 23 or 25 hours."""

    def midnight(counted_at: float) -> float:
        tomorrow = datetime.fromtimestamp(counted_at, zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time.min, zone).timestamp()

    return midnight


class Tally:
    """The instants at which something was counted, in order."""

    def __init__(self) -> None:
        self._instants = array("d")

    def count(self, now: float) -> None:
        self._instants.append(now)

    def held(self, window: Window, now: float) -> int:
        """How many of them the window holds."""
        return len(self._instants) - bisect_right(self._instants, now, key=window)

    def wait(self, window: Window, limit: int, now: float) -> float:
        """How long until the window holds fewer than `limit`; 0 = no limit."""
        if not limit or len(self._instants) < limit:
            return 0.0
        return max(0.0, window(self._instants[-limit]) - now)

    def end_at(self, now: float) -> None:
        """After the clock was put back: what was counted later than now counts as of now."""
        for place in range(bisect_right(self._instants, now), len(self._instants)):
            self._instants[place] = now


class RateLimiter:
    """Counts what was admitted, and where the limits say so what was refused. `clock` answers in epoch seconds."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._minute = sliding(MINUTE_SECONDS)
        self._set(limits)
        self.forget()

    def _set(self, limits: Limits) -> None:
        self.limits = limits
        self._day = sliding(DAY_SECONDS) if limits.day_zone is None else calendar_day(zone_named(limits.day_zone))

    def change(self, sent: Any) -> None:
        """Replace the limits that a JSON object names; what was counted stays counted."""
        with self._lock:
            self._set(self.limits.changed(sent))

    def forget(self) -> None:
        """As if no request had ever come."""
        with self._lock:
            self._counted, self._admitted = Tally(), Tally()
            self._refused = self._most_in_minute = self._most_in_day = 0

    def seconds_to_wait(self) -> float:
        """0 if the request is admitted (it is then counted), else the time until one would be."""
        with self._lock:
            now = self._now()
            wait = self._wait(now)
            if wait == 0:
                self._admit(now)
                return 0.0
            self._refused += 1
            if self.limits.count_refused:
                self._counted.count(now)
                wait = self._wait(now)  # this refusal, too, keeps the next request out
            return wait

    def counts(self) -> JsonObject:
        """The limits, what counts against them now, and the most admitted requests that a window ever held."""
        with self._lock:
            now = self._now()
            return {
                "per_minute": self.limits.per_minute,
                "per_day": self.limits.per_day,
                "in_minute": self._counted.held(self._minute, now),
                "in_day": self._counted.held(self._day, now),
                "refused": self._refused,
                "most_in_minute": self._most_in_minute,
                "most_in_day": self._most_in_day,
            }

    def _now(self) -> float:
        now = self._clock()
        self._counted.end_at(now)
        self._admitted.end_at(now)
        return now

    def _wait(self, now: float) -> float:
        minute = self._counted.wait(self._minute, self.limits.per_minute, now)
        return max(minute, self._counted.wait(self._day, self.limits.per_day, now))

    def _admit(self, now: float) -> None:
        self._counted.count(now)
        self._admitted.count(now)
        self._most_in_minute = max(self._most_in_minute, self._admitted.held(self._minute, now))
        self._most_in_day = max(self._most_in_day, self._admitted.held(self._day, now))
