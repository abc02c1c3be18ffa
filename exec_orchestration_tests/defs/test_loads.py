"""Loads, from the vendor to the table: whole, repeatable, and never half-written."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import dagster as dg
import pytest

from exec_orchestration_tests.defs.conftest import House, failure_text

DAILY_RAW = (
    "exec_participant_analytics",
    "exec_assignments",
    "exec_skill_proficiency",
    "exec_sessions",
    "sparkwise_clusters",
    "sparkwise_completions",
)
WHOLE = ("exec_scenarios", "exec_skills", "exec_members", "sparkwise_users")
FIRST, LAST = "2026-01-19", "2026-01-23"
DAYS = ["2026-01-19", "2026-01-20", "2026-01-21", "2026-01-22", "2026-01-23"]


def test_a_range_is_one_run_that_materializes_every_day(house: House) -> None:
    """A range of five days is one run, after which each daily table has its five partitions, empty ones too."""
    assert house.run(*DAILY_RAW, first=FIRST, last=LAST).success
    for name in DAILY_RAW:
        assert house.materialized(name) == DAYS
        assert {str(row["partition_date"]) for row in house.rows(name)} <= set(DAYS)
    assert house.rows("exec_participant_analytics")
    assert len(house.instance.get_runs()) == 1


def test_the_same_range_twice_gives_the_same_tables(house: House) -> None:
    """Loaded again, every table is the same row for row, but for when it was fetched."""
    names = (*DAILY_RAW, *WHOLE)
    assert house.run(*names, first=FIRST, last=LAST).success
    before = {name: house.rows(name) for name in (*names, "exec_assignment_history")}
    assert house.run(*names, first=FIRST, last=LAST).success
    assert {name: house.rows(name) for name in before} == before
    assert all(before.values())


def test_days_one_by_one_equal_the_range(house: House) -> None:
    """Cutting one listing of a range into days gives what asking for each day gives."""
    assert house.run(*DAILY_RAW, first=FIRST, last=LAST).success
    at_once = {name: house.rows(name) for name in DAILY_RAW}
    for day in DAYS:
        assert house.run(*DAILY_RAW, first=day).success
    assert {name: house.rows(name) for name in DAILY_RAW} == at_once


def test_assignments_and_sessions_are_listed_once_for_a_range(sqlite_house: House) -> None:
    """A range of days costs one listing of assignments, one of sessions, one call of completions."""
    log = sqlite_house.sandbox
    assert sqlite_house.run(
        "exec_assignments", "exec_sessions", "sparkwise_completions", first=FIRST, last=LAST
    ).success
    first_pages = [entry for entry in log.requests("/scenarios/assignments") if "page=1&" in entry["query"]]
    assert len(first_pages) == 1
    assert len([entry for entry in log.requests("/sessions") if "page=1&" in entry["query"]]) == 1
    assert len(log.requests("/completions")) == 1


def test_scenarios_are_enumerated_once_a_run(sqlite_house: House) -> None:
    """Two listings tell all scenarios and which are archived, whoever asks and for however many days."""
    keys = ("exec_scenarios", "exec_participant_analytics", "exec_skills", "exec_skill_proficiency")
    assert sqlite_house.run(*keys, first=FIRST, last=LAST).success
    listings = [entry for entry in sqlite_house.sandbox.requests("/scenarios") if entry["path"].endswith("/scenarios")]
    assert len(listings) == 2
    assert len([each for each in sqlite_house.sandbox.requests("/skills") if each["path"].endswith("/skills")]) == 1


def test_an_empty_day_replaces_what_was_there(house: House) -> None:
    """A day that has become empty at the vendor becomes empty here, and is materialized."""
    day = "2026-01-20"
    assert house.run("exec_sessions", first=day).success
    assert house.rows("exec_sessions")
    pagination = {"page": 1, "page_size": 100, "total_count": 0, "total_pages": 0}
    house.sandbox.fault("/sessions", status=200, body={"data": [], "pagination": pagination})
    assert house.run("exec_sessions", first=day).success
    assert house.rows("exec_sessions") == []
    assert house.metadata("exec_sessions", day)["dagster/partition_row_count"] == 0


def test_a_failure_on_a_later_day_keeps_the_finished_ones(house: House) -> None:
    """When day 4 fails, days 1 to 3 are whole and materialized, and days 4 and 5 hold what they held before."""
    name = "exec_participant_analytics"
    assert house.run(name, first=FIRST, last=LAST).success
    before = house.rows(name)
    house.sandbox.fault("participants.*start_date=2026-01-22", status=400)
    result = house.run(name, first=FIRST, last=LAST, EXEC_PARTICIPANTS_STRATEGY="days")
    assert not result.success
    assert house.rows(name) == before
    logged = house.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert [entry.dagster_event.partition for entry in logged if entry.dagster_event] == DAYS[:3]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/scenarios/assignments.*page=2", {"status": 400}),
        ("/scenarios/assignments.*page=2", {"malformed_json": True}),
        ("/scenarios/assignments.*page=3", {"html": True}),
        ("/scenarios/assignments.*page=2", {"short_page": 3}),
        ("/scenarios/assignments.*page=2", {"repeat_page": True}),
        ("/scenarios/assignments.*page=2", {"set_field": {"created_at": "yesterday"}, "index": 1}),
    ],
)
def test_a_failing_listing_leaves_the_partition_as_it_was(house: House, path: str, rule: dict[str, object]) -> None:
    """Whatever goes wrong on the way, the partition keeps its old rows and the history its old states."""
    assert house.run("exec_assignments", first=FIRST, last=LAST).success
    before = house.rows("exec_assignments"), house.rows("exec_assignment_history")
    house.sandbox.fault(path, **rule)
    assert not house.run("exec_assignments", first=FIRST, last=LAST).success
    assert (house.rows("exec_assignments"), house.rows("exec_assignment_history")) == before


def test_a_listing_that_moves_once_is_read_again(house: House) -> None:
    """Rows that move between pages while they are read cost a second pass, not a row."""
    assert house.run("exec_assignments", first=FIRST, last=LAST).success
    before = house.rows("exec_assignments")
    house.sandbox.fault("/scenarios/assignments.*page=2", short_page=5, times=1)
    assert house.run("exec_assignments", first=FIRST, last=LAST).success
    assert house.rows("exec_assignments") == before


def test_a_row_that_does_not_fit_is_recorded_and_stops_its_partition(house: House) -> None:
    """The row is in rejected_rows with its reason and payload, the error names both, and nothing is replaced."""
    day = "2026-01-20"
    house.sandbox.fault("/sessions", set_field={"duration_seconds": "long"}, index=0)
    result = house.run("exec_sessions", first=day)
    assert not result.success
    assert "duration_seconds must be a number" in failure_text(result)
    assert "MAX_REJECTED_ROWS" in failure_text(result)
    (row,) = house.rows("rejected_rows")
    assert (row["asset"], row["partition_date"]) == ("exec_sessions", date(2026, 1, 20))
    assert row["payload"]["duration_seconds"] == "long"
    assert house.rows("exec_sessions") == []


def test_within_the_limit_the_other_rows_are_loaded(house: House) -> None:
    """One bad row and a limit of one: the rest is loaded, and a clean load afterwards clears the record."""
    day = "2026-01-20"
    assert house.run("exec_sessions", first=day).success
    whole = house.rows("exec_sessions")
    house.sandbox.fault("/sessions", set_field={"duration_seconds": "long"}, index=0)
    assert house.run("exec_sessions", first=day, MAX_REJECTED_ROWS="1").success
    assert len(house.rows("exec_sessions")) == len(whole) - 1
    assert house.metadata("exec_sessions", day)["rejected_rows"] == 1
    house.sandbox.heal()
    assert house.run("exec_sessions", first=day).success
    assert house.rows("exec_sessions") == whole
    assert house.rows("rejected_rows") == []


def test_unknown_fields_and_values_are_kept_and_flagged(house: House) -> None:
    """A new field goes to `extra`, a new status is stored as it is, and both are in the metadata."""
    day = "2026-01-20"
    house.sandbox.fault("/scenarios/assignments", extra_field={"mood": "good"})
    house.sandbox.fault("/scenarios/assignments", set_field={"status": "paused"}, index=0)
    assert house.run("exec_assignments", "assignment_completion", first=day).success
    rows = house.rows("exec_assignments")
    assert rows
    assert all(row["extra"] == {"mood": "good"} for row in rows)
    flagged = house.metadata("exec_assignments", day)["flagged"]
    assert "unknown field: mood" in flagged
    assert any(flag.startswith("unknown value in status: paused") for flag in flagged)
    for cohort in house.rows("assignment_completion"):
        known = ("completed", "in_progress", "not_started", "past_due", "did_not_pass", "other_status")
        assert sum(cohort[name] for name in known) == cohort["assigned"]


def test_system_users_are_left_out_everywhere(house: House) -> None:
    """No @exec.com person is in any table, and the metadata says how many were left out; a setting brings them in."""
    day = "2026-01-20"
    names = (
        "exec_members",
        "exec_assignments",
        "exec_sessions",
        "exec_participant_analytics",
        "exec_skill_proficiency",
    )
    assert house.run(*names, first=day).success
    for name in names:
        column = "email" if name == "exec_members" else "user_email"
        assert not [row for row in house.rows(name) if (row[column] or "").endswith("@exec.com")]
    assert house.metadata("exec_members")["left_out_system_users"] > 0
    assert house.run("exec_members", EXEC_EXCLUDE_SYSTEM_USERS="false").success
    assert [row for row in house.rows("exec_members") if row["email"].endswith("@exec.com")]


def test_completions_that_do_not_tell_their_day_are_asked_for_day_by_day(house: House) -> None:
    """Without a start time the vendor's own filter decides which day a completion belongs to; none is lost."""
    assert house.run("sparkwise_completions", first=FIRST, last=LAST).success
    before = [(row["id"], row["partition_date"]) for row in house.rows("sparkwise_completions")]
    assert before
    house.sandbox.fault("/completions", drop_field="sessionScheduledStartAt")
    assert house.run("sparkwise_completions", first=FIRST, last=LAST).success
    assert [(row["id"], row["partition_date"]) for row in house.rows("sparkwise_completions")] == before
    assert len(house.sandbox.requests("/completions")) == 1 + 1 + 5


def test_assignments_from_before_the_first_partition_are_named(house: House) -> None:
    """They are in no partition, and the WARN check says how many there are; the history knows them."""
    result = house.run("exec_assignments", first="2026-01-20", PARTITIONS_START="2026-01-10")
    assert result.success
    (check,) = [
        each for each in result.get_asset_check_evaluations() if each.check_name == "no_rows_before_partitions_start"
    ]
    assert not check.passed
    early = check.metadata["rows_before_start"].value
    assert early > 0
    assert f"{early} assignments were created before 2026-01-10" in check.description


def test_every_listing_maintains_the_history(house: House) -> None:
    """A status that is seen to change closes its row and opens the next; asked for alone, it observes too."""
    assert house.run("exec_assignments", first="2026-01-20").success
    before = house.rows("exec_assignment_history")
    assert len(before) > len(house.rows("exec_assignments"))
    house.sandbox.fault("/scenarios/assignments", set_field={"status": "did_not_pass"}, index=0)
    assert house.run("exec_assignment_history").success
    after = house.rows("exec_assignment_history", but=("run_id", "observed_from"))
    closed = [row for row in after if row["observed_to"] is not None]
    assert len(closed) <= 1 + len([row for row in before if row["status"] == "did_not_pass"])
    assert len(after) == len(before) + len(closed)
    assert house.metadata("exec_assignment_history")["states_closed"] == len(closed)


def test_rejected_rows_of_every_day_are_on_record(sqlite_house: House) -> None:
    """Whatever day they belong to: each within the limit is kept whole, none is only counted."""
    sqlite_house.sandbox.fault("/sessions", set_field={"duration_seconds": "long"}, index=0)
    assert sqlite_house.run("exec_sessions", first=FIRST, last=LAST, MAX_REJECTED_ROWS="5").success
    told = sum(sqlite_house.metadata("exec_sessions", day)["rejected_rows"] for day in DAYS)
    assert len(sqlite_house.rows("rejected_rows")) == told > 0


def test_the_history_alone_keeps_the_limit_too(house: House) -> None:
    """A listing with rows that do not fit is no observation, unless the limit allows for them."""
    house.sandbox.fault("/scenarios/assignments", set_field={"attempt_count": "three"}, index=1)
    result = house.run("exec_assignment_history")
    assert not result.success
    assert "rows do not fit the declaration" in failure_text(result)
    assert house.rows("exec_assignment_history") == []
    assert house.rows("rejected_rows")
    assert house.run("exec_assignment_history", MAX_REJECTED_ROWS="1000").success
    assert house.metadata("exec_assignment_history")["rejected_rows"] == len(house.rows("rejected_rows"))


def test_completions_may_be_asked_for_day_by_day(house: House) -> None:
    """Where Sparkwise filters by another time than the scheduled start, its filter alone decides."""
    assert house.run("sparkwise_completions", first=FIRST, last=LAST).success
    before = house.rows("sparkwise_completions")
    house.sandbox.log.clear()
    assert house.run("sparkwise_completions", first=FIRST, last=LAST, SPARKWISE_COMPLETIONS_BY_DAY="true").success
    assert house.rows("sparkwise_completions") == before
    assert len(house.sandbox.requests("/completions")) == 5


def test_two_runs_of_one_partition_at_once_leave_one_whole(house: House) -> None:
    """Neither fails, nothing is doubled, and what stands afterwards is a whole listing."""
    assert house.run("exec_sessions", first=DAYS[1]).success
    before = house.rows("exec_sessions")
    house.sandbox.fault("/sessions", set_field={"duration_seconds": "long"}, index=0)
    url = house.environment["WAREHOUSE_URL"]

    def run_apart(_: int) -> bool:
        # An instance of its own: the one in memory does not bear two threads.
        with dg.DagsterInstance.ephemeral() as instance:
            apart = House(house.sandbox, url, instance, MAX_REJECTED_ROWS="9")
            success = bool(apart.run("exec_sessions", first=DAYS[1]).success)
            apart.warehouse.close()
            return success

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(run_apart, range(4)))
    assert len(house.rows("exec_sessions")) == len(before) - 1
    assert len(house.rows("rejected_rows")) == 1
