"""Backfills that the request budget stops: what they keep, what they say, and how they go on by themselves."""

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG, ROOT_RUN_ID_TAG

from exec_orchestration.apis.budget import Charge
from exec_orchestration.definitions import defs
from exec_orchestration.defs.budget import resume_sensor
from exec_orchestration.defs.budget.lanes import (
    LANE_TAG,
    RESUME_AT_TAG,
    RESUMED_TAG,
    STOPPED,
    STOPPED_TAG,
    free_what_died,
)
from exec_orchestration.sandbox.limits import Limits
from exec_orchestration.tables.budget import api_requests
from exec_orchestration.tables.request_ledger import RequestLedger
from exec_orchestration_tests.conftest import Sandbox
from exec_orchestration_tests.defs.conftest import House, failure_text

FIRST, LAST = date(2026, 1, 5), date(2026, 1, 14)
DAYS = [str(FIRST + timedelta(days=number)) for number in range(10)]
SKILLS = 6
QUOTA = {"EXEC_REQUESTS_PER_DAY": "30", "EXEC_DAILY_RESERVE": "8"}
ASSET = "exec_skill_proficiency"


class Time:
    """A clock that starts now and that sleeping and tests move."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time that the client, the vendor and the sensor share."""
    time = Time()
    monkeypatch.setattr(resume_sensor, "now", time.moment)
    return time


@pytest.fixture
def house(make_sandbox: Callable[..., Sandbox], moved: Time, tmp_path: Any, instance: dg.DagsterInstance) -> Any:
    """The house over a vendor that counts requests as it says it does."""
    sandbox = make_sandbox(limits=Limits(0, 30), clock=moved.clock)
    made = House(sandbox, f"sqlite:///{tmp_path}/warehouse.db", instance, **QUOTA)
    made.time = {"clock": moved.clock, "sleep": moved.sleep}
    yield made
    made.warehouse.close()


def tick(instance: dg.DagsterInstance) -> dg.SensorResult:
    """One look of the sensor."""
    with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
        result = resume_sensor.budget_resume_sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def why_not(result: dg.SensorResult) -> str:
    """What the sensor says where it asks for nothing."""
    assert isinstance(result.skip_reason, dg.SkipReason)
    return str(result.skip_reason.skip_message)


def carry_out(house: House, request: dg.RunRequest) -> Any:
    """What the daemon does with a request for a run."""
    assert request.asset_selection
    return house.run(*(key.to_user_string() for key in request.asset_selection), tags=request.tags)


def asked(result: dg.SensorResult) -> list[tuple[str, str, str]]:
    """Each request's assets and its first and last day."""
    return [
        (
            ",".join(sorted(key.to_user_string() for key in request.asset_selection or ())),
            request.tags.get("dagster/asset_partition_range_start", ""),
            request.tags.get("dagster/asset_partition_range_end", ""),
        )
        for request in result.run_requests or ()
    ]


def spent(house: House) -> list[dict[str, Any]]:
    """The ledger's rows, oldest first."""
    rows = house.warehouse.read(sa.select(api_requests).order_by(api_requests.c.sent_at))
    return [dict(row._mapping) for row in rows]


def test_a_backfill_stops_before_a_day_that_does_not_fit(house: House, moved: Time) -> None:
    """22 requests are not reserved: one lists the skills, 18 are three days of six, and 3 are too few for a day."""
    result = house.run(ASSET, first=FIRST, last=LAST)
    assert not result.success
    assert house.materialized(ASSET) == DAYS[:3]
    assert len(house.sandbox.requests("/proficiency")) == 3 * SKILLS
    text = failure_text(result)
    opens = moved.moment() + timedelta(days=1)
    assert "Exec: the day's limit of 30 requests (8 of them are not for backfills) is used up" in text
    assert re.search(rf"Run this again at {opens:%Y-%m-%d} \d\d:\d\d UTC or later", text)
    run = house.instance.get_runs()[0]
    assert run.tags[STOPPED_TAG] == STOPPED
    assert opens - timedelta(minutes=1) < datetime.fromisoformat(run.tags[RESUME_AT_TAG]) <= opens


@pytest.mark.parametrize(
    ("status", "is_free"), [(dg.DagsterRunStatus.FAILURE, True), (dg.DagsterRunStatus.STARTED, False)]
)
def test_what_a_killed_run_has_set_aside_is_free_once_dagster_knows(
    house: House, moved: Time, status: dg.DagsterRunStatus, is_free: bool
) -> None:
    """So that it can run again at once, without a daemon; what a living run has set aside stays."""
    house.warehouse.migrate()
    killed = house.instance.create_run_for_job(defs.resolve_job_def("daily_refresh"), status=status)
    with RequestLedger(house.warehouse, api="exec").alone(moved.clock) as books:
        books.reserve(Charge("scheduled", run_id=killed.run_id), 25)
    assert house.run(ASSET, first=FIRST).success == is_free


@pytest.mark.parametrize(
    ("status", "counts"), [(dg.DagsterRunStatus.FAILURE, False), (dg.DagsterRunStatus.STARTED, True)]
)
def test_what_a_killed_run_had_under_way_ends_once_dagster_knows(
    house: House, moved: Time, status: dg.DagsterRunStatus, counts: bool
) -> None:
    """It counts as a request that ended; one of a living run may take as long as an answer may take."""
    house.warehouse.migrate()
    killed = house.instance.create_run_for_job(defs.resolve_job_def("daily_refresh"), status=status)
    ledger, sent_at = RequestLedger(house.warehouse, api="exec"), time.time() - 200
    with ledger.alone(lambda: sent_at) as books:
        books.enter(Charge("scheduled", run_id=killed.run_id), "GET /skills")
    free_what_died(house.instance, house.warehouse, "exec")
    with ledger.alone(time.time) as books:
        assert books.count(time.time() - 60, reserved=False)[0] == counts


def test_it_goes_on_when_half_a_day_is_free_again(house: House, moved: Time) -> None:
    """Not with the first requests that come back: it would stop again at once."""
    assert house.run(ASSET, first=FIRST, tags={LANE_TAG: "backfill"}).success
    moved.now += 7200
    later = moved.moment()
    assert not house.run(ASSET, first=DAYS[1], last=LAST).success
    opens = datetime.fromisoformat(house.instance.get_runs()[0].tags[RESUME_AT_TAG])
    assert abs(opens - (later + timedelta(days=1))) < timedelta(minutes=1)


def test_the_ledger_says_who_spent_what(house: House) -> None:
    """Lane, asset, partition and run of each request; the listing of skills belongs to no day."""
    house.run(ASSET, first=FIRST, last=LAST)
    rows, run = spent(house), house.instance.get_runs()[0]
    assert Counter(str(row["partition_date"]) for row in rows) == {"None": 1, **dict.fromkeys(DAYS[:3], SKILLS)}
    assert {(row["api"], row["lane"], row["asset"], row["status"]) for row in rows} == {
        ("exec", "backfill", ASSET, 200)
    }
    assert {row["run_id"] for row in rows} == {row["backfill"] for row in rows} == {run.run_id}


def test_the_reserve_is_there_for_a_scheduled_load(house: House) -> None:
    """After backfills took all that they may. A single day by hand is no backfill either."""
    assert not house.run(ASSET, first=FIRST, last=LAST).success
    assert not house.run(ASSET, first=DAYS[5], last=LAST).success
    scheduled = {"dagster/schedule_name": "daily_refresh_schedule"}
    assert house.run(ASSET, first=LAST, last=LAST, tags=scheduled).success
    assert {row["lane"] for row in spent(house)[-SKILLS:]} == {"scheduled"}


def test_a_backfill_goes_on_by_itself_until_nothing_is_missing(house: House, moved: Time) -> None:
    """Newest days first, over as many days as the quota needs, and no cell is fetched twice."""
    house.run(ASSET, first=FIRST, last=LAST)
    told = []
    for _ in range(20):
        result = tick(house.instance)
        if not result.run_requests:
            told.append(why_not(result))
            if "nothing is missing" in told[-1]:
                break
            moved.now += 3600 * 6
            continue
        (request,) = result.run_requests
        told.append(asked(result)[0])
        carry_out(house, request)
    assert [each for each in told if isinstance(each, tuple)] == [
        (ASSET, DAYS[3], DAYS[9]),
        (ASSET, DAYS[3], DAYS[6]),
        (ASSET, DAYS[3], DAYS[3]),
    ]
    assert any("opens at" in each for each in told)
    assert house.materialized(ASSET) == DAYS
    cells = Counter((entry["path"], entry["query"]) for entry in house.sandbox.requests("/proficiency"))
    assert set(cells.values()) == {1}
    assert len(cells) == len(DAYS) * SKILLS
    assert {row["status"] for row in spent(house)} == {200}
    assert len({row["backfill"] for row in spent(house)}) == 1
    assert why_not(tick(house.instance)) == "The request budget has stopped no backfill."


def test_what_somebody_loads_in_the_meantime_is_not_asked_for_again(house: House, moved: Time) -> None:
    """Exactly what is missing, in as many runs as there are gaps, newest first."""
    house.run(ASSET, first=FIRST, last=LAST)
    moved.now += 90_000
    assert house.run(ASSET, first=DAYS[6]).success
    assert asked(tick(house.instance)) == [(ASSET, DAYS[7], DAYS[9]), (ASSET, DAYS[3], DAYS[5])]


def test_marts_wait_for_what_they_are_made_of(house: House, moved: Time) -> None:
    """The failed run has skipped them for the whole range."""
    house.run(ASSET, "skill_tiers", first=FIRST, last=LAST)
    assert (house.materialized(ASSET), house.materialized("skill_tiers")) == (DAYS[:3], [])
    told = []
    for _ in range(4):
        moved.now += 90_000
        result = tick(house.instance)
        told += asked(result)
        carry_out(house, (result.run_requests or [])[0])
    assert told == [
        (ASSET, DAYS[3], DAYS[9]),
        (ASSET, DAYS[3], DAYS[6]),
        (ASSET, DAYS[3], DAYS[3]),
        ("skill_tiers", DAYS[0], DAYS[9]),
    ]
    assert house.materialized("skill_tiers") == DAYS


def test_a_cancelled_run_stays_cancelled(house: House, moved: Time) -> None:
    """Whoever ends a run that went on has ended the backfill."""
    house.run(ASSET, first=FIRST, last=LAST)
    moved.now += 90_000
    (request,) = tick(house.instance).run_requests or ()
    house.instance.create_run_for_job(
        defs.resolve_job_def("daily_refresh"), tags=request.tags, status=dg.DagsterRunStatus.CANCELED
    )
    assert re.search(r"does not go on: somebody has cancelled its run \w{8}\.", why_not(tick(house.instance)))


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (BulkActionStatus.CANCELED, "somebody has cancelled the backfill"),
        (BulkActionStatus.CANCELING, "somebody has cancelled the backfill"),
        (BulkActionStatus.REQUESTED, "Dagster still works on the backfill (REQUESTED)"),
    ],
)
def test_a_backfill_of_the_ui_is_asked_after(house: House, moved: Time, status: BulkActionStatus, why: str) -> None:
    """Dagster's own record of it decides."""
    house.instance.add_backfill(
        PartitionBackfill("abcdefgh", status, from_failure=False, tags={}, backfill_timestamp=moved.now)
    )
    house.run(ASSET, first=FIRST, last=LAST, tags={BACKFILL_ID_TAG: "abcdefgh"})
    moved.now += 90_000
    assert why_not(tick(house.instance)) == f"The backfill abcdefgh does not go on: {why}."


def test_another_failure_is_left_to_people(house: House, moved: Time) -> None:
    """A run that went on and failed for a reason of its own would fail again."""
    house.run(ASSET, first=FIRST, last=LAST)
    moved.now += 90_000
    (request,) = tick(house.instance).run_requests or ()
    house.sandbox.fault("/proficiency", status=403)
    carry_out(house, request)
    assert f"{ASSET} failed for another reason than the budget" in why_not(tick(house.instance))


def test_a_reexecution_that_fails_otherwise_is_no_stop(house: House, moved: Time) -> None:
    """It has the tags of the run that it repeats, but was not stopped itself."""
    house.run(ASSET, first=FIRST, last=LAST)
    first = house.instance.get_runs()[0]
    house.sandbox.fault("/proficiency", status=403)
    moved.now += 90_000
    house.run(ASSET, first=FIRST, last=LAST, tags={**first.tags, ROOT_RUN_ID_TAG: first.run_id})
    assert f"{ASSET} failed for another reason than the budget" in why_not(tick(house.instance))


def test_one_backfill_goes_on_at_a_time(house: House, moved: Time) -> None:
    """They share the budget, and may lack the same days."""
    house.run(ASSET, first=FIRST, last=LAST)
    house.run(ASSET, first=DAYS[5], last=LAST)
    moved.now += 90_000
    (request,) = tick(house.instance).run_requests or ()
    house.instance.create_run_for_job(
        defs.resolve_job_def("daily_refresh"), tags=request.tags, status=dg.DagsterRunStatus.STARTED
    )
    told = why_not(tick(house.instance))
    assert "is under way (STARTED)" in told
    assert "it waits for other backfills" in told


def test_somebody_gives_a_backfill_up(house: House, moved: Time) -> None:
    """It is between two runs, so there is nothing that could be cancelled."""
    house.run(ASSET, first=FIRST, last=LAST)
    moved.now += 90_000
    backfill = house.instance.get_runs()[0].run_id
    told = give_up(house, "nonsense")
    assert not told.success
    assert f"0 stopped backfills begin with 'nonsense'; those that wait are: {backfill[:8]}" in failure_text(told)
    assert give_up(house, backfill[:8]).success
    assert why_not(tick(house.instance)) == "The request budget has stopped no backfill."


def give_up(house: House, backfill: str) -> Any:
    """The job as somebody launches it."""
    config = {"ops": {"give_up": {"config": {"backfill": backfill}}}}
    return resume_sensor.budget_give_up.execute_in_process(
        run_config=config, instance=house.instance, raise_on_error=False
    )


def test_what_cannot_be_read_does_not_stop_the_others(
    house: House, moved: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that Dagster itself cannot read any more is told, and the next backfill goes on."""
    house.run(ASSET, first=FIRST, last=LAST)
    house.run("exec_members", tags={LANE_TAG: "backfill"})
    house.run(ASSET, first=DAYS[5], last=LAST)
    moved.now += 90_000
    broken = house.instance.get_runs()[0].run_id
    read = resume_sensor.missing

    def missing(instance: Any, graph: Any, chain: Any) -> Any:
        if chain.backfill == broken:
            raise ValueError("no such thing")
        return read(instance, graph, chain)

    monkeypatch.setattr(resume_sensor, "missing", missing)
    assert len(tick(house.instance).run_requests or []) > 0


def test_a_sync_is_not_gone_on_with(house: House) -> None:
    """Its plan is of its own time; hr_roster_sensor asks anew, when the run's tag says."""
    house.sandbox.fault("/users", status=429, retry_after=3600)
    result = house.run("sparkwise_users", tags={LANE_TAG: "sync"})
    assert not result.success
    assert "or leave it to hr_roster_sensor" in failure_text(result)
    run = house.instance.get_runs()[0]
    assert STOPPED_TAG not in run.tags
    assert datetime.fromisoformat(run.tags[RESUME_AT_TAG]) > datetime.now(UTC) + timedelta(minutes=50)


def test_sessions_that_cannot_be_used_are_not_listed_again(
    house: House, moved: Time, make_sandbox: Callable[..., Sandbox]
) -> None:
    """The run that found out tells those that go on."""
    house.sandbox = make_sandbox()
    name, budget = "exec_participant_analytics", {"EXEC_REQUESTS_PER_DAY": "60", "EXEC_DAILY_RESERVE": "0"}
    house.sandbox.fault("/sessions", set_field={"user.id": "somebody"}, index=0)
    house.run(name, first=FIRST, last=LAST, **budget)
    before = len(house.sandbox.requests("/sessions"))
    assert before > 0
    moved.now += 90_000
    requests = tick(house.instance).run_requests or []
    assert requests
    for request in requests:
        house.run(name, tags=request.tags, **budget)
    assert len(house.sandbox.requests("/sessions")) == before


def test_a_run_under_way_is_waited_for(house: House, moved: Time) -> None:
    """Its days are not missing yet."""
    house.run(ASSET, first=FIRST, last=LAST)
    moved.now += 90_000
    (request,) = tick(house.instance).run_requests or ()
    house.instance.create_run_for_job(
        defs.resolve_job_def("daily_refresh"), tags=request.tags, status=dg.DagsterRunStatus.STARTED
    )
    assert "is under way (STARTED)" in why_not(tick(house.instance))


def test_the_lane_goes_along(house: House, moved: Time) -> None:
    """What was scheduled stays scheduled, and every run bears the id of the first."""
    house.run(ASSET, first=FIRST, last=LAST, tags={LANE_TAG: "scheduled"})
    assert len(house.materialized(ASSET)) == 4
    moved.now += 90_000
    (request,) = tick(house.instance).run_requests or ()
    assert request.tags[LANE_TAG] == "scheduled"
    assert request.tags[RESUMED_TAG] == house.instance.get_runs()[0].run_id


def test_an_hour_that_the_vendor_asks_for_is_not_waited_for(house: House, moved: Time) -> None:
    """The run ends at once, everybody else waits too, and the sensor goes on after it."""
    house.sandbox.fault("/proficiency", status=429, retry_after=3600, skip=2 * SKILLS, times=1)
    began = moved.now
    assert not house.run(ASSET, first=FIRST, last=LAST).success
    assert moved.now - began < 5
    assert house.materialized(ASSET) == DAYS[:2]
    assert "the time that the vendor asked to wait is not over" in failure_text(house.run("exec_members"))
    assert "opens at" in why_not(tick(house.instance))
    moved.now += 3601
    assert asked(tick(house.instance)) == [("exec_members", "", "")]
    carry_out(house, (tick(house.instance).run_requests or [])[0])
    assert asked(tick(house.instance)) == [(ASSET, DAYS[2], DAYS[9])]


def test_a_day_that_never_fits_is_told_as_such(house: House) -> None:
    """Nobody waits for ever: the error says what to change."""
    text = failure_text(house.run(ASSET, first=FIRST, last=LAST, EXEC_REQUESTS_PER_DAY="12"))
    assert "needs 6 requests, and the backfill lane never has more than 4 of a day's 12" in text
    assert why_not(tick(house.instance)) == "The request budget has stopped no backfill."
