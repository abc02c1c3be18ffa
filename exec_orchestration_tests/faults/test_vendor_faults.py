"""Every fault of a vendor, through a whole asset in a process of its own: absorbed, or told by name, and then mended.

After an error the table holds what it held before; once the fault is gone, a run makes it what it should be.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from exec_orchestration import errors
from exec_orchestration.tables.budget import api_holds
from exec_orchestration_tests.faults.conftest import FIRST, LAST, NO_LIMITS, Note
from exec_orchestration_tests.faults.errands import Errand, Step, Told, do
from exec_orchestration_tests.faults.places import Contents, Databases, Sandbox, contents, home_in, rows_in
from exec_orchestration_tests.faults.proxy import Proxy, proxy
from exec_orchestration_tests.faults.vendor_faults import (
    EQUAL,
    FAULTS,
    MEMBERS,
    PATHS,
    Fault,
    answers,
    in_small_pages,
)

pytestmark = pytest.mark.faults


class Place:
    """An asset's table that holds the old rows, a run that brings the new ones through a proxy."""

    def __init__(self, asset: str, databases: Databases, folder: Path, old: Sandbox, now: Sandbox) -> None:
        self.asset = asset
        self.databases = databases
        self._step = Step((asset,)) if asset == MEMBERS else Step((asset,), FIRST, LAST)
        self._home = home_in(folder / "home")
        self._now = now
        self.template = databases.new()
        assert self._do(self.template, old.settings).success
        url = databases.new(like=self.template)
        assert self._do(url, now.settings).success
        self.before, self.undisturbed = contents(self.template, [asset]), contents(url, [asset])
        assert self.before != self.undisturbed

    def run(self, url: str, address: str, **settings: str) -> Told:
        """A run of the asset, whose vendors are at this address."""
        there = {name: re.sub(r"http://[^/]+", address, value) for name, value in self._now.settings.items()}
        return self._do(url, {**there, **settings})

    def _do(self, url: str, settings: dict[str, str]) -> Told:
        all_of_them = {**NO_LIMITS, "EXEC_CONCURRENCY": "1", **settings, "WAREHOUSE_URL": url}
        return do(Errand((self._step,), all_of_them, self._home, remembers=False, hurried=True))


PlaceOf = Callable[[str, str], Place]


@pytest.fixture(scope="session")
def places(
    engines: Callable[[str], Databases],
    tmp_path_factory: pytest.TempPathFactory,
    old_vendors: Sandbox,
    vendors: Sandbox,
) -> PlaceOf:
    """A place by its asset and engine, prepared once."""
    made: dict[tuple[str, str], Place] = {}

    def found(asset: str, engine: str) -> Place:
        if (asset, engine) not in made:
            folder = tmp_path_factory.mktemp(f"{asset}-{engine}")
            made[asset, engine] = Place(asset, engines(engine), folder, old_vendors, vendors)
        return made[asset, engine]

    return found


@pytest.fixture(scope="session")
def between(vendors: Sandbox) -> Iterator[tuple[str, Proxy]]:
    """What lies between the house and the vendors."""
    with proxy(re.sub(r"/sparkwise$", "", vendors.settings["SPARKWISE_API_URL"])) as made:
        yield made


def cases() -> list[object]:
    """Every fault on each of its engines."""
    return [
        pytest.param(fault, engine, id=f"{fault.name}-{engine}", marks=pytest.mark.xdist_group("vendors"))
        for fault in FAULTS
        for engine in fault.engines
    ]


@pytest.mark.parametrize(("fault", "engine"), cases())
def test_a_fault_of_a_vendor(
    places: PlaceOf, between: tuple[str, Proxy], note: Note, fault: Fault, engine: str
) -> None:
    """Absorbed, or an error of the tree that says what to do; once it is gone, the tables are as if it never was."""
    place, (address, faulty) = places(fault.asset, engine), between
    url = place.databases.new(like=place.template)
    faulty.heal()
    faulty.ask = in_small_pages
    faulty.bend = lambda exchange: fault.bend(exchange) if PATHS[fault.asset] in exchange.target else None
    told = place.run(url, address, **fault.settings)
    now = contents(url, [fault.asset])
    if fault.outcome == EQUAL:
        assert told.success, told
        assert_equal(place, now, but_one_row=fault.changes_rows)
    elif fault.changes_rows:
        assert fault.outcome in told.failed_checks
    else:
        assert told.error == fault.outcome, told
        assert issubclass(getattr(errors, told.error), errors.ExecOrchestrationError)
        assert re.search(fault.told, told.text), told.text
        assert now == place.before
    faulty.heal()
    if told.error == "RateLimited":
        let_the_hold_end(url)
    again = place.run(url, address)
    assert again.success, again
    assert contents(url, [fault.asset]) == place.undisturbed
    place.databases.drop(url)
    note(f"vendor, {engine}", fault.name, fault.outcome, runs=2)


def assert_equal(place: Place, now: Contents, *, but_one_row: bool) -> None:
    """The table is the undisturbed one; where a row arrived with other values, no row is missing all the same."""
    if but_one_row:
        assert rows_in(now) == rows_in(place.undisturbed)
    else:
        assert now == place.undisturbed


def let_the_hold_end(url: str) -> None:
    """As if the time that the vendor has asked to wait had passed."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(api_holds.delete())
    engine.dispose()


def test_the_key_does_not_follow_a_redirect(
    places: PlaceOf, between: tuple[str, Proxy], vendors: Sandbox, note: Note
) -> None:
    """Another host that a vendor names is not asked at all, so that it never sees the key."""
    place, (address, faulty) = places(MEMBERS, "sqlite"), between
    faulty.heal()
    with proxy(re.sub(r"/sparkwise$", "", vendors.settings["SPARKWISE_API_URL"])) as (elsewhere, other):
        for status in (301, 302, 303, 307, 308):
            faulty.bend = answers(status, location=f"{elsewhere}/exec/rest/v1/workspace/members")
            told = place.run(place.template, address)
            assert told.error == "Refused"
            assert "set EXEC_API_URL to the API's final address" in told.text
        assert (other.targets, other.keys) == ([], [])
        assert any(faulty.keys)
    note("vendor, sqlite", "a redirect to another host", "Refused, the other host was not asked", runs=5)
