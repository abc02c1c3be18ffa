"""A roster that HR's system writes in place, over and over, while syncs read it: refused or whole.

It pauses wherever it is, also where what stands there is more than the last roster was, which the health gate cannot
tell from a whole one; only that it was written a moment ago.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from exec_orchestration_tests.faults.company import CHANGED, WORLD, Case, Company
from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.places import Databases, sandbox

pytestmark = pytest.mark.faults

SEEDS, SYNCS = 3, 8
LONGEST_PAUSE_SECONDS, LONGEST_REST_SECONDS = 1.5, 6.0


@pytest.fixture(scope="module")
def company(engines: Callable[[str], Databases], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company that was synced once, on SQLite."""
    with sandbox(*WORLD) as sparkwise:
        yield Company(engines("sqlite"), sparkwise, tmp_path_factory.mktemp("rewrites"), settle_seconds=15)


@contextmanager
def rewritten(roster: Path, random: Random) -> Iterator[None]:
    """The same roster written again and again, with a pause anywhere in it, and a rest when it is whole."""
    whole, over = roster.read_bytes(), threading.Event()

    def write() -> None:
        while not over.is_set():
            cut = int(len(whole) * random.random())
            with roster.open("wb", buffering=0) as file:
                file.write(whole[:cut])
                time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
                file.write(whole[cut:])
            over.wait(random.uniform(0, LONGEST_REST_SECONDS))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_roster_that_is_written_is_refused_or_whole(company: Company, note: Note, seed: int) -> None:
    """Each sync refuses by name and sends nothing, or does all that HR asks; nobody is sent twice."""
    case = company.begin(f"rewrites-{seed}")
    ended = {"refused": 0, "whole": 0}
    with rewritten(company.folder / "roster.csv", Random(f"roster-{seed}")):
        for _ in range(SYNCS):
            ended[sync_of(case)] += 1
    assert ended["refused"]
    assert case.sync().success
    assert case.is_as_hr_asks()
    assert len(case.received()) == CHANGED
    assert set(case.received().values()) == {1}
    case.end()
    note("sync, sqlite", "a roster written while it is read", "refused or whole, nobody twice", **ended)


def sync_of(case: Case) -> str:
    """What one sync came to, which has to be true."""
    sent, told = len(case.received()), case.sync()
    if told.success:
        assert case.is_as_hr_asks()
        return "whole"
    assert told.error == "UnhealthyRoster", told
    assert len(case.received()) == sent
    return "refused"
