"""The code server gets SIGKILL: alone, which its run survives, or together with its run, as in a reboot.

Only the code server knows of a run's process with the default launcher, so that nobody notices that a run went with it.
What ends it is `max_runtime_seconds`, which is half a minute here instead of twelve hours.
"""

import time
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.places import Contents, Sandbox, contents
from exec_orchestration_tests.faults.sites import ASSET, DAYS, Site, launch, undisturbed_days

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("daemon")]

LONGEST_SECONDS = 30
TOGETHER = (("code", "run"), ("daemon", "webserver", "code", "run"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Contents:
    """What an undisturbed run makes of the table."""
    return undisturbed_days(tmp_path_factory.mktemp("undisturbed"), vendors)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Any:
    """Everything that `dagster dev` starts, where no run may take longer than half a minute."""
    with ExitStack() as stack:
        yield Site(tmp_path_factory.mktemp("site"), stack, vendors, max_runtime_seconds=LONGEST_SECONDS)


def new_runs(site: Site, before: set[str]) -> list[dict[str, Any]]:
    """The runs that were not there before, oldest first."""
    found = [run for name, run in site.runs().items() if name not in before]
    return sorted(found, key=lambda run: float(run["startTime"]))


@pytest.mark.parametrize("number", range(3))
def test_a_run_survives_its_code_server(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note, number: int
) -> None:
    """The code server alone is killed: the run goes on by itself and ends well, and so does the next."""
    random = Random(f"code-{FIRST_SEED + number}")
    before = set(site.runs())
    backfill = site.begin()
    site.until_started()
    (process,) = site.run_processes()
    time.sleep(random.random() * 2)
    site.kill("code")
    time.sleep(random.random())
    assert process.is_running()
    site.start("code")
    assert site.status_of(backfill) == "COMPLETED_SUCCESS"
    vendors.forget()
    assert contents(site.url, [ASSET]) == undisturbed
    assert site.status_of(launch(site.ui, ASSET, DAYS)) == "COMPLETED_SUCCESS"
    assert contents(site.url, [ASSET]) == undisturbed
    runs = new_runs(site, before)
    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    note("dagster", "SIGKILL to the code server alone", "its run goes on, tables equal", kills=1, runs=len(runs))


@pytest.mark.parametrize("number", range(2))
def test_a_run_that_went_with_its_code_server_is_failed_in_the_end(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note, number: int
) -> None:
    """Killed together: the run holds its pool until it has had its time; it is failed, and the next gets the pool."""
    random = Random(f"together-{FIRST_SEED + number}")
    before = set(site.runs())
    backfill = site.begin()
    site.until_started()
    runs = site.run_processes()
    time.sleep(random.random() * 2)
    for victim in TOGETHER[number][:-1]:
        site.kill(victim)
    for process in runs:
        process.kill()
    time.sleep(random.random())
    for victim in TOGETHER[number][:-1]:
        site.start(victim)
    vendors.forget()
    site.until_up()
    again = launch(site.ui, ASSET, DAYS)
    assert site.status_of(backfill) == "COMPLETED_FAILED"
    assert site.status_of(again) == "COMPLETED_SUCCESS"
    assert contents(site.url, [ASSET]) == undisturbed
    lost, second = new_runs(site, before)
    assert [lost["status"], second["status"]] == ["FAILURE", "SUCCESS"]
    assert lost["endTime"] - lost["startTime"] >= LONGEST_SECONDS
    assert second["startTime"] >= lost["endTime"]
    fault = f"SIGKILL to {', '.join(TOGETHER[number])} together"
    note(
        "dagster",
        fault,
        "failed after max_runtime_seconds, pool free, tables equal",
        kills=len(TOGETHER[number]),
        runs=2,
    )
