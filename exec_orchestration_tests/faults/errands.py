"""Runs of the house in processes of their own, hundreds of them: forked from one that has imported everything.

Here: what such a process does, how it is started and killed, and what it tells. Not here: what is expected of it.
Dagster takes 1.5 s to import; a fork takes 10 ms.
"""

import json
import logging
import multiprocessing
import os
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from exec_orchestration.definitions import defs
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.errors import ExecOrchestrationError
from exec_orchestration_tests.faults.moments import Act, Moment, Watch, Watched, kill

LONGEST_SECONDS = 120
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, "matplotlib.backends.backend_svg", "pandas", "psycopg"])
UNDER_WAY = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


@dataclass(frozen=True)
class Step:
    """One run: a job, or assets with a range of days (both ends included) or without any."""

    assets: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    job: str = ""


@dataclass(frozen=True)
class Errand:
    """What one process does: runs one after the other, until one fails or the moment comes."""

    steps: tuple[Step, ...]
    settings: Mapping[str, str]
    folder: Path  # of the Dagster instance, and of what the process prints
    moment: Moment | None = None
    at_moment: Act = kill
    at_begin: Act | None = None
    calls: bool = False
    remembers: bool = True  # False: Dagster's own records are in memory, and die with the process; four times as fast
    hurried: bool = False  # waits before another try at Exec take a hundredth of their time
    file_bytes: int = 0  # no file may grow beyond; 0 = as large as the disk


@dataclass(frozen=True)
class Told:
    """What a process has told at its end; one that was killed tells nothing."""

    killed: bool
    success: bool = False
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[tuple[str, str], ...] = ()  # class and text of each step's failure
    failed_checks: tuple[str, ...] = ()
    log: str = ""

    @property
    def error(self) -> str:
        """The class of the one error, or what there was instead."""
        return self.errors[0][0] if self.errors else ("none" if self.success else "nothing told")

    @property
    def text(self) -> str:
        """The text of the first error."""
        return self.errors[0][1] if self.errors else ""


class Running:
    """A process on its errand."""

    def __init__(self, errand: Errand) -> None:
        self._folder = errand.folder
        self._file = errand.folder / "told.json"
        self._file.unlink(missing_ok=True)
        self._process = FORKS.Process(target=run, args=(errand,))
        self._process.start()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def wait(self, seconds: float = LONGEST_SECONDS) -> bool:
        """True once it has ended, within so many seconds."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def end(self, seconds: float = LONGEST_SECONDS) -> Told:
        """What it tells; whoever takes too long is killed, and that is an error."""
        if not self.wait(seconds):
            self.kill()
            self.wait()
            raise AssertionError(f"a run took longer than {seconds} s:\n{self.log}")
        code, log = self._process.exitcode, self.log
        self._process.close()
        if code == -9:
            return Told(killed=True, log=log)
        assert code == 0, f"exit code {code}:\n{log}"
        told = json.loads(self._file.read_text())
        return Told(killed=False, log=log, **{**told, "errors": tuple(map(tuple, told["errors"]))})

    @property
    def log(self) -> str:
        """The last of what it has printed."""
        return (self._folder / "process.log").read_text(errors="replace")[-4000:]


def do(errand: Errand, *, kill_after: float | None = None) -> Told:
    """Send a process on an errand and wait for it, or kill it after so many seconds."""
    running = Running(errand)
    if kill_after is not None and not running.wait(kill_after):
        running.kill()
    return running.end()


def run(errand: Errand) -> None:
    """What the process does."""
    _to_file(errand.folder / "process.log")
    warnings.simplefilter("ignore")
    if errand.file_bytes:
        limit_files(errand.file_bytes)
    began = time.monotonic()
    watch = Watch(errand.moment, errand.settings["WAREHOUSE_URL"], errand.at_moment)
    if errand.at_begin:
        errand.at_begin(watch)
    watch.begin(calls=errand.calls)
    errors: list[tuple[str, str]] = []
    checks: set[str] = set()
    with ExitStack() as stack, _instance(errand) as instance:
        fail_what_died(instance)
        for step in errand.steps:
            used = resources(errand.settings, Watched(watch), stack, hurry=100 if errand.hurried else 1)
            result = _carry_out(step, instance, used)
            errors += _failures(result)
            checks |= _failed_checks(result)
            if errors:
                break
    watch.end()
    told = {"success": not errors, "errors": errors, "counts": watch.counts, "seconds": time.monotonic() - began}
    limit_files(-1)
    (errand.folder / "told.json").write_text(json.dumps({**told, "failed_checks": sorted(checks)}))


def _instance(errand: Errand) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(errand.folder)) if errand.remembers else dg.DagsterInstance.ephemeral()


def fail_what_died(instance: dg.DagsterInstance) -> None:
    """What Dagster's run monitoring does with runs whose process is gone."""
    for died in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        instance.report_run_failed(died)


def resources(
    settings: Mapping[str, str], transport: httpx.BaseTransport, stack: ExitStack, *, hurry: int
) -> dict[str, Any]:
    """What a run may reach, until the stack is closed."""
    warehouse = WarehouseResource(settings)
    sleep = partial(_sleep, hurry)
    made = {
        "exec_com": ExecResource(settings, warehouse=warehouse, transport=transport, sleep=sleep),
        "sparkwise": SparkwiseResource(settings, warehouse=warehouse, transport=transport),
    }
    stack.callback(warehouse.close)
    for each in made.values():
        # What the ledger still has in memory is written then, or not, where the warehouse is what is broken.
        stack.enter_context(suppress(ExecOrchestrationError))
        stack.callback(each.close)
    return {**made, "warehouse": warehouse, "roster": RosterResource(settings)}


def _sleep(hurry: int, seconds: float) -> None:
    time.sleep(seconds / hurry)


def _carry_out(step: Step, instance: dg.DagsterInstance, used: dict[str, Any]) -> dg.ExecuteInProcessResult:
    if step.job:
        job = defs.resolve_job_def(step.job)
        return job.execute_in_process(instance=instance, resources=used, raise_on_error=False)
    days = {ASSET_PARTITION_RANGE_START_TAG: step.first, ASSET_PARTITION_RANGE_END_TAG: step.last}
    return dg.materialize(
        [*(defs.assets or ()), *(defs.asset_checks or ())],
        selection=list(step.assets),
        tags=days if step.first else {},
        instance=instance,
        resources=used,
        raise_on_error=False,
    )


def _failures(result: dg.ExecuteInProcessResult) -> list[tuple[str, str]]:
    """The class and the text of each step's failure; of one that nobody has foreseen its class and Dagster's text."""
    found = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            told, error = data.user_failure_data, data.error
            if told and "error" in told.metadata:
                found.append((str(told.metadata["error"].value), told.description or ""))
            else:
                found.append((f"unforeseen {error.cls_name if error else ''}", str(error)))
    return found or ([] if result.success else [("unforeseen", "the run failed outside of its steps")])


def _failed_checks(result: dg.ExecuteInProcessResult) -> set[str]:
    """The checks that have failed, of any severity."""
    events = [event for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION"]
    found = [event.asset_check_evaluation_data for event in events]
    return {evaluation.check_name for evaluation in found if not evaluation.passed}


def _to_file(path: Path) -> None:
    """All that this process prints goes to a file."""
    logging.getLogger("exec_orchestration").setLevel(logging.INFO)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def limit_files(size: int) -> None:
    """No file may grow beyond so many bytes, as on a full disk; -1 lifts it. Writing then fails, without a signal."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
