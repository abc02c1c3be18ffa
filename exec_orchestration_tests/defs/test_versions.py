"""Data versions: a partition's changes when its rows do, whoever loads it, and costs no more events than it must."""

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from exec_orchestration_tests.defs.conftest import House

FIRST, DAY, LAST = "2026-01-19", "2026-01-20", "2026-01-21"
EMPTY = "2026-03-10"
RAW = "exec_participant_analytics"
EVERY = (
    RAW,
    "exec_assignments",
    "exec_assignment_history",
    "exec_skill_proficiency",
    "exec_sessions",
    "sparkwise_clusters",
    "sparkwise_completions",
)
WHOLE = ("exec_scenarios", "exec_skills", "exec_members", "sparkwise_users")


def version(house: House, name: str, day: str | None = None) -> str:
    """The data version that Dagster knows."""
    found = house.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[day] if day else None), limit=1
    )
    materialization = found.records[0].asset_materialization
    assert materialization is not None
    return str((materialization.tags or {})[DATA_VERSION_TAG])


def versions(house: House, name: str = RAW) -> dict[str, str]:
    """The versions of three days."""
    return {day: version(house, name, day) for day in (FIRST, DAY, LAST)}


def events(house: House, name: str = RAW) -> int:
    """How many materializations Dagster has been told of."""
    return len(house.instance.fetch_materializations(dg.AssetKey(name), limit=1_000).records)


def test_the_same_rows_keep_their_version(house: House) -> None:
    """Loaded again, alone or in a range, by whichever run; JSON and nulls are compared as well."""
    assert house.run(*EVERY, *WHOLE, first=FIRST, last=LAST).success
    daily = {name: versions(house, name) for name in EVERY if name != "exec_assignment_history"}
    whole = {name: version(house, name) for name in (*WHOLE, "exec_assignment_history")}
    assert house.run(*daily, first=FIRST, last=LAST).success
    assert house.run(*EVERY, *WHOLE, first=DAY).success
    assert {name: versions(house, name) for name in daily} == daily
    assert {name: version(house, name) for name in whole} == whole
    assert house.metadata(RAW, DAY)["rows_changed"] is False


def test_a_day_that_changes_gets_a_version_of_its_own(house: House) -> None:
    """In a range the other days keep theirs, though Dagster itself gives all days one; what is told stays with it."""
    for day in (FIRST, DAY, LAST):
        assert house.run(RAW, first=day).success
    before = versions(house)
    assert len(set(before.values())) == 3
    house.sandbox.fault("analytics/participants.*start_date=2026-01-20", set_field={"session_count": 99})
    result = house.run(RAW, first=FIRST, last=LAST, EXEC_PARTICIPANTS_STRATEGY="days")
    assert versions(house) == {**before, DAY: result.run_id}
    assert [house.metadata(RAW, day)["rows_changed"] for day in before] == [False, True, False]
    assert house.metadata(RAW, FIRST)["dagster/partition_row_count"] > 0


@pytest.mark.parametrize("field", [{"user.email": None}, {"lift_percentage": None}, {"news": {"a": [1]}}])
def test_one_value_is_a_change(house: House, field: dict[str, object]) -> None:
    """Also to null and back, and of what the declaration does not know."""
    assert house.run(RAW, first=DAY).success
    before = version(house, RAW, DAY)
    house.sandbox.fault("analytics/participants", set_field=field)
    assert house.run(RAW, first=DAY).success
    changed = version(house, RAW, DAY)
    assert changed != before
    assert house.run(RAW, first=DAY).success
    assert version(house, RAW, DAY) == changed
    house.sandbox.heal()
    assert house.run(RAW, first=DAY).success
    assert version(house, RAW, DAY) not in (before, changed)


def test_an_empty_day_is_a_version_too(house: House) -> None:
    """It stays the same while the day is empty, and is told."""
    assert house.run(RAW, first=EMPTY).success
    before = version(house, RAW, EMPTY)
    assert house.metadata(RAW, EMPTY)["dagster/partition_row_count"] == 0
    assert house.run(RAW, first=EMPTY).success
    assert version(house, RAW, EMPTY) == before


def test_no_more_events_than_needed(sqlite_house: House) -> None:
    """One for a day alone, two in a range; a third only for a day whose version is not that of most."""
    house = sqlite_house
    assert house.run(RAW, first=DAY).success
    assert events(house) == 1
    assert house.run(RAW, first=FIRST, last=LAST).success
    assert events(house) == 1 + 2 * 3 + 1
    assert house.run(RAW, first=FIRST, last=LAST).success
    assert events(house) == 8 + 2 * 3 + 1


def test_a_change_that_dagster_was_not_told_of_is_told_later(sqlite_house: House) -> None:
    """A run that died between its commit and its event: the next load finds the same rows, and a version to tell."""
    house = sqlite_house
    assert house.run(RAW, first=DAY).success
    before = version(house, RAW, DAY)
    house.sandbox.fault("analytics/participants", set_field={"session_count": 99})
    with dg.DagsterInstance.ephemeral() as lost:
        house.instance, kept = lost, house.instance
        assert house.run(RAW, first=DAY).success
    house.instance = kept
    assert house.run(RAW, first=DAY).success
    assert version(house, RAW, DAY) != before
    assert house.metadata(RAW, DAY)["rows_changed"] is False
