"""Items -> typed rows: what fits, what is kept aside, what is rejected and why. Nothing is dropped, nothing raises."""

from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.exec_com import (
    exec_assignments,
    exec_members,
    exec_participant_analytics,
    exec_sessions,
    exec_skills,
)
from exec_orchestration.tables.rows import (
    ITEMS_AT_A_TIME,
    Day,
    DayOf,
    Reading,
    RejectedRow,
    read_rows,
    rejected_row_values,
)
from exec_orchestration.tables.sparkwise import sparkwise_completions, sparkwise_users

FETCHED = datetime(2026, 2, 1, 6, 0, tzinfo=UTC)
GIVEN = {"fetched_at": FETCHED, "run_id": "run-1"}
BY_CREATION = DayOf("created_at", UTC)

SESSION = {
    "id": "s1",
    "user": {"id": "u1", "email": "a@b.example", "first_name": "Ada", "last_name": "Löwe"},
    "scenario": {"id": "c1", "name": "Call", "slug": "call"},
    "score": 81.5,
    "rank": "silver",
    "duration_seconds": 420,
    "is_valid_attempt": True,
    "created_at": "2026-01-31T12:30:15.123Z",
}
COMPLETION = {
    "id": "p1",
    "clusterId": "k1",
    "moduleId": "m1",
    "attended": True,
    "sessionScheduledStartAt": "2026-01-31T12:00:00Z",
}


def read(
    table: sa.Table, items: Iterable[Any], *, partition: Day | DayOf | None = None, **given: Any
) -> tuple[list[dict[str, Any]], Reading]:
    reading = Reading()
    names = [column.name for column in table.columns]
    found = list(read_rows(table, items, reading, given={**GIVEN, **given}, partition=partition))
    return [dict(zip(names, each, strict=True)) for each in found], reading


def sessions(*items: Any, zone: Any = UTC) -> tuple[list[dict[str, Any]], Reading]:
    return read(exec_sessions, items, partition=DayOf("created_at", zone))


def session(**changes: Any) -> dict[str, Any]:
    """A session with some values changed; `user__email` is that of its user, `...` takes one away."""
    item = deepcopy(SESSION)
    for path, value in changes.items():
        *parents, name = path.split("__")
        holder: Any = item
        for parent in parents:
            holder = holder[parent]
        if value is ...:
            del holder[name]
        else:
            holder[name] = value
    return item


# What fits


def test_an_item_becomes_a_typed_row() -> None:
    """Nested objects flatten, times are instants, what the item does not carry is given."""
    (found,), reading = sessions(SESSION)
    assert found == {
        "id": "s1",
        "partition_date": date(2026, 1, 31),
        "user_id": "u1",
        "user_email": "a@b.example",
        "user_first_name": "Ada",
        "user_last_name": "Löwe",
        "scenario_id": "c1",
        "scenario_name": "Call",
        "scenario_slug": "call",
        "score": 81.5,
        "rank": "silver",
        "duration_seconds": 420.0,
        "is_valid_attempt": True,
        "created_at": datetime(2026, 1, 31, 12, 30, 15, 123000, tzinfo=UTC),
        "extra": None,
        "fetched_at": FETCHED,
        "run_id": "run-1",
    }
    assert reading == Reading(accepted=1)


def test_rows_are_drawn_a_batch_at_a_time() -> None:
    """A listing is never held whole: the next batch is asked for after the rows of the one before are out."""
    drawn = []

    def items() -> Any:
        for number in range(3 * ITEMS_AT_A_TIME):
            drawn.append(number)
            yield session(id=str(number))

    rows = read_rows(exec_sessions, items(), Reading(), given=GIVEN, partition=BY_CREATION)
    assert drawn == []
    for _ in range(ITEMS_AT_A_TIME):
        next(rows)
        assert len(drawn) == ITEMS_AT_A_TIME
    next(rows)
    assert len(drawn) == 2 * ITEMS_AT_A_TIME


def test_what_an_item_leaves_out_is_null() -> None:
    """A field that may be null may be absent, and so may its object."""
    bare = {"id": "a", "name": "A"}
    (found,), reading = read(exec_skills, [bare])
    assert found == {**dict.fromkeys(column.name for column in exec_skills.columns), **bare, **GIVEN}
    assert read(exec_skills, [{**bare, "proficiency_summary": None, "description": None}])[0] == [found]
    assert reading.rejected == []


def test_given_columns_are_not_asked_of_the_item() -> None:
    """An asked-for id and the window's day stand in every row, whatever the row says."""
    item = {"user": {"id": "u1"}, "session_count": 1, "total_duration_seconds": 5, "partition_date": "1999-01-01"}
    (found,), _ = read(exec_participant_analytics, [item], partition=Day(date(2026, 1, 31)), scenario_id="c9")
    assert (found["scenario_id"], found["partition_date"]) == ("c9", date(2026, 1, 31))
    assert found["extra"] == {"partition_date": "1999-01-01"}


def test_rows_do_not_share_what_is_not_given() -> None:
    """A value of one item never shows in the next."""
    rich, poor = sessions(session(new=1), session(id="s2", score=..., rank=...))[0]
    assert (rich["score"], rich["extra"]) == (81.5, {"new": 1})
    assert (poor["score"], poor["rank"], poor["extra"]) == (None, None, None)


# What is kept aside


def test_unknown_fields_are_kept_by_their_path() -> None:
    """At both levels, whatever their value; null is a value too."""
    item = session(mood="good", tags=["a"], nothing=None, user__team={"id": 1}, scenario__locale="en")
    (found,), reading = sessions(item)
    assert found["extra"] == {
        "mood": "good",
        "tags": ["a"],
        "nothing": None,
        "user.team": {"id": 1},
        "scenario.locale": "en",
    }
    assert reading.flags == Counter(
        {f"unknown field: {path}": 1 for path in ("mood", "tags", "nothing", "user.team", "scenario.locale")}
    )
    assert reading.accepted == 1


def test_an_unknown_object_is_kept_whole() -> None:
    """Where no column reads inside it."""
    (found,), reading = sessions(session(program={"id": "p", "name": "P"}))
    assert found["extra"] == {"program": {"id": "p", "name": "P"}}
    assert list(reading.flags) == ["unknown field: program"]


def test_flags_are_counted_over_all_rows() -> None:
    """Each field once, with how many rows had it; long names are cut."""
    _, reading = sessions(session(new=1), session(new=2), session(**{"n" * 200: 1}))
    assert reading.flags == Counter({"unknown field: new": 2, "unknown field: " + "n" * 80: 1})


def test_an_unknown_value_of_an_enumeration_is_kept_and_flagged() -> None:
    """The vendor's word stands; null and known values are no news."""
    found, reading = sessions(session(rank="platinum"), session(rank=None), session(rank="gold"), session(rank=""))
    assert [row["rank"] for row in found] == ["platinum", None, "gold", ""]
    assert reading.flags == Counter({"unknown value in rank: platinum": 1, "unknown value in rank: ": 1})


def test_a_rejected_row_leaves_no_flags_to_the_next() -> None:
    """What is flagged does not depend on which row comes after; the payload of a reject tells its own news."""
    assert sessions(session(rank="platinum", new=1, created_at=None), SESSION)[1].flags == Counter()
    without_a_day = {**COMPLETION, "new": 1, "sessionScheduledStartAt": None}
    by_start = DayOf("session_scheduled_start_at", UTC)
    assert read(sparkwise_completions, [without_a_day, COMPLETION], partition=by_start)[1].flags == Counter()


# What is rejected


def test_a_rejected_row_names_every_reason() -> None:
    """By the vendor's own path, in the order of the columns, with the value that came; the payload is kept whole."""
    bad = session(id=7, user__id=None, scenario__id=..., score="81", is_valid_attempt=1, created_at="2026-01-31T12:00")
    found, reading = sessions(bad, SESSION)
    assert len(found) == reading.accepted == 1
    assert reading.rejected == [
        RejectedRow(
            "id must be a string, not 7; "
            "user.id must be present, and is missing or null; "
            "scenario.id must be present, and is missing or null; "
            'score must be a number, not "81"; '
            "is_valid_attempt must be true or false, not 1; "
            'created_at must say its zone, such as Z, and "2026-01-31T12:00" does not',
            bad,
            None,
        )
    ]
    assert reading.rejected_by_day == Counter({None: 1})


@pytest.mark.parametrize(
    ("holder", "kind"),
    [
        *(("x", "a string"), ("", "a string"), (7, "a number"), (0, "a number"), (1.5, "a number")),
        *((True, "a boolean"), (False, "a boolean"), ([], "a list"), ([1], "a list")),
    ],
)
def test_an_object_that_is_none_is_a_reason(holder: Any, kind: str) -> None:
    """Where an object belongs, anything else is named by its type: it may hold a person."""
    found, reading = sessions(session(user=holder))
    assert found == []
    assert f"user must be an object, not {kind};" in f"{reading.rejected[0].reason};"


@pytest.mark.parametrize(
    ("value", "kind"), [(7, "a number"), (["a@x.example"], "a list"), ({"value": "a@x.example"}, "an object")]
)
def test_a_personal_value_is_named_by_its_type(value: Any, kind: str) -> None:
    """What came is in the payload; a value of another column is quoted, but for what looks like an address in it."""
    bad = session(user__email=value, score="ada@x.example")
    (rejected,) = sessions(bad)[1].rejected
    assert f"user.email must be a string, not {kind};" in f"{rejected.reason};"
    assert 'score must be a number, not "[hidden]"' in rejected.reason
    assert rejected.payload == bad


@pytest.mark.parametrize("nothing", [None, {}])
def test_an_object_without_a_required_value_is_a_reason(nothing: Any) -> None:
    """Null and empty alike."""
    (rejected,) = sessions(session(user=nothing))[1].rejected
    assert rejected.reason == "user.id must be present, and is missing or null"


@pytest.mark.parametrize("item", [None, 7, "row", True, [], [SESSION], 1.5])
def test_an_item_that_is_no_object_is_rejected(item: Any) -> None:
    """With what it was."""
    found, reading = sessions(item)
    assert found == []
    (rejected,) = reading.rejected
    assert rejected.reason.startswith("a row must be an object, not ")
    assert rejected.payload == item


def test_a_rejected_row_keeps_its_day_where_it_can_be_read() -> None:
    """From its own instant, or from the window that was asked for."""
    assert sessions(session(id=None))[1].rejected[0].partition_date == date(2026, 1, 31)
    assert sessions(session(id=None, created_at=None))[1].rejected[0].partition_date is None
    for bad in ({"user": None}, None, "row"):
        reading = read(exec_participant_analytics, [bad], partition=Day(date(2026, 1, 5)), scenario_id="c")[1]
        assert reading.rejected_by_day == Counter({date(2026, 1, 5): 1})


def test_a_row_that_does_not_tell_its_partition_is_rejected() -> None:
    """Even if its column may be null otherwise."""
    by_start = DayOf("session_scheduled_start_at", UTC)
    found, reading = read(sparkwise_completions, [COMPLETION], partition=by_start)
    assert found[0]["partition_date"] == date(2026, 1, 31)
    for item in ({**COMPLETION, "sessionScheduledStartAt": None}, {"id": "p", "clusterId": "k", "moduleId": "m"}):
        _, reading = read(sparkwise_completions, [item], partition=by_start)
        assert (
            "session_scheduled_start_at must be present and within the calendar: it tells the partition"
            in reading.rejected[0].reason
        )


def test_a_row_that_tells_its_partition_is_not_blamed_for_it() -> None:
    """Only what does not fit is named."""
    _, reading = read(
        sparkwise_completions,
        [{**COMPLETION, "attended": None}],
        partition=DayOf("session_scheduled_start_at", UTC),
    )
    assert reading.rejected[0].reason == "attended must be present, and is missing or null"


@pytest.mark.parametrize("keep", [0, 1, 999])
def test_not_every_rejected_payload_is_kept(keep: int) -> None:
    """A vendor that sends nonsense cannot fill the memory: the first few are kept, all are counted."""
    for count in (keep - 1, keep, keep + 1):
        reading = Reading(keep=keep)
        assert list(read_rows(exec_sessions, range(count), reading, given=GIVEN, partition=BY_CREATION)) == []
        assert [each.payload for each in reading.rejected] == list(range(min(count, keep)))
        assert sum(reading.rejected_by_day.values()) == max(count, 0)
    assert Reading().keep == 100


# The partition of a row


BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("UTC")])
@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-01-31T00:00:00Z", "2026-01-31"),
        ("2026-01-31T23:59:59.999999Z", "2026-01-31"),
        ("2026-02-01T00:00:00+01:00", "2026-01-31"),
        ("2026-01-31", "2026-01-31"),
        ("9999-12-31T23:59:59Z", "9999-12-31"),
    ],
)
def test_days_in_utc(zone: Any, moment: str, day: str) -> None:
    """Midnight begins a day; the offset that a time is written in does not matter."""
    (found,), _ = sessions(session(created_at=moment), zone=zone)
    assert found["partition_date"] == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        (BERLIN, "2026-01-31T22:59:59.999999Z", "2026-01-31"),
        (BERLIN, "2026-01-31T23:00:00Z", "2026-02-01"),
        (BERLIN, "2026-03-28T23:00:00Z", "2026-03-29"),  # 23 hours long: clocks go forward
        (BERLIN, "2026-03-29T21:59:59Z", "2026-03-29"),
        (BERLIN, "2026-03-29T22:00:00Z", "2026-03-30"),
        (BERLIN, "2026-10-24T21:59:59Z", "2026-10-24"),
        (BERLIN, "2026-10-24T22:00:00Z", "2026-10-25"),  # 25 hours long: clocks go back
        (BERLIN, "2026-10-25T22:59:59Z", "2026-10-25"),
        (BERLIN, "2026-10-25T23:00:00Z", "2026-10-26"),
        (NEW_YORK, "2026-03-08T04:59:59Z", "2026-03-07"),
        (NEW_YORK, "2026-03-08T05:00:00Z", "2026-03-08"),
        (NEW_YORK, "2026-03-09T03:59:59Z", "2026-03-08"),
        (NEW_YORK, "2026-03-09T04:00:00Z", "2026-03-09"),
        (NEW_YORK, "2026-11-01T04:00:00Z", "2026-11-01"),
        (NEW_YORK, "2026-11-02T04:59:59Z", "2026-11-01"),
        (NEW_YORK, "2026-11-02T05:00:00Z", "2026-11-02"),
    ],
)
def test_days_in_other_zones(zone: Any, moment: str, day: str) -> None:
    """The calendar day of the zone, on the days of the clock change too; the instant stays in UTC."""
    (found,), _ = sessions(session(created_at=moment), zone=zone)
    assert found["partition_date"] == date.fromisoformat(day)
    assert found["created_at"] == datetime.fromisoformat(moment)
    (rejected,) = sessions(session(created_at=moment, id=None), zone=zone)[1].rejected
    assert rejected.partition_date == date.fromisoformat(day)


@pytest.mark.parametrize(("zone", "moment"), [(BERLIN, "9999-12-31T23:30:00Z"), (NEW_YORK, "0001-01-01T00:30:00Z")])
def test_a_day_beyond_the_calendar_is_rejected(zone: Any, moment: str) -> None:
    """An end of time, as some systems write it, ends as a rejected row and not as a failed load."""
    found, reading = sessions(session(created_at=moment), zone=zone)
    assert found == []
    assert len(reading.rejected) == 1


def test_a_number_beyond_floats_is_rejected() -> None:
    """Four hundred digits end as a rejected row and not as a failed load."""
    found, reading = sessions(session(score=10**400))
    assert found == []
    assert len(reading.rejected) == 1


# The ids of rejected rows


def values_of(*payloads: Any, asset: str = "exec_sessions", day: date | None = None) -> list[dict[str, Any]]:
    rejects = [RejectedRow("reason", payload, day) for payload in payloads]
    return rejected_row_values(asset, rejects, fetched_at=FETCHED, run_id="run-1")


def test_a_rejected_row_becomes_a_row_of_its_table() -> None:
    """With everything that is known of it."""
    (found,) = values_of({"a": 1}, day=date(2026, 1, 5))
    assert {**found, "id": None} == {
        "id": None,
        "asset": "exec_sessions",
        "partition_date": date(2026, 1, 5),
        "reason": "reason",
        "payload": {"a": 1},
        "fetched_at": FETCHED,
        "run_id": "run-1",
    }
    assert set(found) == {column.name for column in METADATA.tables["rejected_rows"].columns}


def test_the_same_reject_has_the_same_id() -> None:
    """Whatever the order of its fields and the order of the rows; twice the same payload are two rows."""
    ids = [each["id"] for each in values_of({"a": 1, "b": 2}, {"c": 3}, {"b": 2, "a": 1})]
    again = [each["id"] for each in values_of({"c": 3}, {"b": 2, "a": 1}, {"a": 1, "b": 2})]
    assert sorted(ids) == sorted(again)
    assert len(set(ids)) == 3
    assert ids[0].removesuffix("-1") == ids[2].removesuffix("-2")


def test_another_reject_has_another_id() -> None:
    """By asset, day and payload."""
    day = date(2026, 1, 5)
    made = [values_of({}), values_of({}, day=day), values_of({}, asset="exec_skills"), values_of([]), values_of(None)]
    assert len({one["id"] for (one,) in made}) == 5


# Whatever comes


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats()
    | st.text()
    | st.text(st.characters(codec=None, categories=("Cs", "Cc", "Lo")), max_size=4)
    | st.sampled_from(["2026-01-31T12:00:00Z", "2026-01-31", "9999-12-31T23:00:00-05:00", "0001-01-01", "gold"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SOURCES = {
    table.name: [column.info["source"].split(".") for column in table.columns if column.info.get("source")]
    for table in METADATA.tables.values()
}
PARTITIONED = (
    (exec_sessions, BY_CREATION),
    (exec_assignments, BY_CREATION),
    (sparkwise_completions, DayOf("session_scheduled_start_at", UTC)),
    (exec_participant_analytics, Day(date(2026, 1, 5))),
    (exec_skills, None),
    (exec_members, None),
    (sparkwise_users, None),
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_item_becomes_a_row_or_a_rejected_row(data: st.DataObject) -> None:
    """Whatever JSON the vendor sends: it never raises, loses nothing, and every reject has a reason."""
    table, partition = data.draw(st.sampled_from(PARTITIONED))
    item: Any = data.draw(json_values)
    if data.draw(st.integers(0, 9)):  # mostly an object with the declared fields
        item = {}
        for path in SOURCES[table.name]:
            if len(path) == 2:
                item.setdefault(path[0], {})
        for path in SOURCES[table.name]:
            holder = item[path[0]] if len(path) == 2 else item
            if data.draw(st.booleans()) and isinstance(holder, dict):
                holder[path[-1]] = data.draw(json_values)
        item |= data.draw(st.dictionaries(st.sampled_from(["user", "new", "scenario", "id"]), json_values, max_size=2))
    before = deepcopy(item)
    found, reading = read(table, [item], partition=partition)
    assert repr(item) == repr(before)
    assert reading.accepted + sum(reading.rejected_by_day.values()) == 1
    assert len(found) == reading.accepted
    assert all(each.reason for each in reading.rejected)
    assert rejected_row_values("x", reading.rejected, fetched_at=FETCHED, run_id="r") is not None


def test_the_first_rejects_of_each_day_are_kept() -> None:
    """A day full of nonsense does not take the place of another day's one bad row."""
    items = [session(created_at="2026-01-01T10:00:00Z", score="bad") for _ in range(5)]
    items.append(session(created_at="2026-01-02T10:00:00Z", score="bad"))
    reading = Reading(keep=2)
    assert list(read_rows(exec_sessions, items, reading, given=GIVEN, partition=BY_CREATION)) == []
    assert [each.partition_date for each in reading.rejected] == [date(2026, 1, 1)] * 2 + [date(2026, 1, 2)]
    assert reading.rejected_by_day == {date(2026, 1, 1): 5, date(2026, 1, 2): 1}


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (500, True), (501, False)])
def test_a_key_has_one_to_five_hundred_characters(length: int, fits: bool) -> None:
    """An empty id identifies nothing, and no database indexes one of ten thousand characters."""
    found, reading = sessions(session(id="x" * length))
    assert len(found) == fits
    if not fits:
        assert f"id must have 1 to 500 characters, as it is a key, and has {length}" in reading.rejected[0].reason
