"""The sensor of HR's roster: one run for each content, a reason for every skip, and never an error."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.defs import roster_resource
from exec_orchestration.defs.budget.lanes import RESUME_AT_TAG
from exec_orchestration.defs.sensors import FINGERPRINT_TAG, SYNC_JOBS, hr_roster_sensor
from exec_orchestration.roster import health
from exec_orchestration_tests.defs.conftest import HR_COLUMNS

LONG_AGO = time.time() - 3600
RUN_KEY = "dagster/run_key"


class Watch:
    """A roster, and the sensor as the daemon calls it: tick by tick, with the cursor of the tick before."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, settings: pytest.MonkeyPatch) -> None:
        self.path = folder / "roster.csv"
        self.instance = instance
        self.settings = settings
        self.cursor: str | None = None
        settings.setenv("HR_ROSTER_URL", str(self.path))
        for name in ("HR_ROSTER_QUERY", "HR_ROSTER_MAPPING", "HR_ROSTER_SETTLE_SECONDS"):
            settings.delenv(name, raising=False)

    def write(self, content: str, *, modified_at: float = LONG_AGO) -> None:
        """Make this the roster's content, written at that time."""
        self.path.write_text(content)
        os.utime(self.path, (modified_at, modified_at))

    def tick(self) -> dg.RunRequest | str:
        """What one tick asks for, or why it skips."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = hr_roster_sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        if result.skip_reason:
            assert not result.run_requests
            return str(result.skip_reason.skip_message)
        (request,) = result.run_requests or ()
        return request

    def asked(self) -> dg.RunRequest:
        """The run that this tick asks for."""
        request = self.tick()
        assert isinstance(request, dg.RunRequest), request
        return request

    def skipped(self) -> str:
        """The reason why this tick asks for nothing."""
        reason = self.tick()
        assert isinstance(reason, str), reason
        return reason

    def run(
        self,
        request: dg.RunRequest | None = None,
        *,
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
        job: str = "user_sync",
    ) -> dg.DagsterRun:
        """A run with this status: the one that was asked for, or one that somebody launched."""
        tags = {**request.tags, RUN_KEY: str(request.run_key)} if request else {}
        return self.instance.add_run(dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, tags=tags))


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """A folder without a roster, and an instance without runs."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watch(tmp_path, instance, monkeypatch)


def test_it_starts_stopped_and_asks_for_the_sync() -> None:
    """Turning it on is the consent to write."""
    assert hr_roster_sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert hr_roster_sensor.job_name == "user_sync"
    assert {job.name for job in defs.jobs or ()} >= set(SYNC_JOBS)


def test_the_first_content_is_asked_for_once(watch: Watch) -> None:
    """With its fingerprint as a tag; after its run, the same content is a skip that says so."""
    watch.write("A")
    request = watch.asked()
    assert request.run_key
    fingerprint = request.tags[FINGERPRINT_TAG]
    assert len(fingerprint) == 64
    watch.run(request)
    assert watch.skipped() == f"The roster {fingerprint[:12]} has not changed since it was synced."
    watch.write("A", modified_at=time.time())
    assert "has not changed" in watch.skipped(), "only its content counts"


def test_a_request_that_made_no_run_is_made_again_under_the_same_key(watch: Watch) -> None:
    """A daemon that died between asking and launching loses nothing, and launches nothing twice."""
    watch.write("A")
    first = watch.asked()
    second = watch.asked()
    assert (first.run_key, first.tags) == (second.run_key, second.tags)


def test_a_content_that_comes_back_runs_again(watch: Watch) -> None:
    """A, B, A are three runs with keys of their own, since Dagster runs each key once."""
    keys = []
    for content in ("A", "B", "A", "B"):
        watch.write(content)
        request = watch.asked()
        keys.append(request.run_key)
        watch.run(request)
        assert "has not changed" in watch.skipped()
    assert len(set(keys)) == 4


def test_a_fresh_file_settles_first(watch: Watch) -> None:
    """It may still be written; the reason says for how long it has to stay the same, and by which setting."""
    watch.write("A", modified_at=time.time() - 5)
    assert "changed 5 s ago; it is synced when it has stayed the same for 15 s" in watch.skipped()
    assert "HR_ROSTER_SETTLE_SECONDS" in watch.skipped()
    watch.write("A", modified_at=time.time() - 16)
    assert watch.asked()


def test_a_file_from_the_future_settles_as_it_was_seen(watch: Watch) -> None:
    """A clock that is ahead does not keep the roster waiting for ever, nor let it through at once."""
    watch.settings.setenv("HR_ROSTER_SETTLE_SECONDS", "0.05")
    watch.write("A", modified_at=time.time() + 86_400)
    assert "changed 0 s ago" in watch.skipped()
    time.sleep(0.06)
    assert watch.asked()


def hr_database(folder: Path, rows: int) -> str:
    """The URL of HR's own database with so many people."""
    url = f"sqlite:///{folder}/hr.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE people ({', '.join(HR_COLUMNS)})")
        marks = ", ".join("?" * len(HR_COLUMNS))
        connection.exec_driver_sql(f"INSERT INTO people VALUES ({marks})", [person(number) for number in range(rows)])
    engine.dispose()
    return url


def person(number: int) -> tuple[str, ...]:
    """One row of HR's."""
    name = f"Lee{number}"
    more = ("active", "2024-01-31", "", "Sales", "E000001", "Ghent")
    return (f"E{number:06d}", f"ann.{name.lower()}@acme.example", "Ann", name, *more)


def test_a_query_settles_as_it_was_seen(watch: Watch, tmp_path: Path) -> None:
    """A database does not say when it was written; what the query gives has to stay the same from tick to tick."""
    watch.settings.setenv("HR_ROSTER_URL", hr_database(tmp_path, 3))
    watch.settings.setenv("HR_ROSTER_QUERY", "SELECT * FROM people")
    watch.settings.setenv("HR_ROSTER_SETTLE_SECONDS", "0.05")
    assert "changed 0 s ago" in watch.skipped()
    time.sleep(0.06)
    request = watch.asked()
    watch.run(request)
    watch.settings.setenv("HR_ROSTER_QUERY", "SELECT * FROM people ORDER BY employee_id DESC")
    assert "has not changed" in watch.skipped(), "the order of the rows is nobody's change"
    watch.settings.setenv("HR_ROSTER_QUERY", "SELECT * FROM people WHERE employee_id > 'E000000'")
    assert "changed 0 s ago" in watch.skipped()


@pytest.mark.parametrize(
    ("job", "status"),
    [(job, "STARTED") for job in SYNC_JOBS]
    + [("user_sync", status) for status in ("NOT_STARTED", "STARTING", "CANCELING")],
)
def test_it_waits_for_a_run_that_is_under_way(watch: Watch, status: str, job: str) -> None:
    """Whoever launched it, and whichever of the sync's jobs it is of; another job is nothing to wait for."""
    watch.write("A")
    run = watch.run(status=dg.DagsterRunStatus[status], job=job)
    reason = watch.skipped()
    assert f"The run {run.run_id} of {job} is under way ({status})" in reason
    watch.instance.delete_run(run.run_id)
    watch.run(status=dg.DagsterRunStatus.STARTED, job="daily_refresh")
    assert watch.asked()


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED"])
def test_a_failed_run_is_not_repeated_by_itself(watch: Watch, status: str) -> None:
    """The reason names the run; another content is asked for as ever."""
    watch.write("A")
    run = watch.run(watch.asked(), status=dg.DagsterRunStatus[status])
    for _ in range(2):
        reason = watch.skipped()
        assert f"The run {run.run_id} for the roster" in reason
        assert f"ended as {status}" in reason
        assert "launch user_sync" in reason
    watch.write("B")
    assert watch.asked()


def test_a_run_that_a_limit_stopped_is_asked_for_again(watch: Watch) -> None:
    """Once the limit opens, under a key of its own; until then the reason says when."""
    watch.write("A")
    first = watch.asked()
    run = watch.run(first, status=dg.DagsterRunStatus.FAILURE)
    opens_at = datetime.now(UTC) + timedelta(hours=1)
    watch.instance.add_run_tags(run.run_id, {RESUME_AT_TAG: opens_at.isoformat()})
    assert f"was stopped by a limit of requests; it is asked for again at {opens_at:%Y-%m-%d %H:%M}" in watch.skipped()
    watch.instance.add_run_tags(run.run_id, {RESUME_AT_TAG: datetime.now(UTC).isoformat()})
    again = watch.asked()
    assert again.run_key != first.run_key
    watch.run(again)
    assert "has not changed" in watch.skipped()


def test_a_sync_by_hand_ends_a_failed_run(watch: Watch) -> None:
    """The cause is mended: the sensor asks once more, since it does not know which roster was synced by hand."""
    watch.write("A")
    watch.run(watch.asked(), status=dg.DagsterRunStatus.FAILURE)
    assert "ended as FAILURE" in watch.skipped()
    watch.run()
    watch.run(watch.asked())
    assert "has not changed" in watch.skipped()


def test_back_to_the_content_before_a_failed_run_is_asked_for(watch: Watch) -> None:
    """The failed run may have sent a part, and somebody may have synced by hand: A is no longer known to hold."""
    watch.write("A")
    first = watch.asked()
    watch.run(first)
    watch.write("B")
    watch.run(watch.asked(), status=dg.DagsterRunStatus.FAILURE)
    assert "ended as FAILURE" in watch.skipped()
    watch.write("A")
    again = watch.asked()
    assert again.run_key != first.run_key
    watch.run(again)
    assert "has not changed" in watch.skipped()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "does not exist"),
        ({"HR_ROSTER_URL": "{folder}"}, "cannot be read"),
        ({"HR_ROSTER_URL": "gopher://host/roster.csv"}, "cannot be read"),
        ({"HR_ROSTER_URL": "sqlite:///{folder}/hr.db"}, "HR_ROSTER_QUERY is not set"),
        ({"HR_ROSTER_URL": "sqlite:///{folder}/hr.db", "HR_ROSTER_QUERY": "SELECT 1 FROM gone"}, "no such table: gone"),
        ({"HR_ROSTER_URL": "nonsense", "HR_ROSTER_QUERY": "SELECT 1"}, "HR_ROSTER_URL cannot be read"),
        ({"HR_ROSTER_SETTLE_SECONDS": "soon"}, "HR_ROSTER_SETTLE_SECONDS cannot be used"),
    ],
)
def test_what_cannot_be_read_is_a_skip_with_the_reason(
    watch: Watch, tmp_path: Path, settings: dict[str, str], reason: str
) -> None:
    """A tick that fails would be red every 30 seconds while HR moves a file; the cursor survives it."""
    watch.write("A")
    request = watch.asked()
    watch.run(request)
    cursor_before = watch.skipped() and watch.cursor
    if not settings:
        watch.path.unlink()
    for name, value in settings.items():
        watch.settings.setenv(name, value.format(folder=tmp_path))
    assert reason in watch.skipped()
    assert watch.cursor == cursor_before
    watch.settings.setenv("HR_ROSTER_URL", str(watch.path))
    watch.settings.delenv("HR_ROSTER_QUERY", raising=False)
    watch.settings.delenv("HR_ROSTER_SETTLE_SECONDS", raising=False)
    watch.write("A")
    assert "has not changed" in watch.skipped()


def test_the_cursor_survives_a_tick_that_skips(watch: Watch) -> None:
    """What was asked for is still known after a run under way, a fresh file and a missing one."""
    watch.write("A")
    request = watch.asked()
    run = watch.run(status=dg.DagsterRunStatus.STARTED)
    watch.skipped()
    watch.instance.delete_run(run.run_id)
    watch.write("B", modified_at=time.time())
    watch.skipped()
    watch.path.unlink()
    watch.skipped()
    watch.run(request)
    watch.write("A")
    assert "has not changed" in watch.skipped()


def counted(real: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    """`real`, which leaves its name in `calls`."""

    def called(*args: Any, **kwargs: Any) -> Any:
        calls.append(real.__name__)
        return real(*args, **kwargs)

    return called


@pytest.mark.parametrize("source", ["file", "query"])
def test_a_tick_reads_the_roster_once_and_no_person(
    watch: Watch, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon asks many sensors, and none may hold it up: a tick compares content, and looks at nobody."""
    if source == "file":
        watch.write("\n".join(",".join(person(number)) for number in range(1_000)))
    else:
        watch.settings.setenv("HR_ROSTER_URL", hr_database(tmp_path, 1_000))
        watch.settings.setenv("HR_ROSTER_QUERY", "SELECT * FROM people")
        watch.settings.setenv("HR_ROSTER_SETTLE_SECONDS", "0")
    read: list[str] = []
    for name in ("fetch", "rows_of"):
        monkeypatch.setattr(roster_resource, name, counted(getattr(roster_resource, name), read))
    monkeypatch.setattr(health, "person_from", lambda *_, **__: pytest.fail("a tick looks at nobody"))
    watch.asked()
    assert read == [{"file": "fetch", "query": "rows_of"}[source]]


def test_the_daemon_can_evaluate_it(watch: Watch) -> None:
    """As Dagster resolves it, by the repository's own definition: one request for the job."""
    watch.write("A")
    repository = defs.get_repository_def()
    sensor = repository.get_sensor_def("hr_roster_sensor")
    context = dg.build_sensor_context(instance=watch.instance, repository_def=repository)
    data = sensor.evaluate_tick(context)
    (request,) = data.run_requests or ()
    assert request.tags[FINGERPRINT_TAG]
    assert data.cursor
