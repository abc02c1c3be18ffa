"""Bad input: each ends in one paragraph that says what was tried, what came back and what to do."""

import re

import pytest

from exec_orchestration_tests.defs.conftest import House, failure_text

DAY = "2026-01-20"
KEY = "exec_live_" + "a" * 40


@pytest.mark.parametrize(
    ("asset", "settings", "told"),
    [
        ("exec_members", {"EXEC_API_KEY": ""}, "EXEC_API_KEY is not set"),
        ("exec_members", {"EXEC_API_KEY": "exec_live_short"}, "exactly 40 letters or digits"),
        ("exec_members", {"EXEC_API_KEY": KEY}, "401"),
        ("exec_members", {"EXEC_API_URL": "http://api.exec.com/rest/v1"}, "plain http would send the key"),
        ("exec_members", {"EXEC_API_URL": "api.exec.com"}, "EXEC_API_URL cannot be used"),
        ("exec_members", {"EXEC_API_URL": "https://a:1x/rest"}, "EXEC_API_URL cannot be used"),
        ("exec_members", {"EXEC_API_URL": "https://me:secret@a.example"}, "a base URL has no user, password"),
        ("exec_members", {"EXEC_API_URL": "https://me:secret/1@a.example"}, "its port is not a number"),
        ("exec_members", {"EXEC_CONCURRENCY": "0"}, "EXEC_CONCURRENCY cannot be used"),
        ("exec_members", {"EXEC_EXCLUDE_SYSTEM_USERS": "maybe"}, "EXEC_EXCLUDE_SYSTEM_USERS cannot be used"),
        ("exec_members", {"WAREHOUSE_URL": "not a url"}, "WAREHOUSE_URL cannot be read"),
        ("exec_members", {"WAREHOUSE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "could not bring the schema"),
        ("exec_members", {"WAREHOUSE_URL": "oracle+nothing://x"}, "WAREHOUSE_URL"),
        ("exec_sessions", {"PARTITIONS_TIMEZONE": "Mars/Olympus"}, "PARTITIONS_TIMEZONE cannot be used"),
        ("exec_sessions", {"PARTITIONS_START": "soon"}, "PARTITIONS_START cannot be used"),
        ("exec_sessions", {"MAX_REJECTED_ROWS": "-1"}, "MAX_REJECTED_ROWS cannot be used"),
        ("sparkwise_users", {"SPARKWISE_API_KEY": ""}, "SPARKWISE_API_KEY is not set"),
        ("sparkwise_users", {"SPARKWISE_API_KEY": "wrong"}, "401"),
        ("sparkwise_users", {"SPARKWISE_API_URL": "ftp://x"}, "SPARKWISE_API_URL cannot be used"),
        ("sparkwise_users", {"SPARKWISE_USERS_REQUEST": "users"}, "SPARKWISE_USERS_REQUEST cannot be used"),
        ("sparkwise_users", {"SPARKWISE_USERS_REQUEST": "GET /people"}, "404"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(
    sqlite_house: House, asset: str, settings: dict[str, str], told: str
) -> None:
    """The asset that needs the setting fails with its name and what would be valid; nothing is written."""
    result = sqlite_house.run(asset, first=DAY if asset == "exec_sessions" else None, **settings)
    assert not result.success
    text = failure_text(result)
    assert told in text
    assert "\n" not in text
    assert "secret" not in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"status": 401}, r"401.*check EXEC_API_KEY"),
        ({"status": 403}, r"403.*check EXEC_API_KEY"),
        ({"malformed_json": True}, r"not JSON.*EXEC_API_URL"),
        ({"html": True}, r"text/html.*not JSON.*EXEC_API_URL"),
        (
            {"status": 429, "retry_after": 3600},
            r"429.*asks to wait 3600 s.*Run this again at \d{4}-\d\d-\d\d \d\d:\d\d UTC",
        ),
    ],
)
def test_what_the_vendor_answers_is_told(house: House, rule: dict[str, object], told: str) -> None:
    """The paragraph holds the request, what came back, the request id and what to do; the table keeps its rows."""
    assert house.run("exec_members").success
    before = house.rows("exec_members")
    house.sandbox.fault("/workspace/members", **rule)
    result = house.run("exec_members")
    text = failure_text(result)
    assert re.search(told, text), text
    assert "GET /exec/rest/v1/workspace/members" in text
    assert "request id" in text
    assert house.rows("exec_members") == before


def test_an_unknown_scenario_is_named(house: House) -> None:
    """A scenario that vanished between the listing and its participants: 404, with its id, and nothing replaced."""
    house.sandbox.fault("participants", status=404)
    result = house.run("exec_participant_analytics", first=DAY)
    assert re.search(
        r"/scenarios/\S+/analytics/participants\S* came back with status 404.*check the id", failure_text(result)
    )
    assert house.rows("exec_participant_analytics") == []


def test_a_scenario_without_an_id_is_not_skipped(sqlite_house: House) -> None:
    """Its people would be missing without notice, so nothing is loaded."""
    sqlite_house.sandbox.fault(r"/scenarios\?", drop_field="id")
    result = sqlite_house.run("exec_participant_analytics", first=DAY)
    assert "without an id" in failure_text(result)


def test_a_day_that_is_not_over_is_refused(sqlite_house: House) -> None:
    """Dagster knows no such partition; where one comes through all the same, nothing is fetched."""
    with pytest.raises(Exception, match="2999-01-01"):
        sqlite_house.run("exec_sessions", first="2999-01-01")
    assert sqlite_house.sandbox.log.entries() == []
