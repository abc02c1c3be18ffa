"""The run launcher of an instance of several machines: each run is a Celery task, and a worker that is gone is noticed.

Named in deploy/dagster.yaml; nothing else imports it, and the definitions load without dagster-celery. Celery's own
record of a task says STARTED for ever when its worker was killed, and Dagster would wait as long. So the workers
themselves are asked: a run that none of them knows for a while has lost its worker, fails, and is retried.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

ANSWER_SECONDS = 2
LOST_AFTER_SECONDS = 60


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """Dagster's launcher for Celery, which fails runs whose worker is gone and can cancel runs in good order."""

    def __init__(
        self,
        lost_after_seconds: int = LOST_AFTER_SECONDS,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        **config: Any,
    ) -> None:
        self._lost_after_seconds = lost_after_seconds
        self._answer_seconds = answer_seconds
        self._clock = clock
        self._missed_since: dict[str, float] = {}
        super().__init__(**config)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """That of Dagster's launcher, and `lost_after_seconds`."""
        lost_after = dg.Field(
            dg.IntSource,
            is_required=False,
            default_value=LOST_AFTER_SECONDS,
            description="How long no worker may know of a run before the run fails, so that it can be retried.",
        )
        config: Any = super().config_type()
        return {**config, "lost_after_seconds": lost_after}

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether some worker has the run in hand; one that does not answer at once is given time."""
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        result = self.celery.AsyncResult(task_id)
        if result.state in ("SUCCESS", "FAILURE"):
            self._missed_since.pop(run.run_id, None)
            return super().check_run_worker_health(run)
        worker = result.info.get("hostname") if isinstance(result.info, Mapping) else None
        if self._is_known(task_id, to=worker):
            self._missed_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        now = self._clock()
        missed = now - self._missed_since.setdefault(run.run_id, now)
        if missed < self._lost_after_seconds:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._missed_since.pop(run.run_id, None)
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"{worker or 'Its worker'} has not known of the run for {missed:.0f} s: it is gone."
        )

    def terminate(self, run_id: str) -> bool:
        """Ask the run's worker to end it. Where no worker does, the run monitor ends it on the records."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """Which task the run was, and what Celery's record of it says."""
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        return f"Celery task {task_id}: {self.celery.AsyncResult(task_id).state}" if task_id else None

    def _is_known(self, task_id: str, *, to: str | None) -> bool:
        """True where the worker (None: any worker) answers that it has the task."""
        asked = self.celery.control.inspect(destination=[to] if to else None, timeout=self._answer_seconds)
        return any(task_id in tasks for tasks in (asked.query_task(task_id) or {}).values())
