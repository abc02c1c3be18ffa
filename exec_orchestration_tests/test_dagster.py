"""Dagster itself, as people start it: its command line, and the webserver and daemon of `make dev`. Real processes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

PROJECT = Path(__file__).parent.parent
START_SECONDS, BACKFILL_SECONDS, FOLLOW_SECONDS = 120, 180, 300

LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status runs(limit: 50) { id status } }
  }
}
"""
ASSET = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode { partitionStats { numMaterialized } groupName description }
  }
}
"""


def bare_environment(**settings: str) -> dict[str, str]:
    """What a process needs to run at all, and these settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def started(command: list[str], folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A process group of its own, ended with the block."""
    log = (folder / "process.log").open("w")
    process = subprocess.Popen(
        command, cwd=folder, env=bare_environment(**settings), stdout=log, stderr=log, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


@pytest.fixture(scope="module")
def sandbox_settings() -> Iterator[dict[str, str]]:
    """The sandbox over a real socket; the settings that it prints."""
    command = [sys.executable, "-m", "exec_orchestration.sandbox.app", "--port", "0", "--until", "2026-03-01"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare_environment(), cwd=PROJECT)
    assert process.stdout is not None
    settings = dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n"))
    yield {**settings, "EXEC_REQUESTS_PER_MINUTE": "0", "EXEC_REQUESTS_PER_DAY": "0"}
    process.terminate()
    process.wait()
    process.stdout.close()


def dagster(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """One of Dagster's commands, from an empty folder."""
    return subprocess.run(
        [sys.executable, "-m", "dagster", *arguments],
        cwd=folder,
        env=bare_environment(**settings),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def count(url: str, table: str) -> tuple[int, int]:
    """Rows and days of a table."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        query = f"SELECT COUNT(*), COUNT(DISTINCT partition_date) FROM {table}"
        rows, days = connection.exec_driver_sql(query).one()
    engine.dispose()
    return rows, days


def test_a_range_by_the_command_line(sandbox_settings: dict[str, str], tmp_path: Path, warehouse_url: str) -> None:
    """Only the settings, an empty folder and an empty database: one command loads five days, another their marts."""
    common = ("asset", "materialize", "-m", "exec_orchestration.definitions")
    days = ("--partition-range", "2026-01-19...2026-01-23")
    settings = {**sandbox_settings, "WAREHOUSE_URL": warehouse_url}
    raw = dagster(*common, "--select", "exec_participant_analytics", *days, folder=tmp_path, **settings)
    assert raw.returncode == 0, raw.stderr[-3000:]
    mart = dagster(*common, "--select", "scenario_lift,rank_distribution", *days, folder=tmp_path, **settings)
    assert mart.returncode == 0, mart.stderr[-3000:]
    rows, days_with_rows = count(warehouse_url, "exec_participant_analytics")
    assert (rows > 0, days_with_rows) == (True, 5)
    assert count(warehouse_url, "scenario_lift")[1] == 5
    assert sandbox_settings["EXEC_API_KEY"] not in raw.stdout + raw.stderr


def test_an_error_is_one_paragraph_on_the_command_line(sandbox_settings: dict[str, str], tmp_path: Path) -> None:
    """Without a key the command fails, and the log holds the paragraph that says which setting is missing."""
    settings = {name: value for name, value in sandbox_settings.items() if name != "EXEC_API_KEY"}
    done = dagster(
        *("asset", "materialize", "-m", "exec_orchestration.definitions", "--select", "exec_members"),
        folder=tmp_path,
        WAREHOUSE_URL=f"sqlite:///{tmp_path}/w.db",
        **settings,
    )
    assert done.returncode != 0
    assert "Failure: EXEC_API_KEY is not set: the Exec workspace's key." in done.stderr


class Ui:
    """The webserver's GraphQL, which the browser's buttons call."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(self._url, json={"query": query, "variables": variables}, timeout=30).raise_for_status()
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    def until(self, what: Callable[[], Any], *, seconds: float) -> Any:
        """The first true answer, asked for again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if found := what():
                    return found
            except httpx.TransportError:
                pass
            time.sleep(1)
        raise AssertionError(f"not within {seconds} s")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """`python -m exec_orchestration dev` in a folder of its own, on data that `demo` has loaded."""
    folder = tmp_path_factory.mktemp("dev")
    shutil.copy(PROJECT / "dagster.yaml", folder)
    command = [sys.executable, "-m", "exec_orchestration"]
    demo = subprocess.run(
        [*command, "demo", "--days", "3"],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    assert "learner_lift" in demo.stdout
    port = free_port()
    with started([*command, "dev", "--port", str(port)], folder):
        made = Ui(port)
        made.until(lambda: made.ask("{ version }"), seconds=START_SECONDS)
        yield made


def test_the_ui_shows_the_graph(ui: Ui) -> None:
    """Every asset of the definitions is there, in its group and with its description."""
    nodes = ui.until(
        lambda: ui.ask("{ assetNodes { assetKey { path } groupName description isPartitioned } }")["assetNodes"],
        seconds=START_SECONDS,
    )
    by_name = {node["assetKey"]["path"][0]: node for node in nodes}
    assert len(by_name) == 24
    assert {node["groupName"] for node in nodes} == {
        *("exec", "sparkwise", "hr", "analytics", "user_sync", "request_budget", "reports")
    }
    assert all(node["description"] for node in nodes)


def test_the_schedules_are_on(ui: Ui) -> None:
    """`make dev` turns the schedules on; by default they are off."""
    schedules = ui.until(
        lambda: ui.ask(
            '{ schedulesOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: '
            '"exec_orchestration.definitions"}) { ... on Schedules { results { name scheduleState { status } } } } }'
        )["schedulesOrError"].get("results"),
        seconds=START_SECONDS,
    )
    assert {each["name"]: each["scheduleState"]["status"] for each in schedules} == {
        "daily_refresh_schedule": "RUNNING",
        "user_sync_schedule": "RUNNING",
        "request_budget_schedule": "RUNNING",
        "purge_schedule": "RUNNING",
    }


def test_a_backfill_of_thirty_days_is_one_run_a_table(ui: Ui) -> None:
    """Launched as the UI launches it: one run for each table, after which its thirty partitions are materialized."""
    days = [f"2026-05-{day:02}" for day in range(1, 31)]
    assets = ["exec_participant_analytics", "exec_assignments", "sparkwise_completions"]
    before = {asset: materialized(ui, asset) for asset in assets}
    launched = [launch(ui, asset, days) for asset in assets]
    for backfill_id in launched:
        backfill = ui.until(partial(ended, ui, backfill_id), seconds=BACKFILL_SECONDS)
        assert backfill["status"] == "COMPLETED_SUCCESS"
        assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"]
    assert {asset: materialized(ui, asset) - before[asset] for asset in assets} == dict.fromkeys(assets, 30)


RUNS = """
query ($tags: [ExecutionTag!]) {
  runsOrError(filter: {tags: $tags}, limit: 50) { ... on Runs { results { id status assetSelection { path } } } }
}
"""


def test_what_was_loaded_is_followed_by_itself(ui: Ui) -> None:
    """The daemon's marts_follow_sensor, which `make dev` turns on: marts of the loaded days, by few runs."""
    before = {asset: materialized(ui, asset) for asset in ("sparkwise_completions", "session_completion")}
    launch(ui, "sparkwise_completions", [f"2026-06-{day:02}" for day in range(1, 11)])
    ui.until(
        lambda: all(materialized(ui, asset) - known >= 10 for asset, known in before.items()), seconds=FOLLOW_SECONDS
    )
    tags = [{"key": "exec_orchestration/why", "value": "inputs_have_changed"}]
    runs = ui.ask(RUNS, tags=tags)["runsOrError"]["results"]
    asked = {each["path"][0] for run in runs for each in run["assetSelection"]}
    assert not {name for name in asked if name.startswith(("exec_", "sparkwise_", "hr_", "user_"))}
    assert len([run for run in runs if run["assetSelection"] == [{"path": ["session_completion"]}]]) < 4


def launch(ui: Ui, asset: str, days: list[str]) -> str:
    """Launch a backfill of one asset; its id."""
    params = {"assetSelection": [{"path": [asset]}], "partitionNames": days}
    launched = ui.ask(LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", json.dumps(launched)
    return str(launched["backfillId"])


def ended(ui: Ui, backfill_id: str) -> Any:
    """The backfill with its runs once it has ended, else None."""
    backfill = ui.ask(BACKFILL, id=backfill_id)["partitionBackfillOrError"]
    return backfill if backfill["status"].startswith(("COMPLETED", "FAILED")) else None


def materialized(ui: Ui, asset: str) -> int:
    """How many partitions of an asset are materialized."""
    found = ui.ask(ASSET, key={"path": [asset]})["assetNodeOrError"]["partitionStats"]["numMaterialized"]
    return int(found)
