"""The daemon, the webserver and runs that the daemon has launched, get SIGKILL: no run is stuck, a rerun ends it.

As `dagster dev` starts them: code server, daemon, webserver, runs as processes of the code server (DefaultRunLauncher).
"""

import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from exec_orchestration_tests.faults.conftest import FIRST_SEED, NO_LIMITS, Note
from exec_orchestration_tests.faults.errands import Errand, Step, do
from exec_orchestration_tests.faults.places import Sandbox, contents, home_in
from exec_orchestration_tests.test_dagster import PROJECT, Ui, bare_environment, ended, free_port, launch, started

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("daemon")]

DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]
ASSET = "exec_skill_proficiency"
START_SECONDS, END_SECONDS = 150, 150
VICTIMS = ("run", "daemon", "webserver", "run", "daemon", "run")
RUNS = "{ runsOrError(limit: 100) { ... on Runs { results { id status } } } }"
ENDS = ("SUCCESS", "FAILURE", "CANCELED")


class Site:
    """Code server, daemon and webserver, each of which can be killed and started again."""

    def __init__(self, folder: Path, stack: ExitStack, vendors: Sandbox) -> None:
        self.folder, self.vendors, self._stack = folder, vendors, stack
        self.url = f"sqlite:///{folder}/warehouse.db"
        self.settings = {**vendors.settings, **NO_LIMITS, "WAREHOUSE_URL": self.url, "DAGSTER_HOME": str(folder)}
        instance = (PROJECT / "dagster.yaml").read_text()
        (folder / "dagster.yaml").write_text(
            re.sub(
                r"poll_interval_seconds: \d+\n  start_timeout_seconds: \d+",
                "poll_interval_seconds: 2\n  start_timeout_seconds: 90",
                instance,
            )
        )
        environment = bare_environment(**self.settings)
        migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
        subprocess.run(migrate, env=environment, capture_output=True, check=True)
        code, ui = str(free_port()), str(free_port())
        grpc = f"host: 127.0.0.1\n      port: {code}\n      location_name: code\n"
        (folder / "workspace.yaml").write_text(f"load_from:\n  - grpc_server:\n      {grpc}")
        workspace = ("-w", str(folder / "workspace.yaml"))
        module = ("-m", "exec_orchestration.definitions", "-h", "127.0.0.1", "-p", code)
        self._commands = {
            "code": ("dagster", "api", "grpc", *module),
            "daemon": ("dagster._daemon", "run", *workspace),
            "webserver": ("dagster_webserver", *workspace, "-h", "127.0.0.1", "-p", ui),
        }
        self._processes: dict[str, Any] = {}
        for name in self._commands:
            self.start(name)
        self.ui = Ui(int(ui))
        self.ui.until(lambda: self.ui.ask("{ assetNodes { assetKey { path } } }")["assetNodes"], seconds=START_SECONDS)

    def start(self, name: str) -> None:
        """Start one of them."""
        own = self.folder / name
        own.mkdir(exist_ok=True)
        command = [sys.executable, "-W", "ignore", "-m", *self._commands[name]]
        self._processes[name] = self._stack.enter_context(started(command, own, **self.settings))

    def kill(self, victim: str) -> bool:
        """SIGKILL to one of our own processes, or to the run that the code server has started; True if it was there."""
        if victim != "run":
            self._processes[victim].send_signal(signal.SIGKILL)
            self._processes[victim].wait()
            return True
        runs = self.run_processes()
        for process in runs:
            process.kill()
        return bool(runs)

    def run_processes(self) -> list[psutil.Process]:
        """The processes of runs: children of our code server."""
        children = psutil.Process(self._processes["code"].pid).children(recursive=True)
        return [each for each in children if "multiprocessing.spawn" in " ".join(each.cmdline())]

    def statuses(self) -> dict[str, str]:
        """How each run stands."""
        return {run["id"]: run["status"] for run in self.ui.ask(RUNS)["runsOrError"]["results"]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Any:
    """What an undisturbed run makes of the table."""
    folder = tmp_path_factory.mktemp("undisturbed")
    url = f"sqlite:///{folder}/warehouse.db"
    settings = {**vendors.settings, **NO_LIMITS, "WAREHOUSE_URL": url}
    assert do(Errand((Step((ASSET,), DAYS[0], DAYS[-1]),), settings, home_in(folder / "home"), remembers=False)).success
    return contents(url, [ASSET])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Any:
    """Everything that `dagster dev` starts."""
    with ExitStack() as stack:
        yield Site(tmp_path_factory.mktemp("site"), stack, vendors)


@pytest.mark.parametrize("number", range(len(VICTIMS)))
def test_a_killed_part_of_dagster_leaves_no_run_stuck(
    site: Site, vendors: Sandbox, undisturbed: Any, note: Note, number: int
) -> None:
    """Killed while a backfill's run is under way: it ends, as failed or well, and launched again it is whole."""
    victim, random = VICTIMS[number], Random(f"daemon-{FIRST_SEED + number}")
    vendors.put("faults", [{"path": "/proficiency", "delay_seconds": 0.3}])
    backfill = launch(site.ui, ASSET, DAYS)
    site.ui.until(lambda: "STARTED" in site.statuses().values() and site.run_processes(), seconds=START_SECONDS)
    time.sleep(random.random() * 3)
    killed = site.kill(victim)
    vendors.forget()
    if victim != "run":
        site.start(victim)
    site.ui.until(lambda: ended(site.ui, backfill), seconds=END_SECONDS)
    again = launch(site.ui, ASSET, DAYS)
    assert site.ui.until(lambda: ended(site.ui, again), seconds=END_SECONDS)["status"] == "COMPLETED_SUCCESS"
    assert contents(site.url, [ASSET]) == undisturbed
    statuses = site.statuses()
    assert set(statuses.values()) <= set(ENDS), statuses
    note("dagster", f"SIGKILL to the {victim}", "no run stuck, tables equal", kills=int(killed), runs=len(statuses))
