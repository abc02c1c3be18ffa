"""Sending a plan: in which order, in how many requests, what becomes of each person, and when everything stops."""

import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from exec_orchestration.errors import (
    BadAnswer,
    KeyRefused,
    PlanRefused,
    RateLimited,
    Refused,
    SyncStopped,
    UnknownResource,
    Unreachable,
)
from exec_orchestration.roster.account import Account, Outcome
from exec_orchestration.roster.apply import apply, batches
from exec_orchestration.roster.diff import Change, Circumstances, Refusal, diff
from exec_orchestration.roster.person import Person
from exec_orchestration.roster.readback import settled
from exec_orchestration_tests.roster.fakes import (
    LATER,
    NOW,
    TODAY,
    FakeJournal,
    FakeSparkwise,
    Killed,
    account,
    change,
    changes,
    person,
    plan,
    world,
)

DOWN = Unreachable("Sparkwise did not answer.")
LEAVERS = [account(each.employee_id) for each in changes("deactivate", 500)]


def sent(found: Sequence[Change], vendor: FakeSparkwise, **given: Any) -> dict[str, str]:
    """What became of everybody, in one sync of these changes."""
    return {each.employee_id: each.result for each in apply(plan(found), world(vendor, **given))}


def stopped(found: Sequence[Change], vendor: FakeSparkwise, journal: FakeJournal | None = None) -> str:
    """Why a sync stopped."""
    with pytest.raises(SyncStopped) as error:
        apply(plan(found), world(vendor, journal))
    assert str(error.value).endswith(
        "What was answered is in user_sync_outcome. Mend the cause, then run user_sync again: it looks at Sparkwise "
        "anew and sends only what is still missing."
    )
    return str(error.value)


def sizes(vendor: FakeSparkwise) -> list[tuple[str, int]]:
    """What each request was, and how many people it held."""
    return [(what, len(ids)) for what, ids in vendor.requests]


# Order and number of requests


def test_nothing_to_send_is_no_request() -> None:
    """Nobody who is unchanged, blocked or held back is in any."""
    vendor = FakeSparkwise(list(LEAVERS))
    found = [*changes("unchanged", 5), *changes("blocked", 5), *changes("deactivate", 5)]
    assert apply(plan(found, is_first_sync=True), world(vendor)) == []
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("upserts", "leavers", "expected"),
    [
        (1, 0, [("upsert", 1)]),
        (5, 0, [("upsert", 5)]),
        (6, 0, [("upsert", 5), ("upsert", 1)]),
        (205, 0, [("upsert", 5), ("upsert", 200)]),
        (206, 0, [("upsert", 5), ("upsert", 200), ("upsert", 1)]),
        (0, 5, [("deactivate", 5)]),
        (0, 205, [("deactivate", 5), ("deactivate", 200)]),
        (3, 4, [("upsert", 3), ("deactivate", 4)]),
        (7, 4, [("upsert", 5), ("upsert", 2), ("deactivate", 4)]),
        (405, 401, [("upsert", 5), ("upsert", 200), ("upsert", 200), *[("deactivate", 200)] * 2, ("deactivate", 1)]),
    ],
)
def test_the_canary_goes_first_and_leavers_last(upserts: int, leavers: int, expected: list[tuple[str, int]]) -> None:
    """At most five people of one kind, then as few requests as hold the rest, 200 people each."""
    vendor = FakeSparkwise(list(LEAVERS))
    results = sent([*changes("deactivate", leavers), *changes("create", upserts)], vendor)
    assert sizes(vendor) == expected
    assert set(results.values()) == {"applied"}
    assert len(results) == len(vendor.sent) == len(set(vendor.sent)) == upserts + leavers


@pytest.mark.parametrize("count", [1, 5, 6, 200, 205, 206, 405, 1000, 1005])
def test_a_sync_of_one_kind_is_as_few_requests_as_can_be(count: int) -> None:
    """The number of people by 200, and one for the canary at most."""
    vendor = FakeSparkwise()
    sent(changes("create", count), vendor)
    assert len(vendor.requests) <= math.ceil(count / 200) + 1


def test_people_go_in_the_order_of_their_ids() -> None:
    """Creates, updates and reactivations together, in each request."""
    found = [change("E3"), change("E7", "update"), change("E1", "reactivate"), change("E2"), change("E9", "update")]
    vendor = FakeSparkwise([account(each) for each in ("E0", "E1", "E7", "E9")])
    sent([*found, change("E8"), change("E0", "deactivate")], vendor)
    assert [ids for _, ids in vendor.requests] == [["E1", "E2", "E3", "E7", "E8"], ["E9"], ["E0"]]


@pytest.mark.parametrize(
    ("count", "canary"),
    [
        (4, [0, 1, 2, 3]),
        (9, [0, 1, 2, 3, 4]),
        (10, [0, 2, 4, 6, 8]),
        (14, [0, 2, 4, 6, 8]),
        (300, [0, 60, 120, 180, 240]),
    ],
)
def test_the_canary_is_taken_from_everywhere(count: int, canary: list[int]) -> None:
    """Neighbours often have the same trouble. Nobody of them is in a later request."""
    found = [*changes("create", count), *changes("deactivate", 100)]
    first, *rest = list(batches(found))
    assert [each.employee_id for each in first] == [f"c{number:05}" for number in canary]
    everybody = [each.employee_id for batch in (first, *rest) for each in batch]
    assert sorted(everybody) == [each.employee_id for each in found]


def test_batches_are_of_one_kind() -> None:
    """A canary that would hold both ends before the leavers."""
    found = [*changes("create", 3), *changes("deactivate", 3)]
    assert [[each.action for each in batch] for batch in batches(found)] == [["create"] * 3, ["deactivate"] * 3]
    assert list(batches([])) == []


def test_what_is_sent_is_the_whole_account() -> None:
    """As the plan wants it, the remote id being the employee id."""
    vendor = FakeSparkwise([account("E2", first_name="Eve"), account("E3")])
    sent([change("E1"), change("E2", "update"), change("E3", "deactivate")], vendor)
    assert [(each.remote_id, each.first_name, each.active) for each in vendor.accounts] == [
        ("E2", "Ada", True),
        ("E3", "Ada", False),
        ("E1", "Ada", True),
    ]


def test_an_unsafe_plan_is_not_sent() -> None:
    """Not one request of it, and nothing in the journal."""
    vendor, journal = FakeSparkwise(), FakeJournal()
    with pytest.raises(PlanRefused):
        apply(plan([change("E1"), change("E1")]), world(vendor, journal))
    with pytest.raises(PlanRefused):
        apply(plan([change("E1")], planned_at=NOW - timedelta(hours=24)), world(vendor, journal))
    assert (vendor.log, journal.log) == ([], [])


# The journal


def test_everything_is_journalled_before_it_is_sent_and_answered_before_the_next_is() -> None:
    """Request by request."""
    log: list[tuple[str, list[str]]] = []
    vendor, journal = FakeSparkwise(list(LEAVERS), log=log), FakeJournal(log=log)
    sent([*changes("create", 206), *changes("deactivate", 2)], vendor, journal=journal)
    assert [what for what, _ in log] == [
        *("sending", "upsert", "answered") * 3,
        *("sending", "deactivate", "answered"),
    ]
    assert all(log[place][1] == log[place + 1][1] == log[place + 2][1] for place in range(0, len(log), 3))


def test_the_journal_holds_each_attempt_with_its_moments() -> None:
    """Sent first, answered later, what was asked for and what was said."""
    vendor, journal = FakeSparkwise(refusals={"E1": [LATER]}), FakeJournal()
    outcomes = apply(plan([change("E1")]), world(vendor, journal))
    first, second = journal.rows["p1", "E1", 1], journal.rows["p1", "E1", 2]
    assert (first.action, first.result, first.error) == ("create", "failed", LATER)
    assert (second.action, second.result, second.error) == ("create", "applied", None)
    assert first.answered_at is not None
    assert NOW < first.sent_at < first.answered_at < second.sent_at
    assert outcomes == [second]


# What becomes of a person


@pytest.mark.parametrize("says_active", [True, False])
def test_whoever_stands_in_the_first_list_is_done(says_active: bool) -> None:
    """Whether the answer repeats the account's state or not."""
    vendor = FakeSparkwise(list(LEAVERS), says_active=says_active)
    assert set(sent([*changes("create", 7), *changes("deactivate", 7)], vendor).values()) == {"applied"}


def test_whoever_is_refused_is_told_from_the_others() -> None:
    """For good where the words are not those of a passing cause; nobody else is touched by it."""
    vendor, journal = FakeSparkwise(refusals={"c00006": "no such domain"}), FakeJournal()
    results = sent(changes("create", 10), vendor, journal=journal)
    assert {name for name, result in results.items() if result != "applied"} == {"c00006"}
    assert results["c00006"] == "refused"
    assert journal.rows["p1", "c00006", 1].error == "no such domain"
    assert vendor.sent.count("c00006") == 1


def test_whoever_stands_in_neither_list_is_unknown() -> None:
    """Never taken for done, and not sent again by this run."""
    vendor, journal = FakeSparkwise(silent={"c00006": True, "c00007": False}), FakeJournal()
    results = sent(changes("create", 10), vendor, journal=journal)
    assert (results["c00006"], results["c00007"]) == ("unknown", "unknown")
    assert journal.rows["p1", "c00006", 1].error == "the person stands in neither list of Sparkwise's answer"
    assert len(vendor.sent) == 10


def test_whoever_stands_in_both_lists_is_unknown() -> None:
    """Neither is believed."""
    vendor, journal = FakeSparkwise(in_both={"c00006"}), FakeJournal()
    assert sent(changes("create", 10), vendor, journal=journal)["c00006"] == "unknown"
    assert journal.rows["p1", "c00006", 1].error == "the person stands in both lists of Sparkwise's answer"


@pytest.mark.parametrize(("action", "id_", "state"), [("create", "c00006", "False"), ("deactivate", "d00006", "True")])
def test_an_account_that_is_not_switched_as_asked_is_unknown(action: str, id_: str, state: str) -> None:
    """Though it stands in the first list."""
    vendor, journal = FakeSparkwise(list(LEAVERS), stubborn={id_}), FakeJournal()
    results = sent(changes(action, 10), vendor, journal=journal)
    assert [name for name, result in results.items() if result == "unknown"] == [id_]
    assert journal.rows["p1", id_, 1].error == f"Sparkwise answers that the account has active = {state}"


# Passing causes


def test_a_passing_refusal_is_tried_twice_more() -> None:
    """After 2 and after 8 seconds; then it is left to the next run."""
    vendor, journal, naps = FakeSparkwise(refusals={"c00003": LATER}), FakeJournal(), list[float]()
    results = sent(changes("create", 300), vendor, journal=journal, naps=naps)
    assert (results.pop("c00003"), set(results.values())) == ("failed", {"applied"})
    assert naps == [2.0, 8.0]
    assert journal.results()["c00003"] == ["failed"] * 3
    assert vendor.sent.count("c00003") == 3
    assert sizes(vendor)[3:] == [("upsert", 1), ("upsert", 1)]


@pytest.mark.parametrize(("failures", "naps"), [(0, []), (1, [2.0]), (2, [2.0, 8.0])])
def test_nobody_waits_when_nothing_is_to_be_tried_again(failures: int, naps: list[float]) -> None:
    """Only as often as need be."""
    vendor, slept = FakeSparkwise(refusals={"c00003": [LATER] * failures}), list[float]()
    assert set(sent(changes("create", 10), vendor, naps=slept).values()) == {"applied"}
    assert slept == naps


def test_those_tried_again_go_in_batches_of_their_kind() -> None:
    """All at once, creates before leavers; whoever was refused for good is not among them."""
    found = [*changes("create", 300), *changes("deactivate", 3)]
    refusals: dict[str, str | list[str]] = {each.employee_id: [LATER] for each in found[40:]}
    vendor = FakeSparkwise(list(LEAVERS), refusals={**refusals, "c00001": "no such domain"})
    results = sent(found, vendor)
    assert results.pop("c00001") == "refused"
    assert set(results.values()) == {"applied"}
    assert sizes(vendor)[4:] == [("upsert", 200), ("upsert", 60), ("deactivate", 3)]


def test_a_passing_cause_may_become_a_final_one() -> None:
    """The last word counts."""
    vendor, journal = FakeSparkwise(refusals={"c00003": [LATER, "no such domain"]}), FakeJournal()
    assert sent(changes("create", 10), vendor, journal=journal)["c00003"] == "refused"
    assert journal.results()["c00003"] == ["failed", "refused"]


# Requests that are refused as a whole


@pytest.mark.parametrize("poison", ["c00005", "c00006", "c00104", "c00105", "c00203", "c00204"])
def test_the_person_who_spoils_a_batch_is_found(poison: str) -> None:
    """By halving it; the other 199 are done, each by exactly one request that was answered."""
    vendor, journal = FakeSparkwise(poison={poison}), FakeJournal()
    results = sent(changes("create", 205), vendor, journal=journal)
    assert (results.pop(poison), set(results.values())) == ("refused", {"applied"})
    assert journal.rows["p1", poison, 1].error == "Sparkwise answered 400: the request is not valid."
    assert sorted(name for _, name in vendor.writes) == sorted(results)
    assert len(vendor.requests) <= 2 + 2 * 8
    assert all(len(rows) == 1 for rows in journal.results().values())


@pytest.mark.parametrize("poison", [{"c00010", "c00150"}, {"c00005", "c00006", "c00007"}, {"c00010", "d00002"}])
def test_several_people_who_spoil_a_batch_are_found(poison: set[str]) -> None:
    """Apart, side by side, and among those who leave."""
    vendor = FakeSparkwise(list(LEAVERS), poison=poison)
    results = sent([*changes("create", 205), *changes("deactivate", 9)], vendor)
    assert {name for name, result in results.items() if result == "refused"} == poison
    assert {name for name, result in results.items() if result != "applied"} == poison


def test_one_person_may_spoil_the_canary() -> None:
    """Then the other four are done, and so is the rest."""
    vendor = FakeSparkwise(poison={"c00002"})
    results = sent(changes("create", 50), vendor)
    assert (results.pop("c00002"), set(results.values())) == ("refused", {"applied"})


def test_when_everything_is_refused_it_stops() -> None:
    """After the canary, with nobody refused for good: it is the request that Sparkwise does not like."""
    everybody = changes("create", 300)
    vendor, journal = FakeSparkwise(poison={each.employee_id for each in everybody}), FakeJournal()
    told = stopped(everybody, vendor, journal)
    assert told.startswith("The sync stopped at 0 of 300 changes; 295 were not sent: the first 5 people came back with")
    assert "Sparkwise answered 400: the request is not valid." in told
    canary = everybody[::60]
    assert journal.results() == {each.employee_id: ["failed"] for each in canary}
    assert set(vendor.sent) == {each.employee_id for each in canary}


def test_when_everything_after_the_canary_is_refused_it_stops() -> None:
    """After sixty requests, not after thousands; nobody is refused for good."""
    everybody = changes("create", 1005)
    canary = {each.employee_id for each in everybody[::201]}
    vendor, journal = FakeSparkwise(poison={each.employee_id for each in everybody} - canary), FakeJournal()
    told = stopped(everybody, vendor, journal)
    assert told.startswith(
        "The sync stopped at 5 of 1005 changes; 800 were not sent: 60 requests in a row were refused, the last with"
    )
    assert len(vendor.requests) == 1 + 60
    assert {result for results in journal.results().values() for result in results} == {"applied", "failed", "sent"}


def test_the_only_person_of_a_plan_is_not_refused_for_good() -> None:
    """Nobody can tell the person from the request."""
    vendor, journal = FakeSparkwise(poison={"E1"}), FakeJournal()
    stopped([change("E1")], vendor, journal)
    assert journal.results() == {"E1": ["failed"]}


def test_the_only_person_of_a_batch_is_not_refused_for_good_either() -> None:
    """Nor tried again by this run, for nothing says that the cause passes."""
    vendor, naps = FakeSparkwise(poison={"c00005"}), list[float]()
    results = sent(changes("create", 6), vendor, naps=naps)
    assert (results.pop("c00005"), set(results.values())) == ("failed", {"applied"})
    assert (vendor.sent.count("c00005"), naps) == (1, [])


def test_as_long_as_nothing_went_through_a_dozen_refusals_are_enough() -> None:
    """The canary was told to come again, and then every request is refused."""
    everybody = changes("create", 1005)
    canary: dict[str, str | list[str]] = {each.employee_id: LATER for each in everybody[::201]}
    vendor = FakeSparkwise(refusals=canary, poison={each.employee_id for each in everybody} - set(canary))
    assert "0 of 1005 changes; 800 were not sent: 12 requests in a row were refused" in stopped(everybody, vendor)
    assert len(vendor.requests) == 1 + 12


def test_a_crowd_that_spoils_a_batch_is_found() -> None:
    """Ten neighbours of two hundred: each of them is refused, and everybody else is done."""
    crowd = {f"c{number:05}" for number in range(5, 15)}
    results = sent(changes("create", 205), FakeSparkwise(poison=set(crowd)))
    assert {name for name, result in results.items() if result == "refused"} == crowd
    assert sum(result == "applied" for result in results.values()) == 195


@pytest.mark.parametrize(("people", "goes"), [(55, True), (56, False)])
def test_a_canary_that_is_refused_person_by_person_stops_a_crowd(people: int, goes: bool) -> None:
    """Nobody of them counts as refused for good then; a few people are simply refused."""
    everybody = changes("create", people)
    vendor, journal = (
        FakeSparkwise(refusals={each.employee_id: "email is required" for each in everybody}),
        FakeJournal(),
    )
    if goes:
        assert set(sent(everybody, vendor).values()) == {"refused"}
    else:
        assert "email is required" in stopped(everybody, vendor, journal)
        assert [results[-1] for results in journal.results().values()] == ["failed"] * 5


# What stops a sync


@pytest.mark.parametrize(
    "error",
    [
        KeyRefused("Sparkwise does not accept the key.", status=401),
        UnknownResource("There is nothing at this path.", status=404),
        RateLimited("The limit is reached.", resume_at=NOW),
    ],
)
@pytest.mark.parametrize("answered", [0, 2])
def test_what_no_other_batch_can_mend_stops_at_once(error: Exception, answered: int) -> None:
    """The key, the path, the limit: no further request, the batch has failed, and the rest was never sent."""
    vendor = FakeSparkwise(script=[None] * answered + [error])
    journal = FakeJournal()
    told = stopped(changes("create", 605), vendor, journal)
    assert len(vendor.requests) == answered + 1
    done = 205 if answered else 0
    assert told.startswith(
        f"The sync stopped at {done} of 605 changes; {200 if answered else 600} were not sent: {error}"
    )
    failed = [name for name, results in journal.results().items() if results == ["failed"]]
    assert len(failed) == (200 if answered else 5)


@pytest.mark.parametrize("error", [DOWN, BadAnswer("It is not JSON.")])
def test_a_canary_without_an_answer_stops_after_one_request(error: Exception) -> None:
    """Its people are unknown, nobody else was sent."""
    vendor, journal = FakeSparkwise(script=[error]), FakeJournal()
    told = stopped(changes("create", 300), vendor, journal)
    assert told.startswith(
        f"The sync stopped at 0 of 300 changes; 295 were not sent: the first 5 people came back with: {error}"
    )
    assert sizes(vendor) == [("upsert", 5)]
    assert set(map(tuple, journal.results().values())) == {("unknown",)}


@pytest.mark.parametrize(
    "fault",
    [
        {"silent": {f"c{number:05}": True for number in range(0, 300, 60)}},
        {"in_both": {f"c{number:05}" for number in range(0, 300, 60)}},
        {"stubborn": {f"c{number:05}" for number in range(0, 300, 60)}},
    ],
)
def test_a_canary_of_whom_nobody_is_done_stops(fault: dict[str, Any]) -> None:
    """Sparkwise does not do what it is asked for; one of them would be enough to go on."""
    vendor = FakeSparkwise(**fault)
    told = stopped(changes("create", 300), vendor)
    assert "the first 5 people came back with: " in told
    assert len(vendor.requests) == 1
    one_less = {name: type(value)(sorted(value)[1:]) for name, value in fault.items() if name != "silent"}
    if one_less:
        assert sent(changes("create", 300), FakeSparkwise(**one_less))["c00000"] == "applied"


def test_a_canary_that_is_the_whole_plan_has_nobody_to_stop_for() -> None:
    """People in neither list are looked at again when it is over."""
    vendor = FakeSparkwise(silent={"c00000": True, "c00001": False})
    assert set(sent(changes("create", 2), vendor).values()) == {"unknown"}


def test_a_canary_with_a_passing_refusal_goes_on() -> None:
    """It was answered person by person, and is tried again at the end."""
    refusals: dict[str, str | list[str]] = {f"c{number:05}": [LATER] for number in range(5)}
    assert set(sent(changes("create", 300), FakeSparkwise(refusals=refusals)).values()) == {"applied"}


def test_three_failures_in_a_row_stop() -> None:
    """The people of each are unknown."""
    vendor, journal = FakeSparkwise(script=[None, None, DOWN, DOWN, DOWN]), FakeJournal()
    told = stopped(changes("create", 1205), vendor, journal)
    assert told.startswith(
        "The sync stopped at 205 of 1205 changes; 400 were not sent: 3 batches in a row failed, the last with: "
        "Sparkwise did not answer. "
    )
    assert len(vendor.requests) == 5
    assert sum(results == ["unknown"] for results in journal.results().values()) == 600


def test_two_failures_in_a_row_do_not_stop() -> None:
    """An answer in between begins the count anew."""
    vendor = FakeSparkwise(script=[None, DOWN, DOWN, None, DOWN, DOWN])
    results = sent(changes("create", 1205), vendor)
    assert sum(result == "unknown" for result in results.values()) == 800
    assert sum(result == "applied" for result in results.values()) == 405
    assert len(vendor.requests) == 7


def test_half_a_batch_may_fail_while_it_is_split() -> None:
    """Its people are unknown, the other half is done."""
    refused = Refused("It was refused.", status=400)
    results = sent(changes("create", 205), FakeSparkwise(script=[None, refused, DOWN]))
    assert [list(results.values()).count(each) for each in ("applied", "unknown")] == [105, 100]


def test_failures_count_while_people_are_tried_again() -> None:
    """Whoever is unknown then is not sent a third time."""
    vendor = FakeSparkwise(script=[None, None, DOWN], refusals={"c00000": [LATER]})
    assert sent(changes("create", 10), vendor)["c00000"] == "unknown"
    assert vendor.sent.count("c00000") == 2
    vendor = FakeSparkwise(script=[None, Unreachable("No answer, try again later.")])
    assert sent(changes("create", 6), vendor)["c00005"] == "unknown"
    assert vendor.sent.count("c00005") == 1
    crowd: dict[str, str | list[str]] = {each.employee_id: [LATER] for each in changes("create", 605)}
    vendor = FakeSparkwise(script=[None] * 4 + [DOWN] * 3, refusals=crowd)
    assert "3 batches in a row failed" in stopped(changes("create", 605), vendor)
    assert len(vendor.requests) == 7


# A run that is killed, and the next one

STAFF = [person(f"S{number:03}") for number in range(30)]
BAD = "S017"  # refused for good
BUSY = "S021"  # refused twice for a passing cause
SPOILER = "S025"  # spoils every request that holds it
ODD = {"S008": True, "S009": False}  # in neither list, written and not written
GONE = [account(f"X{number}") for number in range(4)]
NEWCOMER = person("T000")


def company() -> FakeSparkwise:
    """Sparkwise before the first sync: thirty people to create, of whom some make trouble, four to switch off."""
    return FakeSparkwise(
        list(GONE), refusals={BAD: "no such domain", BUSY: [LATER, LATER]}, poison={SPOILER}, silent=dict(ODD)
    )


def asked(people: Sequence[Person], accounts: Sequence[Account], rows: dict[Any, Outcome]) -> list[Change]:
    """The changes of a run, by what the journal holds."""
    last = last_of(rows)
    by_id = {each.employee_id: each for each in people}
    refused = {
        name: Refusal(each.action, each.error or "", by_id[name].fingerprint if name in by_id else None)
        for name, each in last.items()
        if each.result == "refused"
    }
    return diff(people, accounts, Circumstances(today=TODAY, refused=refused))


def last_of(rows: dict[Any, Outcome]) -> dict[str, Outcome]:
    """The last outcome of each person: that of the newest plan and attempt."""
    return {each.employee_id: each for _, each in sorted(rows.items())}


def settle(rows: dict[tuple[str, str, int], Outcome], wanted: dict[str, Any], accounts: Sequence[Account]) -> None:
    """What every run begins with: a listing decides what an earlier one could not know."""
    open_keys = {key[1]: key for key, each in sorted(rows.items()) if each == last_of(rows)[each.employee_id]}
    found = [each for each in last_of(rows).values() if each.result in ("sent", "unknown")]
    for each in settled(found, wanted, accounts, now=NOW):
        rows[open_keys[each.employee_id]] = each


def wanted_by(found: Sequence[Change]) -> dict[str, Any]:
    """How each account is to be."""
    return {each.employee_id: each.account for each in found if each.is_write}


def run(
    plan_id: str, vendor: FakeSparkwise, rows: dict[tuple[str, str, int], Outcome], people: Any, **dies: Any
) -> None:
    """One whole run, from the listing to the last answer."""
    listed = list(vendor.accounts)
    settle(rows, wanted_by(diff(STAFF, GONE, Circumstances(today=TODAY))), listed)
    found = asked(people, listed, rows)
    apply(plan(found, plan_id=plan_id), world(vendor, FakeJournal(plan_id, rows, **dies)))


def points() -> list[tuple[str, int]]:
    """Every point at which the first run may die: before and after each writing and each request."""
    vendor, journal = company(), FakeJournal()
    apply(plan(diff(STAFF, GONE, Circumstances(today=TODAY))), world(vendor, journal))
    assert set(map(tuple, journal.results().values())) > {("applied",), ("refused",), ("unknown",)}
    requests = [(each, n) for n in range(1, len(vendor.requests) + 1) for each in ("before", "after")]
    writings = [(each, n) for n in range(1, journal.writings + 1) for each in ("dies_before", "dies_after")]
    return requests + writings


@pytest.mark.parametrize(("point", "number"), points())
def test_a_killed_run_is_finished_by_the_next(point: str, number: int) -> None:
    """Wherever it dies: nobody whose answer is known is sent again, nothing is done twice, and in the end everybody has
    one final outcome.
    """
    vendor, rows = company(), dict[tuple[str, str, int], Outcome]()
    dies: dict[str, Any] = {}
    if point in ("before", "after"):
        setattr(vendor, f"dies_{point}", number)
    else:
        dies = {point: number}
    # A request that is refused as a whole has no answer to die with, so that the run goes on to its end.
    with suppress(Killed):
        run("p1", vendor, rows, STAFF, **dies)
    known = {name for name, each in last_of(rows).items() if each.result in ("applied", "refused")}
    before = len(vendor.sent)
    vendor.dies_before = vendor.dies_after = None
    vendor.silent = {}
    run("p2", vendor, rows, [*STAFF, NEWCOMER])
    assert not known & set(vendor.sent[before:])
    assert len(vendor.writes) == len(set(vendor.writes))
    settle(rows, {}, vendor.accounts)
    results = {name: each.result for name, each in last_of(rows).items()}
    assert {name for name, result in results.items() if result == "refused"} == {BAD, SPOILER}
    assert set(results.values()) == {"applied", "refused"}
    assert set(results) == {each.employee_id for each in [*STAFF, NEWCOMER]} | {each.remote_id for each in GONE}
    assert [each for each in asked([*STAFF, NEWCOMER], vendor.accounts, rows) if each.is_write] == []
