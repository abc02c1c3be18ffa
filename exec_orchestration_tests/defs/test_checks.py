"""Breaking each thing on purpose: exactly the right check turns red, for exactly the right day."""

from datetime import date
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.defs import mart_assets, table_checks
from exec_orchestration.defs.runbook import RUNBOOK
from exec_orchestration.defs.table_checks import spec_of
from exec_orchestration.marts.agreement import AGREEMENTS
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import is_daily, is_raw
from exec_orchestration.tables.exec_com import exec_sessions
from exec_orchestration_tests.defs.conftest import Company, House, failure_text

DAY, NEXT = "2026-01-19", "2026-01-20"
Red = set[tuple[str, str, str | None]]


def judged(house: House, result: Any) -> list[dg.AssetCheckEvaluation]:
    """Every verdict of a run, as the instance keeps them: a step that fails tells its caller of none."""
    logs = house.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return [log.get_dagster_event().asset_check_evaluation_data for log in logs]


def red(house: House, result: Any) -> Red:
    """The checks that have failed in a run, with their asset and day."""
    failed = [each for each in judged(house, result) if not each.passed]
    return {(each.asset_key.to_user_string(), each.check_name, each.partition) for each in failed}


def verdict(house: House, result: Any, name: str) -> dg.AssetCheckEvaluation:
    """The only verdict of a check in a run."""
    (found,) = [each for each in judged(house, result) if each.check_name == name]
    return found


def ran(result: Any) -> set[str]:
    """The assets that were materialized."""
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


def test_nothing_is_red_on_an_ordinary_day(house: House) -> None:
    """Every table of both vendors and every mart is judged, and all is well."""
    names = {key.to_user_string() for key in defs.resolve_asset_graph().materializable_asset_keys}
    result = house.run(
        *(
            names
            & {
                table.name
                for table in METADATA.tables.values()
                if table.info["group"] in ("exec", "sparkwise", "analytics")
            }
        ),
        first=DAY,
    )
    assert result.success
    assert red(house, result) == set()
    assert len(result.get_asset_check_evaluations()) > 60


@pytest.mark.parametrize("name", ["exec_members", "exec_participant_analytics", "exec_sessions", "exec_assignments"])
def test_a_short_listing(house: House, name: str) -> None:
    """Pages that never bring what the total says: the run fails, and the check of its days says why."""
    path = {"exec_members": "members", "exec_participant_analytics": "(participants|sessions)"}.get(name, name[5:])
    house.sandbox.fault(path, short_page=1)
    day = None if name == "exec_members" else DAY
    result = house.run(name, first=day)
    assert not result.success
    assert red(house, result) == {(name, "listing_is_whole", day)}
    assert "moved while it was read" in verdict(house, result, "listing_is_whole").description


def test_a_short_listing_is_told_of_every_day_of_its_range(house: House) -> None:
    """One listing serves all of them."""
    house.sandbox.fault("sessions", short_page=1)
    result = house.run("exec_sessions", first=DAY, last=NEXT)
    assert red(house, result) == {("exec_sessions", "listing_is_whole", day) for day in (DAY, NEXT)}


def test_a_value_out_of_its_range_stops_the_marts(house: House) -> None:
    """A score of 140 points: the table's check is red for that day alone, and no mart is built on it."""
    house.sandbox.fault(r"participants.*start_date=2026-01-20", set_field={"best_score": 140.0})
    result = house.run(
        "exec_participant_analytics", "scenario_lift", first=DAY, last=NEXT, EXEC_PARTICIPANTS_STRATEGY="days"
    )
    assert not result.success
    assert red(house, result) - {("exec_participant_analytics", "agrees_with_summary", None)} == {
        ("exec_participant_analytics", "every_row_fits", NEXT)
    }
    assert "scenario_lift" not in ran(result)
    assert house.materialized("exec_participant_analytics") == [DAY, NEXT]
    assert "out of range in best_score" in failure_text(result)


def test_rows_that_do_not_fit(house: House) -> None:
    """They are rejected, and the check of the day says so."""
    house.sandbox.fault("sessions", set_field={"score": "many"})
    result = house.run("exec_sessions", first=DAY)
    assert not result.success
    assert red(house, result) == {("exec_sessions", "every_row_fits", DAY)}


@pytest.mark.parametrize("asset", ["exec_sessions", "exec_participant_analytics"])
def test_of_a_range_only_the_day_that_does_not_fit_is_red(house: House, asset: str) -> None:
    """Days before it are well, and of those after it nothing is known: they were not judged."""
    days = [f"2026-01-{day}" for day in (19, 20, 21, 22)]
    if asset == "exec_sessions":
        assert house.run(asset, first=days[0], last=days[-1]).success
        second = next(row for row in house.rows(asset) if str(row["partition_date"]) == days[1])
        listed = [row["id"] for row in sorted(house.rows(asset), key=lambda row: row["created_at"], reverse=True)]
        house.sandbox.fault("sessions", set_field={"score": "many"}, index=listed.index(second["id"]))
    else:
        house.sandbox.fault(f"participants.*start_date={days[1]}", set_field={"session_count": "many"})
    result = house.run(asset, first=days[0], last=days[-1], EXEC_PARTICIPANTS_STRATEGY="days")
    assert not result.success
    assert red(house, result) == {(asset, "every_row_fits", days[1])}
    well = {each.partition for each in judged(house, result) if each.check_name == "every_row_fits" and each.passed}
    assert well == {days[0]}


@pytest.mark.parametrize("bend", [{"extra_field": {"mood": "good"}}, {"set_field": {"rank": "platinum"}}])
def test_drift_of_fields_and_values_only_warns(house: House, bend: dict[str, Any]) -> None:
    """What the vendor has begun to send is kept and told; the load stands, and what follows goes on."""
    house.sandbox.fault("sessions", **bend)
    result = house.run("exec_sessions", first=DAY)
    assert result.success
    assert red(house, result) == {("exec_sessions", "nothing_is_unknown", DAY)}
    assert verdict(house, result, "nothing_is_unknown").severity == dg.AssetCheckSeverity.WARN


def test_a_listing_that_shrinks(house: House) -> None:
    """Most members are gone: a look is asked for."""
    assert house.run("exec_members").success
    count = len(house.rows("exec_members"))
    house.sandbox.fault("members", shrink=count - 5)
    result = house.run("exec_members")
    assert result.success
    assert red(house, result) == {("exec_members", "row_count_is_usual", None)}


def test_a_day_that_is_not_like_its_weekday(house: House) -> None:
    """The vendor's data is stale: a Monday without rows after Mondays with many."""
    mondays = ["2026-01-05", "2026-01-12", "2026-01-19"]
    for day in mondays:
        assert house.run("exec_sessions", first=day).success
    with house.warehouse.engine.begin() as connection:
        row = dict(connection.execute(sa.select(exec_sessions)).mappings().first() or {})
        for day in mondays:
            row["partition_date"] = date.fromisoformat(day)
            connection.execute(exec_sessions.insert(), [{**row, "id": f"{day}-{each}"} for each in range(30)])
    house.sandbox.fault("sessions", shrink=10_000)
    result = house.run("exec_sessions", first="2026-01-26")
    assert result.success
    assert red(house, result) == {("exec_sessions", "row_count_is_usual", "2026-01-26")}


def test_completions_that_were_changed_after_they_were_loaded(house: House) -> None:
    """The same participation with another hash; the table holds the new one."""
    day = "2026-01-20"
    assert red(house, house.run("sparkwise_completions", first=day)) == set()
    assert house.rows("sparkwise_completions"), "the day needs participations"
    house.sandbox.fault("completions", set_field={"hash": "another"})
    result = house.run("sparkwise_completions", first=day)
    assert result.success
    assert red(house, result) == {("sparkwise_completions", "hashes_are_unchanged", day)}
    assert "1 participations" in verdict(house, result, "hashes_are_unchanged").description


def test_references_that_nothing_knows(house: House) -> None:
    """A session of a scenario that is not among the scenarios."""
    assert house.run("exec_scenarios", "exec_members").success
    house.sandbox.fault("sessions", set_field={"scenario.id": "nowhere"})
    result = house.run("exec_sessions", first=DAY)
    assert result.success
    assert red(house, result) == {("exec_sessions", "references_are_known", DAY)}
    assert "1 rows by their scenario_id" in verdict(house, result, "references_are_known").description


def test_exec_contradicts_its_own_summary(house: House) -> None:
    """The figures of one scenario and day are not what Exec sums up: red, and the marts wait."""
    house.sandbox.fault("analytics/summary", set_field={"total_sessions": 999})
    result = house.run("exec_participant_analytics", "scenario_lift", first=DAY)
    assert red(house, result) == {("exec_participant_analytics", "agrees_with_summary", None)}
    assert verdict(house, result, "agrees_with_summary").severity == dg.AssetCheckSeverity.ERROR
    assert "scenario_lift" not in ran(result)


@pytest.mark.parametrize(("fault", "passed"), [({"status": 400}, False), ({"status": 429, "retry_after": 3600}, True)])
def test_a_summary_that_cannot_be_asked_holds_nothing_up(house: House, fault: dict[str, int], passed: bool) -> None:
    """The load and its marts stand. That no request is to spare is nobody's fault; what Exec refuses is told."""
    house.sandbox.fault("analytics/summary", **fault)
    result = house.run("exec_participant_analytics", "scenario_lift", first=DAY)
    assert result.success
    found = verdict(house, result, "agrees_with_summary")
    severity = dg.AssetCheckSeverity.ERROR if passed else dg.AssetCheckSeverity.WARN
    assert "Not compared" in found.description
    assert (found.passed, found.severity) == (passed, severity)
    assert "scenario_lift" in ran(result)


@pytest.mark.parametrize("mart", sorted(table.name for table in AGREEMENTS if is_daily(table)))
def test_a_mart_that_disagrees_with_its_raw_rows(house: House, mart: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody breaks the query: it forgets a row. The check of the day says which figure is off."""
    raw = {
        "assignment_completion": "exec_assignments",
        "session_completion": "sparkwise_completions",
        "skill_tiers": "exec_skill_proficiency",
    }.get(mart, "exec_participant_analytics")
    assert house.run(raw, first=NEXT).success
    module = {
        "scenario_lift": mart_assets.lift,
        "rank_distribution": mart_assets.ranks,
        "skill_tiers": mart_assets.proficiency,
    }.get(mart, mart_assets.completion)
    whole = getattr(module, mart)
    monkeypatch.setattr(module, mart, lambda *given, **more: whole(*given, **more).limit(1))
    result = house.run(mart, first=NEXT)
    assert not result.success
    assert red(house, result) == {(mart, "agrees_with_raw", NEXT)}


def test_a_mart_of_a_day_that_was_never_loaded(house: House) -> None:
    """Its 0 rows say nothing; the check of that day names what is missing, and nothing is stopped."""
    assert house.run("sparkwise_completions", first=DAY).success
    result = house.run("session_completion", first=DAY, last=NEXT)
    assert result.success
    assert red(house, result) == {("session_completion", "inputs_are_loaded", NEXT)}


def test_a_day_without_rows_counts_as_loaded(house: House) -> None:
    """Nobody came, and somebody has looked."""
    sunday = "2026-01-25"
    assert house.run("exec_participant_analytics", first=sunday).success
    assert house.rows("exec_participant_analytics") == []
    assert red(house, house.run("scenario_lift", first=sunday)) == set()


def test_a_table_that_lost_its_key(sqlite_house: House) -> None:
    """Where the database does not keep the key, the check counts what repeats it."""
    house = sqlite_house
    assert house.run("exec_skills").success
    with house.warehouse.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE bare AS SELECT * FROM exec_skills"))
        connection.execute(sa.text("DROP TABLE exec_skills"))
        connection.execute(sa.text("ALTER TABLE bare RENAME TO exec_skills"))
        connection.execute(sa.text("INSERT INTO exec_skills SELECT * FROM exec_skills LIMIT 2"))
    found = house.warehouse.read(table_checks.expectations.surplus_keys(METADATA.tables["exec_skills"], None))
    assert [row.rows for row in found] == [2]
    assert not house.warehouse.keeps_key(METADATA.tables["exec_skills"])


def test_two_current_states(house: House) -> None:
    """An assignment whose history has two open ends."""
    assert house.run("exec_assignments", first=DAY).success
    history = METADATA.tables["exec_assignment_history"]
    with house.warehouse.engine.begin() as connection:
        row = dict(connection.execute(sa.select(history)).mappings().first() or {})
        connection.execute(history.insert(), [{**row, "observed_from": row["observed_from"].replace(year=2020)}])
    result = house.run("exec_assignment_history")
    assert red(house, result) == {("exec_assignment_history", "one_current_state", None)}


def test_a_refused_user_is_red_in_the_outcome_alone(company: Company) -> None:
    """Sparkwise refuses one of two: the outcome says so, and no other check."""
    assert company.sync().success
    company.hr({"E0020": {"last_name": "New"}, "E0021": {"last_name": "Newer"}})
    company.sandbox.fault("users", refuse_users={"E0020": "no such domain"})
    result = company.sync()
    assert red(company, result) == {("user_sync_outcome", "everybody_is_answered", None)}


def test_every_table_has_its_checks() -> None:
    """What every table is judged by follows from its declaration; guards block, and all tell where to read on."""
    graph = defs.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    names: dict[str, set[str]] = {}
    for spec in specs:
        names.setdefault(spec.asset_key.to_user_string(), set()).add(spec.name)
        assert spec.description is not None
        assert spec.description.endswith(f"Runbook: {RUNBOOK}#{spec.name}")
    assets = {key.to_user_string() for key in graph.materializable_asset_keys} & METADATA.tables.keys()
    for name in assets:
        table = METADATA.tables[name]
        assert "every_row_fits" in names[name]
        assert ({"nothing_is_unknown", "listing_is_whole", "row_count_is_usual"} <= names[name]) or not is_raw(table)
        assert ("agrees_with_raw" in names[name]) == (table.info["group"] == "analytics")
    blocking = {spec.name for spec in specs if spec.blocking}
    assert blocking == {
        "every_row_fits",
        "listing_is_whole",
        "one_current_state",
        "agrees_with_raw",
        "agrees_with_summary",
    }


def test_a_check_of_a_daily_table_is_kept_for_each_day_of_a_range(house: House) -> None:
    """The instance holds the verdict of every partition, and not only the run's."""
    assert house.run("exec_sessions", first="2026-01-19", last="2026-01-23").success
    key = spec_of(exec_sessions, "every_row_fits").key
    records = house.instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert {(record.partition, record.status.value) for record in records} == {
        (f"2026-01-{day}", "SUCCEEDED") for day in range(19, 24)
    }
