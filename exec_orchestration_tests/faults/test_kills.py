"""Loads and marts that are killed at seeded moments, over and over, and then run to their end.

After each kill every partition is wholly old or wholly new; after the last run all tables are those of a run that
nobody has disturbed. The same of the sync stands in `test_sync_kills`.
"""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.errands import Errand, Told, do
from exec_orchestration_tests.faults.moments import CLOCK, Moment
from exec_orchestration_tests.faults.paths import Way, Ways
from exec_orchestration_tests.faults.places import contents
from exec_orchestration_tests.faults.verdicts import (
    assert_no_run_is_stuck,
    assert_nothing_is_set_aside,
    assert_told_is_true,
    whole_partitions,
)

pytestmark = pytest.mark.faults

SEEDS = {"ingest": 11, "marts": 5}
KILLS = 10
REMEMBERING = 12  # one seed of so many is run on a Dagster instance that outlives the process
# The clock hits wherever most time goes by; the counted moments hit the insides of transactions.
KINDS = (CLOCK, CLOCK, "statement", "statement", "commit", "request", "answer", "record", "call")


def cases() -> list[object]:
    """Every seed of every way on each engine."""
    return [
        pytest.param(
            name, engine, seed, id=f"{name}-{engine}-{seed}", marks=pytest.mark.xdist_group(f"{name}-{engine}")
        )
        for name, seeds in SEEDS.items()
        for engine in ("sqlite", "postgresql")
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


@pytest.mark.parametrize(("name", "engine", "seed"), cases())
def test_a_killed_run_leaves_nothing_half_done(ways: Ways, note: Note, name: str, engine: str, seed: int) -> None:
    """Killed ten times at seeded moments: no partition is ever half new, and the next run makes all of it whole."""
    way = ways(name, engine, remembers=seed % REMEMBERING == 0)
    random = Random(f"{name}-{engine}-{seed}")
    url, home = way.copy(f"{seed}")
    counted: Counter[str] = Counter()
    for _ in range(KILLS):
        kind = random.choice([each for each in KINDS if each in (CLOCK, "call") or way.undisturbed[1].counts.get(each)])
        told = killed_at(way, kind, random.random(), url, home)
        counted["kills" if told.killed else "ended_before"] += 1
        counted.update(whole_partitions(way, contents(url, way.tables)))
        if way.remembers:
            assert_told_is_true(way, url, home)
        if told.killed:
            note(f"{name}, {engine}", f"SIGKILL ({kind})", "each partition old or new", kills=1)
    told = do(way.errand(url, home))
    assert told.success, told
    assert contents(url, way.tables) == way.undisturbed[0]
    if way.remembers:
        assert_nothing_is_set_aside(url)
        assert_no_run_is_stuck(home)
    way.databases.drop(url)
    note(f"{name}, {engine}", "the run after the kills", "tables equal", **counted)


def killed_at(way: Way, kind: str, share: float, url: str, home: Path) -> Told:
    """A run that is killed at this share of its events of a kind, or of its time."""
    undisturbed = way.undisturbed[1]
    if kind == CLOCK:
        return do(way.errand(url, home), kill_after=share * undisturbed.seconds)
    total = way.calls if kind == "call" else undisturbed.counts[kind]
    errand: Errand = way.errand(url, home, moment=Moment(kind, 1 + int(share * total)), calls=kind == "call")
    return do(errand)
