"""Pure decisions about requests: may I send now, and if not, how long must I wait, and why.

A vendor counts requests in a minute and in a day. What was sent is kept by a ledger, which is a Protocol here: in
memory for one process, in the warehouse for all of them. Nothing here sleeps or stores; `pacing` carries it out.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

SCHEDULED, SYNC, BACKFILL = LANES = ("scheduled", "sync", "backfill")

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
POLL_SECONDS = 0.05
HELD = "the time that the vendor asked to wait is not over"


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What a vendor allows in any minute and in a day; 0 means no limit.

    `reserve` requests of a day are not for backfills. `day_zone` is the zone whose midnight opens a new day; None means
    any 24 hours, which is never more than a calendar day of any zone allows.
    """

    per_minute: int = 0
    per_day: int = 0
    reserve: int = 0
    day_zone: tzinfo | None = None

    @property
    def is_unlimited(self) -> bool:
        return not (self.per_minute or self.per_day)


NO_LIMIT = Quota()


@dataclass(frozen=True)
class Charge:
    """On whose account a request goes. `backfill` is the id that a stopped backfill's runs share."""

    lane: str = SCHEDULED
    asset: str | None = None
    partition_date: date | None = None
    run_id: str | None = None
    backfill: str | None = None


class Books(Protocol):
    """What a ledger holds of one vendor, seen by somebody who is alone with it, at the moment `now`."""

    @property
    def now(self) -> float:
        """Epoch seconds."""
        ...

    def count(self, since: float, *, reserved: bool) -> tuple[int, int]:
        """Requests that ended after `since` (epoch seconds) or are under way: all, and those of backfills."""
        ...

    def ended(self, since: float, place: int) -> float | None:
        """When the `place`-th of them ended, from 1; None while it is under way."""
        ...

    def next_expiry(self) -> float | None:
        """When the first of what is set aside is free again, should nobody draw on it; None where nothing is."""
        ...

    def held_until(self) -> float:
        """Until when the vendor has asked us not to send; 0.0 for never."""
        ...

    def enter(self, charge: Charge, what: str) -> str:
        """Write that a request is about to be sent; its id."""
        ...

    def reserve(self, charge: Charge, requests: int) -> str:
        """Set requests of the day aside; the reservation's id."""
        ...

    def draw(self, reservation_id: str) -> bool:
        """Take one request out of a reservation; False where nothing is left of it."""
        ...


class Ledger(Protocol):
    """Where every request to one vendor is written down, by whichever process."""

    def alone(self, clock: Callable[[], float]) -> AbstractContextManager[Books]:
        """The books, for as long as nobody else may look at them; the clock is read once everybody else is out."""
        ...

    def held_until(self) -> float:
        """The same as of the books, asked from outside: for vendors without a limit."""
        ...

    def answered(self, request_id: str, status: int | None, now: float) -> None:
        """Write how a request ended; without a status the connection broke."""
        ...

    def record(self, charge: Charge, what: str, status: int | None, *, sent_at: float, answered_at: float) -> None:
        """Write a whole request afterwards: for vendors without a limit."""
        ...

    def hold(self, until: float, reason: str, now: float) -> None:
        """Write that the vendor asks everybody to wait."""
        ...

    def release(self, reservation_id: str) -> None:
        """Give back what is left of a reservation."""
        ...

    def flush(self) -> None:
        """Write what is still in memory."""
        ...


@dataclass(frozen=True)
class Turn:
    """How many seconds to wait before the question may be asked again, and why, in words; 0.0 means now."""

    wait_seconds: float
    why: str = ""


NOW = Turn(0.0)


def turn(books: Books, quota: Quota, charge: Charge, *, requests: int = 1, is_paid: bool = False) -> Turn:
    """When `requests` more fit. What `is_paid` was set aside before and counts for the day already."""
    held = books.held_until() - books.now
    if held > 0:
        return Turn(held, HELD)
    day = NOW if is_paid or not quota.per_day else _day_turn(books, quota, charge.lane, requests)
    if day.wait_seconds > 0 or not quota.per_minute or requests > 1:
        return day
    return _minute_turn(books, quota)


def most_of_a_day(quota: Quota, lane: str) -> int:
    """How many requests of one day a lane can have at the most."""
    return max(0, quota.per_day - (quota.reserve if lane == BACKFILL else 0))


def free_today(books: Books, quota: Quota, lane: str) -> int:
    """How many more requests of the day are there for a lane; below 0 where more was spent than is allowed.

    Backfills leave the reserve. On a calendar day, what others have used of it is not kept for them any more. On a
    rolling day all of it is: tonight's load needs its requests before those of last night are a day old.
    """
    total, by_backfills = books.count(day_start(quota, books.now), reserved=True)
    kept_back = 0
    if lane == BACKFILL:
        kept_back = quota.reserve if quota.day_zone is None else max(0, quota.reserve - (total - by_backfills))
    return quota.per_day - total - kept_back


def day_start(quota: Quota, now: float) -> float:
    """Since when requests count for the day."""
    if quota.day_zone is None:
        return now - DAY_SECONDS
    # What ended at midnight itself may have been counted on either side.
    return _midnight(datetime.fromtimestamp(now, quota.day_zone).date(), quota.day_zone) - POLL_SECONDS


def _day_turn(books: Books, quota: Quota, lane: str, requests: int) -> Turn:
    aside = f" ({quota.reserve} of them are not for backfills)" if lane == BACKFILL and quota.reserve else ""
    limit = f"the day's limit of {quota.per_day} requests{aside} is used up"
    missing = requests - free_today(books, quota, lane)
    if missing <= 0:
        return NOW
    opens = _day_opens(books, quota, missing)
    expiry = books.next_expiry()
    if opens is None and expiry is None:
        return Turn(POLL_SECONDS, limit)
    return Turn(max(POLL_SECONDS, min(each for each in (opens, expiry) if each is not None) - books.now), limit)


def _day_opens(books: Books, quota: Quota, missing: int) -> float | None:
    """When so many requests more are free by themselves; None where these are under way or only set aside."""
    if quota.day_zone is not None:
        tomorrow = datetime.fromtimestamp(books.now, quota.day_zone).date() + timedelta(days=1)
        return _midnight(tomorrow, quota.day_zone)
    ended = books.ended(books.now - DAY_SECONDS, missing)
    return None if ended is None else ended + DAY_SECONDS


def _minute_turn(books: Books, quota: Quota) -> Turn:
    """A request counts from its start until 60 s after its *end*: the vendor saw it somewhere in between, so that no
    minute of theirs, sliding or not, can ever hold more than is allowed.
    """
    surplus = books.count(books.now - MINUTE_SECONDS, reserved=False)[0] + 1 - quota.per_minute
    if surplus <= 0:
        return NOW
    ended = books.ended(books.now - MINUTE_SECONDS, surplus)
    wait = POLL_SECONDS if ended is None else max(POLL_SECONDS, ended + MINUTE_SECONDS - books.now)
    return Turn(wait, f"the minute's limit of {quota.per_minute} requests is used up")


def _midnight(day: date, zone: tzinfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp()
