"""The side wing as a whole: whatever both sides look like, one sync makes them agree, and touches nobody else."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from exec_orchestration.errors import SyncStopped
from exec_orchestration.roster.account import Account
from exec_orchestration.roster.apply import apply
from exec_orchestration.roster.diff import Change, Circumstances, diff
from exec_orchestration.roster.health import BadRow
from exec_orchestration.roster.person import STATUSES, Person
from exec_orchestration_tests.roster.fakes import TODAY, FakeJournal, FakeSparkwise, plan, world

IDS = st.sampled_from(
    [f"E{number}" for number in range(12)] + ["e1", "e2", " E3", "E 4", "E  4", "\u00e91", "e\u03011"]
)
NAMES = st.sampled_from(["Ada", "Eve", "Zo\u00eb", "\u674e"])
HELD_NAMES = st.none() | NAMES | st.sampled_from(["ada", " Ada", "Zoe\u0308", ""])
DAYS = st.none() | st.integers(-3, 3).map(lambda days: TODAY + timedelta(days=days))

people = st.builds(
    Person,
    employee_id=IDS,
    first_name=NAMES,
    last_name=NAMES,
    status=st.sampled_from(STATUSES),
    start_on=DAYS,
    end_on=DAYS,
)
accounts = st.builds(
    Account,
    id=st.just("numbered below"),
    first_name=HELD_NAMES,
    last_name=HELD_NAMES,
    active=st.booleans(),
    remote_id=IDS | st.sampled_from([None, "", "  "]),
)
payloads = st.one_of(
    st.fixed_dictionaries({"first_name": HELD_NAMES, "last_name": HELD_NAMES}),
    st.fixed_dictionaries({"values": st.lists(IDS | NAMES, max_size=4)}),
)
bad_rows = st.builds(BadRow, reason=st.just("line 7: it is bad"), payload=payloads, employee_id=st.none() | IDS)
circumstances = st.builds(
    Circumstances,
    today=st.just(TODAY),
    lead_days=st.integers(0, 3),
    protected=st.frozensets(IDS, max_size=3),
    bad_rows=st.lists(bad_rows, max_size=3).map(tuple),
    switched_off_by_us=st.frozensets(IDS, max_size=8),
    reactivate_all=st.booleans(),
)


@st.composite
def rosters(draw: st.DrawFn) -> list[Person]:
    """People of whom no two have one id, as the warehouse holds them."""
    return draw(st.lists(people, unique_by=lambda each: each.employee_id, max_size=15))


@st.composite
def listings(draw: st.DrawFn) -> list[Account]:
    """Accounts, several of which may have one remote id, or none."""
    found = draw(st.lists(accounts, max_size=20))
    return [replace(each, id=str(number)) for number, each in enumerate(found)]


def written_ids(found: list[Change]) -> set[str]:
    """Who is to be written to."""
    return {each.employee_id for each in found if each.is_write}


def untouched(before: list[Account], after: list[Account], but: set[str]) -> bool:
    """True when no account of anybody else has changed, come or gone."""

    def others(listing: list[Account]) -> list[Account]:
        return [each for each in listing if each.remote_id not in but]

    return others(before) == others(after)


@settings(max_examples=500, deadline=None)
@given(roster=rosters(), listing=listings(), told=circumstances)
def test_one_sync_makes_both_sides_agree(roster: list[Person], listing: list[Account], told: Circumstances) -> None:
    """The second diff asks for nothing; no stranger, protected person, double or bad row was written to; everybody
    stands in the plan exactly once; the requests are as few as promised.
    """
    vendor, journal = FakeSparkwise(list(listing)), FakeJournal()
    found = diff(roster, listing, told)
    outcomes = apply(plan(found), world(vendor, journal))

    ours = {each.remote_id for each in listing if each.is_ours}
    rows = {each.employee_id for each in told.bad_rows if each.employee_id}
    assert Counter(each.employee_id for each in found) == Counter({each.employee_id for each in roster} | ours | rows)

    assert set(vendor.sent) == written_ids(found) == {each.employee_id for each in outcomes}
    assert len(vendor.sent) == len(set(vendor.sent))
    assert {each.result for each in outcomes} <= {"applied"}
    assert untouched(listing, vendor.accounts, written_ids(found))
    doubles = {name for name, count in Counter(each.remote_id for each in listing).items() if count > 1}
    assert not written_ids(found) & (told.protected | rows | doubles)
    assert all(each.strip() for each in written_ids(found))

    switched_off = {each.employee_id for each in outcomes if each.action == "deactivate"}
    again = replace(told, switched_off_by_us=told.switched_off_by_us | switched_off)
    assert written_ids(diff(roster, vendor.accounts, again)) == set()
    event(f"{min(len(outcomes), 5)} or more written" if len(outcomes) >= 5 else "fewer than 5 written")


@settings(max_examples=200, deadline=None)
@given(roster=rosters(), listing=listings(), told=circumstances, mixing=st.randoms())
def test_the_plan_does_not_depend_on_any_order(
    roster: list[Person], listing: list[Account], told: Circumstances, mixing: Any
) -> None:
    """Of people, accounts or bad rows; nor does its fingerprint."""
    mixed = [mixing.sample(side, len(side)) for side in (roster, listing)]
    one, two = diff(roster, listing, told), diff(*mixed, told)
    assert [(each.employee_id, each.action, each.changes) for each in one] == [
        (each.employee_id, each.action, each.changes) for each in two
    ]
    held = [plan(each, is_first_sync=True) for each in (one, two)]
    assert held[0].fingerprint == held[1].fingerprint


@settings(max_examples=200, deadline=None)
@given(roster=rosters(), listing=listings(), told=circumstances, data=st.data())
def test_faults_leave_nobody_without_an_outcome(
    roster: list[Person], listing: list[Account], told: Circumstances, data: st.DataObject
) -> None:
    """Whoever was sent has a result of each attempt, and a sync without faults afterwards makes both sides agree."""
    found = diff(roster, listing, told)
    written = sorted(written_ids(found))
    some = st.sets(st.sampled_from(written)) if written else st.just(set[str]())
    vendor = FakeSparkwise(
        list(listing),
        silent={each: data.draw(st.booleans()) for each in data.draw(some)},
        in_both=data.draw(some),
        refusals={each: ["busy, try again later"] for each in data.draw(some)},
    )
    journal = FakeJournal()
    with suppress(SyncStopped):
        apply(plan(found), world(vendor, journal))
    assert all(each.result != "sent" and each.answered_at for each in journal.rows.values())
    assert set(journal.results()) == set(vendor.sent)

    healed = FakeSparkwise(vendor.accounts)
    applied = {each.employee_id for each in journal.rows.values() if each.action == "deactivate"}
    again = replace(told, switched_off_by_us=told.switched_off_by_us | applied)
    apply(plan(diff(roster, healed.accounts, again)), world(healed))
    switched_off = again.switched_off_by_us | {name for what, name in healed.writes if what == "deactivate"}
    assert written_ids(diff(roster, healed.accounts, replace(again, switched_off_by_us=switched_off))) == set()
