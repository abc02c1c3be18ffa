"""Participants of several days: three ways that must give the same table, and what each of them costs."""

from datetime import date
from typing import Any

import pytest

from exec_orchestration_tests.defs.conftest import House, failure_text

ASSET = "exec_participant_analytics"
FIRST, LAST = date(2026, 1, 5), date(2026, 1, 18)


def load(house: House, strategy: str, *, first: date = FIRST, last: date = LAST, **settings: str) -> Any:
    """The asset's run, found in one way."""
    return house.run(ASSET, first=first, last=last, EXEC_PARTICIPANTS_STRATEGY=strategy, **settings)


def cells(house: House) -> int:
    """How many cells the naive load asks."""
    return 14 * len(house.sandbox.world.cast.scenarios)


def spent(house: House) -> int:
    """Requests for participants and sessions since the log was cleared."""
    return len(house.sandbox.requests("/participants")) + len(house.sandbox.requests("/sessions"))


@pytest.fixture
def naive(house: House) -> list[dict[str, Any]]:
    """The table as asking every cell gives it."""
    assert load(house, "days").success
    assert spent(house) == cells(house)
    house.sandbox.log.clear()
    return house.rows(ASSET)


@pytest.mark.parametrize("strategy", ["auto", "sweep", "windows"])
def test_every_way_gives_the_table_that_asking_each_cell_gives(
    house: House, naive: list[dict[str, Any]], strategy: str
) -> None:
    """Row for row, value for value; for fewer requests, and never for many more."""
    assert load(house, strategy).success
    assert house.rows(ASSET) == naive
    assert spent(house) <= cells(house) * 1.05
    told = house.metadata(ASSET, str(FIRST))
    assert told["strategy"] == {"auto": "sweep"}.get(strategy, strategy)
    assert told["requests"] >= spent(house)


def test_a_sweep_lists_the_sessions_and_asks_a_sample(sqlite_house: House) -> None:
    """Pages of 100, a few cells, and every scenario that nobody practised."""
    assert load(sqlite_house, "auto").success
    sessions = len(sqlite_house.sandbox.requests("/sessions"))
    sample = len(sqlite_house.sandbox.requests("/participants"))
    assert sample == sqlite_house.metadata(ASSET, str(LAST))["sample"]
    assert sessions + sample < cells(sqlite_house) / 3


def test_one_day_is_asked_as_it_is(sqlite_house: House) -> None:
    """Each scenario once: nothing is cheaper."""
    assert load(sqlite_house, "auto", last=FIRST).success
    assert sqlite_house.metadata(ASSET, str(FIRST))["strategy"] == "days"
    assert spent(sqlite_house) == cells(sqlite_house) / 14


@pytest.mark.parametrize(
    "rule",
    [
        {"path": "/sessions", "status": 404},
        {"path": "/sessions", "status": 403},
        {"path": "/sessions", "malformed_json": True},
        {"path": "/sessions", "set_field": {"user.id": "somebody"}, "index": 0},
        {"path": "/sessions", "set_field": {"created_at": "2025-01-01T00:00:00Z"}, "index": 0},
        {"path": "/sessions", "set_field": {"is_valid_attempt": None}, "index": 0},
        {"path": "/sessions", "body": {"data": [], "pagination": {"total_count": 0, "total_pages": 1}}, "status": 200},
    ],
    ids=["unknown", "forbidden", "no JSON", "user", "day", "validity", "none"],
)
def test_sessions_that_do_not_agree_are_not_used(
    sqlite_house: House, rule: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """With a warning; participants, which is the truth, is asked instead."""
    assert load(sqlite_house, "days").success
    truth = sqlite_house.rows(ASSET)
    sqlite_house.sandbox.fault(**rule)
    capfd.readouterr()
    assert load(sqlite_house, "auto").success
    assert sqlite_house.rows(ASSET) == truth
    assert sqlite_house.metadata(ASSET, str(FIRST))["strategy"] == "windows"
    assert "The sessions cannot be used to find participants" in capfd.readouterr().err


def test_a_failure_of_windows_keeps_the_days_that_can_be_loaded(sqlite_house: House) -> None:
    """Whatever cannot be asked over a long window is asked day by day, up to the day that fails."""
    sqlite_house.sandbox.fault("participants.*start_date=2026-01-10", status=400)
    sqlite_house.sandbox.fault("participants.*end_date=2026-01-1[0-9]", status=400)
    result = load(sqlite_house, "windows")
    assert not result.success
    assert "400" in failure_text(result)
    assert sqlite_house.materialized(ASSET) == [f"2026-01-0{day}" for day in (5, 6, 7, 8, 9)]


@pytest.mark.parametrize("strategy", ["auto", "windows"])
def test_what_fits_today_is_loaded_today(sqlite_house: House, strategy: str) -> None:
    """A block of days is begun only when the whole of it fits into what is left."""
    scenarios = len(sqlite_house.sandbox.world.cast.scenarios)
    budget = {"EXEC_REQUESTS_PER_DAY": str(2 + 3 * scenarios), "EXEC_DAILY_RESERVE": "0"}
    result = load(sqlite_house, strategy, **budget)
    done = sqlite_house.materialized(ASSET)
    assert done
    assert done[0] == str(FIRST)
    assert result.success or "is used up" in failure_text(result)
    assert spent(sqlite_house) <= 3 * scenarios
