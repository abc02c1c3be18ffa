"""A row of the roster -> a person: what is tidied, what is refused and why, and on which days there is an account."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from exec_orchestration.roster.mapping import RosterMapping
from exec_orchestration.roster.person import COLUMNS, REQUIRED, Person, person_from
from exec_orchestration_tests.roster.fakes import person

GOOD = {"employee_id": "E1", "first_name": "Ada", "last_name": "Love", "status": "active"}
OPTIONAL = tuple(name for name in COLUMNS if name not in REQUIRED)
PLACE = {"start_date": "start_on", "end_date": "end_on"}


def read(*, date_format: str | None = None, **values: Any) -> Person:
    """The person of a good row with some other values."""
    return person_from({**GOOD, **values}, statuses=RosterMapping().statuses, date_format=date_format)


def problem(**values: Any) -> str:
    """Why a row is refused."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the text is what the tests compare
        read(**values)
    return str(refusal.value)


def test_the_required_columns_alone_make_a_person() -> None:
    """Whatever else is not there is not known."""
    assert read() == Person(employee_id="E1", first_name="Ada", last_name="Love", status="active")


def test_every_column_is_read() -> None:
    """Each of ours has its place in a person."""
    found = read(
        email="a@x.example",
        department="Sales",
        manager_id="E9",
        location="Oslo",
        start_date="2025-01-31",
        end_date="2026-01-31",
    )
    assert (found.email, found.department, found.manager_id, found.location) == ("a@x.example", "Sales", "E9", "Oslo")
    assert (found.start_on, found.end_on) == (date(2025, 1, 31), date(2026, 1, 31))


@pytest.mark.parametrize("nothing", [None, "", "   ", "\t", "\u00a0"])
@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_value_must_not_be_empty(name: str, nothing: Any) -> None:
    """Nor blank in any way."""
    assert problem(**{name: nothing}) == f"{name} must not be empty"


@pytest.mark.parametrize("nothing", [None, "", "   "])
@pytest.mark.parametrize("name", OPTIONAL)
def test_any_other_value_may_be_empty(name: str, nothing: Any) -> None:
    """Then it is null, never an empty text."""
    assert getattr(read(**{name: nothing}), PLACE.get(name, name)) is None


TEXTS = ("employee_id", "first_name", "last_name", "status", "email", "department", "manager_id", "location")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (True, "must be text, not bool"),
        (b"E1", "must be text, not bytes"),
        (["E1"], "must be text, not list"),
        (float("nan"), "must not be nan"),
        (float("inf"), "must not be inf"),
        (Decimal("NaN"), "must not be NaN"),
        (Decimal("-Infinity"), "must not be -Infinity"),
        (Decimal("1e400"), "must not be 1E+400"),
        ("A\x00B", "must not hold the character U+0000"),
        ("A\x1bB", "must not hold the character U+001B"),
        ("A\ufffdB", "must not hold the character U+FFFD"),
        ("A\ud800", "must not hold the character U+D800"),
        ("x" * 501, "must have at most 500 characters, and has 501"),
    ],
)
@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_line_of_text_is_refused(name: str, value: Any, why: str) -> None:
    """The reason names the column; it never holds the bad character itself."""
    assert problem(**{name: value}) == f"{name} {why}"


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "status"])
def test_a_text_has_up_to_500_characters(name: str) -> None:
    """At the limit and one under."""
    assert len(getattr(read(**{name: "x" * 500}), name)) == 500
    assert len(getattr(read(**{name: f" {'x' * 499} "}), name)) == 499


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("  E1\u00a0", "E1"),
        ("E\n 1", "E 1"),
        ("0012", "0012"),
        ("e1", "e1"),
        (17, "17"),
        (17.0, "17"),
        (Decimal("17.00"), "17"),
        (17.5, "17.5"),
        (10**30, str(10**30)),
        (10**400, str(10**400)),
    ],
)
def test_an_id_is_as_hr_writes_it(value: Any, read_as: str) -> None:
    """Capitals and leading zeros are part of it; outer spaces are not, and a whole number has no point."""
    assert read(employee_id=value).employee_id == read_as
    assert read(manager_id=value).manager_id == read_as


@pytest.mark.parametrize("name", ["first_name", "last_name", "department", "email"])
def test_texts_are_in_the_composed_form(name: str) -> None:
    """Two ways to write one letter are not two names."""
    assert getattr(read(**{name: " Zoe\u0308 "}), name) == "Zo\u00eb"


@pytest.mark.parametrize(
    "written",
    ["JosÃ©", " MÃ¼ller ", "Dâ€™Arcy", "Å\u00a0ime", "Ð˜Ð²Ð°Ð½"],
)
def test_a_name_that_was_decoded_wrongly_is_refused(written: str) -> None:
    """UTF-8 that somebody read as Windows-1252 would otherwise be written to Sparkwise."""
    for name in ("first_name", "last_name"):
        assert problem(**{name: written}) == (
            f"{name} looks like UTF-8 that was decoded as another encoding; export the roster as UTF-8 throughout"
        )
    assert read(department=written).department == " ".join(written.split())


@pytest.mark.parametrize(
    "name", ["José", "JOSÉ\u00a0", "Müller", "SÃO", "Søren", "Łukasz", "李小龍", "Ангел", "O’Neil", "Ångström"]
)
def test_a_name_that_is_not_ascii_is_a_name(name: str) -> None:
    """Accents, other scripts and curly apostrophes pass as they are."""
    assert read(first_name=name).first_name == name.strip()


@pytest.mark.parametrize("status", ["active", " ACTIVE ", "Leave", "prehire", "Terminated"])
def test_a_status_is_one_of_four(status: str) -> None:
    """However it is capitalised."""
    assert read(status=status).status == status.strip().casefold()


def test_an_unknown_status_is_refused_with_what_would_be_known() -> None:
    """And with the setting that would make it known."""
    assert problem(status="Gone") == (
        "status 'Gone' is none of active, leave, prehire, terminated; map it in HR_ROSTER_MAPPING if it should be"
    )


@pytest.mark.parametrize("status", ["ada@x.example", "x" * 41])
def test_what_is_hardly_a_status_is_not_quoted(status: str) -> None:
    """In a shifted row an address or a note may stand there."""
    assert problem(status=status).startswith("status of this row is none of active, leave, prehire, terminated; map it")
    assert repr("x" * 40) in problem(status="x" * 40)


@pytest.mark.parametrize("name", ["start_date", "end_date"])
@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31",
        " 2026-01-31 ",
        "20260131",
        "2026-01-31T23:59:59",
        "2026-01-31T23:59:59+14:00",
        date(2026, 1, 31),
        datetime(2026, 1, 31, 23, 59, tzinfo=UTC),
        20260131,
    ],
)
def test_a_day_is_iso_8601(name: str, value: Any) -> None:
    """With or without a time of day, which is dropped, and whatever type the source gives it."""
    assert getattr(read(**{name: value}), PLACE[name]) == date(2026, 1, 31)


@pytest.mark.parametrize("name", ["start_date", "end_date"])
@pytest.mark.parametrize("value", ["31.01.2026", "2026-02-30", "soon", "46053", "2026", "01/31/2026", 46053.0])
def test_anything_else_is_no_day(name: str, value: Any) -> None:
    """A number of days since 1900 neither; nothing is guessed, and what came may be somebody's name."""
    assert problem(**{name: value}) == f"{name} must be a day such as 2026-01-31; what came stands in rejected_rows"


def test_days_follow_the_date_format() -> None:
    """Then ISO 8601 is no longer one, but a typed day is a day all the same."""
    assert read(date_format="%d.%m.%Y", end_date="31.01.2026").end_on == date(2026, 1, 31)
    assert read(date_format="%d.%m.%Y", end_date=date(2026, 1, 31)).end_on == date(2026, 1, 31)
    assert problem(date_format="%d.%m.%Y", end_date="2026-01-31") == (
        "end_date must be a day in the format %d.%m.%Y; what came stands in rejected_rows"
    )


@pytest.mark.parametrize(("end", "fits"), [("2026-01-30", False), ("2026-01-31", True), ("2026-02-01", True)])
def test_nobody_ends_before_they_start(end: str, fits: bool) -> None:
    """One day of employment is enough."""
    if fits:
        assert read(start_date="2026-01-31", end_date=end).end_on == date.fromisoformat(end)
    else:
        why = "end_date 2026-01-30 must not be before start_date 2026-01-31"
        assert problem(start_date="2026-01-31", end_date=end) == why


def test_every_reason_is_given() -> None:
    """So that one look at a row is enough to mend it."""
    assert problem(employee_id="", last_name=None, status="x", start_date="soon").count("; ") == 5
    told = problem(employee_id="", last_name=None, start_date="soon")
    assert told == (
        "employee_id must not be empty; last_name must not be empty; "
        "start_date must be a day such as 2026-01-31; what came stands in rejected_rows"
    )


# On which days somebody has an account

DAY = date(2026, 3, 2)
BEFORE, AFTER = date(2026, 3, 1), date(2026, 3, 3)


@pytest.mark.parametrize(
    ("status", "start_on", "end_on", "works"),
    [
        ("active", None, None, True),
        ("active", AFTER, None, True),  # only a prehire waits
        ("active", None, AFTER, True),
        ("active", None, DAY, True),  # the last day is a day of work
        ("active", None, BEFORE, False),
        ("leave", None, None, True),
        ("leave", None, BEFORE, False),
        ("terminated", None, None, False),
        ("terminated", None, AFTER, True),
        ("terminated", None, DAY, True),
        ("terminated", None, BEFORE, False),
        ("prehire", None, None, False),
        ("prehire", AFTER, None, False),
        ("prehire", DAY, None, True),
        ("prehire", BEFORE, None, True),
        ("prehire", BEFORE, BEFORE, False),
    ],
)
def test_who_has_an_account_on_a_day(status: str, start_on: date | None, end_on: date | None, works: bool) -> None:
    """Status, first day and last day decide, the last day included."""
    assert person(status=status, start_on=start_on, end_on=end_on).works_on(DAY, lead_days=0) is works


@pytest.mark.parametrize(("lead_days", "works"), [(0, False), (9, False), (10, True), (11, True)])
def test_a_prehire_has_an_account_some_days_ahead(lead_days: int, works: bool) -> None:
    """Exactly as many as were set."""
    starter = person(status="prehire", start_on=date(2026, 3, 12))
    assert starter.works_on(DAY, lead_days=lead_days) is works


@pytest.mark.parametrize(
    "other",
    [
        {"employee_id": "E2"},
        {"first_name": "Eve"},
        {"last_name": "Li"},
        {"status": "leave"},
        {"email": "a@x.example"},
        {"department": "Sales"},
        {"manager_id": "E9"},
        {"location": "Oslo"},
        {"start_on": DAY},
        {"end_on": DAY},
    ],
)
def test_the_fingerprint_tells_every_change_of_a_row(other: dict[str, Any]) -> None:
    """Whoever was refused is tried again when anything that HR says of them changes."""
    assert person(**other).fingerprint != person().fingerprint
    assert person(**other).fingerprint == person(**other).fingerprint
