"""The Celery app of a worker: `celery -A exec_orchestration.defs.celery_worker worker`. A process of its own.

Broker, queue and everything else come from the launcher in the instance's dagster.yaml (DAGSTER_HOME), which the
daemon uses as well, so that the two cannot disagree.
"""

import dagster as dg
from celery import Celery
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task


def app_of(launcher: object) -> Celery:
    """The launcher's app with Dagster's tasks. Ends the process where the instance launches runs in another way."""
    if not isinstance(launcher, CeleryRunLauncher):
        raise SystemExit(
            f"The instance's run launcher is {type(launcher).__name__}, which needs no Celery worker. Set DAGSTER_HOME "
            "to the folder of a dagster.yaml such as deploy/dagster.yaml."
        )
    create_execute_job_task(launcher.celery)
    create_resume_job_task(launcher.celery)
    return launcher.celery


with dg.DagsterInstance.get() as instance:
    app = app_of(instance.run_launcher)
