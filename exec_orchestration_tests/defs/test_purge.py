"""Old runs go when nothing stands on their events; the job purge tells what went. Nothing looks unmaterialized."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.runs.schema import RunsTable

from exec_orchestration.definitions import defs
from exec_orchestration.defs.alerts.failing import check_states
from exec_orchestration.defs.budget.lanes import RESUME_AT_TAG, STOPPED, STOPPED_TAG
from exec_orchestration.defs.budget.resuming import missing, stopped_chains
from exec_orchestration.defs.partitions import DAILY
from exec_orchestration.defs.upkeep.old_runs import delete_old_runs
from exec_orchestration.errors import BadSetting
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.purge import month_before
from exec_orchestration_tests.conftest import Sandbox, fresh_database
from exec_orchestration_tests.defs.conftest import House

GRAPH = defs.resolve_asset_graph()
FIRST, LAST, ANOTHER = "2026-01-19", "2026-01-21", "2026-01-22"
KEY = dg.AssetKey("exec_sessions")


@pytest.fixture
def kept(sandbox: Sandbox, tmp_path: Path) -> Iterator[House]:
    """The house on SQLite with an instance in files, one a run, as `make dev` has it."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        made = House(sandbox, f"sqlite:///{tmp_path}/warehouse.db", instance)
        yield made
        made.warehouse.close()


def soon() -> datetime:
    """A moment before which every run until now has ended."""
    return datetime.now(UTC) + timedelta(seconds=1)


def runs(house: House) -> list[str]:
    """The ids of all runs, oldest first."""
    return [run.run_id for run in house.instance.get_runs()][::-1]


def age(house: House, run_id: str, days: float) -> None:
    """Let a run have been begun and ended so many days ago."""
    moment = datetime.now(UTC) - timedelta(days=days)
    when = {"create_timestamp": moment.replace(tzinfo=None), "end_time": moment.timestamp()}
    with house.instance._run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(RunsTable.update().where(RunsTable.c.run_id == run_id).values(**when))


def shown(house: House) -> Any:
    """What the UI and this project ask of Dagster: statuses of partitions, newest facts, checks, what is missing."""
    instance, statuses = house.instance, {}
    # Found anew from the events, and not as it was kept before some of them went.
    instance.wipe_asset_cached_status(list(instance.all_asset_keys()))
    for key in instance.all_asset_keys():
        definition = GRAPH.get(key).partitions_def
        status = get_and_update_asset_status_cache_value(instance, key, definition) if definition else None
        if status is not None:
            made = status.deserialize_materialized_partition_subsets(DAILY)
            failed = status.deserialize_failed_partition_subsets(DAILY)
            statuses[key] = set(made.get_partition_keys()), set(failed.get_partition_keys())
    newest = {
        (key, day): house.metadata(key.to_user_string(), day)
        for key in instance.all_asset_keys()
        for day in instance.get_materialized_partitions(key) or [None]
        if instance.get_latest_materialization_event(key)
    }
    lacking = [missing(instance, GRAPH, chain) for chain in stopped_chains(instance)]
    return statuses, newest, check_states(instance, GRAPH), lacking


def shard(house: House, run_id: str) -> Path:
    """The file that a run's events lie in."""
    return Path(house.instance.event_log_storage.path_for_shard(run_id))  # type: ignore[attr-defined]


def files(house: House) -> set[str]:
    """The runs whose events lie in a file."""
    return {path.stem for path in shard(house, "any").parent.glob("*.db")} & set(runs(house))


def test_what_was_loaded_again_may_go(kept: House) -> None:
    """A range, then one of its days again, then the rest of it: the range goes when none of it is the newest."""
    assert kept.run("exec_sessions", "exec_members", first=FIRST, last=LAST).success
    assert kept.run("exec_sessions", "exec_members", first=LAST).success
    before = shown(kept)
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 0, "run_logs": 2}
    assert shown(kept) == before
    assert kept.run("exec_sessions", first=FIRST, last="2026-01-20").success
    old, *newer = runs(kept)
    before = shown(kept)
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 1, "run_logs": 1}
    assert runs(kept) == newer
    assert shown(kept) == before
    assert kept.materialized("exec_sessions") == [FIRST, "2026-01-20", LAST]
    assert files(kept) == set(newer)
    assert not shard(kept, old).exists()
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 0, "run_logs": 0}


def test_a_failed_day_still_shows_as_failed(kept: House) -> None:
    """A failure goes when a later run has loaded its day, and not before."""
    kept.sandbox.fault("/sessions", set_field={"duration_seconds": "long"}, index=0)
    assert not kept.run("exec_sessions", first=FIRST).success
    before = shown(kept)
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 0, "run_logs": 1}
    assert shown(kept) == before
    (failed,) = runs(kept)
    assert kept.instance.all_logs(failed, of_type=dg.DagsterEventType.STEP_FAILURE)
    kept.sandbox.heal()
    assert kept.run("exec_sessions", first=FIRST).success
    before = shown(kept)
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 1, "run_logs": 1}
    assert shown(kept) == before


def test_a_run_that_stays_keeps_what_it_told_of_assets(kept: House) -> None:
    """Its steps and what they printed are gone, once; materializations, checks and how it ended are not."""
    assert kept.run("exec_sessions", first=FIRST, last=LAST).success
    (run_id,) = runs(kept)
    before, size = shown(kept), shard(kept, run_id).stat().st_size
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 0, "run_logs": 1}
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 0, "run_logs": 0}
    assert shown(kept) == before
    left = {entry.dagster_event_type for entry in kept.instance.all_logs(run_id)}
    assert not {None, dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_OUTPUT} & left
    assert {dg.DagsterEventType.ASSET_CHECK_EVALUATION, dg.DagsterEventType.RUN_SUCCESS} <= left
    assert shard(kept, run_id).stat().st_size < size
    assert kept.instance.get_run_by_id(run_id).tags["exec_orchestration/log"] == "trimmed"  # type: ignore[union-attr]


@pytest.fixture(params=["in memory", "on PostgreSQL"])
def together(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[House]:
    """The house on SQLite with an instance that holds all events in one log."""
    opened: AbstractContextManager[dg.DagsterInstance] = dg.DagsterInstance.ephemeral()
    if request.param == "on PostgreSQL":
        database = sa.make_url(fresh_database(request.getfixturevalue("postgres_server")))
        url = database.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
        storage = {"storage": {"postgres": {"postgres_url": url}}}
        opened = dg.instance_for_test(overrides=storage, temp_dir=str(tmp_path))
    with opened as instance:
        made = House(sandbox, f"sqlite:///{tmp_path}/warehouse.db", instance)
        yield made
        made.warehouse.close()


def test_where_all_events_lie_together(together: House) -> None:
    """No event is held twice: materializations stay in the one log that there is."""
    for days in ((FIRST, LAST), (FIRST, FIRST), ("2026-01-20", LAST)):
        assert together.run("exec_sessions", first=days[0], last=days[1]).success
    before = shown(together)
    assert delete_old_runs(together.instance, before=soon()) == {"runs": 1, "run_logs": 2}
    assert shown(together) == before
    left = {entry.dagster_event_type for each in runs(together) for entry in together.instance.all_logs(each)}
    assert dg.DagsterEventType.ASSET_MATERIALIZATION in left
    assert dg.DagsterEventType.STEP_START not in left


def test_only_runs_that_ended_before_go(kept: House) -> None:
    """One second under the limit, at it, and over it."""
    for _ in range(4):
        assert kept.run("exec_members").success
    ended = [record.end_time for record in kept.instance.get_run_records()][::-1]
    assert all(ended)
    limit = datetime.fromtimestamp(ended[1] or 0, UTC)
    assert delete_old_runs(kept.instance, before=limit)["runs"] == 1
    assert delete_old_runs(kept.instance, before=limit + timedelta(microseconds=1))["runs"] == 1
    assert len(runs(kept)) == 2


def test_a_backfill_that_waits_for_the_budget_keeps_all_since_it_began(kept: House) -> None:
    """What was materialized since is not missing, whoever did it; when it has ended, its runs go like others."""
    for _ in range(2):
        assert kept.run("exec_sessions", first=FIRST, last=LAST).success
    waiting = runs(kept)[0]
    kept.instance.add_run_tags(waiting, {STOPPED_TAG: STOPPED, RESUME_AT_TAG: soon().isoformat()})
    before = shown(kept)
    assert before[-1] == [{KEY: set()}]
    assert delete_old_runs(kept.instance, before=soon()) == {"runs": 0, "run_logs": 0}
    assert shown(kept) == before
    kept.instance.add_run_tags(waiting, {STOPPED_TAG: "complete"})
    assert delete_old_runs(kept.instance, before=soon())["runs"] == 1


def purge(house: House, **settings: str) -> dict[str, Any]:
    """One run of the job; its metadata."""
    with house.resources(**settings) as resources:
        found = defs.resolve_job_def("purge").execute_in_process(instance=house.instance, resources=resources)
    (output,) = [event for event in found.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_the_job_tells_what_went(kept: House) -> None:
    """By default runs are kept for ever; old requests go with all that they were counted for."""
    for _ in range(2):
        assert kept.run("exec_members").success
    requests = METADATA.tables["api_requests"]
    old = datetime.now(UTC) - timedelta(days=91)
    count = len(kept.rows("api_requests"))
    half = sa.select(requests.c.id).limit(count // 2)
    with kept.warehouse.writing("make requests old") as connection:
        connection.execute(requests.update().where(requests.c.id.in_(half)).values(sent_at=old))
    age(kept, runs(kept)[0], 8)
    told = purge(kept)
    assert told["api_requests"] == count // 2 > 0
    assert told["kept_days_of_requests"] == 90
    assert "runs" not in told
    assert len(kept.rows("api_requests")) == count - count // 2
    assert purge(kept, KEEP_RUNS_DAYS="9")["runs"] == 0
    assert purge(kept, KEEP_RUNS_DAYS="8")["runs"] == 1
    assert "user_sync_outcome" not in purge(kept, KEEP_OUTCOMES_DAYS="0")


def test_days_of_facts_go_when_a_setting_says_so(kept: House) -> None:
    """By whole months of the zone; the partitions stay materialized, and learner_lift says what it lacks."""
    this_month = datetime.now(UTC).date().replace(day=1)
    old = [this_month - timedelta(days=200), month_before(this_month, 3) - timedelta(days=1)]
    new = [month_before(this_month, 3), this_month]
    practice = METADATA.tables["exec_participant_analytics"]
    filler = {"session_count": 1, "total_duration_seconds": 1, "fetched_at": datetime.now(UTC), "run_id": "r"}
    rows = [{PARTITION: day, "scenario_id": "s", "user_id": "u", **filler} for day in (*old, *new)]
    assert kept.run("exec_participant_analytics", first=FIRST, last=LAST).success
    with kept.warehouse.writing("fill") as connection:
        connection.execute(practice.delete())
        connection.execute(practice.insert(), rows)
    materialized = kept.materialized(practice.name)
    told = purge(kept)
    assert told["facts_are_kept_from"] == "ever"
    assert practice.name not in told
    told = purge(kept, KEEP_FACTS_MONTHS="3")
    assert (told[practice.name], told["facts_are_kept_from"]) == (2, str(new[0]))
    assert [row[PARTITION] for row in kept.rows(practice.name)] == new
    assert kept.materialized(practice.name) == materialized
    assert purge(kept, KEEP_FACTS_MONTHS="3")[practice.name] == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("KEEP_REQUESTS_DAYS", "1"),
        ("KEEP_REQUESTS_DAYS", "0"),
        ("KEEP_OUTCOMES_DAYS", "89"),
        ("KEEP_RUNS_DAYS", "6"),
        ("KEEP_RUNS_DAYS", "-1"),
        ("KEEP_RUNS_DAYS", "all"),
        ("KEEP_FACTS_MONTHS", "2"),
        ("KEEP_FACTS_MONTHS", "-1"),
    ],
)
def test_too_short_a_memory_is_refused(sqlite_house: House, name: str, text: str) -> None:
    """The rolling day of the budget, the plots and the sensors need some; nothing is deleted."""
    with sqlite_house.resources(**{name: text}) as resources, pytest.raises(BadSetting, match=name):
        _ = resources["warehouse"].keep_days, resources["warehouse"].kept_from


@pytest.mark.parametrize(
    ("name", "text", "days"),
    [("KEEP_REQUESTS_DAYS", "2", 2), ("KEEP_OUTCOMES_DAYS", "90", 90), ("KEEP_RUNS_DAYS", "7", 7)],
)
def test_the_shortest_memory_is_taken(sqlite_house: House, name: str, text: str, days: int) -> None:
    """At the limit of what is valid."""
    with sqlite_house.resources(**{name: text}) as resources:
        assert resources["warehouse"].keep_days[name.split("_")[1].lower()] == days
