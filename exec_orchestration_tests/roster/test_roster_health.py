"""A sheet -> people, or a refusal of the whole sheet with its counts: every guard at its limit, under and over it."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exec_orchestration.errors import UnhealthyRoster
from exec_orchestration.roster.health import ACCEPTABLE, Reading, readable_id
from exec_orchestration.roster.mapping import RosterMapping
from exec_orchestration.roster.person import COLUMNS
from exec_orchestration_tests.roster.fakes import HEADER, file_of, lines, person, read

WRITTEN = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
OURS = tuple(sorted(HEADER.split(",")))


def last(people: int = 100, **values: Any) -> Reading:
    """The reading before, of so many people."""
    given = {"fingerprint": "before", "modified_at": WRITTEN, "rows": people, "people": people, "columns": OURS}
    return Reading(**{**given, **values})


def refusal(content: str | bytes, **given: Any) -> str:
    """Why a whole roster is refused."""
    with pytest.raises(UnhealthyRoster) as error:
        read(content, **given)
    told = str(error.value)
    assert told.startswith("The roster roster.csv was refused: ")
    assert "Nothing was sent to Sparkwise, and the last accepted roster still holds." in told
    assert told.endswith("Mend the file or HR_ROSTER_MAPPING, then run this again.")
    return told


def bad(row: str) -> str:
    """The row without its last name."""
    employee_id, first_name, _, status = row.split(",")
    return f"{employee_id},{first_name},,{status}"


# What is accepted


def test_a_good_roster_is_people() -> None:
    """In the order of the file, with what is remembered of the reading."""
    roster = read(file_of(["E2,Zoë,Li,leave", "e1,Ada,Love,active"]), modified_at=WRITTEN)
    assert roster.people == (
        person("E2", first_name="Zoë", last_name="Li", status="leave"),
        person("e1", first_name="Ada", last_name="Love"),
    )
    assert (roster.bad_rows, roster.ignored_columns) == ((), ())
    reading = roster.reading
    assert (reading.modified_at, reading.rows, reading.people, reading.columns) == (WRITTEN, 2, 2, OURS)
    assert reading.fingerprint != read(file_of(lines(1))).reading.fingerprint


def test_columns_stand_in_any_order_and_others_are_named() -> None:
    """What nobody reads is said, so that a misspelt optional column is seen."""
    roster = read("Status,Salary,LAST_NAME,employee_id,First_name,end_date\nactive,1,Love,E1,Ada,2026-12-31\n")
    assert roster.people == (person(end_on=date(2026, 12, 31)),)
    assert roster.ignored_columns == ("Salary",)


def test_a_mapping_reads_their_words() -> None:
    """Columns, status values and days."""
    mapping = RosterMapping(
        columns={"nr.": "employee_id", "nachname": "last_name"},
        statuses={"aktiv": "active"},
        date_format="%d.%m.%Y",
    )
    content = "Nr.;first_name;Nachname;status;end_date\n1;Ada;Love;Aktiv;31.12.2026\n"
    assert read(content, mapping=mapping).people == (person("1", end_on=date(2026, 12, 31)),)


def test_one_bad_row_among_fifty_thousand_leaves_the_others() -> None:
    """And is put aside with its line, its reason and what it holds."""
    rows = lines(50_000)
    rows[25_000] = bad(rows[25_000])
    roster = read(file_of(rows), last=last(50_000))
    assert len(roster.people) == 49_999
    assert (roster.reading.rows, roster.reading.people) == (50_000, 50_000)
    (row,) = roster.bad_rows
    assert row.reason == "line 25002: last_name must not be empty"
    assert row.employee_id == "E25001"
    assert row.payload == {"employee_id": "E25001", "first_name": "First 25001", "last_name": "", "status": "active"}


# Columns


@pytest.mark.parametrize("name", HEADER.split(","))
def test_a_missing_required_column_refuses_all(name: str) -> None:
    """By its name and with the header that is there; otherwise everybody would look like a leaver."""
    header = HEADER.replace(name, f"new {name}")
    for accept in ((), ACCEPTABLE):
        told = refusal(file_of(lines(3), header=header), last=last(3), accept=accept)
        assert f"the required column {name} is missing; it has {header.replace(',', ', ')}" in told
        assert "which the last roster had" not in told


def test_a_first_line_that_is_a_person_is_not_repeated() -> None:
    """A file without a header; one whose columns are merely called otherwise looks the same."""
    told = refusal("E1,Ada,Love,active\nE2,Bob,Lee,active\n")
    assert "first_name, last_name, status is missing; none of the 4 in its first line is known" in told
    assert "Ada" not in told


def test_every_missing_column_is_named() -> None:
    """At once."""
    told = refusal("name,Status\nAda,active\n")
    assert "the required column employee_id, first_name, last_name is missing; it has name, Status" in told


def test_a_renamed_column_is_named_as_the_mapping_calls_it() -> None:
    """Since that is what the file used to say."""
    mapping = RosterMapping(columns={"personnel no.": "employee_id"})
    content = "Staff no.,first_name,last_name,status\n1,Ada,Love,active\n"
    told = refusal(content, mapping=mapping)
    assert "the required column employee_id (by the mapping 'personnel no.') is missing; it has Staff no., " in told


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in HEADER.split(",")])
def test_a_column_that_the_last_roster_had_is_not_dropped_in_silence(name: str) -> None:
    """Without its end dates nobody would leave; somebody may say that it is right."""
    before = last(3, columns=(*OURS, name))
    told = refusal(file_of(lines(3)), last=before)
    assert f"the column {name} is missing, which the last roster had; it has employee_id" in told
    assert 'accept ["columns"]' in told
    assert len(read(file_of(lines(3)), last=before, accept=["columns"]).people) == 3
    assert name in refusal(file_of(lines(3)), last=before, accept=["shrink", "older"])


def test_a_new_column_is_welcome() -> None:
    """The next reading expects it."""
    content = file_of(["E1,Ada,Love,active,Oslo"], header=f"{HEADER},location")
    assert read(content, last=last(1)).reading.columns == tuple(sorted((*OURS, "location")))


def test_a_column_must_not_stand_there_twice() -> None:
    """By its own name or by the mapping."""
    told = refusal(file_of(["E1,Ada,Love,active,E2"], header=f"{HEADER},Employee_ID"))
    assert "the column employee_id stands there more than once; it has employee_id" in told
    mapping = RosterMapping(columns={"no": "employee_id"})
    twice = file_of(["E1,Ada,Love,active,E2"], header=f"{HEADER},No")
    assert "the column employee_id stands there more than once" in refusal(twice, mapping=mapping)


def test_a_header_without_rows_is_refused() -> None:
    """Whatever somebody accepts."""
    assert "it is empty: 0 rows under the header." in refusal(HEADER)
    told = refusal(HEADER, last=last(1200), accept=ACCEPTABLE)
    assert "it is empty: 0 rows under the header, and 1200 last time" in told


# Bad rows


@pytest.mark.parametrize(
    ("rows", "wrong", "fits"),
    [(200, 1, True), (200, 2, True), (200, 3, False), (100, 1, True), (99, 1, False), (299, 2, True), (299, 3, False)],
)
def test_one_row_in_a_hundred_may_be_bad(rows: int, wrong: int, fits: bool) -> None:
    """Exactly 1 % passes, one row more refuses all of it."""
    content = lines(rows)
    content[:wrong] = map(bad, content[:wrong])
    if fits:
        roster = read(file_of(content))
        assert (len(roster.people), len(roster.bad_rows), roster.reading.people) == (rows - wrong, wrong, rows)
    else:
        told = refusal(file_of(content), accept=ACCEPTABLE)
        assert f"{wrong} of {rows} rows cannot be read ({wrong / rows:.1%}, and 1% is allowed)" in told


def test_a_refusal_shows_the_first_five_bad_rows() -> None:
    """With their lines and reasons; a roster of bad rows only is one."""
    told = refusal(file_of([bad(row) for row in lines(7)]))
    assert "7 of 7 rows cannot be read (100.0%, and 1% is allowed), the first being line 2: last_name must" in told
    assert [f"line {number}: " in told for number in range(2, 9)] == [True] * 5 + [False] * 2


def test_rows_that_do_not_fit_the_header_count_as_bad() -> None:
    """They are not even compared with the columns."""
    content = lines(200)
    content[5] = content[5] + ",,"
    (row,) = read(file_of(content)).bad_rows
    assert row.reason == "line 7: has 6 values where the header has 4"
    assert row.payload["values"] == ["E00006", "First 6", "Last 6", "active", "", ""]


@pytest.mark.parametrize(
    ("header", "row", "known"),
    [
        (HEADER, "E9,Ada,Love", "E9"),
        (HEADER, "E9,Ada,Love,active,", "E9"),
        (HEADER, "E9,Ada", "E9"),
        (HEADER, "E9", None),  # may have been cut off in the middle
        (HEADER, ",Ada,Love", None),
        ("first_name,employee_id,last_name,status", "Ada,Jane,E9,Love,active", None),
        ("first_name,employee_id,last_name,status", "Ada,E9,Love", None),
    ],
)
def test_whose_a_row_of_another_width_is(header: str, row: str, known: str | None) -> None:
    """Known where the id stands first, for a delimiter too many or too few comes after it. Otherwise it may be anybody
    whose id is among its values.
    """
    others = [each.split(",") for each in lines(200)]
    if header != HEADER:
        others = [[first, each, last_name, status] for each, first, last_name, status in others]
    roster = read(file_of([row, *map(",".join, others)], header=header))
    (found,) = roster.bad_rows
    assert found.employee_id == readable_id(found.payload) == known
    assert found.payload["values"] == row.split(",")
    assert roster.reading.people == 200 + bool(known)


def test_a_line_that_is_no_csv_is_a_bad_row_of_nobody() -> None:
    """Without any value."""
    (row,) = read(file_of([*lines(199), 'E9,"Eve" Jane,Wu,active'])).bad_rows
    assert row.reason.startswith("line 201: cannot be read as CSV: ")
    assert (row.employee_id, row.payload) == (None, {"values": []})


def test_a_bad_row_holds_what_json_can_hold() -> None:
    """Days and decimals as text, no number that is none; the id as a good row would have it."""
    columns = {
        "employee_id": pa.array([17.0, float("nan"), *range(200, 400)], pa.float64()),
        "first_name": ["A"] * 202,
        "last_name": [None, "B", *["C"] * 200],
        "status": ["active"] * 202,
        "end_date": pa.array([date(2026, 1, 31)] * 202),
        "department": [7] * 202,
        "location": [1.5] * 202,
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    roster = read(file.getvalue())
    assert [row.employee_id for row in roster.bad_rows] == ["17", None]
    assert [readable_id(row.payload) for row in roster.bad_rows] == ["17", None]
    assert [row.payload["employee_id"] for row in roster.bad_rows] == ["17", None]
    assert [roster.bad_rows[0].payload[name] for name in ("end_date", "department", "location")] == [
        "2026-01-31",
        7,
        1.5,
    ]
    assert roster.bad_rows[1].reason == "line 2: employee_id must not be nan"


@pytest.mark.parametrize("wrong", ["", "E\x00", "x" * 501])
def test_a_bad_row_without_a_readable_id_is_nobodys(wrong: str) -> None:
    """It is not counted among the people, but its names are kept."""
    roster = read(file_of([f"{wrong},Eve,Wu,active", *lines(99)]))
    (row,) = roster.bad_rows
    assert row.employee_id is None
    assert (row.payload["employee_id"], row.payload["first_name"]) == (wrong, "Eve")
    assert (roster.reading.rows, roster.reading.people) == (100, 99)


# Duplicates


def test_duplicates_are_put_aside_one_by_one() -> None:
    """All rows of the id, since nobody knows which is right; each names the others."""
    roster = read(file_of([*lines(300), "E00001,Eve,Wu,active", "E00001,Eve,Li,leave"]))
    assert len(roster.people) == 299
    assert [row.reason for row in roster.bad_rows] == [
        "line 2: employee_id 'E00001' also stands on line 302, 303",
        "line 302: employee_id 'E00001' also stands on line 2, 303",
        "line 303: employee_id 'E00001' also stands on line 2, 302",
    ]
    assert {row.employee_id for row in roster.bad_rows} == {"E00001"}
    assert roster.bad_rows[2].payload == {
        "employee_id": "E00001",
        "first_name": "Eve",
        "last_name": "Li",
        "status": "leave",
    }
    assert (roster.reading.rows, roster.reading.people) == (302, 300)


def test_ids_that_differ_in_capitals_are_duplicates() -> None:
    """Most systems take them for one."""
    roster = read(file_of([*lines(299), "e00001,Eve,Wu,active"]))
    assert len(roster.people) == 298
    assert [row.employee_id for row in roster.bad_rows] == ["E00001", "e00001"]


@pytest.mark.parametrize(("ids", "fits"), [(1, True), (2, True), (3, False)])
def test_one_id_in_a_hundred_rows_may_be_a_duplicate(ids: int, fits: bool) -> None:
    """Exactly 1 % passes, one id more refuses all of it."""
    content = file_of([*lines(200 - ids), *lines(ids)])
    if fits:
        roster = read(content)
        assert (len(roster.people), len(roster.bad_rows)) == (200 - 2 * ids, 2 * ids)
    else:
        told = refusal(content, accept=ACCEPTABLE)
        assert "3 employee_ids of 200 rows are duplicates (1.5%, and 1% is allowed), the first being" in told
        assert "'E00001' on lines 2, 199 | 'E00002' on lines 3, 200 | 'E00003' on lines 4, 201" in told


def test_the_first_five_duplicates_are_shown() -> None:
    """With their lines."""
    told = refusal(file_of([*lines(8), *lines(8)]))
    assert "8 employee_ids of 16 rows are duplicates (50.0%" in told
    assert [f"'E{number:05}' on lines" in told for number in range(1, 9)] == [True] * 5 + [False] * 3


def test_a_good_row_and_a_bad_one_of_the_same_id() -> None:
    """The person is read, and known to stand in a bad row, too."""
    content = lines(200)
    content.append(bad(content[0]))
    roster = read(file_of(content))
    assert (len(roster.people), roster.reading.people) == (200, 200)
    assert [row.employee_id for row in roster.bad_rows] == ["E00001"]


# Against the last reading


@pytest.mark.parametrize(("before", "now", "fits"), [(100, 90, True), (100, 89, False), (1000, 900, True)])
def test_a_roster_may_shrink_by_a_tenth(before: int, now: int, fits: bool) -> None:
    """Exactly 10 % passes."""
    if fits:
        assert len(read(file_of(lines(now)), last=last(before)).people) == now
    else:
        assert "it shrank by 11.0%, from 100 people to 89" in refusal(file_of(lines(now)), last=last(before))


def test_a_roster_that_shrank_too_much_is_refused_until_somebody_accepts_it() -> None:
    """With the share, both counts and how to accept it."""
    told = refusal(file_of(lines(899)), last=last(1000), accept=["older", "columns"])
    assert (
        'it shrank by 10.1%, from 1000 people to 899 (101 fewer; 10% is allowed; if so many left: accept ["sh' in told
    )
    assert len(read(file_of(lines(899)), last=last(1000), accept=["shrink"]).people) == 899


@pytest.mark.parametrize(("before", "now", "fits"), [(9, 8, False), (10, 9, True), (11, 9, False), (1, 1000, True)])
def test_the_share_counts_however_small_a_roster_is(before: int, now: int, fits: bool) -> None:
    """And it may grow at any rate."""
    if fits:
        assert len(read(file_of(lines(now)), last=last(before)).people) == now
    else:
        assert f"from {before} people to {now}" in refusal(file_of(lines(now)), last=last(before))


def test_people_in_bad_rows_are_not_missing() -> None:
    """Whoever stands there is on the roster."""
    content = lines(900)
    content[:9] = map(bad, content[:9])
    assert len(read(file_of(content), last=last(1000)).people) == 891


@pytest.mark.parametrize(("later", "fits"), [(-1, False), (0, True), (1, True)])
def test_an_older_file_is_refused(later: int, fits: bool) -> None:
    """Written before the last accepted one; at the same moment is fine."""
    moment = WRITTEN + timedelta(seconds=later)
    if fits:
        assert read(file_of(lines(9)), last=last(9), modified_at=moment).people
    else:
        told = refusal(file_of(lines(9)), last=last(9), modified_at=moment, accept=["shrink", "columns"])
        assert "it was written at 2026-03-01 05:59:59 UTC, before the last one (2026-03-01 06:00:00 UTC" in told
        assert 'accept ["older"]' in told
        assert read(file_of(lines(9)), last=last(9), modified_at=moment, accept=["older"]).people


def test_an_older_file_with_the_same_content_is_no_other_roster() -> None:
    """Such as the same file, copied with its time."""
    content = file_of(lines(9))
    fingerprint = read(content).reading.fingerprint
    moment = WRITTEN - timedelta(days=1)
    assert read(content, last=last(9, fingerprint=fingerprint), modified_at=moment).people


@pytest.mark.parametrize(("before", "now"), [(None, WRITTEN), (WRITTEN, None), (None, None)])
def test_a_file_that_tells_no_time_is_not_older(before: datetime | None, now: datetime | None) -> None:
    """Queries and some file systems tell none."""
    assert read(file_of(lines(9)), last=last(9, modified_at=before), modified_at=now).people


def test_every_problem_is_told_at_once() -> None:
    """With all counts, so that one look is enough."""
    rows = [*lines(40), *lines(2), *(f"{each},x" for each in lines(2, first=90))]
    told = refusal(file_of(rows), last=last(100), modified_at=WRITTEN - timedelta(days=1))
    assert "2 of 44 rows cannot be read" in told
    assert "2 employee_ids of 44 rows are duplicates" in told
    assert "it shrank by 58.0%, from 100 people to 42" in told
    assert "it was written at" in told
