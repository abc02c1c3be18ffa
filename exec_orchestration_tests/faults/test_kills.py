"""Loads and marts that are killed at seeded moments, over and over, and then run to their end.

After each kill every partition is wholly old or wholly new; after the last run all tables are those of a run that
nobody has disturbed. The same of the sync stands in `test_sync_kills`.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import dagster as dg
import pytest

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.budget import api_reservations
from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.errands import Errand, Told, do
from exec_orchestration_tests.faults.moments import CLOCK, Moment
from exec_orchestration_tests.faults.paths import Way, ingest, marts
from exec_orchestration_tests.faults.places import Contents, Databases, Sandbox, contents, read

pytestmark = pytest.mark.faults

SEEDS = {"ingest": 11, "marts": 5}
KILLS = 10
REMEMBERING = 12  # one seed of so many is run on a Dagster instance that outlives the process
MAKERS = {"ingest": ingest, "marts": marts}
WayOf = Callable[[str, str, int], Way]
# The clock hits wherever most time goes by; the counted moments hit the insides of transactions.
KINDS = (CLOCK, CLOCK, "statement", "statement", "commit", "request", "answer", "record", "call")


@pytest.fixture(scope="session")
def ways(
    engines: Callable[[str], Databases],
    tmp_path_factory: pytest.TempPathFactory,
    old_vendors: Sandbox,
    vendors: Sandbox,
) -> WayOf:
    """A way by its name and its engine, prepared once."""
    made: dict[tuple[str, str, bool], Way] = {}

    def found(name: str, engine: str, seed: int) -> Way:
        key = name, engine, seed % REMEMBERING == 0
        if key not in made:
            folder = tmp_path_factory.mktemp(f"{name}-{engine}")
            made[key] = MAKERS[name](engines(engine), folder, old_vendors, vendors, remembers=key[2])
        return made[key]

    return found


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
def test_a_killed_run_leaves_nothing_half_done(ways: WayOf, note: Note, name: str, engine: str, seed: int) -> None:
    """Killed ten times at seeded moments: no partition is ever half new, and the next run makes all of it whole."""
    way, random = ways(name, engine, seed), Random(f"{name}-{engine}-{seed}")
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
        assert read(url, api_reservations.select()) == []
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


def whole_partitions(way: Way, now: Contents) -> Counter[str]:
    """How many partitions are old and how many new; there is nothing else."""
    before, after = way.before, way.undisturbed[0]
    found: Counter[str] = Counter()
    for place in before.keys() | after.keys() | now.keys():
        name, _ = place
        if METADATA.tables[name].info["group"] == "ledger":
            continue
        rows = now.get(place, ())
        assert rows in (before.get(place, ()), after.get(place, ())), f"{place} is neither old nor new"
        found["new_partitions" if rows == after.get(place, ()) else "old_partitions"] += 1
    return found


def assert_told_is_true(way: Way, url: str, home: Path) -> None:
    """What the killed run has told Dagster of, stands."""
    now, after = contents(url, way.tables), way.undisturbed[0]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs(limit=1)
        if run.run_id in way.runs_before:
            return
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            event = entry.dagster_event
            assert event is not None
            assert event.asset_key is not None
            place = event.asset_key.to_user_string(), event.partition or ""
            if place[0] in way.tables:
                assert now.get(place, ()) == after.get(place, ()), f"{place} was told, and does not stand"


def assert_no_run_is_stuck(home: Path) -> None:
    """Every run has ended, as far as Dagster knows."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert all(run.is_finished for run in instance.get_runs())
