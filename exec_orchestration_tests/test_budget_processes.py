"""A backfill that the budget stops, as people see it: real processes, a sandbox that counts, a clock that is moved.

libfaketime moves the clock of every process alike, by one file that says how far.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration_tests.test_dagster import LAUNCH, PROJECT, Ui, bare_environment, free_port, started

pytestmark = pytest.mark.days

ASSETS = ["exec_participant_analytics", "exec_skill_proficiency", "skill_tiers"]
SKILLS = 6
STEP_SECONDS, PAUSE_SECONDS, STILL_SECONDS = 20, 0.3, 40
UNDER_WAY = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED")
MATERIALIZED = """
query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionStats {
  numMaterialized } } } }
"""
RUNS = "{ runsOrError(limit: 100) { ... on Runs { results { runId status tags { key value } } } } }"
ERROR = """
query ($id: ID!) { logsForRun(runId: $id, limit: 10000) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { failureMetadata { description } error { message } } } } } }
"""


@dataclass(frozen=True)
class Case:
    """A backfill, the day's limit that it meets, and how long it may take on a slow machine."""

    first: date
    days: int
    per_day: int
    longest_seconds: int

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.days - 1)


TWO_MONTHS = Case(date(2026, 1, 1), 60, 200, 600)
A_YEAR = Case(date(2025, 1, 1), 365, 1000, 1800)


class Clock:
    """A file that every process reads the time's offset from."""

    def __init__(self, folder: Path) -> None:
        found = importlib.util.find_spec("libfaketime")
        assert found
        assert found.submodule_search_locations
        self._file = folder / "offset"
        self.seconds = 0
        self.move(0)
        library = Path(found.submodule_search_locations[0]) / "vendor/libfaketime/src/libfaketime.so.1"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: int) -> None:
        """Let all processes be so many seconds later."""
        self.seconds += seconds
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"+{self.seconds}\n")
        fresh.replace(self._file)


class Place:
    """The processes of one test: sandbox, code server, daemon and webserver, and what they wrote."""

    def __init__(self, case: Case, folder: Path, stack: ExitStack) -> None:
        self.case = case
        self.folder = folder
        self.clock = Clock(folder)
        self.url = f"sqlite:///{folder}/warehouse.db"
        self.settings = {
            **self._sandbox(stack),
            "EXEC_REQUESTS_PER_MINUTE": "60",
            "EXEC_REQUESTS_PER_DAY": str(case.per_day),
            "PARTITIONS_START": str(case.first),
            "WAREHOUSE_URL": self.url,
            "DAGSTER_HOME": str(folder),
        }
        instance = (PROJECT / "dagster.yaml").read_text()
        # Its patience is counted by the clock that is moved.
        (folder / "dagster.yaml").write_text(
            re.sub(r"run_monitoring:\n  enabled: true", "run_monitoring:\n  enabled: false", instance)
        )
        # Made once, before daemon and webserver would both make it.
        subprocess.run(
            [sys.executable, "-m", "dagster", "instance", "migrate"],
            env=bare_environment(**self.settings),
            capture_output=True,
            check=True,
        )
        code, ui = free_port(), free_port()
        (folder / "workspace.yaml").write_text(
            f"load_from:\n  - grpc_server:\n      host: 127.0.0.1\n      port: {code}\n      location_name: code\n"
        )
        self._start(
            stack,
            "code",
            "dagster",
            "api",
            "grpc",
            "-m",
            "exec_orchestration.definitions",
            "-h",
            "127.0.0.1",
            "-p",
            str(code),
        )
        self._daemon = stack.enter_context(ExitStack())
        self._start_daemon()
        self._start(stack, "ui", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(ui))
        self.ui = Ui(ui)
        self.ui.until(lambda: self.ui.ask("{ assetNodes { assetKey { path } } }")["assetNodes"], seconds=120)

    def _sandbox(self, stack: ExitStack) -> dict[str, str]:
        command = [
            *(sys.executable, "-m", "exec_orchestration.sandbox.app"),
            *("--start", str(self.case.first), "--until", str(self.case.last)),
            *("--requests-per-minute", "60", "--requests-per-day", str(self.case.per_day)),
        ]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=bare_environment(**self.clock.environment)
        )
        stack.enter_context(process)
        stack.callback(process.terminate)
        assert process.stdout is not None
        return dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n"))

    def _start(self, stack: ExitStack, name: str, module: str, *arguments: str) -> None:
        own = self.folder / name
        own.mkdir(exist_ok=True)
        shutil.copy(self.folder / "workspace.yaml", own)
        command = [sys.executable, "-m", module, *arguments]
        stack.enter_context(started(command, own, **self.settings, **self.clock.environment))

    def _start_daemon(self) -> None:
        """Start it, or start it anew: now and then one of its threads does not survive that its clock is moved."""
        self._daemon.close()
        self._start(self._daemon, "daemon", "dagster._daemon", "run", "-w", "workspace.yaml")

    def materialized(self, asset: str) -> int:
        """How many of an asset's partitions the UI shows as materialized."""
        node = self.ui.ask(MATERIALIZED, key={"path": [asset]})["assetNodeOrError"]
        # While the webserver looks at its code location anew, it knows no asset for a moment.
        return int(node["partitionStats"]["numMaterialized"]) if "partitionStats" in node else 0

    def runs(self) -> list[dict[str, Any]]:
        """The runs' timeline, oldest first: status and tags."""
        found = self.ui.ask(RUNS)["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in reversed(found)]

    def budget(self, *arguments: str) -> str:
        """What `budget ...` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "exec_orchestration", "budget", *arguments],
            cwd=self.folder / "ui",
            env=bare_environment(**self.settings, **self.clock.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def spent(self) -> list[dict[str, Any]]:
        """The ledger's rows, oldest first."""
        engine = sa.create_engine(self.url)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM api_requests ORDER BY sent_at").mappings().all()
        engine.dispose()
        return [dict(row) for row in rows]

    def backfill(self) -> None:
        """Launch it as the UI does, and move the clock until nothing is missing; nobody does anything else."""
        days = [str(self.case.first + timedelta(days=number)) for number in range(self.case.days)]
        params = {"assetSelection": [{"path": [asset]} for asset in ASSETS], "partitionNames": days}
        launched = self.ui.ask(LAUNCH, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", json.dumps(launched)
        end, changed, before = time.monotonic() + self.case.longest_seconds, time.monotonic(), ""
        while min(done := [self.materialized(asset) for asset in ASSETS]) < self.case.days:
            runs = self.runs()
            assert time.monotonic() < end, runs
            seen = json.dumps([done, [run["status"] for run in runs]])
            if seen != before or time.monotonic() - changed > STILL_SECONDS:
                if seen == before:
                    self._start_daemon()
                changed, before = time.monotonic(), seen
            self.clock.move(self._step(runs))
            time.sleep(PAUSE_SECONDS)

    def _step(self, runs: list[dict[str, Any]]) -> int:
        """A little while something is under way; up to the next opening where everything waits for it."""
        opens = max((run["tags"].get("exec_orchestration/resume_at", "") for run in runs), default="")
        if not opens or any(run["status"] in UNDER_WAY for run in runs):
            return STEP_SECONDS
        left = datetime.fromisoformat(opens).timestamp() - (time.time() + self.clock.seconds)
        return max(STEP_SECONDS, int(left) - 120)

    def stops(self) -> list[str]:
        """What the timeline says of each run that the budget has stopped."""
        stopped = [run for run in self.runs() if run["tags"].get("exec_orchestration/stopped")]
        logs = [self.ui.ask(ERROR, id=run["runId"])["logsForRun"]["events"] for run in stopped]
        return [
            next(each["failureMetadata"]["description"] for each in log if each.get("failureMetadata")) for log in logs
        ]


@pytest.mark.parametrize("case", [TWO_MONTHS, pytest.param(A_YEAR, marks=pytest.mark.year)], ids=["60 days", "a year"])
def test_a_backfill_of_the_ui_completes_by_itself(case: Case, tmp_path: Path) -> None:
    """It stops, says why, goes on, fetches nothing twice, and takes the requests and days that were estimated."""
    with ExitStack() as stack:
        place = Place(case, tmp_path, stack)
        told = place.budget(
            *("estimate", "--assets", ",".join(ASSETS[:2]), "--from", str(case.first), "--to", str(case.last))
        )
        place.backfill()
        stops, rows, status = place.stops(), place.spent(), place.budget("status")
    print(told, status, *stops, sep="\n")
    of_backfill = [row for row in rows if row["lane"] == "backfill"]
    assert {row["status"] for row in rows} == {200}
    assert len({row["backfill"] for row in of_backfill}) == 1
    # Those for a partition: a few totals are asked before the first of them.
    cells = Counter(row["path"] for row in of_backfill if "/proficiency" in row["path"] and row["partition_date"])
    assert set(cells.values()) == {1}
    assert len([path for path in cells if "page=1&" in path]) == case.days * SKILLS
    for text in stops:
        assert f"the day's limit of {case.per_day} requests" in text
        assert re.search(r"Run this again at \d{4}-\d\d-\d\d \d\d:\d\d UTC", text)
    requests, quota_days = number_in(told, r"Exec: (\d+) requests"), number_in(told, r"(\d+) day\(s\) of quota")
    assert requests == pytest.approx(len(of_backfill), rel=0.1)
    first, last = (datetime.fromisoformat(row["sent_at"]) for row in (of_backfill[0], of_backfill[-1]))
    assert (last - first) / timedelta(days=1) + 1 == pytest.approx(quota_days, rel=0.1)
    assert len(stops) == quota_days - 1


def number_in(text: str, pattern: str) -> int:
    """The number that a pattern finds."""
    found = re.search(pattern, text)
    assert found, text
    return int(found[1])
