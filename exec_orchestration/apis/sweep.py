"""The sessions sweep: participants per (scenario, day) computed from one listing of sessions, proved by a sample.

Only valid attempts count, as in Exec's own analytics. Nothing here sends a request: the caller lists the sessions, asks
participants for the `sample`, and loads the cells another way where `differences` has anything to say.
"""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from exec_orchestration.apis.paging import Item

SAMPLED_CELLS = 50  # one cell in so many: 2 %
SMALLEST_SAMPLE, LARGEST_SAMPLE = 4, 20
MOST_DIFFERENCES = 5
PROOF_SHARE = 0.1
SCORE_TOLERANCE = 1e-6
LIFT_DECIMALS = 2

Cell = tuple[str, int]
Moment = tuple[datetime, str]


@dataclass
class Practice:
    """One person's valid sessions in one cell so far; of the sessions themselves at most three are kept."""

    latest: tuple[Moment, Item]
    sessions: int = 0
    seconds: int = 0
    first: tuple[Moment, Item] | None = None
    best: tuple[Moment, Item] | None = None

    def add(self, moment: Moment, session: Item) -> None:
        """Count a session; the order in which they come does not matter."""
        told = (moment, session)
        self.sessions += 1
        self.seconds += session.get("duration_seconds") or 0
        self.latest = max(self.latest, told, key=_moment)
        if session.get("score") is not None:
            self.first = min(self.first or told, told, key=_moment)
            self.best = min(self.best or told, told, key=_highest_then_earliest)

    def item(self) -> Item:
        """The item that participants shows for these sessions."""
        first = self.first[1] if self.first else {}
        best = self.best[1] if self.best else {}
        return _item(
            self.latest[1]["user"],
            sessions=self.sessions,
            seconds=self.seconds,
            first=(first.get("score"), first.get("rank")),
            best=(best.get("score"), best.get("rank")),
        )


def cells_of(sessions: Iterable[Item], day_of: Callable[[datetime], int]) -> dict[Cell, list[Item]]:
    """The participants items of every non-empty (scenario id, day), from sessions in any order.

    Raises ValueError, which names the session, where a valid one cannot be read.
    """
    cells: dict[Cell, dict[str, Practice]] = {}
    for session in sessions:
        if _is_valid(session):
            scenario_id, user_id, moment = _place(session)
            people = cells.setdefault((scenario_id, day_of(moment[0])), {})
            people.setdefault(user_id, Practice(latest=(moment, session))).add(moment, session)
    return {cell: _in_order(practice.item() for practice in people.values()) for cell, people in cells.items()}


def composed(parts: Sequence[list[Item]]) -> list[Item]:
    """The items of a whole window from those of its consecutive parts, in order of time."""
    people: dict[str, list[Item]] = {}
    for part in parts:
        for item in part:
            people.setdefault(item["user"]["id"], []).append(item)
    return _in_order(map(_composed_item, people.values()))


def _composed_item(items: Sequence[Item]) -> Item:
    """One person's items of consecutive windows as one. Of equal best scores `max` keeps the earliest."""
    first = next((item for item in items if item.get("first_score") is not None), {})
    scored = [item for item in items if item.get("best_score") is not None]
    best = max(scored, key=lambda item: float(item["best_score"]), default={})
    return _item(
        items[-1]["user"],
        sessions=sum(item["session_count"] for item in items),
        seconds=sum(item["total_duration_seconds"] for item in items),
        first=(first.get("first_score"), first.get("first_rank")),
        best=(best.get("best_score"), best.get("best_rank")),
    )


def _item(user: Item, *, sessions: int, seconds: int, first: tuple[Any, Any], best: tuple[Any, Any]) -> Item:
    """An item of participants; `first` and `best` are a score with its rank."""
    unscored = first[0] is None or best[0] is None
    return {
        "user": user,
        "session_count": sessions,
        "first_score": first[0],
        "first_rank": first[1],
        "best_score": best[0],
        "best_rank": best[1],
        "lift_percentage": None if unscored else round(best[0] - first[0], LIFT_DECIMALS),
        "total_duration_seconds": seconds,
    }


def _in_order(items: Iterable[Item]) -> list[Item]:
    """As the listing is sorted, and by user where two practised equally long."""
    return sorted(items, key=lambda item: (item["total_duration_seconds"], item["user"]["id"]))


def _moment(told: tuple[Moment, Item]) -> Moment:
    return told[0]


def _highest_then_earliest(told: tuple[Moment, Item]) -> tuple[float, Moment]:
    return -told[1]["score"], told[0]


def _is_valid(session: Any) -> bool:
    """Whether a session counts in analytics; raises ValueError where it does not say so."""
    valid = session.get("is_valid_attempt") if isinstance(session, dict) else None
    if not isinstance(valid, bool):
        raise ValueError(f"{_name(session)} has no is_valid_attempt that is true or false.")
    return valid


def _place(session: Item) -> tuple[str, str, Moment]:
    """Scenario, user and moment of a valid session; raises ValueError where anything that counts cannot be read."""
    try:
        scenario_id, user_id = session["scenario"]["id"], session["user"]["id"]
        created_at = datetime.fromisoformat(session["created_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{_name(session)} has no user, scenario or created_at that can be read.") from error
    if not (scenario_id and isinstance(scenario_id, str) and user_id and isinstance(user_id, str)):
        raise ValueError(f"{_name(session)} has no user or scenario with an id.")
    if created_at.tzinfo is None:
        raise ValueError(f"{_name(session)} has a created_at without a zone.")
    for name in ("score", "duration_seconds"):
        if not (session.get(name) is None or _is_number(session[name])):
            raise ValueError(f"{_name(session)} has a {name} that is not a number.")
    return scenario_id, user_id, (created_at, str(session.get("id")))


def _name(session: Any) -> str:
    found = session.get("id") if isinstance(session, dict) else session
    return f"session {found!r}" if isinstance(session, dict) and isinstance(found, str) else _kind(session, found)


def _kind(session: Any, found: Any) -> str:
    kind = type(found).__name__
    return f"a session whose id is a {kind}" if isinstance(session, dict) else f"a {kind} as session"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Sample:
    """Participants to be asked in proof: those of one scenario in the days [first, end)."""

    scenario_id: str
    first: int
    end: int


def sample_size(cells: int) -> int:
    """How many single cells and ranges are a sample of `cells` = scenarios * days: 2 %, at least 4, at most 20."""
    share = -(-cells // SAMPLED_CELLS)
    return min(cells, max(SMALLEST_SAMPLE, min(LARGEST_SAMPLE, share)))


def proof_size(cells: int, scenarios: int, *, idle: int) -> int:
    """How many windows prove `cells` where so many scenarios are idle: as many as `proof` chooses, or fewer."""
    singles = sample_size(cells) // 2
    allowed = max(sample_size(cells), int(PROOF_SHARE * cells))
    return max(idle + singles, min(allowed, scenarios + singles))


def proof(cells: Collection[Cell], scenario_ids: Sequence[str], days: int, *, seed: int | str) -> list[Sample]:
    """The windows to be asked: the whole range of each scenario without a session, that of others, and single cells.

    A whole range proves every sum, best and first score of its scenario at once, and emptiness where there is nothing.
    The others' ranges are asked as long as all of it stays within PROOF_SHARE of what asking each cell would cost.
    """
    chance = random.Random(seed)
    known = dict.fromkeys(scenario_ids)
    filled = sorted((day, scenario) for scenario, day in set(cells) if scenario in known and 0 <= day < days)
    practised = {scenario for _, scenario in filled}
    idle = [scenario for scenario in known if scenario not in practised]
    busy = [scenario for scenario in known if scenario in practised]
    count = sample_size(len(known) * days) // 2
    ranges = proof_size(len(known) * days, len(known), idle=len(idle)) - len(idle) - count
    whole = [Sample(scenario, 0, days) for scenario in [*idle, *chance.sample(busy, min(ranges, len(busy)))]]
    singles = [Sample(scenario, day, day + 1) for day, scenario in _spread(filled, count, chance)]
    return list(dict.fromkeys([*whole, *singles]))


def _spread(filled: Sequence[tuple[int, str]], size: int, chance: random.Random) -> list[tuple[int, str]]:
    """At most `size` of the cells, one at random out of each of equal stretches of them."""
    stretches = min(size, len(filled))
    ends = [len(filled) * number // stretches for number in range(stretches + 1)] if stretches else [0]
    return [filled[chance.randrange(first, end)] for first, end in pairwise(ends)]


def differences(told: list[Item], computed: list[Item]) -> list[str]:
    """How an answer of participants differs from what was computed: the first few, in words; [] where they agree."""
    answered, ours = _by_user(told), _by_user(computed)
    found = [] if len(answered) == len(told) else ["the answer has rows without a user's id, or a user twice"]
    found += [f"user {user}: only in the answer of participants" for user in sorted(answered.keys() - ours.keys())]
    found += [f"user {user}: only in the sessions" for user in sorted(ours.keys() - answered.keys())]
    for user in sorted(ours.keys() & answered.keys()):
        found += [f"user {user}: {words}" for words in _unequal(answered[user], ours[user])]
    return found[:MOST_DIFFERENCES]


def _by_user(items: Iterable[Any]) -> Mapping[str, Item]:
    """The items that name their user, by that user's id."""
    users = [(item, item.get("user")) for item in items if isinstance(item, dict)]
    named = [(item, user.get("id")) for item, user in users if isinstance(user, dict)]
    return {user_id: item for item, user_id in named if isinstance(user_id, str)}


def _unequal(told: Item, computed: Item) -> list[str]:
    """The fields in which two items of one user differ."""
    tolerances = {
        **dict.fromkeys(("session_count", "total_duration_seconds", "first_rank", "best_rank"), 0.0),
        **dict.fromkeys(("first_score", "best_score", "lift_percentage"), SCORE_TOLERANCE),
    }
    emails = {each["user"]["email"] for each in (told, computed) if each["user"].get("email")}
    found = ["it has another e-mail"] if len(emails) > 1 else []
    return found + [
        f"{name} is {told.get(name)!r} in the answer of participants, {computed.get(name)!r} from the sessions"
        for name, tolerance in tolerances.items()
        if not _close(told.get(name), computed.get(name), tolerance)
    ]


def _close(one: object, other: object, tolerance: float) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= tolerance
    return one == other
