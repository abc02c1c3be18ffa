"""What a backfill will cost, what it has cost, and how the UI and the command line show it."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from exec_orchestration.apis.budget import BACKFILL, Charge, Quota
from exec_orchestration.apis.estimate import COSTS, Facts, course, pages, pages_over_days
from exec_orchestration.defs.budget.command import Office, estimate, status
from exec_orchestration.defs.budget.standing import estimates, standing, text_table
from exec_orchestration.defs.budget.survey import costs_of
from exec_orchestration.errors import BadSetting, BadWindow, BudgetTooSmall
from exec_orchestration.tables.budget import api_requests
from exec_orchestration.tables.request_ledger import RequestLedger
from exec_orchestration_tests.defs.conftest import House, failure_text

FIRST, LAST = date(2026, 1, 5), date(2026, 1, 25)
ASSETS = ("exec_participant_analytics", "exec_skill_proficiency", "exec_sessions", "exec_assignments")
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


def thought(house: House, *assets: str) -> dict[str, Any]:
    """Each asset's estimate."""
    with house.resources() as made:
        costs = costs_of(
            assets, FIRST, LAST, exec_com=made["exec_com"], sparkwise=made["sparkwise"], zone=ZoneInfo("UTC")
        )
    return {cost.asset: cost for cost in costs}


def spent(house: House) -> Counter[str]:
    """Requests of each asset, as the ledger has them."""
    return Counter(row.asset for row in house.warehouse.read(sa.select(api_requests.c.asset)))


def test_the_estimate_is_within_a_tenth_of_what_is_then_spent(house: House) -> None:
    """Asset by asset; the estimate itself took a handful of requests."""
    found = thought(house, *ASSETS, "exec_scenarios", "exec_skills", "exec_members", "sparkwise_completions")
    asked = len(house.sandbox.requests("/exec/"))
    assert asked <= 8 + 5
    assert house.run(*ASSETS, first=FIRST, last=LAST).success
    assert house.run("sparkwise_completions", first=FIRST, last=LAST).success
    assert house.run("exec_scenarios").success
    assert house.run("exec_skills", "exec_members").success
    actual = spent(house)
    del actual[None]  # type: ignore[arg-type]
    assert actual.keys() == found.keys()
    for asset, cost in found.items():
        assert cost.requests == pytest.approx(actual[asset], rel=0.1, abs=1), (asset, cost.basis)


def test_spending_stands_beside_the_estimate(sqlite_house: House) -> None:
    """Kept by the backfill itself when it begins, in the warehouse, once."""
    sqlite_house.run(*ASSETS, first=FIRST, last=LAST)
    found = {each.asset: each for each in estimates(sqlite_house.warehouse)}
    assert found.keys() == set(ASSETS)
    actual = spent(sqlite_house)
    for asset, each in found.items():
        assert each.spent == actual[asset]
        assert each.estimate == pytest.approx(each.spent, rel=0.1, abs=2), (asset, each.basis)
        assert each.days == f"{FIRST}...{LAST}"
    assert len({each.backfill for each in found.values()}) == 1


def test_a_scheduled_load_makes_no_estimate(sqlite_house: House) -> None:
    """Only backfills are compared."""
    sqlite_house.run(*ASSETS, first=FIRST, last=FIRST)
    assert estimates(sqlite_house.warehouse) == []


def test_the_asset_shows_where_the_budget_stands(sqlite_house: House) -> None:
    """Numbers as numbers, two plots, the estimates; no request is sent."""
    limits = {"EXEC_REQUESTS_PER_DAY": "1000", "EXEC_REQUESTS_PER_MINUTE": "60"}
    sqlite_house.run("exec_skill_proficiency", first=FIRST, last=FIRST, **limits)
    sqlite_house.run("exec_sessions", first=FIRST, last=LAST, **limits)
    total = sum(spent(sqlite_house).values())
    sqlite_house.sandbox.log.clear()
    result = sqlite_house.run("request_budget", **limits)
    assert result.success
    assert sqlite_house.sandbox.log.entries() == []
    told = sqlite_house.metadata("request_budget")
    assert (told["exec_used"], told["exec_left"], told["exec_reserve"]) == (total, 1000 - total, 300)
    assert told["exec_left_for_backfills"] == 700 - total
    assert told["exec_next_opening"] == "open"
    assert told["last_30_days"].count("data:image/svg+xml;base64,") == 2
    assert "exec\\_skill\\_proficiency 7" in told["last_30_days"]
    assert "| exec_skill_proficiency | 7 |" in told["last_30_days"]
    assert len(told["last_30_days"]) < 2 * 60_000
    assert re.search(r"\| exec_sessions \| \d+ \| \d+ \| [+-]0 % \| 2026-01-05...2026-01-25 \|", told["estimates"])


def test_the_status_tells_a_person(sqlite_house: House) -> None:
    """Without sending anything."""
    sqlite_house.run("exec_sessions", first=FIRST, last=LAST)
    office = office_of(sqlite_house, EXEC_REQUESTS_PER_DAY="1000")
    used = spent(sqlite_house)["exec_sessions"]
    sqlite_house.sandbox.log.clear()
    told = status(office)
    assert f"exec: {used} requests in the current day, of 1000; {1000 - used} left, {700 - used} of them" in told
    assert "sparkwise: 0 requests in the current day; no daily limit." in told
    assert re.search(rf"\d{{4}}-\d\d-\d\d +exec +backfill +exec_sessions +{used}\n", told)
    assert sqlite_house.sandbox.log.entries() == []


def test_the_estimate_tells_a_person(sqlite_house: House) -> None:
    """Requests of each asset, days of quota, and the end."""
    office = office_of(sqlite_house, EXEC_REQUESTS_PER_DAY="60", EXEC_DAILY_RESERVE="10")
    told = estimate(office, ["exec_skill_proficiency"], FIRST, LAST)
    assert re.search(r"exec_skill_proficiency +129 +exec +6 skills on each of 21 days, in 6 to 6 pages a day", told)
    assert "Exec: 129 requests. Backfills may send 50 of 60 a day, 43 of them now: 3 day(s) of quota." in told
    assert re.search(r"Begun now, it ends about \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", told)


def office_of(house: House, **settings: str) -> Office:
    """What the commands work with, over the sandbox."""
    with house.resources(**settings) as made:
        return Office(made["warehouse"], made["exec_com"], made["sparkwise"])


def test_bad_questions_are_answered_in_words(sqlite_house: House) -> None:
    """Before anything is sent."""
    with pytest.raises(BadSetting, match="No requests are known of scenario_lift; assets that send some: exec_scen"):
        thought(sqlite_house, "scenario_lift")
    with sqlite_house.resources() as made, pytest.raises(BadWindow, match="is empty"):
        costs_of(ASSETS, LAST, FIRST, exec_com=made["exec_com"], sparkwise=made["sparkwise"], zone=ZoneInfo("UTC"))
    assert sqlite_house.sandbox.log.entries() == []


@pytest.mark.parametrize(
    ("free", "per_day", "requests", "days"),
    [
        (None, 0, 101, 1),  # no limit: one listing and 10 days of 10
        (1000, 1000, 101, 1),
        (101, 200, 101, 1),
        (100, 200, 102, 2),  # nine days today; tomorrow the listing again, and the tenth
        (0, 35, 104, 5),  # nothing today, then three days a day
    ],
)
def test_stops_are_part_of_the_estimate(free: int | None, per_day: int, requests: int, days: int) -> None:
    """What each run does first is sent again after each stop."""
    cost = course_of(free, per_day)
    assert (cost.requests["exec_skill_proficiency"], cost.days_of_quota) == (requests, days)


def course_of(free: int | None, per_day: int) -> Any:
    """The course of ten days of ten skills."""
    cost = COSTS["exec_skill_proficiency"](Facts(days=10, skills=10, proficiency_pages=[10] * 10))
    return course([cost], now=NOW, free=free, per_day=per_day, per_minute=60)


@given(st.lists(st.lists(st.integers(0, 60), min_size=90, max_size=90), min_size=1, max_size=6))
def test_growing_listings_are_known_from_a_few_questions(arrivals: list[list[int]]) -> None:
    """To within a twentieth, for far fewer questions than there are days; exactly where all fit on a page."""
    rows = [list(accumulate(each)) for each in arrivals]
    questions: list[tuple[int, int]] = []

    def rows_on(listing: int, day: int) -> int:
        questions.append((listing, day))
        return rows[listing][day]

    found = pages_over_days(rows_on, len(rows), 90)
    actual = sum(pages(each[day]) for each in rows for day in range(90))
    assert sum(found) == pytest.approx(actual, rel=0.1, abs=1)
    assert len(set(questions)) == len(questions) <= 20 * len(rows)
    if all(each[-1] <= 100 for each in rows):
        assert (found, len(questions)) == ([len(rows)] * 90, len(rows))


def test_what_never_fits_is_told_before_it_is_begun() -> None:
    """Instead of an estimate of days that never end."""
    with pytest.raises(
        BudgetTooSmall, match=r"needs 11 requests at once .10 skills on each of 10 days.*backfills have 8 a day"
    ):
        course_of(8, 8)


def test_the_standing_names_the_next_opening(sqlite_house: House) -> None:
    """For a backfill, and why it has to wait."""
    ledger, quota = RequestLedger(sqlite_house.warehouse, api="exec"), Quota(per_day=4, reserve=1)
    sqlite_house.warehouse.migrate()
    for _ in range(3):
        with ledger.alone(NOW.timestamp) as books:
            key = books.enter(Charge(BACKFILL), "GET /skills")
        ledger.answered(key, 200, NOW.timestamp())
    with ledger.alone(NOW.timestamp) as books:
        books.reserve(Charge(BACKFILL), 1)
    stands = standing(sqlite_house.warehouse, "exec", quota, now=NOW)
    assert (stands.used, stands.set_aside, stands.left, stands.left_for_backfills) == (3, 1, 0, 0)
    assert stands.opens_at is not None
    assert stands.why == "the day's limit of 4 requests (1 of them are not for backfills) is used up"


def test_a_table_is_aligned() -> None:
    """Numbers to the right, words to the left."""
    assert text_table(("a", "n"), [("bb", 1), ("c", 100)]) == "a     n\nbb    1\nc   100"


def test_a_broken_setting_stops_the_asset_that_needs_it(sqlite_house: House) -> None:
    """By name, with what would be valid."""
    for name, value, valid in (
        ("EXEC_DAILY_RESERVE", "130%", "a share is from 0% to under 100%"),
        ("EXEC_DAY_WINDOW", "Mars", "no such time zone"),
        ("EXEC_PARTICIPANTS_STRATEGY", "guess", "none of auto, sweep, windows, days"),
        ("EXEC_REQUESTS_PER_DAY", "many", "not a whole number"),
    ):
        text = failure_text(sqlite_house.run("exec_participant_analytics", first=FIRST, **{name: value}))
        assert name in text
        assert valid in text
