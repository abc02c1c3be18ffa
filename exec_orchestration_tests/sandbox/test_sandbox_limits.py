"""Exec's request limits: windows moved by a clock that the test holds, the switch, and the command line's options."""

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from exec_orchestration.sandbox.faults import Fault, Faults
from exec_orchestration.sandbox.limits import DAY_SECONDS, Limits
from exec_orchestration.sandbox.options import add_limit_options, limits_from

from .conftest import Caller, Clock

SWITCH = "/_sandbox/limits"
HOUR = 3600


def counts(caller: Caller, *names: str) -> list[int]:
    shown = caller.send("GET", SWITCH).raise_for_status().json()
    return [shown[name] for name in names]


def statuses(caller: Caller, number: int) -> list[int]:
    return [caller.exec("/skills").status_code for _ in range(number)]


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


@pytest.mark.parametrize(
    ("zone", "midnight", "hours"),
    [
        ("Etc/UTC", "2026-02-10T00:00Z", 24),
        ("Europe/Berlin", "2026-02-09T23:00Z", 24),
        ("Europe/Berlin", "2025-03-29T23:00Z", 23),  # 02:00 becomes 03:00
        ("Europe/Berlin", "2025-10-25T22:00Z", 25),  # 03:00 becomes 02:00
        ("America/Sao_Paulo", "2018-02-17T02:00Z", 25),  # the day's last hour comes twice
        ("America/Sao_Paulo", "2018-11-04T03:00Z", 23),  # there is no midnight, the day begins at 01:00
        ("Australia/Lord_Howe", "2025-04-05T13:00Z", 24.5),
    ],
)
def test_a_day_may_be_a_calendars(start_app: Callable[..., Caller], zone: str, midnight: str, hours: float) -> None:
    """The quota is whole from midnight to midnight of the zone, be the day 23, 24 or 25 hours long."""
    clock = Clock(datetime.fromisoformat(midnight).timestamp() - 1)
    caller = start_app(limits=Limits(per_minute=0, per_day=2, day_zone=zone), clock=clock)
    assert statuses(caller, 3) == [200, 200, 429]
    assert caller.exec("/skills").json()["retry_after"] == 1
    clock.now += 1
    assert statuses(caller, 3) == [200, 200, 429]
    assert caller.exec("/skills").json()["retry_after"] == hours * HOUR
    clock.now += hours * HOUR - 1
    assert caller.exec("/skills").json()["retry_after"] == 1
    assert counts(caller, "in_day", "most_in_day") == [2, 2]
    clock.now += 1
    assert counts(caller, "in_day") == [0]
    assert statuses(caller, 3) == [200, 200, 429]


def test_both_windows_bind(start_app: Callable[..., Caller]) -> None:
    """A request needs room in both, and the refusal names the longer wait."""
    clock = Clock(datetime.fromisoformat("2026-02-10T11:00Z").timestamp())
    caller = start_app(limits=Limits(per_minute=2, per_day=3, day_zone="Europe/Berlin"), clock=clock)
    assert statuses(caller, 3) == [200, 200, 429]
    assert caller.exec("/skills").json()["retry_after"] == 60
    clock.now += 60
    assert statuses(caller, 2) == [200, 429]
    assert caller.exec("/skills").json()["retry_after"] == 12 * HOUR - 60


def test_the_minute_slides_over_midnight(start_app: Callable[..., Caller]) -> None:
    """A new calendar day brings a new day's quota, but not a new minute's."""
    clock = Clock(datetime.fromisoformat("2026-02-10T22:59:59Z").timestamp())
    caller = start_app(limits=Limits(per_minute=2, per_day=2, day_zone="Europe/Berlin"), clock=clock)
    assert statuses(caller, 2) == [200, 200]
    clock.now += 1
    assert caller.exec("/skills").json()["retry_after"] == 59
    assert counts(caller, "in_minute", "in_day") == [2, 0]


def test_a_counted_refusal_counts_in_both_windows(start_app: Callable[..., Caller]) -> None:
    """The minute refuses; the refusals use up the day."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=1, per_day=3, count_refused=True), clock=clock)
    assert statuses(caller, 3) == [200, 429, 429]
    assert counts(caller, "in_minute", "in_day") == [3, 3]
    clock.now += 60
    assert counts(caller, "in_minute", "in_day") == [0, 3]
    assert caller.exec("/skills").json()["retry_after"] == DAY_SECONDS - 60
    clock.now += DAY_SECONDS - 60
    assert caller.exec("/skills").status_code == 200


def test_an_uncounted_refusal_counts_in_neither(start_app: Callable[..., Caller]) -> None:
    """However often the client is refused, the quota is what was admitted."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=1, per_day=3), clock=clock)
    for day_so_far in (1, 2, 3):
        assert statuses(caller, 5) == [200, 429, 429, 429, 429]
        assert counts(caller, "in_minute", "in_day") == [1, day_so_far]
        clock.now += 60


def test_who_hammers_stays_locked_out(start_app: Callable[..., Caller]) -> None:
    """Where refusals count, coming back too early never ends, and staying away for a minute does."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=3, per_day=0, count_refused=True), clock=clock)
    assert statuses(caller, 3) == [200, 200, 200]
    for _ in range(60):
        clock.now += 10
        assert caller.exec("/skills").status_code == 429
    assert counts(caller, "in_minute", "refused", "most_in_minute") == [6, 60, 3]
    clock.now += 60
    assert caller.exec("/skills").status_code == 200


@pytest.mark.parametrize("count_refused", [False, True])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_who_waits_as_told_is_admitted(start_app: Callable[..., Caller], count_refused: bool, zone: str | None) -> None:
    """`retry_after` is true: it names the wait after which one request passes, this refusal counted or not."""
    clock = Clock()
    limits = Limits(per_minute=3, per_day=7, count_refused=count_refused, day_zone=zone)
    caller = start_app(limits=limits, clock=clock)
    for _ in range(30):
        answer = caller.exec("/skills")
        if answer.status_code == 429:
            clock.now += answer.json()["retry_after"]
            assert caller.exec("/skills").status_code == 200
        clock.now += 7


def test_the_switch_shows_what_is_counted(start_app: Callable[..., Caller]) -> None:
    """Limits, both windows now, how many were refused, and the most that either window held."""
    clock = Clock()
    caller = start_app(limits=Limits(per_minute=2, per_day=9), clock=clock)
    nothing = {"in_minute": 0, "in_day": 0, "refused": 0, "most_in_minute": 0, "most_in_day": 0}
    assert caller.send("GET", SWITCH).json() == {"per_minute": 2, "per_day": 9, **nothing}
    assert statuses(caller, 3) == [200, 200, 429]
    clock.now += 60
    assert statuses(caller, 1) == [200]
    expected = {"in_minute": 1, "in_day": 3, "refused": 1, "most_in_minute": 2, "most_in_day": 3}
    assert caller.send("GET", SWITCH).json() == {"per_minute": 2, "per_day": 9, **expected}
    clock.now += DAY_SECONDS
    expected |= {"in_minute": 0, "in_day": 0}
    assert caller.send("GET", SWITCH).json() == {"per_minute": 2, "per_day": 9, **expected}


def test_most_is_of_what_was_admitted(start_app: Callable[..., Caller]) -> None:
    """Refusals never raise it, counted or not; without limits it says what a client did on its own."""
    for count_refused in (False, True):
        caller = start_app(limits=Limits(per_minute=3, per_day=5, count_refused=count_refused), clock=Clock())
        assert statuses(caller, 6) == [200] * 3 + [429] * 3
        assert counts(caller, "most_in_minute", "most_in_day", "refused") == [3, 3, 3]
    clock = Clock()
    caller = start_app(clock=clock)
    for number in (4, 7, 2):
        assert statuses(caller, number) == [200] * number
        clock.now += 60
    assert counts(caller, "per_minute", "per_day", "most_in_minute", "most_in_day") == [0, 0, 7, 13]


def test_only_the_limiter_counts(start_app: Callable[..., Caller]) -> None:
    """A 429 by a rule, a wrong key, Sparkwise and the switches are neither counted nor refused by it."""
    caller = start_app(faults=Faults([Fault(status=429, times=1)]), limits=Limits(1, 1), clock=Clock())
    assert caller.exec("/skills").status_code == 429
    assert caller.send("GET", "/exec/rest/v1/skills").status_code == 401
    assert caller.sparkwise("GET", "/clusters").status_code == 200
    assert counts(caller, "in_minute", "in_day", "refused", "most_in_day") == [0, 0, 0, 0]


def test_limits_can_be_changed(start_app: Callable[..., Caller]) -> None:
    """PUT replaces what it names; the rest stays, and so does what was counted."""
    caller = start_app(limits=Limits(per_minute=4, per_day=9), clock=Clock())
    assert statuses(caller, 3) == [200, 200, 200]
    assert caller.send("PUT", SWITCH, json={"per_minute": 2}).status_code == 204
    assert counts(caller, "per_minute", "per_day", "in_minute") == [2, 9, 3]
    assert caller.exec("/skills").status_code == 429
    caller.send("PUT", SWITCH, json={"per_minute": 0, "per_day": 4})
    assert statuses(caller, 2) == [200, 429]
    caller.send("PUT", SWITCH, json={"per_day": 0})
    assert statuses(caller, 2) == [200, 200]


@pytest.mark.parametrize("place", ["body", "error", "header"])
def test_the_place_can_be_changed(start_app: Callable[..., Caller], place: str) -> None:
    """The next refusal says when to come back in the new place only."""
    caller = start_app(limits=Limits(per_minute=1, per_day=0, retry_after_place="error"), clock=Clock())
    caller.send("PUT", SWITCH, json={"retry_after_place": place})
    caller.exec("/skills")
    answer = caller.exec("/skills")
    found = (answer.json().get("retry_after"), answer.json()["error"].get("retry_after"))
    assert found == {"body": (60, None), "error": (None, 60), "header": (None, None)}[place]
    assert answer.headers.get("retry-after") == ("60" if place == "header" else None)


def test_the_day_can_be_changed(start_app: Callable[..., Caller]) -> None:
    """What was counted is looked at in the new way, and a zone of null is the last 24 hours again."""
    clock = Clock(datetime.fromisoformat("2026-02-10T22:00Z").timestamp())
    caller = start_app(limits=Limits(per_minute=0, per_day=1), clock=clock)
    assert statuses(caller, 2) == [200, 429]
    clock.now += HOUR
    assert counts(caller, "in_day") == [1]
    caller.send("PUT", SWITCH, json={"day_zone": "Europe/Berlin"})
    assert counts(caller, "in_day") == [0]
    assert statuses(caller, 2) == [200, 429]
    caller.send("PUT", SWITCH, json={"day_zone": None})
    assert counts(caller, "in_day") == [2]
    assert caller.exec("/skills").json()["retry_after"] == DAY_SECONDS


def test_whether_refusals_count_can_be_changed(start_app: Callable[..., Caller]) -> None:
    """From the change on."""
    caller = start_app(limits=Limits(per_minute=1, per_day=0), clock=Clock())
    assert statuses(caller, 3) == [200, 429, 429]
    caller.send("PUT", SWITCH, json={"count_refused": True})
    assert statuses(caller, 2) == [429, 429]
    assert counts(caller, "in_minute", "refused") == [3, 4]


def test_what_was_counted_can_be_forgotten(start_app: Callable[..., Caller]) -> None:
    """DELETE empties the windows and zeroes the numbers; the limits stay."""
    caller = start_app(limits=Limits(per_minute=2, per_day=2), clock=Clock())
    assert statuses(caller, 3) == [200, 200, 429]
    assert caller.send("DELETE", SWITCH).status_code == 204
    names = ("in_minute", "in_day", "refused", "most_in_minute", "most_in_day")
    assert counts(caller, "per_minute", "per_day", *names) == [2, 2, 0, 0, 0, 0, 0]
    assert statuses(caller, 3) == [200, 200, 429]


@pytest.mark.parametrize(
    "sent",
    [
        {"per_minute": -1},
        {"per_minute": 1.5},
        {"per_minute": "5"},
        {"per_day": True},
        {"per_day": None},
        {"per_day": 1, "day_zone": "Mars/Olympus"},
        {"day_zone": ""},
        {"day_zone": "Europe"},
        {"day_zone": "../Berlin"},
        {"day_zone": 7},
        {"retry_after_place": "moon"},
        {"retry_after_place": None},
        {"count_refused": 1},
        {"per_hour": 5},
        {"refused": 0},
        [],
        None,
        "none",
    ],
)
def test_wrong_limits_are_refused(start_app: Callable[..., Caller], sent: Any) -> None:
    """400 with the reason, and the limits before stay, all of them."""
    caller = start_app(limits=Limits(per_minute=1, per_day=0), clock=Clock())
    answer = caller.send("PUT", SWITCH, json=sent)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert counts(caller, "per_minute", "per_day") == [1, 0]
    assert statuses(caller, 2) == [200, 429]
    assert caller.send("PUT", SWITCH, content=b"{").status_code == 400


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox")
    add_limit_options(parser)
    return parser.parse_args(words)


def test_options_become_limits() -> None:
    """Without any there are none; each option sets one."""
    assert limits_from(options()) == Limits(per_minute=0, per_day=0)
    numbers = ("--requests-per-minute", "60", "--requests-per-day", "1000")
    others = ("--day-zone", "Europe/Berlin", "--retry-after-place", "error", "--count-refused")
    assert limits_from(options(*numbers, *others)) == Limits(60, 1000, "error", True, "Europe/Berlin")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--requests-per-minute=-1",), "--requests-per-minute: a whole number, 0 or more, not '-1'"),
        (("--requests-per-day", "many"), "--requests-per-day: a whole number, 0 or more, not 'many'"),
        (("--day-zone", "Mars/Olympus"), "--day-zone: no time zone is called 'Mars/Olympus'"),
        (("--day-zone", ""), "--day-zone: no time zone is called ''"),
        (("--retry-after-place", "moon"), "--retry-after-place: invalid choice: 'moon'"),
        (("--count-refused=maybe",), "--count-refused: ignored explicit argument 'maybe'"),
    ],
)
def test_wrong_options_are_explained(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends, and names the option and what is wrong with it."""
    with pytest.raises(SystemExit, match="2"):
        options(*words)
    assert said in capsys.readouterr().err
