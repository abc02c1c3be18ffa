"""PostgreSQL stopped, restarted and moved to another port, at seeded moments of loads, of marts and of syncs.

Each run is absorbed or ends in WarehouseError, with each partition wholly old or wholly new; a run afterwards gives the
undisturbed tables. The faults of SQLite stand in `test_file_moments`.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from exec_orchestration_tests.faults.company import WORLD, Company, assert_all_is_done, assert_applied_is_true
from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.errands import Errand, Told, do
from exec_orchestration_tests.faults.meddling import GoOn, meddle
from exec_orchestration_tests.faults.moments import CLOCK, Moment
from exec_orchestration_tests.faults.paths import Ways
from exec_orchestration_tests.faults.places import Databases, Sandbox, contents, sandbox
from exec_orchestration_tests.faults.server import Server, running
from exec_orchestration_tests.faults.verdicts import assert_named, assert_nothing_is_set_aside, outcome

pytestmark = pytest.mark.faults

STOPPED, RESTARTED, MOVED = "stopped", "restarted", "moved to another port"
SEEDS = {"ingest": 4, "marts": 4}
SYNC_SEEDS = 2
MOMENTS = 3
REMEMBERING = 4  # one seed of so many loads is run on a Dagster instance that outlives the process
LONGEST_OUTAGE = 1.5
KINDS = (CLOCK, CLOCK, "statement", "statement", "commit", "commit", "request", "answer")
SYNC_KINDS = (CLOCK, "statement", "commit", "request", "answer")


@dataclass(frozen=True)
class Home:
    """A server with the port that it comes back to, and the ways of which the tables are in it."""

    server: Server
    databases: Databases
    ways: Ways
    port: int

    def there(self, url: str) -> str:
        """The database of a URL, where the server is now."""
        return sa.make_url(url).set(port=self.server.port).render_as_string(hide_password=False)

    def fail(self, fault: str, random: Random, go_on: GoOn) -> None:
        """The fault; the run goes on while the server is down, or once it is back."""
        self.server.stop()
        if fault == STOPPED:
            go_on()
            return
        waits = fault == RESTARTED and random.random() < 0.5
        if not waits:
            go_on()
            time.sleep(random.random() * LONGEST_OUTAGE)
        self.server.start(port=0 if fault == MOVED else self.port)
        if waits:
            go_on()

    def come_back(self) -> None:
        """Be up on the port that it had."""
        if self.server.is_up and self.server.port != self.port:
            self.server.stop()
        if not self.server.is_up:
            self.server.start(port=self.port)


@pytest.fixture(scope="session")
def home_of_all(tmp_path_factory: pytest.TempPathFactory, old_vendors: Sandbox, vendors: Sandbox) -> Iterator[Home]:
    """A server that only these tests disturb."""
    with running() as server:
        url = server.url.replace("postgresql://", "postgresql+psycopg://")
        databases = Databases(Path(), url)
        ways = Ways(lambda _: databases, tmp_path_factory.mktemp, old_vendors, vendors)
        yield Home(server, databases, ways, server.port)


@pytest.fixture
def at_home(home_of_all: Home) -> Iterator[Home]:
    """That server, up on its port; also for whoever comes after a test that has failed."""
    yield home_of_all
    home_of_all.come_back()


def cases() -> list[object]:
    """Every seed of every fault and way."""
    return [
        pytest.param(fault, name, seed, id=f"{fault.split()[0]}-{name}-{seed}", marks=pytest.mark.xdist_group(group))
        for fault in (STOPPED, RESTARTED, MOVED)
        for name, seeds in SEEDS.items()
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        for group in [f"server-{name}"]
    ]


@pytest.mark.parametrize(("fault", "name", "seed"), cases())
def test_a_server_that_goes_away(at_home: Home, note: Note, fault: str, name: str, seed: int) -> None:
    """At three seeded moments in a row: absorbed or named, no partition half new, and the next run makes all whole."""
    way = at_home.ways(name, "postgresql", remembers=name == "ingest" and seed % REMEMBERING == 0)
    random = Random(f"{fault}-{name}-{seed}")
    url, home = way.copy(f"{fault.split()[0]}-{seed}")
    counted: Counter[str] = Counter()
    for _ in range(MOMENTS):
        kind = random.choice([each for each in KINDS if each == CLOCK or way.undisturbed[1].counts.get(each)])
        told, in_time = met(at_home, fault, way.errand(url, home), way.undisturbed[1], kind, random)
        url = at_home.there(url)
        what, partitions = outcome(way, told, url)
        counted.update(partitions)
        counted["moments" if in_time else "ended_before"] += 1
        if in_time:
            note(f"{name}, postgresql", f"{fault} ({kind})", what, moments=1)
    told = do(way.errand(url, home))
    assert told.success, told
    assert contents(url, way.tables) == way.undisturbed[0]
    if way.remembers:
        assert_nothing_is_set_aside(url)
    at_home.come_back()
    way.databases.drop(at_home.there(url))
    note(f"{name}, postgresql", f"the run after: {fault}", "tables equal", **counted)


def met(at_home: Home, fault: str, errand: Errand, undisturbed: Told, kind: str, random: Random) -> tuple[Told, bool]:
    """A run that the fault meets at a seeded share of its events of a kind, or of its time; whether it came in time."""
    share = random.random()

    def act(go_on: GoOn) -> None:
        at_home.fail(fault, random, go_on)

    if kind == CLOCK:
        told, in_time = meddle(errand, act, after=share * undisturbed.seconds)
    else:
        errand = replace(errand, moment=Moment(kind, 1 + int(share * undisturbed.counts[kind])))
        told, in_time = meddle(errand, act)
    if not at_home.server.is_up:
        at_home.come_back()
    return told, in_time


@pytest.fixture(scope="session")
def company(home_of_all: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company of which the warehouse is on that server."""
    with sandbox(*WORLD) as sparkwise:
        yield Company(home_of_all.databases, sparkwise, tmp_path_factory.mktemp("company"))


def sync_cases() -> list[object]:
    """Every seed of every fault."""
    return [
        pytest.param(fault, seed, id=f"{fault.split()[0]}-{seed}", marks=pytest.mark.xdist_group("server-ingest"))
        for fault in (STOPPED, RESTARTED, MOVED)
        for seed in range(FIRST_SEED, FIRST_SEED + SYNC_SEEDS)
    ]


@pytest.mark.parametrize(("fault", "seed"), sync_cases())
def test_a_sync_whose_server_goes_away(at_home: Home, company: Company, note: Note, fault: str, seed: int) -> None:
    """At three seeded moments in a row: what is called applied is so, and the next sync ends it, with nobody twice."""
    undisturbed, random = company.undisturbed, Random(f"{fault}-sync-{seed}")
    case = company.begin(f"{fault.split()[0]}-{seed}")
    for _ in range(MOMENTS):
        kind = random.choice(SYNC_KINDS)
        told, in_time = met(at_home, fault, company.errand(case.url, case.home), undisturbed, kind, random)
        at_home.come_back()
        if not told.success:
            assert_named(told)
        assert_applied_is_true(case)
        if in_time:
            what = "accounts as HR asks" if told.success else "WarehouseError"
            note("sync, postgresql", f"{fault} ({kind})", what, moments=1)
    told = case.sync()
    assert told.success, told
    assert_all_is_done(case)
    case.end()
    note("sync, postgresql", f"the run after: {fault}", "accounts as HR asks", runs=1)
