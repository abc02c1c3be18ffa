"""Dagster as `dagster dev` starts it, part by part: code server, daemon and webserver, each of which can be killed.

Here: the parts, their instance, what stands in the table that they load. Not here: when which part is killed.
"""

import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
import yaml

from exec_orchestration.tables import METADATA
from exec_orchestration_tests.faults.conftest import NO_LIMITS
from exec_orchestration_tests.faults.errands import Errand, Step, do
from exec_orchestration_tests.faults.places import Contents, Sandbox, contents, home_in
from exec_orchestration_tests.test_dagster import PROJECT, Ui, bare_environment, ended, free_port, launch, started

DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]
ASSET = "exec_skill_proficiency"
START_SECONDS, END_SECONDS = 150, 150
ENDS = ("SUCCESS", "FAILURE", "CANCELED")
RUNS = "{ runsOrError(limit: 200) { ... on Runs { results { id status startTime endTime } } } }"
UPDATED = "LOCATION_UPDATED"
# The queue is looked at every second, not every five.
QUEUE = {
    "module": "dagster.core.run_coordinator",
    "class": "QueuedRunCoordinator",
    "config": {"dequeue_interval_seconds": 1},
}


class Site:
    """Code server, daemon and webserver, each of which can be killed and started again."""

    def __init__(self, folder: Path, stack: ExitStack, vendors: Sandbox, **monitoring: int) -> None:
        self.folder, self.vendors = folder, vendors
        self.url = f"sqlite:///{folder}/warehouse.db"
        self.settings = {**vendors.settings, **NO_LIMITS, "WAREHOUSE_URL": self.url, "DAGSTER_HOME": str(folder)}
        (folder / "dagster.yaml").write_text(_instance(poll_interval_seconds=2, start_timeout_seconds=60, **monitoring))
        migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
        subprocess.run(migrate, env=bare_environment(**self.settings), capture_output=True, check=True)
        self._code, ui = free_port(), free_port()
        self._commands = _commands(folder, code=self._code, ui=ui)
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._stacks = {name: stack.enter_context(ExitStack()) for name in self._commands}
        for name in self._commands:
            self.start(name)
        self.ui = Ui(ui)
        self.until_up()

    def until_up(self) -> None:
        """Wait until the webserver shows the assets that the code server tells."""
        self.ui.until(lambda: self.ui.ask("{ assetNodes { assetKey { path } } }")["assetNodes"], seconds=START_SECONDS)

    def until_listening(self) -> None:
        """Wait until the code server can be asked."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._code)):
                return
            time.sleep(0.1)
        raise AssertionError(f"no code server within {START_SECONDS} s")

    def start_code(self) -> None:
        """Start the code server, and wait until the daemon, which runs, has seen that it is another one."""
        log = self.folder / "daemon" / "process.log"
        seen = log.read_text().count(UPDATED)
        self.start("code")
        self.ui.until(lambda: log.read_text().count(UPDATED) > seen, seconds=START_SECONDS)
        time.sleep(1)  # in which it loads the code's description

    def renew(self) -> None:
        """Another daemon, and whatever else is down; a minute passes until it loads the code's description anew."""
        self.kill("daemon")
        for name, process in self._processes.items():
            if process.poll() is not None:
                self.start(name)
        self.until_up()

    def start(self, name: str) -> None:
        """Start one of them."""
        own = self.folder / name
        own.mkdir(exist_ok=True)
        command = [sys.executable, "-W", "ignore", "-m", *self._commands[name]]
        self._processes[name] = self._stacks[name].enter_context(started(command, own, **self.settings))

    def kill(self, victim: str) -> int:
        """SIGKILL to one of our own processes, or to the runs that the code server has started; how many there were."""
        if victim != "run":
            self._processes[victim].send_signal(signal.SIGKILL)
            self._processes[victim].wait()
            if victim != "code":  # whose runs are of its process group, and may go on
                self._stacks[victim].close()
            return 1
        runs = self.run_processes()
        for process in runs:
            process.kill()
        return len(runs)

    def run_processes(self) -> list[psutil.Process]:
        """The processes of runs: children of our code server."""
        children = psutil.Process(self._processes["code"].pid).children(recursive=True)
        return [each for each in children if "multiprocessing.spawn" in _command_line(each)]

    def runs(self) -> dict[str, dict[str, Any]]:
        """Status, begin and end of each run."""
        return {run["id"]: run for run in self.ui.ask(RUNS)["runsOrError"]["results"]}

    def statuses(self) -> dict[str, str]:
        """How each run stands."""
        return {name: run["status"] for name, run in self.runs().items()}

    def begin(self, *, delay: float = 0.4) -> str:
        """Empty the table, make each answer of the vendor late and launch a backfill of all days; its id."""
        empty(self.url)
        self.vendors.put("faults", [{"path": "/proficiency", "delay_seconds": delay}])
        return launch(self.ui, ASSET, DAYS)

    def until_started(self) -> None:
        """Wait for a run that says of itself that it has begun."""
        self.ui.until(lambda: "STARTED" in self.statuses().values() and self.run_processes(), seconds=START_SECONDS)

    def status_of(self, backfill: str) -> str:
        """How a backfill has ended, which is waited for."""
        return str(self.ui.until(lambda: ended(self.ui, backfill), seconds=END_SECONDS)["status"])


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _instance(**monitoring: int) -> str:
    """The project's dagster.yaml with other figures of the run monitoring."""
    config = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    config |= {"run_monitoring": {**config["run_monitoring"], **monitoring}, "run_coordinator": QUEUE}
    return str(yaml.safe_dump(config))


def _commands(folder: Path, *, code: int, ui: int) -> dict[str, tuple[str, ...]]:
    grpc = f"host: 127.0.0.1\n      port: {code}\n      location_name: code\n"
    (folder / "workspace.yaml").write_text(f"load_from:\n  - grpc_server:\n      {grpc}")
    workspace = ("-w", str(folder / "workspace.yaml"))
    module = ("-m", "exec_orchestration.definitions", "-h", "127.0.0.1", "-p", str(code))
    return {
        "code": ("dagster", "api", "grpc", *module),
        "daemon": ("exec_orchestration_tests.faults.hasty_daemon", "run", *workspace),
        "webserver": ("dagster_webserver", *workspace, "-h", "127.0.0.1", "-p", str(ui)),
    }


def undisturbed_days(folder: Path, vendors: Sandbox) -> Contents:
    """What an undisturbed run makes of the table."""
    url = f"sqlite:///{folder}/warehouse.db"
    settings = {**vendors.settings, **NO_LIMITS, "WAREHOUSE_URL": url}
    assert do(Errand((Step((ASSET,), DAYS[0], DAYS[-1]),), settings, home_in(folder / "home"), remembers=False)).success
    return contents(url, [ASSET])


def empty(url: str) -> None:
    """Take all rows out of the table, if it is there, so that what an earlier case has left proves nothing."""
    engine = sa.create_engine(url)
    if sa.inspect(engine).has_table(ASSET):
        with engine.begin() as connection:
            connection.execute(METADATA.tables[ASSET].delete())
    engine.dispose()


def days_in(url: str) -> Contents:
    """What stands in the table, which may not have been made yet."""
    engine = sa.create_engine(url)
    there = sa.inspect(engine).has_table(ASSET)
    engine.dispose()
    return contents(url, [ASSET]) if there else {}
