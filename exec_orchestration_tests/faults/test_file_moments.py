"""SQLite locked, full, read-only and cut off, at seeded moments of loads and of marts.

Each run is absorbed or ends in WarehouseError, with each partition wholly old or wholly new; a run afterwards gives the
undisturbed tables. The faults of PostgreSQL stand in `test_server_moments`.
"""

import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.errands import Errand, Told, do
from exec_orchestration_tests.faults.meddling import CutOff, GoOn, LimitFiles, Pragma, meddle
from exec_orchestration_tests.faults.moments import Moment
from exec_orchestration_tests.faults.paths import Way, Ways
from exec_orchestration_tests.faults.places import contents
from exec_orchestration_tests.faults.verdicts import assert_named, assert_nothing_is_set_aside, outcome

pytestmark = pytest.mark.faults

FULL, LOCKED = "disk full", "locked for longer than is waited"
SEEDS = {"ingest": 3, "marts": 2}
MOMENTS = 4
REMEMBERING = 3  # one seed of so many is run on a Dagster instance that outlives the process
COUNTED = ("statement", "statement", "commit", "commit", "request", "answer")
ABSORBED_SECONDS = 1.5  # of the 60 that a writer waits
# The run's own patience, in the place of the 60 s; `test_warehouse_faults` waits for all of them once.
IMPATIENT = Pragma("busy_timeout", "200")
OUTLASTING_SECONDS = (0.4, 1.5)
SMALLEST_FILE, LARGEST_FILE = 500, 700_000  # the databases have 450 kB


def cases() -> list[object]:
    """Every seed of every way."""
    return [
        pytest.param(name, seed, id=f"{name}-{seed}", marks=pytest.mark.xdist_group(f"{name}-sqlite"))
        for name, seeds in SEEDS.items()
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


class Disturbed:
    """One copy of a way's tables, which is disturbed a few times and then loaded by an undisturbed run."""

    def __init__(self, way: Way, fault: str, seed: int, note: Note) -> None:
        self.way = way
        self.random = Random(f"{fault}-{way.name}-{seed}")
        self._place = f"{fault.replace(' ', '-')}-{seed}"
        self.url, self.home = way.copy(self._place)
        self.path = Path(str(sa.make_url(self.url).database))
        self._fault, self._note = fault, note
        self._counted: Counter[str] = Counter()

    def errand(self, *kinds: str) -> tuple[Errand, str]:
        """A run with a seeded moment, and the moment's kind."""
        counts = self.way.undisturbed[1].counts
        kind = self.random.choice([each for each in kinds if counts.get(each)])
        moment = Moment(kind, 1 + int(self.random.random() * counts[kind]))
        return self.way.errand(self.url, self.home, moment=moment), kind

    def judge(self, told: Told, kind: str) -> str:
        """What the run came to; each partition is old or new. Tables that are new are old again then."""
        what, partitions = outcome(self.way, told, self.url)
        self._counted.update(partitions)
        self.keep(what, kind)
        if told.success:
            self.renew()
        return what

    def keep(self, what: str, kind: str) -> None:
        """Note an outcome."""
        self._counted["moments"] += 1
        self._note(f"{self.way.name}, sqlite", f"{self._fault} ({kind})", what, moments=1)

    def renew(self) -> None:
        """Put the copy of before in the place of the file."""
        for end in ("-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        shutil.copy(str(sa.make_url(self.way.template).database), self.path)

    def end(self) -> None:
        """A run with nothing in its way makes the tables those of an undisturbed run."""
        told = do(self.way.errand(self.url, self.home))
        assert told.success, told
        assert contents(self.url, self.way.tables) == self.way.undisturbed[0]
        if self.way.remembers:
            assert_nothing_is_set_aside(self.url)
        self.way.databases.drop(self.url)
        self._note(f"{self.way.name}, sqlite", f"the run after: {self._fault}", "tables equal", **self._counted)


Begin = Callable[[str, str, int], Disturbed]


@pytest.fixture
def begin(ways: Ways, note: Note) -> Begin:
    """A copy of a way's tables, for one fault and one seed."""

    def begun(fault: str, name: str, seed: int) -> Disturbed:
        # Not where the disk is full: Dagster's records would be on it, and Dagster's own errors have no name of ours.
        remembers = (fault, name) == (LOCKED, "ingest") and seed % REMEMBERING == 0
        return Disturbed(ways(name, "sqlite", remembers=remembers), fault, seed, note)

    return begun


def hold(path: Path, seconds: float, go_on: GoOn) -> None:
    """Write to the file, as soon as nobody else does, and let go of it after so many seconds."""
    holder = sqlite3.connect(path, isolation_level=None, timeout=60)
    go_on()
    holder.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    holder.execute("ROLLBACK")
    holder.close()


@pytest.mark.parametrize(("name", "seed"), cases())
def test_another_writer_that_lets_go(begin: Begin, name: str, seed: int) -> None:
    """From seeded moments, for up to two seconds: a writer waits, and the tables are those of an undisturbed run."""
    case = begin("locked for less than is waited", name, seed)
    for _ in range(MOMENTS):
        errand, kind = case.errand(*COUNTED)
        seconds = case.random.random() * ABSORBED_SECONDS
        told, _ = meddle(errand, lambda go_on, held=seconds: hold(case.path, held, go_on))
        assert case.judge(told, kind) == "tables equal"
    case.end()


@pytest.mark.parametrize(("name", "seed"), cases())
def test_another_writer_that_does_not_let_go(begin: Begin, name: str, seed: int) -> None:
    """From seeded moments, for longer than the run waits: the error says that the file is locked."""
    case = begin(LOCKED, name, seed)
    for _ in range(MOMENTS):
        errand, kind = case.errand(*COUNTED)
        seconds = case.random.uniform(*OUTLASTING_SECONDS)
        impatient = replace(errand, at_begin=IMPATIENT)
        told, _ = meddle(impatient, lambda go_on, held=seconds: hold(case.path, held, go_on))
        assert told.success or "locked" in told.text
        case.judge(told, kind)
    case.end()


@pytest.mark.parametrize(("name", "seed"), cases())
def test_a_disk_that_is_full(begin: Begin, name: str, seed: int) -> None:
    """No file grows beyond a seeded size, from the beginning or from a seeded moment; or SQLite itself says so."""
    case = begin(FULL, name, seed)
    for number in range(MOMENTS + 2):
        errand, kind = case.errand(*COUNTED)
        size = int(SMALLEST_FILE * (LARGEST_FILE / SMALLEST_FILE) ** case.random.random())
        if number % 3 == 0:
            pages = case.path.stat().st_size // 4096 + int(case.random.random() * 8)
            told, kind = do(replace(errand, moment=None, at_begin=Pragma("max_page_count", str(pages)))), "pages"
        elif number % 3 == 1:
            told, kind = do(replace(errand, moment=None, file_bytes=size)), "size"
        else:
            told = do(replace(errand, at_moment=LimitFiles(size)))
        assert case.judge(told, kind) in ("WarehouseError", "tables equal")
    case.end()


@pytest.mark.parametrize(("name", "seed"), cases())
def test_a_file_that_may_only_be_read_any_more(begin: Begin, name: str, seed: int) -> None:
    """From a seeded moment on: writers are refused as they are by a file system that was mounted again to be read.

    Of a file whose mode is changed, who has it open notices nothing, and root never does. So SQLite itself refuses
    whoever begins to write or is in the middle of it (`PRAGMA query_only`), with the error that it has for such a file.
    """
    case = begin("read-only", name, seed)
    for _ in range(MOMENTS):
        errand, kind = case.errand(*COUNTED)
        told = do(replace(errand, at_moment=Pragma("query_only", "ON", only_writers="OFF")))
        assert told.success or "readonly" in told.text
        case.judge(told, kind)
    case.end()


@pytest.mark.parametrize(("name", "seed"), cases())
def test_a_file_that_is_cut_off_in_the_middle(begin: Begin, name: str, seed: int) -> None:
    """At a seeded moment, at a seeded length: the run is told, or the next reader, or nothing is missing.

    With the copy of before back in its place, a run mends it.
    """
    case = begin("cut off", name, seed)
    for _ in range(MOMENTS):
        errand, kind = case.errand(*COUNTED)
        told = do(replace(errand, at_moment=CutOff(str(case.path), case.random.random())))
        outcome = after_a_cut(case, told)
        assert outcome in ("WarehouseError", "noticed by the next reader", "tables equal")
        case.keep(outcome, kind)
        case.renew()
    case.end()


def after_a_cut(case: Disturbed, told: Told) -> str:
    """Who was told that the file is cut off; whoever reads tables and is not told has all of their rows."""
    if not told.success:
        assert_named(told)
        return "WarehouseError"
    try:
        found = contents(case.url, case.way.tables)
    except sa.exc.DatabaseError:
        return "noticed by the next reader"
    assert found == case.way.undisturbed[0]
    return "tables equal"
