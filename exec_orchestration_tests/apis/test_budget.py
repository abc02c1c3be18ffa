"""When one more request may be sent: pure decisions about a sliding minute."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_orchestration.apis.budget import MINUTE_SECONDS, POLL_SECONDS, seconds_until_turn

NOW = 1_000.0


@pytest.mark.parametrize(
    ("finished", "in_flight", "wait"),
    [
        ([], 0, 0.0),
        ([990.0, 991.0], 0, 0.0),  # one under the limit
        ([990.0], 1, 0.0),
        ([990.0, 991.0, 992.0], 0, 50.0),  # at the limit: until the oldest leaves
        ([990.0, 991.0], 1, 50.0),
        ([990.0], 2, 50.0),
        ([980.0, 990.0, 991.0, 992.0], 0, 50.0),  # one over: two must leave
    ],
)
def test_a_turn_comes_when_fewer_than_the_limit_lie_in_the_last_minute(
    finished: list[float], in_flight: int, wait: float
) -> None:
    """Requests in flight count as much as those that ended less than a minute ago."""
    assert seconds_until_turn(finished, in_flight, now=NOW, per_minute=3) == wait


def test_a_minute_later_a_request_no_longer_counts() -> None:
    """At exactly 60 s it has left the window, just before it has not."""
    assert seconds_until_turn([NOW - MINUTE_SECONDS], 0, now=NOW, per_minute=1) == 0.0
    assert seconds_until_turn([NOW - MINUTE_SECONDS + 0.25], 0, now=NOW, per_minute=1) == 0.25


@pytest.mark.parametrize("in_flight", [3, 4])
def test_while_all_places_are_in_flight_it_asks_again_soon(in_flight: int) -> None:
    """Nobody knows when a request in flight will end, so the wait is a short one."""
    assert seconds_until_turn([], in_flight, now=NOW, per_minute=3) == POLL_SECONDS
    assert seconds_until_turn([NOW - 1], in_flight, now=NOW, per_minute=3) == POLL_SECONDS


def test_zero_means_no_limit() -> None:
    """Any number of requests is let through at once."""
    assert seconds_until_turn([NOW] * 1000, 1000, now=NOW, per_minute=0) == 0.0


requests = st.lists(
    st.tuples(
        st.floats(0, 90),  # seconds after the request before
        st.floats(0, 100),  # seconds until it has ended
        st.floats(0, 1),  # where between start and end the vendor counts it
    ),
    max_size=40,
)


@given(requests=requests, per_minute=st.integers(1, 8))
def test_the_vendor_never_counts_more_than_the_limit_in_any_minute(
    requests: list[tuple[float, float, float]], per_minute: int
) -> None:
    """However long requests take, and wherever in between the vendor sees them: no sliding minute holds too many."""
    now, ends, finished, seen = NOW, [], [], []
    for gap, duration, place in requests:
        now += gap
        for _ in range(10_000):
            while ends and ends[0] <= now:
                finished.append(heapq.heappop(ends))
            wait = seconds_until_turn(finished, len(ends), now=now, per_minute=per_minute)
            if wait <= 0:
                break
            now += wait
        else:
            raise AssertionError("the turn never came")
        heapq.heappush(ends, now + duration)
        seen.append(now + place * duration)
    seen.sort()
    for first, one_too_many in zip(seen, seen[per_minute:], strict=False):
        assert one_too_many - first >= MINUTE_SECONDS - 1e-6
