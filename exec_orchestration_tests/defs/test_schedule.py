"""The nightly schedule and the job that it asks for."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest

from exec_orchestration.definitions import defs
from exec_orchestration.defs.checks import missing_days
from exec_orchestration.defs.schedules import daily_refresh_schedule
from exec_orchestration.errors import BadSetting
from exec_orchestration.marts.lift import learner_lift
from exec_orchestration.tables import changes
from exec_orchestration_tests.defs.conftest import House, check

NIGHT = datetime(2026, 1, 20, 2, 30, tzinfo=UTC)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def requests(moment: datetime) -> list[dg.RunRequest]:
    """What the schedule asks for at a moment, as Dagster's daemon would resolve it."""
    repository = defs.get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=moment, repository_def=repository)
    return list(daily_refresh_schedule.evaluate_tick(context).run_requests or [])


@pytest.mark.parametrize(("days", "first"), [("1", "2026-01-19"), ("3", "2026-01-17"), ("100", "2026-01-01")])
def test_it_asks_for_one_run_over_the_last_days(monkeypatch: pytest.MonkeyPatch, days: str, first: str) -> None:
    """Yesterday and the days before it, never today, never before the first partition."""
    monkeypatch.setenv("LOOKBACK_DAYS", days)
    (request,) = requests(NIGHT)
    assert [request.tags[tag] for tag in RANGE] == [first, "2026-01-19"]


def test_before_the_first_day_is_over_it_says_why_it_skips() -> None:
    """On the very first day there is nothing to load yet."""
    repository = defs.get_repository_def()
    first_day = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=first_day, repository_def=repository)
    data = daily_refresh_schedule.evaluate_tick(context)
    assert not data.run_requests
    assert "No day since 2026-01-01 is over yet" in (data.skip_message or "")


def test_a_malformed_lookback_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick fails with the setting's name."""
    monkeypatch.setenv("LOOKBACK_DAYS", "a week")
    with pytest.raises(Exception, match="daily_refresh_schedule") as caught:
        requests(NIGHT)
    causes = [caught.value, caught.value.__cause__]
    assert any(isinstance(cause, BadSetting) and "LOOKBACK_DAYS" in str(cause) for cause in causes)


def test_a_refresh_of_three_days_fills_every_table(sqlite_house: House) -> None:
    """All of its assets in one run: listings first, then the marts of those days and the composed lift."""
    specs = [spec for spec in defs.resolve_all_asset_specs() if spec.group_name in ("exec", "sparkwise", "analytics")]
    names = [spec.key.to_user_string() for spec in specs]
    result = sqlite_house.run(*names, first="2026-01-19", last="2026-01-21")
    assert result.success
    for name in names:
        is_about_people = name.endswith("_scorecard")
        assert bool(sqlite_house.rows(name)) != is_about_people, "without a roster there is nobody to score"
    (composed,) = result.asset_materializations_for_node("learner_lift")
    assert composed.metadata["dagster/row_count"].value == len(sqlite_house.rows("learner_lift"))
    (coverage,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "no_missing_days"]
    assert coverage.passed
    assert coverage.metadata["days_covered"].value == 3


def test_the_composed_lift_tells_what_was_computed(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at first, then the learners of a day that came later, then nobody; each time as if all had been computed."""
    monkeypatch.setattr(changes, "MOST_CHANGED", 2)
    days, told = ["2026-01-19", "2026-01-20", "2026-01-20"], []
    for day in days:
        assert sqlite_house.run("exec_participant_analytics", first=day).success
        result = sqlite_house.run("learner_lift")
        assert result.success
        assert check(result, "agrees_with_raw").passed
        told.append(sqlite_house.metadata("learner_lift")["recomputed"])
        with sqlite_house.warehouse.engine.connect() as connection:
            whole = connection.execute(learner_lift()).mappings().all()
        assert sorted(map(repr, sqlite_house.rows("learner_lift"))) == sorted(repr(dict(row)) for row in whole)
    learners = len({(row["scenario_id"], row["user_id"]) for row in practised_on(sqlite_house, "2026-01-20")})
    rows = len(sqlite_house.rows("learner_lift"))
    assert told == ["all", f"{learners} changed, of {rows}", f"0 changed, of {rows}"]


def practised_on(house: House, day: str) -> list[dict[str, Any]]:
    """A day's rows of practice."""
    return [row for row in house.rows("exec_participant_analytics") if str(row["partition_date"]) == day]


def test_missing_days_inside_the_range_are_named(sqlite_house: House) -> None:
    """A first score may hide in them, so the check says which they are."""
    for day in ("2026-01-19", "2026-01-22"):
        assert sqlite_house.run("exec_participant_analytics", first=day).success
    found = check(sqlite_house.run("learner_lift"), "no_missing_days")
    assert not found.passed
    assert "2 of 4 days from 2026-01-19 to 2026-01-22" in found.description
    assert "2026-01-20, 2026-01-21" in found.description


def test_forgotten_days_are_not_missing() -> None:
    """They count neither as loaded nor as missing, and the check says that first scores may have gone with them."""
    days = [date(2026, 1, 30), date(2026, 2, 1), date(2026, 2, 3)]
    gap = missing_days(days, kept_from=date(2026, 2, 1))
    assert (gap.metadata["days_covered"].value, gap.metadata["days_missing"].value) == (2, 1)
    assert "Days before 2026-02-01 are forgotten (KEEP_FACTS_MONTHS)" in str(gap.description)
    assert missing_days(days[:2], kept_from=date(2026, 2, 1)).passed
    assert "forgotten" not in str(missing_days(days, kept_from=date(2026, 1, 30)).description)


@pytest.mark.parametrize("name", ["scenario_lift", "rank_distribution", "assignment_completion", "skill_tiers"])
def test_a_mart_is_replaced_with_its_day(house: House, name: str) -> None:
    """Materialized again, a mart is the same; of a day without data it is empty and materialized all the same."""
    source = {
        "assignment_completion": "exec_assignments",
        "skill_tiers": "exec_skill_proficiency",
    }.get(name, "exec_participant_analytics")
    assert house.run(source, name, first="2026-01-19", last="2026-01-20").success
    before = house.rows(name)
    assert before
    assert house.run(name, first="2026-01-19", last="2026-01-20").success
    assert house.rows(name) == before
    assert house.run(name, first="2026-02-20").success
    assert house.rows(name) == before
    assert house.metadata(name, "2026-02-20")["dagster/partition_row_count"] == 0
    counted = [house.metadata(name, day)["dagster/partition_row_count"] for day in ("2026-01-19", "2026-01-20")]
    assert sum(counted) == len(before)
