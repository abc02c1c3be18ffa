"""What a materialization tells: traffic, quota, and five rows without people; per partition, in range runs too."""

import re

from exec_orchestration.defs.previews import shown_columns
from exec_orchestration.tables import METADATA
from exec_orchestration_tests.defs.conftest import House


def test_every_day_of_a_range_tells_its_own_facts(house: House) -> None:
    """Rows, pages, requests, retries, seconds, rejected, flagged, window, quota left, a preview."""
    assert house.run(
        "exec_skill_proficiency", first="2026-01-19", last="2026-01-20", EXEC_REQUESTS_PER_DAY="1000"
    ).success
    one, two = (house.metadata("exec_skill_proficiency", day) for day in ("2026-01-19", "2026-01-20"))
    told = {"dagster/partition_row_count", "pages", "requests", "retries", "seconds", "seconds_waited", "rejected_rows"}
    assert told | {"flagged", "window", "quota_left", "preview"} <= one.keys()
    assert one["window"] == "2026-01-19 00:00 to 2026-01-20 00:00 UTC"
    assert one["quota_left"] - two["quota_left"] == two["requests"] == two["pages"]
    assert one["preview"] != two["preview"]


def test_days_that_one_listing_serves_say_so(house: House) -> None:
    """Only the first of them tells requests, and 0 of the others would mislead."""
    assert house.run("exec_sessions", first="2026-01-19", last="2026-01-21").success
    told = [house.metadata("exec_sessions", f"2026-01-{day}") for day in (19, 20, 21)]
    assert [each["read_together"] for each in told] == ["3 days; the first of them tells the requests"] * 3
    assert [bool(each["requests"]) for each in told] == [True, False, False]


def test_a_preview_is_a_table_of_five_rows(house: House) -> None:
    """In the order of the key, and a name cannot draw in it."""
    house.sandbox.fault("skills", set_field={"name": "[Sales](http://evil) | <b>", "id": "0"})
    assert house.run("exec_skills").success
    lines = house.metadata("exec_skills")["preview"].splitlines()
    assert len(lines) == 2 + 5
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r"\[Sales\](http://evil) \| \<b\>" in lines[2]


def test_a_partition_without_rows_says_so(house: House) -> None:
    """An empty day is a day."""
    house.sandbox.fault("sessions", shrink=10_000)
    assert house.run("exec_sessions", first="2026-01-19").success
    assert house.metadata("exec_sessions", "2026-01-19")["preview"] == "No rows."


def test_no_preview_shows_what_is_personal() -> None:
    """Columns that are declared personal, and fields that nobody has declared, are left out."""
    for table in METADATA.tables.values():
        shown = shown_columns(table)
        assert not [column.name for column in shown if column.info.get("personal")]
        assert "extra" not in {column.name for column in shown}
