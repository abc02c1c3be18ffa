"""The clock that tests move over HTTP, and the limits that follow it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exec_orchestration.sandbox.clock import MovableClock
from exec_orchestration.sandbox.limits import DAY_SECONDS, Limits

from .conftest import Caller, Clock

SWITCH = "/_sandbox/clock"


def advance(caller: Caller, seconds: float) -> None:
    assert caller.send("PUT", SWITCH, json={"advance_seconds": seconds}).status_code == 204


def statuses(caller: Caller, number: int) -> list[int]:
    return [caller.exec("/skills").status_code for _ in range(number)]


def test_the_clock_is_moved_and_put_back(start_app: Callable[..., Caller]) -> None:
    """Moves add up, the base clock runs on underneath, and DELETE shows it again."""
    base = Clock(5000.0)
    caller = start_app(clock=base)
    assert caller.send("GET", SWITCH).json() == {"now": 5000, "advanced_seconds": 0}
    advance(caller, 60)
    advance(caller, 0.5)
    advance(caller, 0)
    base.now += 7
    assert caller.send("GET", SWITCH).json() == {"now": 5067.5, "advanced_seconds": 60.5}
    assert caller.send("DELETE", SWITCH).status_code == 204
    assert caller.send("GET", SWITCH).json() == {"now": 5007, "advanced_seconds": 0}


def test_without_a_clock_of_its_own_it_is_the_real_one(caller: Caller) -> None:
    """Epoch seconds of this machine."""
    advance(caller, 3600)
    before = time.time()
    now = caller.send("GET", SWITCH).json()["now"]
    assert before <= now - 3600 <= time.time()


def test_both_windows_follow_it(start_app: Callable[..., Caller]) -> None:
    """A minute later the minute is free, a day later the day is; nobody has to wait."""
    caller = start_app(limits=Limits(per_minute=2, per_day=3), clock=Clock())
    assert statuses(caller, 3) == [200, 200, 429]
    advance(caller, 59.9)
    assert statuses(caller, 1) == [429]
    advance(caller, 0.1)
    assert statuses(caller, 2) == [200, 429]
    advance(caller, DAY_SECONDS - 61)
    assert caller.exec("/skills").json()["retry_after"] == 1
    advance(caller, 1)
    assert statuses(caller, 3) == [200, 200, 429]


def test_a_calendar_day_follows_it(start_app: Callable[..., Caller]) -> None:
    """Midnight is where the moved clock says it is."""
    base = Clock(10 * DAY_SECONDS)
    caller = start_app(limits=Limits(per_minute=0, per_day=1, day_zone="Etc/UTC"), clock=base)
    assert statuses(caller, 2) == [200, 429]
    advance(caller, DAY_SECONDS - 1)
    assert statuses(caller, 1) == [429]
    base.now += 1
    assert statuses(caller, 2) == [200, 429]


def test_a_clock_put_back_frees_nobody(start_app: Callable[..., Caller]) -> None:
    """What was counted ahead of time counts as of now: no quota is won by it, and nobody waits for days."""
    caller = start_app(limits=Limits(per_minute=2, per_day=0), clock=(base := Clock()))
    assert statuses(caller, 2) == [200, 200]
    advance(caller, 30 * DAY_SECONDS)
    assert statuses(caller, 2) == [200, 200]
    caller.send("DELETE", SWITCH)
    assert caller.exec("/skills").json()["retry_after"] == 60
    counted = caller.send("GET", "/_sandbox/limits").json()
    assert (counted["in_minute"], counted["in_day"], counted["most_in_minute"]) == (4, 4, 2)
    base.now += 60
    assert statuses(caller, 3) == [200, 200, 429]


def test_the_twins_stay_in_their_day(caller: Caller) -> None:
    """The clock moves the limits, not what the vendors answer."""
    before = caller.exec("/sessions").json()
    advance(caller, 30 * DAY_SECONDS)
    assert caller.exec("/sessions").json() == before


@pytest.mark.parametrize(
    "sent",
    [
        b'{"advance_seconds": -1}',
        b'{"advance_seconds": NaN}',
        b'{"advance_seconds": Infinity}',
        b'{"advance_seconds": 1e400}',
        b'{"advance_seconds": 1e300}',
        b'{"advance_seconds": 1' + b"0" * 400 + b"}",
        b'{"advance_seconds": true}',
        b'{"advance_seconds": "60"}',
        b'{"advance_seconds": null}',
        b'{"advance_seconds": 60, "now": 5}',
        b'{"seconds": 60}',
        b"{}",
        b"60",
        b"[]",
        b"",
        b"{",
    ],
)
def test_wrong_moves_are_refused(start_app: Callable[..., Caller], sent: bytes) -> None:
    """400 with the reason, and the clock stays."""
    caller = start_app(clock=Clock(5000.0))
    advance(caller, 60)
    answer = caller.send("PUT", SWITCH, content=sent)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert caller.send("GET", SWITCH).json() == {"now": 5060, "advanced_seconds": 60}


def test_it_cannot_leave_the_calendar(start_app: Callable[..., Caller]) -> None:
    """Moves that are fine one by one are refused where together they pass the year 9998."""
    caller = start_app(limits=Limits(per_day=1, day_zone="Pacific/Kiritimati"), clock=Clock(0.0))
    century: dict[str, Any] = {"advance_seconds": 36525 * DAY_SECONDS}
    answers = [caller.send("PUT", SWITCH, json=century).status_code for _ in range(81)]
    assert answers == [204] * 80 + [400]
    assert statuses(caller, 2) == [200, 429]


def test_many_may_move_it_at_once() -> None:
    """No move is lost."""
    clock = MovableClock(lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: clock.advance(1), range(2000)))
    assert clock() == 2000
