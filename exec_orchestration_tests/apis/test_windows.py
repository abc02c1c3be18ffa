"""Pruned windows: every cell as asking each day tells it, from fewer requests, and never from many more."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, log2
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exec_orchestration.apis import exec_com
from exec_orchestration.apis.exec_com import PAGE_SIZE
from exec_orchestration.apis.windows import PrunedWindows

Item = dict[str, Any]
Cells = dict[tuple[str, int], list[Item]]
SPARE = 0.05


@dataclass(frozen=True)
class Practised:
    """One valid session."""

    scenario: str
    day: int
    user: str
    score: int | None = 70
    seconds: int = 60


def item_of(user: str, own: list[Practised]) -> Item:
    scores = [each.score for each in own if each.score is not None]
    first, best = (scores[0], max(scores)) if scores else (None, None)
    return {
        "user": {"id": user},
        "session_count": len(own),
        "first_score": first,
        "first_rank": rank(first),
        "best_score": best,
        "best_rank": rank(best),
        "lift_percentage": best - first if best is not None and first is not None else None,
        "total_duration_seconds": sum(each.seconds for each in own),
    }


def rank(score: int | None) -> str | None:
    return None if score is None else f"rank of {score}"


def participants(sessions: list[Practised], scenario: str, first: int, end: int) -> list[Item]:
    """The naive model: sessions in order of time, one item a user."""
    inside = [each for each in sessions if each.scenario == scenario and first <= each.day < end]
    inside.sort(key=lambda each: each.day)
    return [item_of(user, [each for each in inside if each.user == user]) for user in sorted({e.user for e in inside})]


@dataclass
class Vendor:
    """Answers from its sessions; `late` ones appear once so many requests were answered."""

    sessions: list[Practised]
    late: list[tuple[int, Practised]] = field(default_factory=list)
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def ask(self, scenario: str, first: int, end: int) -> list[Item]:
        answered = len(self.asked)
        self.asked.append((scenario, first, end))
        return participants(self.seen_after(answered), scenario, first, end)

    def seen_after(self, answered: int) -> list[Practised]:
        return self.sessions + [each for at, each in self.late if at <= answered]


def by_user(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: str(item["user"]["id"]))


def cells_of(windows: PrunedWindows) -> Cells:
    found = [((scenario, day), by_user(items)) for scenario, day, items in windows.cells()]
    assert len(dict(found)) == len(found)  # no cell twice
    return dict(found)


def naive_load(sessions: list[Practised], scenarios: list[str], days: int) -> tuple[Cells, int]:
    """Every non-empty cell, and the requests that asking each takes."""
    answers = {(each, day): participants(sessions, each, day, day + 1) for each in scenarios for day in range(days)}
    requests = sum(max(1, ceil(len(items) / PAGE_SIZE)) for items in answers.values())
    return {cell: items for cell, items in answers.items() if items}, requests


def load(sessions: list[Practised], days: int, scenarios: list[str] | None = None) -> tuple[PrunedWindows, Vendor]:
    """One scenario is enough for most questions; without a bound on probing, so that a single one can be looked at."""
    vendor = Vendor(sessions)
    windows = PrunedWindows(vendor.ask, scenarios or ["a"], days, spare=1.0)
    assert cells_of(windows) == naive_load(sessions, scenarios or ["a"], days)[0]
    return windows, vendor


# The same cells as asking each day


def practice(days: int) -> st.SearchStrategy[list[Practised]]:
    """Few users, so that they come back; scores that tie, and sessions without one."""
    one = st.builds(
        Practised,
        scenario=st.sampled_from("abc"),
        day=st.integers(0, days - 1),
        user=st.sampled_from(["u1", "u2", "u3", "u4", "u5"]),
        score=st.none() | st.integers(60, 63),
        seconds=st.integers(0, 2),
    )
    return st.lists(one, max_size=60)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), days=st.integers(1, 40), spare=st.sampled_from([0.0, SPARE, 0.3, 1.0]))
def test_every_cell_is_as_asking_each_day_tells_it(data: st.DataObject, days: int, spare: float) -> None:
    """Any sessions, any number of days; and the requests stay below the naive count and the spare ones."""
    sessions, scenarios = data.draw(practice(days)), ["a", "b", "c", "d"]
    vendor = Vendor(sessions)
    windows = PrunedWindows(vendor.ask, scenarios, days, spare=spare)
    cells, naive = naive_load(sessions, scenarios, days)
    assert cells_of(windows) == cells
    assert windows.asked == len(vendor.asked) <= naive + int(spare * len(scenarios) * days)
    assert windows.disagreements == 0


@settings(max_examples=150, deadline=None)
@given(data=st.data(), days=st.integers(1, 30))
def test_a_session_that_appears_in_between_leaves_each_cell_as_it_was_at_some_time(
    data: st.DataObject, days: int
) -> None:
    """Durations that name their sessions, so that sums cannot agree by chance: no cell is a mixture of two states."""
    drawn = data.draw(practice(days))
    named = [Practised(each.scenario, each.day, each.user, each.score, 2**at) for at, each in enumerate(drawn)]
    split = data.draw(st.integers(0, len(named)))
    late = [(data.draw(st.integers(0, 3 * days)), each) for each in named[split:]]
    vendor = Vendor(named[:split], late)
    windows = PrunedWindows(vendor.ask, ["a", "b", "c"], days, spare=1.0)
    cells = cells_of(windows)
    states = [vendor.seen_after(answered) for answered in sorted({0, *(at for at, _ in late)})]
    for scenario in "abc":
        for day in range(days):
            at_some_time = [participants(state, scenario, day, day + 1) for state in states]
            assert cells.get((scenario, day), []) in at_some_time


@settings(max_examples=60, deadline=None)
@given(data=st.data(), days=st.integers(1, 30), spare=st.sampled_from([0.0, SPARE, 0.3]))
def test_answers_of_several_pages_are_paid_for(data: st.DataObject, days: int, spare: float) -> None:
    """With pages of two rows: no more than asking each day, but for the pages that no earlier answer told of."""
    sessions, scenarios = data.draw(practice(days)), ["a", "b", "c", "d"]
    with patch.object(exec_com, "PAGE_SIZE", 2):
        windows = PrunedWindows(Vendor(sessions).ask, scenarios, days, spare=spare)
        cells, _ = naive_load(sessions, scenarios, days)
        assert cells_of(windows) == cells
    empty = len(scenarios) * days - len(cells)
    naive = empty + sum(ceil(len(items) / 2) for items in cells.values())
    users = max((len(participants(sessions, each, 0, days)) for each in scenarios), default=0)
    assert windows.asked <= naive + int(spare * len(scenarios) * days) + max(1, ceil(users / 2)) - 1


# What an answer settles


def test_an_empty_range_takes_one_request() -> None:
    """Nothing to split."""
    windows, vendor = load([], 90)
    assert windows.asked == 1
    assert vendor.asked == [("a", 0, 90)]


def test_a_single_day_is_asked_once_for_each_scenario() -> None:
    """No window is shorter."""
    windows, vendor = load([Practised("b", 0, "u1")], 1, ["a", "b", "c"])
    assert vendor.asked == [(scenario, 0, 1) for scenario in "abc"]
    assert windows.asked == 3


def test_no_days_and_no_scenarios_take_no_request() -> None:
    """An empty range is no error."""
    assert load([], 0)[0].asked == 0
    assert cells_of(PrunedWindows(Vendor([]).ask, [], 90)) == {}


@pytest.mark.parametrize("day", [0, 1, 44, 45, 46, 88, 89])
def test_a_single_session_is_found_by_halving(day: int) -> None:
    """The range, then a request for each bit of where it is; its own day need not be asked."""
    windows, _ = load([Practised("a", day, "u1")], 90)
    assert windows.asked <= 1 + ceil(log2(90)) + 1


def test_one_request_halves_two_windows_of_different_people() -> None:
    """Two sessions are found with hardly more requests than one."""
    windows, vendor = load([Practised("a", 10, "u1"), Practised("a", 70, "u2")], 90)
    assert windows.asked <= 2 + ceil(log2(45)) + 1
    first, end = vendor.asked[2][1:]
    assert first < 45 < end  # from within one half to within the other


def test_a_person_in_both_halves_is_asked_for_alone() -> None:
    """Scores of the rest do not follow from those of the whole and of a part."""
    sessions = [Practised("a", 0, "u1", 60), Practised("a", 2, "u1", 50)]
    windows, vendor = load(sessions, 3)
    assert vendor.asked == [("a", 0, 3), ("a", 0, 1), ("a", 1, 2), ("a", 2, 3)]
    assert windows.disagreements == 0


def test_days_are_asked_until_the_total_is_reached() -> None:
    """Where practice ends early, the days after it are not asked."""
    sessions = [Practised("a", day, user, 60 + day) for day in range(4) for user in ("u1", "u2")]
    _, vendor = load(sessions, 40)
    assert all(first < 4 for _, first, end in vendor.asked if end - first == 1)


# What it costs


def test_practice_on_every_day_costs_little_more_than_asking_each() -> None:
    """Learned from the first scenarios: there is nothing to be pruned here."""
    scenarios = [f"s{number}" for number in range(20)]
    sessions = [Practised(each, day, user) for each in scenarios for day in range(60) for user in ("u1", "u2", "u3")]
    vendor = Vendor(sessions)
    windows = PrunedWindows(vendor.ask, scenarios, 60)
    assert cells_of(windows) == naive_load(sessions, scenarios, 60)[0]
    assert windows.asked <= 1.05 * 20 * 60


def test_working_days_are_learned() -> None:
    """Campaign weeks that never cross a weekend: cuts come to lie there."""
    scenarios = [f"s{number}" for number in range(20)]
    sessions = [
        Practised(each, 7 * ((3 * number) % 12) + day, user)
        for number, each in enumerate(scenarios)
        for day in range(5)
        for user in ("u1", "u2", "u3")
    ]
    vendor = Vendor(sessions)
    windows = PrunedWindows(vendor.ask, scenarios, 84)
    assert cells_of(windows) == naive_load(sessions, scenarios, 84)[0]
    assert windows.asked <= 2.5 * 5 * 20


def test_pages_are_what_counts() -> None:
    """An answer of 250 people is three requests."""
    crowd = [Practised("a", 0, f"u{number:03}") for number in range(250)]
    windows = PrunedWindows(Vendor(crowd).ask, ["a"], 1)
    assert len(cells_of(windows)[("a", 0)]) == 250
    assert windows.asked == 3


def test_a_tiny_range_has_nothing_to_spare() -> None:
    """Under 20 cells a probe that fails could not be paid for."""
    vendor = Vendor([])
    assert cells_of(PrunedWindows(vendor.ask, ["a"], 19)) == {}
    assert vendor.asked == [("a", day, day + 1) for day in range(19)]


# Answers that do not add up


def more(items: list[Item]) -> list[Item]:
    return [{**item, "session_count": item["session_count"] + 1} for item in items]


def longer(items: list[Item]) -> list[Item]:
    return [{**item, "total_duration_seconds": item["total_duration_seconds"] + 1} for item in items]


def stranger(items: list[Item]) -> list[Item]:
    return [*items, item_of("nobody", [Practised("a", 0, "nobody")])]


def twice(items: list[Item]) -> list[Item]:
    return [*items, *items]


def nameless(items: list[Item]) -> list[Item]:
    return [{**item, "user": None} for item in items]


def text(items: list[Item]) -> list[Item]:
    return [{**item, "session_count": "2"} for item in items]


def uncounted(items: list[Item]) -> list[Item]:
    return [{name: value for name, value in item.items() if name != "session_count"} for item in items]


def idle(items: list[Item]) -> list[Item]:
    return [{**item, "session_count": 0} for item in items]


def unnamed(items: list[Item]) -> list[Item]:
    return [{**item, "user": {"id": None}} for item in items]


# A stranger in the whole range alone is not among them: a person whom no part shows must be in the days not asked.
@pytest.mark.parametrize(
    ("wrong", "of_a_range"),
    [(stranger, False)]
    + [(wrong, each) for wrong in (more, longer, twice, nameless, text, uncounted, idle, unnamed) for each in (0, 1)],
)
def test_where_answers_do_not_add_up_the_days_are_asked(
    wrong: Callable[[list[Item]], list[Item]], of_a_range: bool
) -> None:
    """Whether the range or a part of it is wrong: each day's own answer is what counts, and the doubt is counted."""
    sessions = [Practised("a", 3, "u1"), Practised("a", 3, "u1"), Practised("a", 12, "u2")]
    honest = Vendor(sessions)

    def ask(scenario: str, first: int, end: int) -> list[Item]:
        items = honest.ask(scenario, first, end)
        return wrong(items) if end - first > 1 and (end - first == 20) == of_a_range else items

    windows = PrunedWindows(ask, ["a"], 20, spare=1.0)
    assert cells_of(windows) == naive_load(sessions, ["a"], 20)[0]
    assert windows.disagreements >= 1
    alone = [each for each in honest.asked if each[2] - each[1] == 1]
    assert len(alone) == len(set(alone))


@pytest.mark.parametrize("wrong", [twice, nameless, text, uncounted, idle, unnamed])
def test_what_a_single_day_says_is_passed_on_as_it_is(wrong: Callable[[list[Item]], list[Item]]) -> None:
    """Rows that cannot be read are for the loader to reject, not to be lost here."""
    honest = Vendor([Practised("a", 3, "u1"), Practised("a", 4, "u2")])

    def ask(scenario: str, first: int, end: int) -> list[Item]:
        return wrong(honest.ask(scenario, first, end))

    windows = PrunedWindows(ask, ["a"], 8, spare=1.0)
    found = {day: items for _, day, items in windows.cells()}
    assert found == {day: wrong(participants(honest.sessions, "a", day, day + 1)) for day in (3, 4)}


def test_an_error_of_the_vendor_is_passed_on() -> None:
    """Nothing is caught but sums that do not agree."""

    def ask(scenario: str, first: int, end: int) -> list[Item]:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        list(PrunedWindows(ask, ["a"], 90).cells())
