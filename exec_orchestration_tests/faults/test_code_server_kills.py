"""The code server gets SIGKILL: alone, which its run survives, or together with its run, as in a reboot.

Only the code server knows of a run's process with the default launcher, so that nobody notices that a run went with it.
What ends it is `max_runtime_seconds`, which is forty seconds here instead of twelve hours.
"""

import time
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.places import Contents, Sandbox, contents
from exec_orchestration_tests.faults.sites import ASSET, DAYS, END_SECONDS, ENDS, START_SECONDS, Site, undisturbed_days
from exec_orchestration_tests.test_dagster import BACKFILL, launch

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("daemon")]

LONGEST_SECONDS, CANCEL_SECONDS = 40, 20
PARTS = (("code",), ("code", "daemon", "webserver"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Contents:
    """What an undisturbed run makes of the table."""
    return undisturbed_days(tmp_path_factory.mktemp("undisturbed"), vendors)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Any:
    """Everything that `dagster dev` starts, where no run may take longer than forty seconds."""
    limits = {"max_runtime_seconds": LONGEST_SECONDS, "cancel_timeout_seconds": CANCEL_SECONDS}
    with ExitStack() as stack:
        yield Site(tmp_path_factory.mktemp("site"), stack, vendors, **limits)


def new_runs(site: Site, before: set[str]) -> list[dict[str, Any]]:
    """The runs that were not there before, oldest first."""
    found = [run for name, run in site.runs().items() if name not in before]
    return sorted(found, key=lambda run: float(run["startTime"]))


def orphan(site: Site, random: Random, *, delay: float = 0.4) -> str:
    """Launch a backfill and kill the code server alone, whose run goes on; the backfill's id."""
    site.renew()
    backfill = site.begin(delay=delay)
    site.until_started()
    (process,) = site.run_processes()
    time.sleep(random.random() * 2)
    site.kill("code")
    time.sleep(random.random())
    assert process.is_running()
    return backfill


@pytest.mark.parametrize("number", range(3))
def test_a_run_survives_its_code_server(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note, number: int
) -> None:
    """The code server alone is killed and soon back: the run and its backfill end well, and so do the next."""
    before = set(site.runs())
    backfill = orphan(site, Random(f"code-{FIRST_SEED + number}"))
    site.start_code()
    assert site.status_of(backfill) == "COMPLETED_SUCCESS"
    vendors.forget()
    assert contents(site.url, [ASSET]) == undisturbed
    assert site.status_of(launch(site.ui, ASSET, DAYS)) == "COMPLETED_SUCCESS"
    assert contents(site.url, [ASSET]) == undisturbed
    runs = new_runs(site, before)
    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    note("dagster", "SIGKILL to the code server alone", "its run goes on, tables equal", kills=1, runs=len(runs))


def test_a_backfill_does_not_survive_a_long_absence_of_the_code_server(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note
) -> None:
    """Away until the daemon gives it up: the backfill fails, its run still brings its days, and the next ends well."""
    before = set(site.runs())
    backfill = orphan(site, Random(f"away-{FIRST_SEED}"), delay=1.5)
    assert site.status_of(backfill) == "FAILED"
    vendors.forget()
    site.start_code()
    site.ui.until(lambda: set(site.statuses().values()) <= set(ENDS), seconds=END_SECONDS)
    assert contents(site.url, [ASSET]) == undisturbed
    assert site.status_of(launch(site.ui, ASSET, DAYS)) == "COMPLETED_SUCCESS"
    assert contents(site.url, [ASSET]) == undisturbed
    runs = new_runs(site, before)
    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    fault = "SIGKILL to the code server alone, which stays away"
    note("dagster", fault, "the backfill fails, its run goes on, tables equal", kills=1, runs=len(runs))


def crash(site: Site, parts: tuple[str, ...], random: Random) -> str:
    """Launch a backfill and kill its run together with these parts; the backfill's id."""
    site.renew()
    backfill = site.begin()
    site.until_started()
    runs = site.run_processes()
    time.sleep(random.random() * 2)
    for part in parts:
        site.kill(part)
    for process in runs:
        process.kill()
    site.vendors.forget()
    time.sleep(random.random())
    return backfill


def launch_again(site: Site) -> str:
    """Launch the days again while the run that is lost still holds the pool; how that ends."""
    site.until_up()
    assert [status for status in site.statuses().values() if status not in ENDS] in (["STARTED"], ["CANCELING"])
    return site.status_of(launch(site.ui, ASSET, DAYS))


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_a_run_that_went_with_its_code_server_is_failed_in_the_end(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note, number: int
) -> None:
    """Killed together: the run holds its pool until it has had its time; it is failed, and the next gets the pool."""
    parts, before = PARTS[number], set(site.runs())
    backfill = crash(site, parts, Random(f"together-{FIRST_SEED + number}"))
    if "daemon" in parts:
        site.start("code")
        site.until_listening()
    else:
        site.start_code()
    for part in parts[1:]:
        site.start(part)
    assert launch_again(site) == "COMPLETED_SUCCESS"
    assert site.status_of(backfill) == "COMPLETED_FAILED"
    assert contents(site.url, [ASSET]) == undisturbed
    lost, second = new_runs(site, before)
    assert [lost["status"], second["status"]] == ["FAILURE", "SUCCESS"]
    assert lost["endTime"] - lost["startTime"] >= LONGEST_SECONDS
    assert second["startTime"] >= lost["endTime"]
    fault = f"SIGKILL to {', '.join(parts)} and run together"
    note("dagster", fault, "failed after max_runtime_seconds, tables equal", kills=len(parts) + 1, runs=2)


def test_a_daemon_that_is_up_before_the_code_server_gives_the_backfill_up(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note
) -> None:
    """After a reboot it finds no assets: the backfill fails and its run is cancelled; launched again it is whole."""
    parts, before = PARTS[-1], set(site.runs())
    backfill = crash(site, parts, Random(f"reboot-{FIRST_SEED}"))
    for part in parts[1:]:
        site.start(part)
    query = {"query": BACKFILL, "id": backfill}
    site.ui.until(
        lambda: site.ui.ask(**query)["partitionBackfillOrError"]["status"] == "FAILING", seconds=START_SECONDS
    )
    site.start_code()
    assert launch_again(site) == "COMPLETED_SUCCESS"
    assert site.status_of(backfill) == "FAILED"
    assert contents(site.url, [ASSET]) == undisturbed
    lost, second = new_runs(site, before)
    assert [lost["status"], second["status"]] == ["CANCELED", "SUCCESS"]
    assert second["startTime"] >= lost["endTime"]
    fault = f"SIGKILL to {', '.join(parts)} and run together, the daemon back before the code server"
    note("dagster", fault, "cancelled after cancel_timeout_seconds, tables equal", kills=len(parts) + 1, runs=2)
