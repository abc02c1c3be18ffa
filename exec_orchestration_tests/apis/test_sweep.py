"""The sessions sweep: cells from sessions as Exec computes them, windows composed of cells, and the sample in proof."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_orchestration.apis.sweep import Sample, cells_of, composed, differences, proof, proof_size, sample_size

Item = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER = iter(range(1_000_000))


def day_of(moment: datetime) -> int:
    return (moment - START).days


def session(
    user: str = "u1",
    hour: float = 0,
    score: float | None = 80.0,
    *,
    seconds: int | None = 60,
    scenario: str = "a",
    valid: bool = True,
    number: int | None = None,
) -> Item:
    """A session `hour` hours after START; its id is in order of making."""
    number = next(NUMBER) if number is None else number
    return {
        "id": f"{number:08}",
        "user": {"id": user, "email": f"{user}@example.com", "first_name": f"as of {number}", "last_name": "L"},
        "scenario": {"id": scenario, "name": "A", "slug": "a"},
        "score": score,
        "rank": None if score is None else f"rank {number % 3}",
        "duration_seconds": seconds,
        "is_valid_attempt": valid,
        "created_at": (START + timedelta(hours=hour)).isoformat().replace("+00:00", "Z"),
    }


def only(sessions: list[Item]) -> Item:
    """The one item of the one cell."""
    [items] = cells_of(sessions, day_of).values()
    [item] = items
    return item


def in_time(sessions: list[Item]) -> list[Item]:
    return sorted(sessions, key=lambda each: (datetime.fromisoformat(each["created_at"]), each["id"]))


def naive_item(own: list[Item]) -> Item:
    """What Exec shows for one person's sessions, in order of time: the rules as they are told, one by one."""
    scored = [each for each in own if each["score"] is not None]
    highest = max((each["score"] for each in scored), default=None)
    best = next((each for each in scored if each["score"] == highest), None)
    return {
        "user": own[-1]["user"],
        "session_count": len(own),
        "first_score": scored[0]["score"] if scored else None,
        "first_rank": scored[0]["rank"] if scored else None,
        "best_score": best["score"] if best else None,
        "best_rank": best["rank"] if best else None,
        "lift_percentage": round(best["score"] - scored[0]["score"], 6) if best else None,
        "total_duration_seconds": sum(each["duration_seconds"] or 0 for each in own),
    }


def naive_items(sessions: list[Item]) -> list[Item]:
    valid = in_time([each for each in sessions if each["is_valid_attempt"]])
    users = {each["user"]["id"] for each in valid}
    return by_user([naive_item([each for each in valid if each["user"]["id"] == user]) for user in users])


def by_user(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: str(item["user"]["id"]))


any_sessions = st.lists(
    st.builds(
        session,
        user=st.sampled_from(["u1", "u2", "u3"]),
        hour=st.integers(0, 6 * 4 - 1).map(lambda sixth: sixth * 4),  # four days, so that moments tie
        score=st.none() | st.sampled_from([60, 70.1, 70.3, 80.25, 90.7]),
        seconds=st.none() | st.integers(0, 600),
        scenario=st.sampled_from(["a", "b"]),
        valid=st.booleans(),
    ),
    max_size=40,
)

# Cells from sessions


@given(sessions=any_sessions, chance=st.randoms(use_true_random=False))
def test_cells_are_those_of_the_naive_model_whatever_the_order(sessions: list[Item], chance: Any) -> None:
    """Each (scenario, day) alone, from its own sessions; only non-empty ones."""
    shuffled = list(sessions)
    chance.shuffle(shuffled)
    found = cells_of(shuffled, day_of)
    for scenario in "ab":
        for day in range(4):
            inside = [
                each
                for each in sessions
                if each["scenario"]["id"] == scenario and day_of(datetime.fromisoformat(each["created_at"])) == day
            ]
            assert by_user(found.pop((scenario, day), [])) == naive_items(inside)
    assert found == {}
    assert cells_of(shuffled, day_of) == cells_of(sessions, day_of)


@given(sessions=any_sessions, first=st.integers(0, 3), days=st.integers(1, 4))
def test_composed_cells_are_those_of_the_whole_window(sessions: list[Item], first: int, days: int) -> None:
    """Consecutive days make any window exactly."""
    cells = cells_of(sessions, day_of)
    whole = cells_of(sessions, lambda moment: 0 if first <= day_of(moment) < first + days else 1)
    for scenario in "ab":
        parts = [cells.get((scenario, day), []) for day in range(first, first + days)]
        assert composed(parts) == whole.get((scenario, 0), [])


def test_a_session_without_a_score_counts_all_the_same() -> None:
    """In sessions and in time; it is neither first nor best."""
    item = only([session(score=None, hour=1, seconds=10), session(score=70, hour=2, seconds=None)])
    assert (item["session_count"], item["total_duration_seconds"]) == (2, 10)
    assert (item["first_score"], item["best_score"], item["lift_percentage"]) == (70, 70, 0)
    nothing = only([session(score=None)])
    assert [nothing[name] for name in ("first_score", "first_rank", "best_score", "best_rank")] == [None] * 4
    assert nothing["lift_percentage"] is None


def test_of_equal_best_scores_the_earliest_gives_the_rank() -> None:
    """And of equal moments the lower id."""
    early, late = session(hour=1, score=90, number=11), session(hour=2, score=90, number=10)
    assert only([late, early])["best_rank"] == early["rank"]
    lower, higher = session(hour=3, number=20), session(hour=3, number=21)
    assert only([higher, lower])["first_rank"] == only([higher, lower])["best_rank"] == lower["rank"]


def test_the_person_is_as_the_latest_session_shows() -> None:
    """Names change."""
    early, late = session(hour=1), session(hour=2)
    assert only([late, early])["user"] == late["user"]


def test_lift_has_no_noise_of_floats() -> None:
    """70.3 - 70.1 is not 0.20000000000000284."""
    assert only([session(hour=1, score=70.1), session(hour=2, score=70.3)])["lift_percentage"] == 0.2


def test_invalid_attempts_are_no_practice() -> None:
    """They are not even looked at."""
    assert cells_of([session(valid=False), {"is_valid_attempt": False}], day_of) == {}
    assert cells_of([], day_of) == {}


@pytest.mark.parametrize(
    "broken",
    [
        {"user": None},
        {"user": {}},
        {"user": {"id": ""}},
        {"user": {"id": 7}},
        {"scenario": None},
        {"scenario": "a"},
        {"scenario": {"id": None}},
        {"created_at": None},
        {"created_at": "yesterday"},
        {"created_at": "2026-01-01T00:00:00"},
        {"is_valid_attempt": None},
        {"is_valid_attempt": "true"},
        {"score": "88"},
        {"score": True},
        {"duration_seconds": "60"},
    ],
)
def test_a_session_that_cannot_be_read_is_named(broken: Item) -> None:
    """One is enough: what it would have changed is not known. No e-mail is told."""
    with pytest.raises(ValueError, match="00000042") as raised:
        cells_of([session(), {**session(number=42), **broken}], day_of)
    assert "@" not in str(raised.value)


def test_a_session_of_no_kind_is_named_by_its_type() -> None:
    """As of an answer that is a list of texts."""
    not_sessions: list[Any] = ["abc"]
    with pytest.raises(ValueError, match="a str as session"):
        cells_of(not_sessions, day_of)


def test_composed_of_nothing_is_nothing() -> None:
    """No parts, and empty ones."""
    assert composed([]) == composed([[], []]) == []


# The sample in proof


def cells(*filled: tuple[str, int]) -> dict[tuple[str, int], list[Item]]:
    return {cell: [{}] for cell in filled}


@given(
    filled=st.sets(st.tuples(st.sampled_from("abcde"), st.integers(-1, 40))),
    known=st.sets(st.sampled_from("abcdxy")),
    days=st.integers(1, 40),
    seed=st.integers(0, 3),
)
def test_a_proof_asks_every_idle_scenario_others_and_some_cells(
    filled: set[tuple[str, int]], known: set[str], days: int, seed: int
) -> None:
    """Never twice the same, never more than was set aside, the same again for the same seed."""
    scenarios = sorted(known)
    chosen = proof(cells(*filled), scenarios, days, seed=seed)
    inside = {(scenario, day) for scenario, day in filled if scenario in known and 0 <= day < days}
    idle = known - {scenario for scenario, _ in inside}
    assert len(set(chosen)) == len(chosen) <= proof_size(len(known) * days, len(known), idle=len(idle))
    assert chosen == proof(cells(*sorted(filled)), scenarios, days, seed=seed)
    assert {Sample(scenario, 0, days) for scenario in idle} <= set(chosen)
    singles = {(each.scenario_id, each.first) for each in chosen if each.end == each.first + 1}
    if days > 1:
        assert singles <= inside
        assert len(singles) == min(len(inside), sample_size(len(known) * days) // 2)


def test_every_scenario_is_proved_over_a_long_range() -> None:
    """Within a tenth of what each cell alone would cost; over a short one a few are."""
    everything = cells(*((scenario, day) for scenario in "abcdefgh" for day in range(100)))
    assert proof_size(800, 8, idle=0) == 8 + 8
    assert {each.scenario_id for each in proof(everything, list("abcdefgh"), 100, seed=1) if each.end == 100} == {
        *"abcdefgh"
    }
    assert len(proof(everything, list("abcdefgh"), 3, seed=1)) == proof_size(24, 8, idle=0) == 4


def test_sampled_cells_are_spread_over_the_range() -> None:
    """One out of each tenth of the days."""
    everything = cells(*((scenario, day) for scenario in "abcdefghij" for day in range(100)))
    chosen = proof(everything, list("abcdefghij"), 100, seed=5)
    days = [each.first for each in chosen if each.end - each.first == 1]
    assert [day // 10 for day in days] == list(range(10))


def test_another_seed_takes_another_sample() -> None:
    """So that repeated loads prove different cells."""
    everything = cells(*((scenario, day) for scenario in "abcdefgh" for day in range(100)))
    assert len({tuple(proof(everything, list("abcdefgh"), 100, seed=seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("cells", "size"),
    [(0, 0), (1, 1), (3, 3), (4, 4), (5, 4), (200, 4), (201, 5), (500, 10), (1000, 20), (3600, 20)],
)
def test_two_cells_in_a_hundred_are_sampled(cells: int, size: int) -> None:
    """At least 4, at most 20, never more than there are."""
    assert sample_size(cells) == size


# Does the answer agree


def item(name: str = "u1", **fields: Any) -> Item:
    return {**naive_item([session(name, number=1), session(name, hour=1, score=90.0, number=2)]), **fields}


def test_equal_items_do_not_differ() -> None:
    """In any order, with numbers of another type, with the noise of a float, and whatever else is told of the user."""
    told = [item("u2", best_score=90, lift_percentage=10.0000001), item("u1", user={"id": "u1", "title": "new"})]
    assert differences(told, [item("u1"), item("u2", lift_percentage=10.0)]) == []
    assert differences([], []) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session_count", 3),
        ("total_duration_seconds", 121),
        ("first_score", 80.001),
        ("first_score", None),
        ("best_score", "90"),
        ("first_rank", "gold"),
        ("best_rank", None),
        ("lift_percentage", 10.02),
        ("lift_percentage", None),
    ],
)
def test_a_field_that_differs_is_named(name: str, value: Any) -> None:
    """With both values and the user's id, never the e-mail."""
    [words] = differences([item(**{name: value})], [item()])
    assert "user u1" in words
    assert f"{name} is {value!r}" in words
    assert repr(item()[name]) in words
    assert "@" not in words
    [words] = differences([item()], [item(**{name: value})])
    assert f"{value!r} from the sessions" in words


def test_an_absent_optional_field_is_null() -> None:
    """Exec may leave out what has no value."""
    unscored = naive_item([session(score=None)])
    told = {name: value for name, value in unscored.items() if value is not None}
    assert differences([told], [unscored]) == []


def test_a_user_on_one_side_only_is_named() -> None:
    """Either side."""
    assert differences([item("u1")], []) == ["user u1: only in the answer of participants"]
    assert differences([], [item("u1")]) == ["user u1: only in the sessions"]


@pytest.mark.parametrize("odd", [None, "text", {}, {"user": None}, {"user": {"id": 7}}])
def test_rows_that_cannot_be_read_differ(odd: Any) -> None:
    """They are told, not stumbled over; so is a user who comes twice."""
    assert differences([item(), odd], [item()]) == ["the answer has rows without a user's id, or a user twice"]
    assert len(differences([item(), item()], [item()])) == 1


def test_only_the_first_differences_are_told() -> None:
    """Five are enough to see what is wrong."""
    assert len(differences([item(f"u{number}") for number in range(9)], [])) == 5
