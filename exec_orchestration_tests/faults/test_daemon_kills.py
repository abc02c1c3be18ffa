"""Runs, the daemon and the webserver get SIGKILL, several times during one backfill: no run is stuck, a rerun ends it.

As `dagster dev` starts them: code server, daemon, webserver, runs as processes of the code server (DefaultRunLauncher).
"""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.places import Contents, Sandbox, contents
from exec_orchestration_tests.faults.sites import ASSET, DAYS, ENDS, START_SECONDS, Site, days_in, undisturbed_days
from exec_orchestration_tests.test_dagster import ended, launch

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("daemon")]

CASES = 12


@dataclass(frozen=True)
class Kill:
    """A part that is killed after so many seconds, and started again after a pause."""

    victim: str
    after: float
    pause: float


def kills(random: Random) -> tuple[list[Kill], list[Kill]]:
    """What is killed while the daemon is about to submit, and what once the run's process is there; 3 to 5 in all."""
    early = ["daemon", random.choice(["daemon", "webserver"])][: random.randint(1, 2)]
    middle = [random.choice(["daemon", "webserver", "webserver"]) for _ in range(random.randint(1, 2))]
    run = Kill("run", random.random() * 7, pause=0)
    return [_soon(each, random) for each in early], [*(_soon(each, random) for each in middle), run]


def _soon(victim: str, random: Random) -> Kill:
    return Kill(victim, random.random() * 2.5, random.random())


def carry_out(site: Site, planned: list[Kill]) -> Counter[str]:
    """Kill and start again, one after the other; how often each was there to be killed."""
    done: Counter[str] = Counter()
    for each in planned:
        time.sleep(each.after)
        done[each.victim] += site.kill(each.victim)
        if each.victim != "run":
            time.sleep(each.pause)
            site.start(each.victim)
    return done


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Contents:
    """What an undisturbed run makes of the table."""
    return undisturbed_days(tmp_path_factory.mktemp("undisturbed"), vendors)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Any:
    """Everything that `dagster dev` starts."""
    with ExitStack() as stack:
        yield Site(tmp_path_factory.mktemp("site"), stack, vendors)


@pytest.mark.parametrize("number", range(CASES))
def test_killed_parts_of_dagster_leave_no_run_stuck(
    site: Site, vendors: Sandbox, undisturbed: Contents, note: Note, number: int
) -> None:
    """Killed again and again during a backfill: it ends, its days are whole, and launched again all are there."""
    early, middle = kills(Random(f"daemon-{FIRST_SEED + number}"))
    before = site.statuses()
    backfill = site.begin()
    done = carry_out(site, early)
    site.ui.until(lambda: site.run_processes() or ended(site.ui, backfill), seconds=START_SECONDS)
    done += carry_out(site, middle)
    vendors.forget()
    site.status_of(backfill)
    left = days_in(site.url)
    assert left.items() <= undisturbed.items()
    assert site.status_of(launch(site.ui, ASSET, DAYS)) == "COMPLETED_SUCCESS"
    assert contents(site.url, [ASSET]) == undisturbed
    statuses = site.statuses()
    assert set(statuses.values()) <= set(ENDS), statuses
    counts = {f"of_the_{victim}": count for victim, count in sorted(done.items())}
    note(
        "dagster",
        "SIGKILL to run, daemon and webserver",
        "no run stuck, tables equal",
        kills=done.total(),
        **counts,
        runs=len(statuses) - len(before),
        days_before_the_rerun=len(left),
    )
