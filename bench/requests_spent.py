"""Requests spent on participants per (scenario, day): pruned windows and the sessions sweep, next to the naive count.

In-process, against a vendor made of synthetic sessions; `python -m bench.requests_spent` prints this table alone.

A sweep cannot do with fewer requests than sessions / 100. For an algorithm that has only the participants endpoint:

- *non-empty cells* are what the budget's design compares with. They are no strict bound, since a cell can follow from
  longer windows; on sparse data they are far below what finding the cells takes.
- *bound of cuts*, strict for any data. Let day d - 1 or day d be non-empty. If no asked window began or ended at d,
  both days were always asked together, and no answer would change if all their sessions had been on one of the two, in
  the same order. So each such d, except the ends of the range, is an end of an asked window; a window has two ends: at
  least half as many requests as there are such d, and at least one for each scenario.
- *bound of positions*, on average over data in which any k days are equally likely. Even whoever is told beforehand
  what the k non-empty cells of a scenario hold, but not where, has n! / (n - k)! arrangements to tell apart. Each cell
  lies in an asked window or not, so an answer has at most 2**k forms: at least log2(n! / (n - k)!) / k requests.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, log2, perm
from typing import Any

from bench.figures import Figure, table
from exec_orchestration.apis.exec_com import PAGE_SIZE
from exec_orchestration.apis.paging import Item
from exec_orchestration.apis.sweep import Cell, cells_of, composed, differences, proof
from exec_orchestration.apis.windows import PrunedWindows

PEOPLE, SCENARIOS, DAYS = 60, 40, 90
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
SCENARIO_IDS = [f"s{number:02}" for number in range(SCENARIOS)]
WORKING_DAYS = 5
TEAM = 15
INVALID_SHARE, UNSCORED_SHARE = 0.08, 0.04
RANKS = ((90, "gold"), (75, "silver"), (50, "bronze"), (0, "unranked"))

SWEEP_TARGET, WINDOWS_TARGET, NAIVE_TARGET = 1.1, 2.0, 1.05

Cells = dict[Cell, list[Item]]
Practice = Iterator[tuple[int, int]]  # day, person
Shape = Callable[[random.Random], Practice]


def dense(chance: random.Random) -> Practice:
    """A team of whom at least three practise every day, weekends too, and many on days in a row."""
    team = chance.sample(range(PEOPLE), TEAM)
    for day in range(DAYS):
        today = team[:3] + [person for person in team[3:] if chance.random() < 0.3]
        yield from ((day, person) for person in today for _ in range(chance.randint(1, 2)))


def bursty(chance: random.Random) -> Practice:
    """Two or three campaign weeks, each with a team of its own; a single session here and there."""
    for week in chance.sample(range(DAYS // 7), chance.randint(2, 3)):
        team = chance.sample(range(PEOPLE), TEAM)
        for day in range(7 * week, 7 * week + WORKING_DAYS):
            today = [person for person in team if chance.random() < 0.3]
            yield from ((day, person) for person in today for _ in range(chance.randint(1, 2)))
    yield from ((day, chance.randrange(PEOPLE)) for day in range(DAYS) if chance.random() < 0.005)


def sparse(chance: random.Random) -> Practice:
    """Two cells in a hundred, at random, with one to three sessions each."""
    for day in range(DAYS):
        if chance.random() < 0.02:
            yield from ((day, chance.randrange(PEOPLE)) for _ in range(chance.randint(1, 3)))


SHAPES: dict[str, Shape] = {"dense": dense, "bursty": bursty, "sparse": sparse}


def sessions_of(shape: Shape, seed: int) -> list[Item]:
    """The sessions of all scenarios as Exec lists them, oldest first."""
    chance = random.Random(seed)
    made = [
        session(chance, scenario_id, day, person) for scenario_id in SCENARIO_IDS for day, person in list(shape(chance))
    ]
    made.sort(key=lambda each: each["created_at"])
    return [{"id": f"{number:06}", **each} for number, each in enumerate(made)]


def session(chance: random.Random, scenario_id: str, day: int, person: int) -> Item:
    """One session at any second of the day; some are not valid, and some valid ones have no score."""
    valid = chance.random() >= INVALID_SHARE
    scored = valid and chance.random() >= UNSCORED_SHARE
    score = round(min(100.0, chance.gauss(70, 15)), 1) if scored else None
    created_at = START + timedelta(days=day, seconds=chance.randrange(86_400))
    return {
        "user": {"id": f"u{person:02}", "email": f"u{person:02}@example.com", "first_name": "A", "last_name": "B"},
        "scenario": {"id": scenario_id, "name": scenario_id, "slug": scenario_id},
        "score": score,
        "rank": None if score is None else next((rank for cut, rank in RANKS if score >= cut), "unranked"),
        "duration_seconds": chance.randint(60, 1_200),
        "is_valid_attempt": valid,
        "created_at": created_at.isoformat().replace("+00:00", "Z"),
    }


def day_of(moment: datetime) -> int:
    return (moment - START).days


class FakeVendor:
    """Participants as Exec computes them from its sessions, in which lift has two decimals."""

    def __init__(self, sessions: Sequence[Item]) -> None:
        self._sessions = sessions
        self.pages_listed = 0
        self._days: dict[Cell, list[Item]] = {}
        for each in sessions:
            if each["is_valid_attempt"]:
                day = day_of(datetime.fromisoformat(each["created_at"]))
                self._days.setdefault((each["scenario"]["id"], day), []).append(each)

    def listing(self) -> Iterator[Item]:
        """All sessions, a page a request."""
        for first in range(0, max(1, len(self._sessions)), PAGE_SIZE):
            self.pages_listed += 1
            yield from self._sessions[first : first + PAGE_SIZE]

    def ask(self, scenario_id: str, first: int, end: int) -> list[Item]:
        people: dict[str, list[Item]] = {}
        for day in range(first, end):
            for each in self._days.get((scenario_id, day), ()):
                people.setdefault(each["user"]["id"], []).append(each)
        return sorted(map(participant, people.values()), key=lambda item: item["total_duration_seconds"])


def participant(sessions: Sequence[Item]) -> Item:
    """One person's item, from sessions in order of time."""
    scored = [each for each in sessions if each["score"] is not None]
    first: dict[str, Any] = scored[0] if scored else {}
    best: dict[str, Any] = max(scored, key=lambda each: float(each["score"]), default={})
    return {
        "user": sessions[-1]["user"],
        "session_count": len(sessions),
        "first_score": first.get("score"),
        "first_rank": first.get("rank"),
        "best_score": best.get("score"),
        "best_rank": best.get("rank"),
        "lift_percentage": round(best["score"] - first["score"], 2) if scored else None,
        "total_duration_seconds": sum(each["duration_seconds"] for each in sessions),
    }


def cuts_bound(filled: Iterable[Cell]) -> int:
    """Requests that no algorithm on windows can do without: see the module's docstring."""
    ends: dict[str, set[int]] = {scenario_id: set() for scenario_id in SCENARIO_IDS}
    for scenario_id, day in filled:
        ends[scenario_id] |= {day, day + 1} - {0, DAYS}
    return sum(max(1, ceil(len(cuts) / 2)) for cuts in ends.values())


def positions_bound(filled: Iterable[Cell]) -> float:
    """Requests needed on average to find cells that lie at random: see the module's docstring."""
    counts = Counter(scenario_id for scenario_id, _ in filled)
    found = sum(max(1.0, log2(perm(DAYS, count)) / count) for count in counts.values())
    return found + SCENARIOS - len(counts)


def by_user(cells: Cells) -> Cells:
    return {cell: sorted(items, key=lambda item: str(item["user"]["id"])) for cell, items in cells.items()}


def windows_figures(title: str, name: str, vendor: FakeVendor, filled: Cells, naive: int) -> list[Figure]:
    """Pruned windows on one shape. A dense range has nothing to be pruned, so there the naive count is the bound."""
    windows = PrunedWindows(vendor.ask, SCENARIO_IDS, DAYS)
    told = {(scenario_id, day): items for scenario_id, day, items in windows.cells()}
    cuts, positions = cuts_bound(filled), positions_bound(filled)
    to_cells = WINDOWS_TARGET if name == "bursty" else None
    to_bound = WINDOWS_TARGET if name == "sparse" else None
    bound = max(cuts, positions) if name == "sparse" else cuts
    return [
        Figure(f"{title} bound of cuts", cuts, "requests"),
        *([Figure(f"{title} bound of positions", positions, "requests")] if name == "sparse" else []),
        Figure(f"{title} windows", windows.asked, "requests"),
        Figure(f"{title} windows / naive", windows.asked / naive, at_most=NAIVE_TARGET),
        Figure(f"{title} windows / non-empty cells", windows.asked / len(filled), at_most=to_cells),
        Figure(f"{title} windows / highest bound", windows.asked / bound, at_most=to_bound),
        Figure(f"{title} windows, same cells as naive", by_user(told) == by_user(filled), at_least=1),
    ]


def sweep_figures(title: str, vendor: FakeVendor, filled: Cells, sessions: int) -> list[Figure]:
    """The sessions sweep on one shape; its proof is asked and compared as a load would."""
    cells = cells_of(vendor.listing(), day_of)
    samples = proof(cells, SCENARIO_IDS, DAYS, seed=1)
    requests = vendor.pages_listed + len(samples)
    disagreeing = [
        each
        for each in samples
        if differences(
            vendor.ask(each.scenario_id, each.first, each.end),
            composed([cells.get((each.scenario_id, day), []) for day in range(each.first, each.end)]),
        )
    ]
    same = cells.keys() == filled.keys() and not any(differences(filled[cell], cells[cell]) for cell in filled)
    bound = max(1, ceil(sessions / PAGE_SIZE))
    return [
        Figure(f"{title} sweep, with {len(samples)} in proof", requests, "requests"),
        Figure(f"{title} sweep less proof / (sessions / 100)", (requests - len(samples)) / bound, at_most=SWEEP_TARGET),
        Figure(f"{title} sweep, same cells as naive", same, at_least=1),
        Figure(f"{title} sweep, proofs that disagree", len(disagreeing), at_most=0),
    ]


def shape_figures(name: str, shape: Shape, seed: int) -> list[Figure]:
    """Both strategies on the same sessions."""
    sessions = sessions_of(shape, seed)
    vendor = FakeVendor(sessions)
    answers = {(each, day): vendor.ask(each, day, day + 1) for each in SCENARIO_IDS for day in range(DAYS)}
    naive = sum(max(1, ceil(len(items) / PAGE_SIZE)) for items in answers.values())
    filled = {cell: items for cell, items in answers.items() if items}
    title = f"{name}, {DAYS} days x {SCENARIOS} scenarios:"
    return [
        Figure(f"{title} naive ({len(sessions):,} sessions)", naive, "requests"),
        Figure(f"{title} non-empty cells", len(filled)),
        *windows_figures(title, name, vendor, filled, naive),
        *sweep_figures(title, vendor, filled, len(sessions)),
    ]


def shapes() -> list[Figure]:
    """Requests on dense, bursty and sparse ranges."""
    return [figure for seed, (name, shape) in enumerate(SHAPES.items()) for figure in shape_figures(name, shape, seed)]


if __name__ == "__main__":
    print(table(shapes()))
