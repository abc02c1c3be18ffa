"""The launcher of an instance of several machines: when it holds a run's worker for lost."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from exec_orchestration.definitions import defs
from exec_orchestration.defs.celery_launcher import WatchfulCeleryRunLauncher


class Place:
    """A launcher whose broker and records are in memory, with a run of its; no worker is there to answer."""

    def __init__(self, instance: dg.DagsterInstance, *, lost_after: int) -> None:
        self.now = 0.0
        self.instance = instance
        self.task = str(uuid4())  # what is in memory is one for the whole process
        self.launcher = WatchfulCeleryRunLauncher(
            lost_after,
            answer_seconds=0.05,
            clock=lambda: self.now,
            default_queue="dagster",
            broker="memory://",
            backend="cache+memory://",
        )
        self.launcher.register_instance(instance)
        self.run = instance.create_run_for_job(
            defs.resolve_job_def("daily_refresh"),
            status=dg.DagsterRunStatus.STARTED,
            tags={DAGSTER_CELERY_TASK_ID_TAG: self.task},
        )

    def record(self, state: str, result: Any = None) -> None:
        """What Celery writes down of the task."""
        self.launcher.celery.backend.store_result(self.task, result, state)

    def health(self) -> tuple[WorkerStatus, str | None]:
        """What the run monitor is told."""
        told = self.launcher.check_run_worker_health(self.run)
        return told.status, told.msg


@pytest.fixture
def place(instance: dg.DagsterInstance) -> Iterator[Place]:
    """A launcher that has a minute's patience."""
    made = Place(instance, lost_after=60)
    yield made
    made.launcher.celery.close()


def test_a_worker_that_does_not_answer_is_given_time(place: Place) -> None:
    """Celery's record says STARTED for ever; a worker that was killed is lost a minute after it was missed first."""
    place.record("STARTED", {"hostname": "one@somewhere", "pid": 1})
    assert place.health() == (WorkerStatus.RUNNING, None)
    place.now = 59
    assert place.health() == (WorkerStatus.RUNNING, None)
    place.now = 60
    status, told = place.health()
    assert status == WorkerStatus.FAILED
    assert told == "one@somewhere has not known of the run for 60 s: it is gone."


def test_dagsters_own_launcher_would_wait_for_ever(place: Place) -> None:
    """Why ours is there. Once this fails, it may not be needed any more."""
    place.record("STARTED", {"hostname": "one@somewhere", "pid": 1})
    told = CeleryRunLauncher.check_run_worker_health(place.launcher, place.run)
    assert told.status == WorkerStatus.RUNNING


def test_a_record_that_is_gone_is_no_verdict(place: Place) -> None:
    """A broker that was emptied says nothing of the run: the workers do, and they get as much time."""
    assert place.health() == (WorkerStatus.RUNNING, None)
    place.now = 61
    assert place.health()[1] == "Its worker has not known of the run for 61 s: it is gone."


@pytest.mark.parametrize(
    ("state", "result", "status"),
    [("SUCCESS", 0, WorkerStatus.SUCCESS), ("FAILURE", RuntimeError("the child died"), WorkerStatus.FAILED)],
)
def test_a_task_that_has_ended(place: Place, state: str, result: Any, status: WorkerStatus) -> None:
    """Celery knows, and nobody is asked."""
    place.record(state, result)
    assert place.health()[0] == status


def test_a_run_that_is_cancelled_is_marked_at_once(place: Place) -> None:
    """It is being cancelled for everybody to see, so that the run monitor ends it should its worker be gone."""
    assert place.launcher.terminate(place.run.run_id)
    found = place.instance.get_run_by_id(place.run.run_id)
    assert found
    assert found.status == dg.DagsterRunStatus.CANCELING


def test_a_run_that_has_ended_is_not_cancelled(place: Place) -> None:
    """Nor is one that nobody knows."""
    place.instance.report_run_failed(place.run)
    assert not place.launcher.terminate(place.run.run_id)
    assert not place.launcher.terminate("nobody's")


def test_the_configuration_is_checked() -> None:
    """`lost_after_seconds` stands beside what Dagster's own launcher takes."""
    fields = WatchfulCeleryRunLauncher.config_type()
    assert {"broker", "backend", "config_source", "lost_after_seconds"} <= fields.keys()
