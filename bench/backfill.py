"""A year of days of eight daily assets, asked of the daemon as somebody does in the UI: one backfill an asset.

The six that are loaded are asked for at once, their two marts when those have ended: a mart that is computed while its
rows are replaced does not agree with them, and its check says so.
Sandbox, code server, daemon and webserver are processes of their own on an instance in SQLite, configured as the
project's. It is whole when every partition is materialized, every backfill has succeeded, and no process and no run
has met a locked database.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

from bench.figures import Figure
from bench.overhead import instance_settings
from bench.processes import serving
from exec_orchestration_tests.test_dagster import (
    BACKFILL,
    Ui,
    bare_environment,
    free_port,
    launch,
    materialized,
    started,
)

RAW = (
    *("exec_participant_analytics", "exec_sessions", "exec_assignments", "exec_skill_proficiency"),
    *("sparkwise_completions", "sparkwise_clusters"),
)
MARTS = ("scenario_lift", "rank_distribution")
ASSETS = (*RAW, *MARTS)
START, DAYS = date(2025, 1, 1), 365
START_SECONDS, LONGEST_SECONDS = 120, 1_200
LOCKED = "database is locked"
OVER = ("COMPLETED", "FAILED", "CANCELED")


def start(stack: ExitStack, folder: Path, settings: dict[str, str]) -> Ui:
    """Code server, daemon and webserver, until the stack is closed; each prints into a folder of its own."""
    # Made once, before daemon and webserver would both make it.
    migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
    subprocess.run(migrate, env=bare_environment(**settings), capture_output=True, check=True)
    code, ui = free_port(), free_port()
    server = {"host": "127.0.0.1", "port": code, "location_name": "code"}
    workspace = folder / "workspace.yaml"
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
    on = ("-h", "127.0.0.1", "-p")
    commands = {
        "code": ("dagster", "api", "grpc", "-m", "exec_orchestration.definitions", *on, str(code)),
        "daemon": ("dagster._daemon", "run", "-w", str(workspace)),
        "webserver": ("dagster_webserver", "-w", str(workspace), *on, str(ui)),
    }
    for name, command in commands.items():
        own = folder / name
        own.mkdir()
        stack.enter_context(started([sys.executable, "-W", "ignore", "-m", *command], own, **settings))
    asked = Ui(ui)
    asked.until(lambda: asked.ask("{ assetNodes { assetKey { path } } }")["assetNodes"], seconds=START_SECONDS)
    return asked


def complaints(folder: Path, home: Path) -> int:
    """How often a locked database is spoken of: in what the processes and runs printed, and in any run's events."""
    printed = [*folder.rglob("*.log"), *home.rglob("*.err"), *home.rglob("*.out")]
    found = sum(path.read_text(errors="replace").count(LOCKED) for path in printed)
    for path in home.glob("history/runs/*.db"):
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT count(*) FROM event_logs WHERE event LIKE ?"
            found += connection.execute(query, (f"%{LOCKED}%",)).fetchone()[0]
    return found


def awaited(ui: Ui, launched: list[str]) -> list[dict[str, Any]]:
    """The backfills with their runs once all have ended, or as they stand when the patience is at its end."""
    backfills: list[dict[str, Any]] = []
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        with suppress(httpx.TransportError):
            backfills = [ui.ask(BACKFILL, id=each)["partitionBackfillOrError"] for each in launched]
            if all(each["status"].startswith(OVER) for each in backfills):
                break
    return backfills


def year_of_days() -> list[Figure]:
    """All backfills, from the first launch to the end of the last."""
    days = [str(START + timedelta(days=number)) for number in range(DAYS)]
    sandbox = serving("exec_orchestration.sandbox.app", "--port", 0, "--start", days[0], "--until", days[-1])
    with ExitStack() as stack, instance_settings() as of_instance, sandbox as urls:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        settings = {**of_instance, **urls, "PARTITIONS_START": days[0]}
        with ExitStack() as processes:
            ui = start(processes, folder, settings)
            began = time.perf_counter()
            backfills = [
                each for assets in (RAW, MARTS) for each in awaited(ui, [launch(ui, asset, days) for asset in assets])
            ]
            seconds = time.perf_counter() - began
            whole = sum(materialized(ui, asset) for asset in ASSETS)
        locked = complaints(folder, Path(settings["DAGSTER_HOME"]))
    return figures(backfills, seconds, whole, locked)


def figures(backfills: list[dict[str, Any]], seconds: float, whole: int, locked: int) -> list[Figure]:
    """What it took, and whether it is whole."""
    partitions = len(ASSETS) * DAYS
    succeeded = sum(each["status"] == "COMPLETED_SUCCESS" for each in backfills)
    runs = [run["status"] for each in backfills for run in each["runs"]]
    name = f"backfill, {DAYS} days x {len(ASSETS)} assets:"
    return [
        Figure(f"{name} backfills that succeeded", succeeded, at_least=len(ASSETS)),
        Figure(f"{name} partitions materialized", whole, at_least=partitions, at_most=partitions),
        Figure(f"{name} '{LOCKED}' in any log", locked, at_most=0),
        Figure(f"{name} runs", len(runs)),
        Figure(f"{name} runs that did not succeed", sum(each != "SUCCESS" for each in runs), at_most=0),
        Figure(f"{name} wall", seconds, "s"),
        Figure(f"{name} wall a partition", 1_000 * seconds / partitions, "ms"),
    ]
