"""The parts of a deployment without containers, each a process of its own on loopback: what deploy/compose.yaml starts.

They are as deploy/dagster.yaml says, but for its patience.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa
import yaml

from exec_orchestration_tests.test_dagster import PROJECT, Ui, bare_environment, free_port, started

WORKERS = ("one", "two")
LIMIT_PER_MINUTE = 110
LIMITS = {"requests-per-minute": LIMIT_PER_MINUTE, "requests-per-day": 1000}
FIRST, LAST = "2026-01-01", "2026-03-01"

RUNS = """
{ runsOrError(limit: 100) { ... on Runs { results {
  id status parentRunId assetSelection { path } tags { key value } } } } }
"""
EVENTS = """
query ($id: ID!) { logsForRun(runId: $id, limit: 10000) { ... on EventConnection { events {
  __typename ... on MessageEvent { message timestamp } ... on MaterializationEvent { assetKey { path } partition }
} } } }
"""


class Deployment:
    """Sandbox, PostgreSQL, Redis, code server, daemon, webserver and two workers, until the stack is closed."""

    def __init__(self, folder: Path, postgres: str, stack: ExitStack) -> None:
        self.folder = folder
        self.warehouse, instance = new_database(postgres, "warehouse"), sa.make_url(new_database(postgres, "instance"))
        self.sandbox = sandbox(stack, **LIMITS)
        self._broker = start_redis(folder / "redis", stack)
        code, ui = free_port(), free_port()
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text(yaml.safe_dump(impatient(instance)))
        grpc = {"host": "127.0.0.1", "port": code, "location_name": "exec_orchestration"}
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": grpc}]}))
        self._settings = {
            **self.sandbox,
            "EXEC_REQUESTS_PER_MINUTE": str(LIMIT_PER_MINUTE),
            "EXEC_REQUESTS_PER_DAY": str(LIMITS["requests-per-day"]),
            "PARTITIONS_START": FIRST,
            "WAREHOUSE_URL": self.warehouse,
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_HOST": instance.host or "",
            "DAGSTER_POSTGRES_DB": instance.database or "",
            "DAGSTER_POSTGRES_USER": instance.username or "",
            "DAGSTER_POSTGRES_PASSWORD": instance.password or "",
            "DAGSTER_CELERY_BROKER_URL": self._broker,
        }
        # Made once, before daemon and webserver would both make it.
        subprocess.run(
            [sys.executable, "-m", "dagster", "instance", "migrate"],
            env=bare_environment(**self._settings),
            capture_output=True,
            check=True,
        )
        module = ("-m", "exec_orchestration.definitions", "-h", "127.0.0.1", "-p", str(code))
        workspace = ("-w", str(folder / "workspace.yaml"))
        self._start(stack, "code", "dagster", "code-server", "start", *module)
        until_listening(code)
        self._start(stack, "daemon", "dagster._daemon", "run", *workspace)
        self._start(stack, "webserver", "dagster_webserver", *workspace, "-h", "127.0.0.1", "-p", str(ui))
        self.workers = {name: self._start_worker(stack, name) for name in WORKERS}
        self.ui = Ui(ui)
        self.ui.until(lambda: self.ui.ask("{ assetNodes { assetKey { path } } }")["assetNodes"], seconds=120)
        self.ui.until(lambda: all("ready." in self.log(name) for name in WORKERS), seconds=120)

    def _start(self, stack: ExitStack, name: str, module: str, *arguments: str) -> subprocess.Popen[str]:
        own = self.folder / name
        own.mkdir()
        command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
        return stack.enter_context(started(command, own, **self._settings))

    def _start_worker(self, stack: ExitStack, name: str) -> subprocess.Popen[str]:
        app = ("-A", "exec_orchestration.defs.celery_worker", "worker")
        options = ("--hostname", f"{name}@%h", "--concurrency", "2", "--max-tasks-per-child", "1", "--loglevel", "INFO")
        return self._start(stack, name, "celery", *app, *options)

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self.folder / name / "process.log").read_text()

    def kill(self, worker: str) -> None:
        """SIGKILL to the worker's process group: the worker and the runs in its hands."""
        os.killpg(self.workers[worker].pid, signal.SIGKILL)
        self.workers[worker].wait()

    def runs(self) -> list[dict[str, Any]]:
        """The runs, oldest first: status, assets, tags."""
        found = self.ui.ask(RUNS)["runsOrError"]["results"]
        return [
            {
                **run,
                "assets": [key["path"][0] for key in run["assetSelection"] or ()],
                "tags": {tag["key"]: tag["value"] for tag in run["tags"]},
            }
            for run in reversed(found)
        ]

    def workers_of(self, runs: list[dict[str, Any]]) -> dict[str, str]:
        """The worker of each run that is in some worker's hands now, as Celery has it."""
        found = {}
        with redis.Redis.from_url(self._broker) as broker:
            for run in runs:
                record = json.loads(
                    broker.get(f"celery-task-meta-{run['tags'].get('dagster-celery/task_id')}") or b"{}"
                )
                if record.get("status") == "STARTED":
                    found[run["id"]] = record["result"]["hostname"].split("@")[0]
        return found

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """What a run has told."""
        events: list[dict[str, Any]] = self.ui.ask(EVENTS, id=run_id)["logsForRun"]["events"]
        return events


def impatient(database: sa.URL) -> dict[str, Any]:
    """The configuration of the deployed instance, but that it notices a lost worker within seconds."""
    config: dict[str, Any] = yaml.safe_load((PROJECT / "deploy" / "dagster.yaml").read_text())
    # The server that comes as a wheel listens on a socket in the file system only.
    config["storage"]["postgres"]["postgres_db"]["params"] = dict(database.query)
    config["run_monitoring"]["poll_interval_seconds"] = 2
    config["run_launcher"]["config"]["lost_after_seconds"] = 4
    return config


def new_database(server: str, name: str) -> str:
    """The URL of a database of its own on the server."""
    name = f"{name}_{secrets.token_hex(4)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def sandbox(stack: ExitStack, **limits: int) -> dict[str, str]:
    """Both vendors over a socket, always of the same world; the settings that lead there."""
    options = [word for name, limit in limits.items() for word in (f"--{name}", str(limit))]
    command = [sys.executable, "-m", "exec_orchestration.sandbox.app", "--start", FIRST, "--until", LAST, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=bare_environment())
    stack.enter_context(process)
    stack.callback(process.terminate)
    assert process.stdout is not None
    return dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n"))


def start_redis(folder: Path, stack: ExitStack) -> str:
    """The URL of a Redis with a password, on loopback."""
    folder.mkdir()
    port, password = free_port(), secrets.token_hex(16)
    (folder / "redis.conf").write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
        f'appendonly yes\nmaxmemory-policy noeviction\ndir "{folder}"\n'
    )
    stack.enter_context(started([os.environ["REDIS_SERVER"], str(folder / "redis.conf")], folder))
    until_listening(port)
    return f"redis://:{password}@127.0.0.1:{port}/0"


def until_listening(port: int, *, seconds: float = 60) -> None:
    """Wait until somebody listens there."""
    for _ in every(0.2, seconds=seconds):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return


def every(pause: float, *, seconds: float) -> Iterator[None]:
    """Again and again, with a pause; raises when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s")
