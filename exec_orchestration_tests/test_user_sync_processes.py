"""The user sync in processes of its own, as people start it, which are killed in the middle or started twice.

Sparkwise is the sandbox over a real socket; what it was asked and what it wrote is told by its own log.
"""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.tables.sync import user_sync_outcome
from exec_orchestration_tests.test_dagster import PROJECT, bare_environment

COMMAND = (sys.executable, "-W", "ignore", "-m", "dagster", "job", "execute", "-m", "exec_orchestration.definitions")
WORLD = ("--start", "2026-01-01", "--until", "2026-01-01", "--people", "5")
PATIENCE_SECONDS = 60


class Sparkwise:
    """The sandbox over a socket, with its switches."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        base = settings["SPARKWISE_API_URL"].removesuffix("/sparkwise")
        self._switches = httpx.Client(base_url=f"{base}/_sandbox")

    def put(self, what: str, content: Any) -> None:
        """Replace the faults or the accounts."""
        self._switches.put(f"/{what}", json=content).raise_for_status()

    def hold(self, number: int, *, seconds: float) -> None:
        """Answer the write of that number so much later than it is done; listings have a query and go on."""
        self.put("faults", [{"path": r"/users\?$", "skip": number - 1, "times": 1, "delay_seconds": seconds}])

    def writes(self) -> list[dict[str, Any]]:
        """The writes so far, in order."""
        return [entry for entry in self._switches.get("/requests").json() if "users" in entry]

    def forget(self) -> None:
        """Clear the log, and switch every fault off."""
        self._switches.delete("/requests").raise_for_status()
        self._switches.delete("/faults").raise_for_status()

    def accounts(self) -> dict[str, dict[str, Any]]:
        """The accounts by remote id."""
        return {account["remoteId"]: account for account in self._switches.get("/accounts").json()}

    def close(self) -> None:
        self._switches.close()


@pytest.fixture(scope="module")
def sparkwise() -> Iterator[Sparkwise]:
    """The sandbox as a process of its own."""
    command = [sys.executable, "-m", "exec_orchestration.sandbox.app", "--port", "0", *WORLD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare_environment(), cwd=PROJECT)
    assert process.stdout is not None
    made = Sparkwise(dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n")))
    yield made
    made.close()
    process.terminate()
    process.wait()
    process.stdout.close()


class Site:
    """A company with a warehouse that was synced once, and a roster since then with a thousand changes."""

    def __init__(self, folder: Path, url: str, sparkwise: Sparkwise) -> None:
        self.folder = folder
        self.sparkwise = sparkwise
        self.roster = folder / "roster.csv"
        more = {"WAREHOUSE_URL": url, "HR_ROSTER_URL": str(self.roster), "DAGSTER_HOME": str(folder / "home")}
        more["HR_ROSTER_SETTLE_SECONDS"] = "0"
        self.settings = {**sparkwise.settings, **more}
        self._engine = sa.create_engine(url)
        (folder / "home").mkdir()
        shutil.copy(PROJECT / "dagster.yaml", folder / "home")
        sparkwise.forget()
        sparkwise.put("accounts", [account(number) for number in range(1000)])
        self.write({number: person(number) for number in range(1001)})
        self.sync_here()
        changed = {number: person(number) for number in range(1001 + 700)}
        changed |= {number: person(number, last_name="Newname") for number in range(100, 380)}
        changed |= {number: person(number, status="terminated") for number in range(500, 520)}
        self.write(changed)
        sparkwise.forget()

    def write(self, people: Mapping[int, Mapping[str, str]]) -> None:
        """Make these people the roster."""
        self.people = {row["employee_id"]: row for row in people.values()}
        with self.roster.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(person(0)))
            writer.writeheader()
            writer.writerows(people.values())

    def sync_here(self) -> None:
        """A sync in this process, which saves the start of one."""
        used = [SparkwiseResource(self.settings), WarehouseResource(self.settings), ExecResource(self.settings)]
        names = dict(zip(("sparkwise", "warehouse", "exec_com"), used, strict=True))
        resources = {**names, "roster": RosterResource(self.settings)}
        job = defs.resolve_job_def("user_sync")
        # Dagster's own files are made here, since two of its processes that make them at once trip over each other.
        with dg.DagsterInstance.from_config(self.settings["DAGSTER_HOME"]) as instance:
            assert job.execute_in_process(resources=resources, instance=instance).success
        for each in used:
            each.close()

    def start(self) -> subprocess.Popen[str]:
        """A sync in a process group of its own."""
        return subprocess.Popen(
            [*COMMAND, "-j", "user_sync"],
            cwd=self.folder,
            env=bare_environment(**self.settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def kill_at(self, number: int) -> None:
        """Start a sync, and kill it as soon as Sparkwise has got that many writes of it, the last without an answer."""
        self.sparkwise.hold(number, seconds=10)
        process = self.start()
        end = time.monotonic() + PATIENCE_SECONDS
        while len(self.sparkwise.writes()) < number and time.monotonic() < end and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        _, told = process.communicate()
        assert process.returncode == -signal.SIGKILL, told[-3000:]
        assert len(self.sparkwise.writes()) == number

    def outcomes(self) -> list[sa.Row[Any]]:
        """The journal."""
        with self._engine.connect() as connection:
            return list(connection.execute(sa.select(user_sync_outcome)))

    def is_as_hr_asks(self) -> bool:
        """True when every person's account is as the roster has it."""
        held = self.sparkwise.accounts()
        return {*held} == {*self.people} and all(
            (held[name]["active"], held[name]["active"] and held[name]["lastName"])
            == (row["status"] == "active", row["status"] == "active" and row["last_name"])
            for name, row in self.people.items()
        )

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture
def site(tmp_path: Path, warehouse_url: str, sparkwise: Sparkwise) -> Iterator[Site]:
    """A company before its second sync."""
    made = Site(tmp_path, warehouse_url, sparkwise)
    yield made
    made.close()


def person(number: int, *, last_name: str = "Lee", status: str = "active") -> dict[str, str]:
    """One row of HR's."""
    return {"employee_id": f"E{number:05d}", "first_name": f"Ann {number}", "last_name": last_name, "status": status}


def account(number: int) -> dict[str, Any]:
    """The account of that person."""
    return {"firstName": f"Ann {number}", "lastName": "Lee", "active": True, "remoteId": f"E{number:05d}"}


def sent_in(writes: list[dict[str, Any]]) -> Counter[str]:
    """How often each person was sent."""
    return Counter(name for entry in writes for name in entry["users"])


@pytest.mark.parametrize(
    ("warehouse_url", "killed_at"),
    [("sqlite", 1), ("sqlite", 4), ("sqlite", 7), ("postgresql", 3)],
    indirect=["warehouse_url"],
)
def test_a_killed_sync_is_ended_by_the_next_one(site: Site, killed_at: int) -> None:
    """In the canary, in the middle, in the leavers: nobody who was written is sent again, nobody is forgotten."""
    site.kill_at(killed_at)
    before = site.sparkwise.writes()
    unanswered = [row.employee_id for row in site.outcomes() if row.result == "sent"]
    assert sorted(unanswered) == sorted(before[-1]["users"])
    site.sparkwise.forget()
    process = site.start()
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, told[-3000:]
    after = site.sparkwise.writes()
    assert not {name for entry in before for name in entry["written"]} & {*sent_in(after)}
    assert set(sent_in([*before, *after]).values()) == {1}
    assert len(sent_in([*before, *after])) == 999 + 1
    assert site.is_as_hr_asks()
    results = Counter((row.employee_id, row.result) for row in site.outcomes())
    assert {result for _, result in results} == {"applied"}
    assert set(results.values()) == {1}
    assert len(results) == 1000 + 1


@pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)
def test_of_two_syncs_at_once_one_stops(site: Site) -> None:
    """It says that another one is under way; nobody is sent twice, and everything is done."""
    site.sparkwise.hold(1, seconds=2)
    processes = [site.start(), site.start()]
    told = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(map(bool, codes)) == [False, True], "\n".join(each[-2000:] for each in told)
    stopped = told[0] if codes[0] else told[1]
    assert "Another run is in the middle of user_sync on the warehouse" in stopped
    assert "run it again when the other has ended" in stopped
    sent = sent_in(site.sparkwise.writes())
    assert set(sent.values()) == {1}
    assert len(sent) == 1000
    assert site.is_as_hr_asks()
    assert {row.result for row in site.outcomes()} == {"applied"}
