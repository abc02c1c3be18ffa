"""Syncs that are killed at seeded moments, over and over, and then run to their end: nobody twice, nobody lost.

Judged by Sparkwise's own accounts and its own log of what it was sent, not by what the house believes.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest

from exec_orchestration_tests.faults.company import (
    CHANGED,
    WORLD,
    Case,
    Company,
    assert_all_is_done,
    assert_applied_is_true,
    unanswered,
)
from exec_orchestration_tests.faults.conftest import FIRST_SEED, Note
from exec_orchestration_tests.faults.errands import Told
from exec_orchestration_tests.faults.moments import CLOCK, Moment
from exec_orchestration_tests.faults.places import Databases, sandbox

pytestmark = pytest.mark.faults

SEEDS, KILLS = 12, 10
# Requests and answers are few, and where it matters most.
KINDS = (CLOCK, CLOCK, "statement", "statement", "commit", "request", "answer")
CompanyOf = Callable[[str], Company]


@pytest.fixture(scope="session")
def companies(engines: Callable[[str], Databases], tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompanyOf]:
    """A company by its engine, prepared once."""
    made: dict[str, Company] = {}

    def found(engine: str) -> Company:
        if engine not in made:
            made[engine] = Company(engines(engine), sparkwise, tmp_path_factory.mktemp(f"company-{engine}"))
        return made[engine]

    with sandbox(*WORLD) as sparkwise:
        yield found


def cases() -> list[object]:
    """Every seed on each engine."""
    return [
        pytest.param(engine, seed, id=f"{engine}-{seed}", marks=pytest.mark.xdist_group(f"sync-{engine}"))
        for engine in ("sqlite", "postgresql")
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)
    ]


@pytest.mark.parametrize(("engine", "seed"), cases())
def test_a_killed_sync_sends_nobody_twice_and_loses_nobody(
    companies: CompanyOf, note: Note, engine: str, seed: int
) -> None:
    """Killed ten times at seeded moments: what the journal calls applied is true, and the next run ends it all."""
    company, random = companies(engine), Random(f"sync-{engine}-{seed}")
    assert company.undisturbed.success
    case = company.begin(f"{seed}")
    counted: Counter[str] = Counter()
    for _ in range(KILLS):
        kind = random.choice(KINDS)
        told = killed_at(case, kind, random.random())
        counted["kills" if told.killed else "ended_before"] += 1
        counted["sent_without_an_answer"] += unanswered(case)
        assert_applied_is_true(case)
        if told.killed:
            note(f"sync, {engine}", f"SIGKILL ({kind})", "what is called applied is so", kills=1)
    told = case.sync()
    assert told.success, told
    assert_all_is_done(case)
    counted["sent_twice"] += sum(times - 1 for times in case.received().values())
    counted["lost"] += CHANGED - len(case.written())
    case.end()
    note(f"sync, {engine}", "the run after the kills", "accounts as HR asks", **counted)


def killed_at(case: Case, kind: str, share: float) -> Told:
    """A sync that is killed at this share of its events of a kind, or of its time."""
    undisturbed = case.company.undisturbed
    if kind == CLOCK:
        return case.sync(kill_after=share * undisturbed.seconds)
    return case.sync(moment=Moment(kind, 1 + int(share * undisturbed.counts[kind])))
