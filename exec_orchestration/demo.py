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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exec_orchestration.summary import summary

ROOT = Path.cwd()
HOME = ROOT / ".dagster_home"
DATABASE = ROOT / "data" / "demo.db"
LOG = ROOT / "data" / "demo.log"
MODULE = "exec_orchestration.definitions"
DAYS = 60
GRACE_SECONDS = 30
OURS = ("EXEC_", "SPARKWISE_", "WAREHOUSE_", "HR_", "USER_SYNC_", "PARTITIONS_", "LOOKBACK_", "MAX_", "ALERT_")


def run_demo(*, days: int) -> int:
    """Load the last `days` days from the sandbox and print what was built; the exit status."""
    with sandbox() as settings:
        status = load(settings, days=days)
    if status == 0:
        print("\n".join(summary(f"sqlite:///{DATABASE}")))
        print(f"\nThe tables are in {DATABASE.relative_to(ROOT)}; `make dev` opens the Dagster UI on them.")
    return status


def run_dev(*, port: int) -> int:
    """The Dagster UI and daemon on the sandbox, until interrupted; schedules are on. The exit status."""
    with sandbox() as settings:
        if not DATABASE.exists() and (status := load(settings, days=DAYS)):
            return status
        _dagster(["schedule", "start", "--start-all", "-m", MODULE], settings).wait()
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
        yield {**_told(server), "EXEC_REQUESTS_PER_MINUTE": "0", "WAREHOUSE_URL": f"sqlite:///{DATABASE}"}
    finally:
        server.terminate()
        server.wait()


def load(settings: dict[str, str], *, days: int) -> int:
    """Every asset over the last `days` days as one run of `daily_refresh`; the exit status."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    print(f"Loading {first} to {last} from the sandbox, as one run of daily_refresh ...", flush=True)
    began = time.monotonic()
    run = _dagster(["job", "execute", "-m", MODULE, "-j", "daily_refresh", "--tags", json.dumps(tags)], settings)
    status = run.wait()
    if status:
        print(f"The run failed; the end of {LOG}:\n" + LOG.read_text()[-4000:], file=sys.stderr)
    else:
        print(f"Done in {time.monotonic() - began:.0f} s.\n")
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
        process.send_signal(signal.SIGINT)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        return 0
