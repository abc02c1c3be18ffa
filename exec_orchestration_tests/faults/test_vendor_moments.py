"""A fault of a vendor at any request of a load of nine tables, by seed: absorbed where it can be, or told by name.

After it every partition is wholly old or wholly new, and the next run makes all tables those of an undisturbed run.
Each fault by itself, with what its error says, stands in `test_vendor_faults`.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.errands import Told, do
from exec_orchestration_tests.faults.paths import Way, Ways
from exec_orchestration_tests.faults.places import Sandbox, contents, home_in
from exec_orchestration_tests.faults.proxy import DROP, HANG, TRICKLE, Bend, Exchange, Proxy, proxy
from exec_orchestration_tests.faults.vendor_faults import (
    EQUAL,
    HTML,
    QUICK,
    answers,
    in_small_pages,
    pages,
    sends,
    total,
)
from exec_orchestration_tests.faults.verdicts import assert_nothing_is_set_aside, whole_partitions

pytestmark = pytest.mark.faults

SEEDS = 14
MOVED = "a total or a number of pages that changes"


def of_a_page(bend: Bend) -> Bend:
    """Where the answer is a page with rows that tells of the whole; other answers stay as they are."""

    def bent(exchange: Exchange) -> None:
        found = json.loads(exchange.body) if exchange.status == 200 else {}
        if isinstance(found, dict) and found.get("data") and "pagination" in found:
            bend(exchange)

    return bent


# What a request may meet, and what the run then comes to: EQUAL, or an error's class.
AT_ANY_REQUEST: tuple[tuple[str, Bend, str], ...] = (
    ("cut off, hanging or trickling", sends(DROP), EQUAL),
    ("cut off, hanging or trickling", sends(HANG), EQUAL),
    ("cut off, hanging or trickling", sends(TRICKLE), EQUAL),
    *((f"status {status}", answers(status), EQUAL) for status in (408, 429, 500, 502, 503, 504)),
    *((MOVED, of_a_page(bend), EQUAL) for bend in (total(1), total(-1), pages(1), pages(-1))),
    *((f"status {status}", answers(status), "KeyRefused") for status in (401, 403)),
    ("status 404", answers(404), "UnknownResource"),
    ("status 400 or a redirect", answers(400), "Refused"),
    ("status 400 or a redirect", answers(301, location="http://127.0.0.1:9/"), "Refused"),
    ("no JSON, or of another shape", answers(200, HTML, content_type="text/html"), "BadAnswer"),
    ("no JSON, or of another shape", answers(200, b'{"data": ['), "BadAnswer"),
    ("no JSON, or of another shape", answers(200, b"7"), "BadAnswer"),
)


@pytest.fixture(scope="module")
def between(vendors: Sandbox) -> Iterator[tuple[str, Proxy]]:
    """What lies between the house and the vendors."""
    with proxy(re.sub(r"/sparkwise$", "", vendors.settings["SPARKWISE_API_URL"])) as made:
        yield made


@pytest.fixture(scope="module")
def load(ways: Ways, between: tuple[str, Proxy]) -> Callable[[str], tuple[Way, int]]:
    """The way of a load on an engine through the proxy, and how many requests an undisturbed one makes."""
    address, faulty = between

    @cache
    def found(engine: str) -> tuple[Way, int]:
        way = ways("ingest", engine, remembers=False)
        there = {name: re.sub(r"http://127[^/]+", address, value) for name, value in way.settings.items()}
        here = replace(way, settings={**there, **QUICK, "EXEC_CONCURRENCY": "1"}, name=f"{way.name}-proxy")
        faulty.heal()
        faulty.ask = in_small_pages
        assert run(here, here.databases.new(like=here.template), "requests").success
        return here, len(faulty.targets)

    return found


def run(way: Way, url: str, name: str) -> Told:
    """A run of the way over a database."""
    home = way.folder / f"moments-{name}"
    if not home.exists():
        home_in(home, like=way.home)
    return do(replace(way.errand(url, home), hurried=True))


def cases() -> list[object]:
    """Every seed on each engine."""
    return [
        pytest.param(engine, seed, id=f"{engine}-{seed}", marks=pytest.mark.xdist_group(f"moments-{engine}"))
        for engine in ("sqlite", "postgresql")
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)
    ]


@pytest.mark.parametrize(("engine", "seed"), cases())
def test_a_fault_at_any_request(
    load: Callable[[str], tuple[Way, int]], between: tuple[str, Proxy], note: Note, engine: str, seed: int
) -> None:
    """Nothing is half new, nothing is silently short, and the rerun gives the tables of an undisturbed run."""
    (way, requests), (_, faulty), random = load(engine), between, Random(f"vendor-{engine}-{seed}")
    fault, bend, outcome = random.choice(AT_ANY_REQUEST)
    moment = random.randint(1, requests)
    url = way.databases.new(like=way.template)
    faulty.heal()
    faulty.ask = in_small_pages
    faulty.bend = lambda exchange: bend(exchange) if exchange.number == moment else None
    told = run(way, url, f"{engine}-{seed}")
    found = whole_partitions(way, contents(url, way.tables))
    assert (told.success and contents(url, way.tables) == way.undisturbed[0]) or told.error == outcome, told
    faulty.heal()
    again = run(way, url, f"{engine}-{seed}")
    assert again.success, again
    assert contents(url, way.tables) == way.undisturbed[0]
    assert_nothing_is_set_aside(url)
    way.databases.drop(url)
    note(f"vendor, {engine}", f"{fault}, at any request", "absorbed" if told.success else told.error, **found)
