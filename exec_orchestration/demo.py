"""The demo: the whole main job on the sandbox, as a stranger would run it, and a summary of what it built.

Imports no room: the sandbox is a process, Dagster is its own commands, the summary is SQL on the finished tables.
Only the sandbox's settings reach those processes, whatever stands in the environment or in `.env`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exec_orchestration.summary import carried_out_plans, held_fingerprint, summary

ROOT = Path.cwd()
HOME = ROOT / ".dagster_home"
DATABASE = ROOT / "data" / "demo.db"
LOG = ROOT / "data" / "demo.log"
ROSTER = ROOT / "data" / "demo_roster.csv"
REPORT = DATABASE.with_name("learning_report.html")
MODULE = "exec_orchestration.definitions"
SENSOR = "hr_roster_sensor"
DAYS = 60
GRACE_SECONDS = 30
SENSOR_SECONDS = 180
AFTERWARDS = "learner_scorecard,department_scorecard,request_budget,learning_report"
OURS = (
    "EXEC_",
    "SPARKWISE_",
    "WAREHOUSE_",
    "HR_",
    "USER_SYNC_",
    "PII_",
    "ERASE_",
    "PARTITIONS_",
    "LOOKBACK_",
    "MAX_",
    "ALERT_",
    "LEARNING_",
    "ASSET_",
)


def run_demo(*, days: int) -> int:
    """Load the last `days` days from the sandbox, sync its users, and print what was built; the exit status."""
    with sandbox() as settings:
        status = build(settings, days=days)
    if status == 0:
        print("\n".join(summary(f"sqlite:///{DATABASE}")))
        print(f"\nThe report for the head of learning is {REPORT}")
        print(f"The tables are in {DATABASE.relative_to(ROOT)}; `make dev` opens the Dagster UI on them.")
    return status


def run_dev(*, port: int) -> int:
    """The Dagster UI and daemon on the sandbox, until interrupted; schedules and sensors are on. The exit status."""
    with sandbox() as settings:
        if not DATABASE.exists() and (status := build(settings, days=DAYS)):
            return status
        _dagster(["schedule", "start", "--start-all", "-m", MODULE], settings).wait()
        _dagster(["sensor", "start", "--start-all", "-m", MODULE], settings).wait()
        print(f"The Dagster UI opens at http://127.0.0.1:{port}; Ctrl-C ends it and the sandbox.", flush=True)
        ui = _dagster(["dev", "-m", MODULE, "--host", "127.0.0.1", "--port", str(port)], settings, quiet=False)
        return _until_interrupted(ui)


def run_sandbox(arguments: Sequence[str]) -> int:
    """Both vendors on loopback, until interrupted; the exit status."""
    return _until_interrupted(_python(["-m", "exec_orchestration.sandbox.app", *arguments]))


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    """The settings that lead to a sandbox of its own, which runs until the block ends."""
    server = _python(["-m", "exec_orchestration.sandbox.app", "--port", "0"], stdout=subprocess.PIPE)
    try:
        yield {
            **_told(server),
            "EXEC_REQUESTS_PER_MINUTE": "0",
            "EXEC_REQUESTS_PER_DAY": "0",
            "WAREHOUSE_URL": f"sqlite:///{DATABASE}",
            "LEARNING_REPORT_PATH": str(REPORT),
            "HR_ROSTER_URL": str(ROSTER),
            "HR_ROSTER_SETTLE_SECONDS": "0",
        }
    finally:
        server.terminate()
        server.wait()


def build(settings: dict[str, str], *, days: int) -> int:
    """The whole main job, one step after the other; the exit status of the first that fails."""
    steps: tuple[Callable[[], int], ...] = (
        lambda: load(settings, days=days),
        lambda: first_sync(settings),
        lambda: approve_leavers(settings),
        lambda: sync_by_sensor(settings),
        lambda: _run(["asset", "materialize", "-m", MODULE, "--select", AFTERWARDS], settings),
    )
    return next((status for step in steps if (status := step())), 0)


def first_sync(settings: dict[str, str]) -> int:
    """HR's first roster against the sandbox's accounts; nobody is switched off yet."""
    print("Syncing users with HR's roster; a first sync switches nobody off ...", flush=True)
    return _write_roster(edition=1) or _run(["job", "execute", "-m", MODULE, "-j", "user_sync"], settings)


def approve_leavers(settings: dict[str, str]) -> int:
    """What the first sync held back, approved by its fingerprint as a person would; the exit status."""
    fingerprint = held_fingerprint(settings["WAREHOUSE_URL"])
    if fingerprint is None:
        return 0
    print(f"Approving the leavers that wait as {fingerprint} ...", flush=True)
    approval = HOME / "approval.yaml"
    approval.write_text(json.dumps({"plan_fingerprint": fingerprint}))
    return _run(["job", "execute", "-m", MODULE, "-j", "user_sync_apply", "-c", str(approval)], settings)


def sync_by_sensor(settings: dict[str, str]) -> int:
    """A month of HR's work later: a real daemon's sensor sees the new roster and asks for the sync; the exit status."""
    print("HR changes the roster; the sensor sees it and asks for a sync ...", flush=True)
    plans = carried_out_plans(settings["WAREHOUSE_URL"])
    if status := _write_roster(edition=2) or _run(["sensor", "start", SENSOR, "-m", MODULE], settings):
        return status
    daemon = _dagster(["dev", "-m", MODULE, "--host", "127.0.0.1", "--port", "0"], settings)
    deadline = time.monotonic() + SENSOR_SECONDS
    try:
        while carried_out_plans(settings["WAREHOUSE_URL"]) == plans:
            if time.monotonic() > deadline or daemon.poll() is not None:
                print(f"The sensor asked for no sync that ended well; see {LOG}.", file=sys.stderr)
                return 1
            time.sleep(0.5)
    finally:
        _ended(daemon)
    return _run(["sensor", "stop", SENSOR, "-m", MODULE], settings)


def load(settings: dict[str, str], *, days: int) -> int:
    """Every asset over the last `days` days as one run of `daily_refresh`; the exit status."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    print(f"Loading {first} to {last} from the sandbox, as one run of daily_refresh ...", flush=True)
    began = time.monotonic()
    status = _run(["job", "execute", "-m", MODULE, "-j", "daily_refresh", "--tags", json.dumps(tags)], settings)
    if not status:
        print(f"Done in {time.monotonic() - began:.0f} s.", flush=True)
    return status


def _write_roster(*, edition: int) -> int:
    return _python(["-m", "exec_orchestration.sandbox.roster", "--out", str(ROSTER), "--edition", str(edition)]).wait()


def _run(arguments: Sequence[str], settings: dict[str, str]) -> int:
    """One of Dagster's commands to its end; what it said is shown where it fails."""
    status = _dagster(arguments, settings).wait()
    if status:
        print(f"The run failed; the end of {LOG}:\n" + LOG.read_text()[-4000:], file=sys.stderr)
    return status


def _told(server: subprocess.Popen[str]) -> dict[str, str]:
    """The settings that the sandbox prints before it says that it is ready."""
    assert server.stdout is not None
    settings: dict[str, str] = {}
    for line in server.stdout:
        if line.strip() == "ready":
            return settings
        name, _, value = line.strip().partition("=")
        settings[name] = value
    raise SystemExit("The sandbox ended before it was ready; its own message stands above.")


def _dagster(arguments: Sequence[str], settings: dict[str, str], *, quiet: bool = True) -> subprocess.Popen[str]:
    """One of Dagster's commands, away from any `.env`, with the sandbox's settings and none of the reader's own."""
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "dagster.yaml", HOME / "dagster.yaml")
    DATABASE.parent.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = {**inherited, **settings, "DAGSTER_HOME": str(HOME)}
    command = [sys.executable, "-W", "ignore", "-m", "dagster", *arguments]
    with LOG.open("w" if quiet else "a") as log:
        output = log if quiet else None
        return subprocess.Popen(command, cwd=HOME, env=environment, stdout=output, stderr=output, text=True)


def _python(arguments: Sequence[str], *, stdout: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *arguments], stdout=stdout, text=True)


def _until_interrupted(process: subprocess.Popen[str]) -> int:
    """Wait for a process; Ctrl-C, which it gets as well, is a good end."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        _ended(process)
        return 0


def _ended(process: subprocess.Popen[str]) -> None:
    """Interrupt a process and wait for it; one that does not end is killed."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
