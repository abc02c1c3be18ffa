"""Exec's request limits: sliding windows, moved by a clock that the test holds."""

from collections.abc import Callable

import pytest

from exec_orchestration.sandbox.limits import DAY_SECONDS, Limits

from .conftest import Caller


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_minute_window_slides(start_app: Callable[..., Caller]) -> None:
    """The limit's last request passes, one more does not, and each is free again a minute after it was sent."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=3, per_day=0), clock=clock)
    for _ in range(3):
        assert caller.exec("/skills").status_code == 200
        clock.now += 10
    refused = caller.exec("/skills")
    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "rate_limited"
    assert refused.json()["retry_after"] == 30
    clock.now += 29.9
    assert caller.exec("/skills").status_code == 429
    clock.now += 0.1
    assert caller.exec("/skills").status_code == 200
    assert caller.exec("/skills").json()["retry_after"] == 10


def test_the_day_window_slides(start_app: Callable[..., Caller]) -> None:
    """The day's limit holds although the minute's is free."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=2, per_day=4), clock=clock)
    for _ in range(4):
        assert caller.exec("/skills").status_code == 200
        clock.now += 60
    assert caller.exec("/skills").json()["retry_after"] == DAY_SECONDS - 240
    clock.now += DAY_SECONDS - 240
    assert caller.exec("/skills").status_code == 200
    assert caller.exec("/skills").status_code == 429


@pytest.mark.parametrize("place", ["body", "error", "header"])
def test_retry_after_has_three_places(start_app: Callable[..., Caller], place: str) -> None:
    """Nobody outside the vendor knows where it stands, so it can stand in each place, and in that one only."""
    caller = start_app(limits=Limits(per_minute=1, per_day=0, retry_after_place=place), clock=Clock())
    caller.exec("/skills")
    answer = caller.exec("/skills")
    found = {
        "body": answer.json().get("retry_after"),
        "error": answer.json()["error"].get("retry_after"),
        "header": answer.headers.get("retry-after"),
    }
    assert {name: value for name, value in found.items() if value is not None} == {
        place: "60" if place == "header" else 60
    }


@pytest.mark.parametrize(("count_refused", "status"), [(False, 200), (True, 429)])
def test_a_refused_request_may_count(start_app: Callable[..., Caller], count_refused: bool, status: int) -> None:
    """Whether a 429 counts against the quota is a setting."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=1, per_day=0, count_refused=count_refused), clock=clock)
    caller.exec("/skills")
    clock.now += 30
    caller.exec("/skills")
    clock.now += 30
    assert caller.exec("/skills").status_code == status


def test_no_limit_and_who_is_not_limited(start_app: Callable[..., Caller]) -> None:
    """0 is no limit; a wrong key is not counted; Sparkwise has no limit."""
    unlimited = start_app()
    assert all(unlimited.exec("/skills").status_code == 200 for _ in range(70))
    caller = start_app(limits=Limits(per_minute=1, per_day=1), clock=Clock())
    assert caller.send("GET", "/exec/rest/v1/skills").status_code == 401
    assert caller.exec("/skills").status_code == 200
    assert caller.sparkwise("GET", "/clusters").status_code == 200
    assert caller.exec("/skills").status_code == 429
