"""When one more request may be sent: pure decisions about a minute, a day, lanes and what the vendor asked for."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_orchestration.apis.budget import (
    BACKFILL,
    DAY_SECONDS,
    MINUTE_SECONDS,
    NOW,
    POLL_SECONDS,
    SCHEDULED,
    SYNC,
    Charge,
    Quota,
    free_today,
    most_of_a_day,
    turn,
)
from exec_orchestration.apis.memory_ledger import MemoryLedger

START = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
MINUTE = Quota(per_minute=3)
DAY = Quota(per_day=10, reserve=3)

Asked = tuple[float, str]


class Books:
    """A ledger at a moment that the test chooses, and what a question to it is answered."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.now = START

    def sent(self, count: int, lane: str = SCHEDULED, *, ended: float | None = 0.0) -> None:
        """So many requests, which ended so many seconds before now, or are still under way."""
        for _ in range(count):
            with self.ledger.alone(lambda: self.now) as books:
                key = books.enter(Charge(lane), "GET /skills")
            if ended is not None:
                self.ledger.answered(key, 200, self.now - ended)

    def wait(self, quota: Quota, lane: str = SCHEDULED, *, requests: int = 1) -> float:
        """Seconds until so many more requests fit."""
        with self.ledger.alone(lambda: self.now) as books:
            return turn(books, quota, Charge(lane), requests=requests).wait_seconds

    def free(self, quota: Quota, lane: str) -> int:
        """What is left of the day for a lane."""
        with self.ledger.alone(lambda: self.now) as books:
            return free_today(books, quota, lane)


@pytest.fixture
def books() -> Books:
    """An empty ledger."""
    return Books()


@pytest.mark.parametrize(
    ("ended", "in_flight", "wait"),
    [
        ([], 0, 0.0),
        ([10.0, 9.0], 0, 0.0),  # one under the limit
        ([10.0], 1, 0.0),
        ([10.0, 9.0, 8.0], 0, 50.0),  # at the limit: until the oldest leaves
        ([10.0, 9.0], 1, 50.0),
        ([10.0], 2, 50.0),
        ([20.0, 10.0, 9.0, 8.0], 0, 50.0),  # one over: two must leave
        ([60.0, 60.0, 60.0], 0, 0.0),  # at exactly 60 s they have left
        ([59.75, 1.0, 1.0], 0, 0.25),
        ([], 3, POLL_SECONDS),  # nobody knows when a request in flight will end
        ([1.0], 3, POLL_SECONDS),
    ],
)
def test_a_turn_comes_when_fewer_than_the_limit_lie_in_the_last_minute(
    books: Books, ended: list[float], in_flight: int, wait: float
) -> None:
    """Requests in flight count as much as those that ended less than a minute ago."""
    for seconds in ended:
        books.sent(1, ended=seconds)
    books.sent(in_flight, ended=None)
    assert books.wait(MINUTE) == wait


def test_zero_means_no_limit(books: Books) -> None:
    """Any number of requests is let through at once."""
    books.sent(2000, ended=None)
    assert books.wait(Quota()) == 0.0
    assert books.wait(Quota(per_minute=0, per_day=0, reserve=300), BACKFILL) == 0.0


@pytest.mark.parametrize(
    ("others", "backfills", "left", "on_a_rolling_day"),
    [(0, 0, 7, 7), (0, 7, 0, 0), (2, 0, 7, 5), (3, 0, 7, 4), (5, 0, 5, 2)],
)
def test_backfills_leave_the_reserve_to_the_others(
    books: Books, others: int, backfills: int, left: int, on_a_rolling_day: int
) -> None:
    """Of a calendar day others may have had it already; on a rolling day it is there again before that is a day old."""
    books.sent(others)
    books.sent(backfills, BACKFILL)
    of_a_day = Quota(per_day=10, reserve=3, day_zone=ZoneInfo("UTC"))
    assert (books.free(of_a_day, BACKFILL), books.free(DAY, BACKFILL)) == (left, on_a_rolling_day)
    for quota in (of_a_day, DAY):
        assert books.free(quota, SCHEDULED) == books.free(quota, SYNC) == 10 - others - backfills


def test_whatever_backfills_do_the_reserve_is_there(books: Books) -> None:
    """Two backfills take all that they may; the scheduled load then still has its three requests."""
    while books.wait(DAY, BACKFILL) == 0.0:
        books.sent(1, BACKFILL)
    assert books.free(DAY, SCHEDULED) == 3
    for _ in range(3):
        assert books.wait(DAY) == 0.0
        books.sent(1)
    assert books.wait(DAY) > 0.0


def test_a_lane_has_at_most_what_is_not_reserved() -> None:
    """The most of a day, for whatever cannot be divided."""
    assert [most_of_a_day(DAY, lane) for lane in (SCHEDULED, SYNC, BACKFILL)] == [10, 10, 7]
    assert most_of_a_day(Quota(per_day=10, reserve=12), BACKFILL) == 0


def test_a_rolling_day_opens_when_enough_requests_are_a_day_old(books: Books) -> None:
    """As many as are missing, not all of them."""
    for hours in (20, 10, 5, 1):
        books.sent(2, ended=hours * 3600.0)
    quota = Quota(per_day=8)
    assert books.wait(quota) == 4 * 3600.0
    assert books.wait(quota, requests=2) == 4 * 3600.0
    assert books.wait(quota, requests=3) == 14 * 3600.0


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("UTC", datetime(2026, 3, 29, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 29, 4, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 3, 28, 15, tzinfo=UTC)),
    ],
)
def test_a_calendar_day_opens_at_the_midnight_of_its_zone(books: Books, zone: str, opens: datetime) -> None:
    """What was sent before the midnight counts no more."""
    quota = Quota(per_day=5, day_zone=ZoneInfo(zone))
    books.sent(5, ended=60.0)
    assert books.wait(quota) == opens.timestamp() - START
    books.now = opens.timestamp()
    assert books.free(quota, SCHEDULED) == 5


def test_a_day_of_23_hours_ends_at_midnight_too(books: Books) -> None:
    """Clocks go forward in Berlin on 2026-03-29."""
    quota = Quota(per_day=1, day_zone=ZoneInfo("Europe/Berlin"))
    books.now = datetime(2026, 3, 29, 0, tzinfo=quota.day_zone).timestamp()
    books.sent(1)
    assert books.wait(quota) == 23 * 3600


def test_what_is_set_aside_counts_for_the_day_and_for_nobody_else(books: Books) -> None:
    """Whoever set it aside draws on it, request by request, and gives the rest back."""
    with books.ledger.alone(lambda: books.now) as inside:
        key = inside.reserve(Charge(BACKFILL), 4)
        assert (books.free(DAY, BACKFILL), books.free(DAY, SCHEDULED)) == (3, 6)
        assert [inside.draw(key) for _ in range(5)] == [True] * 4 + [False]
    books.sent(4, BACKFILL)
    assert books.free(DAY, SCHEDULED) == 6
    books.ledger.release(key)
    assert books.free(DAY, SCHEDULED) == 6


def test_what_the_vendor_asks_for_goes_before_every_count(books: Books) -> None:
    """The longer of two requests to wait counts, for every lane."""
    books.ledger.hold(START + 3600, "429", START)
    books.ledger.hold(START + 60, "429", START)
    assert [books.wait(Quota(per_minute=60), lane) for lane in (SCHEDULED, SYNC, BACKFILL)] == [3600.0] * 3
    books.now = START + 3600
    assert books.wait(Quota(per_minute=60)) == 0.0


def test_a_wait_says_which_limit_it_is_for(books: Books) -> None:
    """In words that a person reads in the run's error."""
    books.sent(20, BACKFILL)
    with books.ledger.alone(lambda: books.now) as inside:
        asked = ((MINUTE, SYNC), (DAY, SCHEDULED), (DAY, BACKFILL))
        told = [turn(inside, quota, Charge(lane)).why for quota, lane in asked]
        assert turn(inside, DAY, Charge(BACKFILL), is_paid=True) == NOW
    assert told == [
        "the minute's limit of 3 requests is used up",
        "the day's limit of 10 requests is used up",
        "the day's limit of 10 requests (3 of them are not for backfills) is used up",
    ]


requests = st.lists(
    st.tuples(
        st.floats(0, 90),  # seconds after the request before
        st.floats(0, 100),  # seconds until it has ended
        st.floats(0, 1),  # where between start and end the vendor counts it
    ),
    max_size=40,
)


@given(requests=requests, limit=st.integers(1, 8), by_day=st.booleans())
def test_the_vendor_never_counts_more_than_the_limit_in_any_window(
    requests: list[tuple[float, float, float]], limit: int, by_day: bool
) -> None:
    """However long requests take, and wherever in between the vendor sees them: no sliding window holds too many."""
    window = DAY_SECONDS if by_day else MINUTE_SECONDS
    quota = Quota(per_day=limit) if by_day else Quota(per_minute=limit)
    ledger, now, under_way, seen = MemoryLedger(), START, list[tuple[float, str]](), list[float]()
    for gap, duration, place in requests:
        now += gap
        for _ in range(10_000):
            end_those_until(now, under_way, ledger.answered)
            with ledger.alone(partial(float, now)) as books:
                wait = turn(books, quota, Charge()).wait_seconds
                if wait <= 0:
                    heapq.heappush(under_way, (now + duration, books.enter(Charge(), "GET /skills")))
                    break
            now += max(wait, 1.0)
        else:
            raise AssertionError("the turn never came")
        seen.append(now + place * duration)
    seen.sort()
    for first, one_too_many in zip(seen, seen[limit:], strict=False):
        assert one_too_many - first >= window - 1e-3


def end_those_until(
    now: float, under_way: list[tuple[float, str]], answered: Callable[[str, int | None, float], None]
) -> None:
    """Write down every request that has ended by now."""
    while under_way and under_way[0][0] <= now:
        ended, key = heapq.heappop(under_way)
        answered(key, 200, ended)
