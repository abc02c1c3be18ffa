"""An hour of the daemon's ticks around six nights, in one process: memory, files and connections stay what they were.

Sensors are looked at as often as the daemon looks at them in an hour; a night comes every ten minutes of it, with what
the schedules ask for: the nightly load and, where HR has changed, the sync of the users. Resources are made anew for
each run, as Dagster does. `make soak` prints the figures.
"""

import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from exec_orchestration.definitions import defs
from exec_orchestration.defs.alerts.sensors import check_alert_sensor, run_failure_alert_sensor
from exec_orchestration.defs.budget.resume_sensor import budget_resume_sensor
from exec_orchestration.defs.schedules import daily_refresh_schedule
from exec_orchestration.defs.sensors import hr_roster_sensor
from exec_orchestration.sandbox.world import World
from exec_orchestration_tests.conftest import Sandbox
from exec_orchestration_tests.defs.conftest import Company

pytestmark = pytest.mark.soak

NIGHTS, TICKS_A_NIGHT = 6, 20  # 120 ticks of 30 seconds are an hour
FIRST_NIGHT = datetime(2026, 1, 10, 2, 30, tzinfo=UTC)
SENSORS = (hr_roster_sensor, budget_resume_sensor, run_failure_alert_sensor, check_alert_sensor)
WARM_NIGHTS = 2
MEGABYTE = 1024 * 1024
MOST_MEGABYTES_A_NIGHT, MOST_NEW_FILES, MOST_MEGABYTES_A_RUN = 4.0, 4, 4.0


@dataclass(frozen=True)
class Figures:
    """What the process and the disk hold after a night."""

    memory_bytes: int
    open_files: int
    warehouse_files: int
    instance_bytes: int
    runs: int


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance whose runs, events and logs are files."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.instance_for_test(temp_dir=str(folder)) as made:
        yield made


@pytest.fixture
def company(
    shared_world: World, tmp_path: Path, disk: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Company]:
    """A company of 120 people, whose settings stand in the environment, where sensors read them."""
    made = Company(Sandbox(shared_world), tmp_path, f"sqlite:///{tmp_path}/warehouse.db", disk, people=120)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.warehouse.close()


class Ticks:
    """The daemon's part: looks at each sensor and keeps its cursor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._repository = defs.get_repository_def()
        self._cursors: dict[str, str | None] = {}

    def once(self) -> None:
        """One look at each."""
        for sensor in SENSORS:
            cursor = self._cursors.get(sensor.name)
            with dg.build_sensor_context(self._instance, cursor=cursor, repository_def=self._repository) as context:
                self._cursors[sensor.name] = sensor.evaluate_tick(context).cursor

    def night(self, moment: datetime) -> dg.RunRequest:
        """What the nightly schedule asks for."""
        context = dg.build_schedule_context(self._instance, moment, repository_def=self._repository)
        (request,) = daily_refresh_schedule.evaluate_tick(context).run_requests or ()
        return request


def figures(folder: Path, instance: dg.DagsterInstance) -> Figures:
    """What is held now, once what nobody refers to is gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    links = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    stored = sum(each.stat().st_size for each in (folder / "instance").rglob("*") if each.is_file())
    return Figures(
        memory_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        open_files=len(links),
        warehouse_files=sum("warehouse.db" in each for each in links),
        instance_bytes=stored,
        runs=instance.get_runs_count(),
    )


def run_night(company: Company, request: dg.RunRequest) -> Any:
    """The run that was asked for, with resources of its own."""
    with company.resources() as resources:
        return defs.resolve_job_def("daily_refresh").execute_in_process(
            instance=company.instance, tags=dict(request.tags), resources=resources, raise_on_error=False
        )


def test_an_hour_of_ticks_leaves_nothing_behind(
    company: Company, disk: dg.DagsterInstance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Memory is flat, no file and no connection stays open, and each run adds as much to the instance as the first."""
    ticks, seen = Ticks(disk), list[Figures]()
    for number in range(NIGHTS):
        for _ in range(TICKS_A_NIGHT):
            ticks.once()
        assert run_night(company, ticks.night(FIRST_NIGHT + timedelta(days=number))).success
        company.hr({f"E{number + 10:04d}": {"last_name": f"Name {number}"}})
        assert company.sync().success
        seen.append(figures(tmp_path, disk))
    # Past pytest's capture, which holds what Dagster logs.
    with capsys.disabled():
        print("", *seen, sep="\n")
        judge(seen)


def judge(seen: list[Figures]) -> None:
    """Print what it comes to, and hold it against bounds that a noisy machine keeps."""
    warm = seen[WARM_NIGHTS:]
    slope = float(np.polyfit(range(len(warm)), [each.memory_bytes / MEGABYTE for each in warm], 1)[0])
    growth = [(after.instance_bytes - before.instance_bytes) / MEGABYTE for before, after in pairwise(warm)]
    a_run = sum(growth) / (warm[-1].runs - warm[0].runs)
    print(
        f"\n{seen[-1].runs} runs, {NIGHTS * TICKS_A_NIGHT * len(SENSORS)} ticks of sensors: memory "
        f"{seen[0].memory_bytes / MEGABYTE:.0f} -> {seen[-1].memory_bytes / MEGABYTE:.0f} MB, {slope:+.2f} MB a night "
        f"once warm; open files {warm[0].open_files} -> {warm[-1].open_files}, of the warehouse "
        f"{warm[0].warehouse_files} -> {warm[-1].warehouse_files}; instance {a_run:.2f} MB a run"
    )
    assert slope < MOST_MEGABYTES_A_NIGHT
    assert warm[-1].open_files <= warm[0].open_files + MOST_NEW_FILES
    assert warm[-1].warehouse_files <= warm[0].warehouse_files
    assert a_run < MOST_MEGABYTES_A_RUN
    half = len(growth) // 2
    assert sum(growth[-half:]) <= 1.5 * sum(growth[:half]), "each run adds more than the one before"
