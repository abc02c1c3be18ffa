"""Faults of the warehouse: locked, full, read-only, cut off, stopped, moved, half migrated, loaded twice at once.

Each is absorbed or ends in WarehouseError, which says what to do; after mending, a run gives the undisturbed tables.
"""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from exec_orchestration_tests.faults.conftest import FIRST, LAST, NO_LIMITS, Note
from exec_orchestration_tests.faults.errands import Errand, Running, Step, Told, do
from exec_orchestration_tests.faults.moments import Moment
from exec_orchestration_tests.faults.places import Contents, Databases, Sandbox, contents, home_in, names_in
from exec_orchestration_tests.faults.proxy import Exchange, proxy
from exec_orchestration_tests.faults.server import Server, running
from exec_orchestration_tests.faults.verdicts import assert_named

ASSETS = ("exec_sessions", "sparkwise_completions")
STEPS = (Step(ASSETS, FIRST, LAST),)
MIGRATION_KILLS = 12
HELD_SECONDS = 90  # SQLite waits for 60 of them

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("warehouse")]


class Loads:
    """Loads of three days, of one vendor, into any warehouse."""

    def __init__(self, folder: Path, vendors: Sandbox) -> None:
        self.home = home_in(folder / "home")
        self.second_home = home_in(folder / "second", like=self.home)
        self.settings = {**NO_LIMITS, **vendors.settings}

    def errand(self, url: str, home: Path | None = None, *, settings: dict[str, str] | None = None) -> Errand:
        """A load."""
        all_of_them = {**self.settings, **(settings or {}), "WAREHOUSE_URL": url}
        return Errand(STEPS, all_of_them, home or self.home, remembers=False, hurried=True)

    def into(self, url: str, **settings: str) -> Told:
        """What a load tells."""
        return do(self.errand(url, settings=settings))


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory, vendors: Sandbox) -> Loads:
    """Loads of the vendors of now."""
    return Loads(tmp_path_factory.mktemp("loads"), vendors)


@pytest.fixture(scope="module")
def undisturbed(loads: Loads, engines: Callable[[str], Databases]) -> dict[str, Contents]:
    """What a load makes of an empty warehouse, on each engine."""
    found = {}
    for engine in ("sqlite", "postgresql"):
        url = engines(engine).new()
        assert loads.into(url).success
        found[engine] = contents(url, ASSETS)
    return found


@pytest.fixture
def old(engines: Callable[[str], Databases], loads: Loads, old_vendors: Sandbox) -> str:
    """A warehouse on SQLite with the rows of before."""
    url = engines("sqlite").new()
    assert loads.into(url, **old_vendors.settings).success
    return url


def test_a_writer_that_does_not_let_go(old: str, loads: Loads, undisturbed: dict[str, Contents], note: Note) -> None:
    """Another process holds the file for longer than anybody waits: the error says so, and the old rows stand."""
    before = contents(old, ASSETS)
    holder = sqlite3.connect(str(sa.make_url(old).database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    errand = loads.errand(old)
    waiting = Running(Errand((Step(ASSETS[:1], FIRST, LAST),), errand.settings, errand.folder, remembers=False))
    waiting.wait(HELD_SECONDS)
    holder.execute("ROLLBACK")
    holder.close()
    told = waiting.end()
    assert_named(told)
    assert "locked" in told.text
    assert contents(old, ASSETS) == before
    assert loads.into(old).success
    assert contents(old, ASSETS) == undisturbed["sqlite"]
    note("warehouse, sqlite", f"locked for {HELD_SECONDS} s", "WarehouseError", runs=2)


def test_a_full_disk(
    engines: Callable[[str], Databases], old: str, loads: Loads, undisturbed: dict[str, Contents], note: Note
) -> None:
    """No file may grow any more, at several sizes: the error is named, nothing is half-written, and space mends it."""
    before = contents(old, ASSETS)
    path = Path(str(sa.make_url(old).database))
    ended = 0
    for more in (2_000, 8_000, 20_000, 60_000):
        errand = loads.errand(old)
        full = Errand(errand.steps, errand.settings, errand.folder, remembers=False, file_bytes=more)
        told = do(full)
        if told.success:
            break
        assert told.error == "WarehouseError", told
        assert contents(old, ASSETS) == before
        ended += 1
    assert ended
    assert path.exists()
    assert loads.into(old).success
    assert contents(old, ASSETS) == undisturbed["sqlite"]
    note("warehouse, sqlite", "disk full", "WarehouseError", runs=ended + 1)


def test_a_file_that_may_only_be_read(old: str, loads: Loads, undisturbed: dict[str, Contents], note: Note) -> None:
    """The error says that the database has to be writable; the old rows stand."""
    before = contents(old, ASSETS)
    told = loads.into(f"sqlite:///file:{sa.make_url(old).database}?mode=ro&uri=true")
    assert_named(told)
    assert "readonly" in told.text
    assert contents(old, ASSETS) == before
    assert loads.into(old).success
    assert contents(old, ASSETS) == undisturbed["sqlite"]
    note("warehouse, sqlite", "a file that may only be read", "WarehouseError", runs=2)


def test_a_file_that_is_cut_off(
    engines: Callable[[str], Databases], old: str, loads: Loads, undisturbed: dict[str, Contents], note: Note
) -> None:
    """Half a file is no database: the error names it; with the copy of yesterday back in its place, a run mends it."""
    backup = engines("sqlite").new(like=old)
    path = Path(str(sa.make_url(old).database))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    told = loads.into(old)
    assert_named(told)
    path.write_bytes(Path(str(sa.make_url(backup).database)).read_bytes())
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    assert loads.into(old).success
    assert contents(old, ASSETS) == undisturbed["sqlite"]
    note("warehouse, sqlite", "a file that is cut off", "WarehouseError", runs=2)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_two_runs_of_the_same_days_at_once(
    engines: Callable[[str], Databases], loads: Loads, undisturbed: dict[str, Contents], note: Note, engine: str
) -> None:
    """Both end well, and each row stands once."""
    for _ in range(3):
        url = engines(engine).new()
        both = [Running(loads.errand(url, home)) for home in (loads.home, loads.second_home)]
        assert all(each.end().success for each in both)
        assert contents(url, ASSETS) == undisturbed[engine]
        engines(engine).drop(url)
    note(f"warehouse, {engine}", "two runs of the same days at once", "tables equal", runs=6)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_migration_that_is_killed(
    engines: Callable[[str], Databases], loads: Loads, undisturbed: dict[str, Contents], note: Note, engine: str
) -> None:
    """At whichever statement of it: there is the whole schema or none, and the next run makes it and loads."""
    kills = 0
    for number in range(1, MIGRATION_KILLS + 1):
        url = engines(engine).new()
        errand = loads.errand(url)
        moment = Moment("statement", 3 * number)
        killed = do(Errand(errand.steps, errand.settings, errand.folder, moment=moment, remembers=False)).killed
        kills += killed
        tables = names_in(url)
        assert not tables or set(ASSETS) < tables
        if number % 4 == 0:
            assert loads.into(url).success
            assert contents(url, ASSETS) == undisturbed[engine]
        engines(engine).drop(url)
    assert kills
    note(f"warehouse, {engine}", "a migration that is killed", "whole schema or none", kills=kills)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """PostgreSQL on a port."""
    with running() as made:
        yield made


@pytest.mark.parametrize("comes_back", [False, True], ids=["stopped", "restarted"])
def test_postgresql_is_stopped_in_the_middle_of_a_load(
    server: Server, loads: Loads, vendors: Sandbox, undisturbed: dict[str, Contents], note: Note, comes_back: bool
) -> None:
    """While a listing is fetched, as in a crash: the error is named, and once it is up a run makes the tables whole."""
    base = vendors.settings["SPARKWISE_API_URL"].removesuffix("/sparkwise")
    stopped: list[int] = []

    def stop(exchange: Exchange) -> None:
        if "/sessions" in exchange.target and not stopped:
            stopped.append(exchange.number)
            server.stop()
            if comes_back:
                server.start(port=server.port)

    with proxy(base) as (address, between):
        between.bend = stop
        there = {name: value.replace(base, address) for name, value in vendors.settings.items()}
        told = loads.into(server.url, **there)
    assert stopped
    assert_named(told)
    if not comes_back:
        server.start(port=server.port)
    assert loads.into(server.url).success
    assert contents(server.url.replace("postgresql://", "postgresql+psycopg://"), ASSETS) == undisturbed["postgresql"]
    fault = "restarted" if comes_back else "stopped"
    note("warehouse, postgresql", f"{fault} in the middle of a load", "WarehouseError", runs=2)


def test_postgresql_comes_back_on_another_port(
    server: Server, loads: Loads, undisturbed: dict[str, Contents], note: Note
) -> None:
    """With the old WAREHOUSE_URL the error names the setting, without its password; with the new one a run is well."""
    old = server.url.replace("postgres@", "postgres:secret@")
    server.stop()
    server.start()
    told = loads.into(old)
    assert_named(told)
    assert "secret" not in told.text
    assert loads.into(server.url).success
    assert contents(server.url.replace("postgresql://", "postgresql+psycopg://"), ASSETS) == undisturbed["postgresql"]
    note("warehouse, postgresql", "another port", "WarehouseError", runs=2)
