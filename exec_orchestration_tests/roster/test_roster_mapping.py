"""HR's words -> ours: what a mapping file may say, and what it is told when it says something else."""

import unicodedata

import pytest

from exec_orchestration.errors import BadSetting
from exec_orchestration.roster.mapping import RosterMapping, read_mapping
from exec_orchestration.roster.person import COLUMNS, STATUSES

FILE = """
date_format = "%d.%m.%Y"

[columns]
"Personnel no." = "employee_id"
Vorname = "first_name"

[status]
"On sabbatical" = "leave"
A = "active"
"""


def refusal(content: str | bytes) -> str:
    """Why a mapping is refused."""
    with pytest.raises(BadSetting) as error:
        read_mapping(content.encode() if isinstance(content, str) else content, name="map.toml")
    return str(error.value)


def test_without_a_mapping_names_are_ours() -> None:
    """In any capitals, with spaces around them; what is not ours is not read."""
    header = ("employee_id", " First_Name", "LAST_NAME ", "Shoe size", "")
    assert RosterMapping().our_columns(header) == ("employee_id", "first_name", "last_name", None, None)
    assert RosterMapping().our_columns(COLUMNS) == COLUMNS
    assert RosterMapping().statuses == {status: status for status in STATUSES}


def test_a_mapping_leads_from_their_names_to_ours() -> None:
    """Columns and values that have our names already need no line."""
    mapping = read_mapping(FILE.encode(), name="map.toml")
    header = ("PERSONNEL  NO.", "vorname", "last_name", "Status")
    assert mapping.our_columns(header) == ("employee_id", "first_name", "last_name", "status")
    assert mapping.date_format == "%d.%m.%Y"
    assert mapping.statuses == {**RosterMapping().statuses, "on sabbatical": "leave", "a": "active"}


def test_a_mapping_may_be_empty_and_may_have_a_byte_order_mark() -> None:
    """As some editors write it."""
    assert read_mapping(b"", name="map.toml") == RosterMapping()
    assert read_mapping(b"\xef\xbb\xbf" + FILE.encode(), name="map.toml") == read_mapping(FILE.encode(), name="x")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_forms_of_a_letter_are_one_name(form: str) -> None:
    """A file that was written on another system means the same columns and values."""
    told = unicodedata.normalize(form, '[columns]\n"Prénom" = "first_name"\n[status]\n"Congé" = "leave"\n')
    mapping = read_mapping(told.encode(), name="map.toml")
    assert mapping.our_columns((unicodedata.normalize("NFC", "PRÉNOM"),)) == ("first_name",)
    assert mapping.our_columns((unicodedata.normalize("NFD", "Prénom"),)) == ("first_name",)
    assert mapping.statuses[unicodedata.normalize("NFC", "congé")] == "leave"


def test_a_missing_column_is_named_as_the_mapping_names_it() -> None:
    """Whoever mends the file does not know our names."""
    mapping = read_mapping(FILE.encode(), name="map.toml")
    assert mapping.their_column("employee_id") == "employee_id (by the mapping 'personnel no.')"
    assert mapping.their_column("last_name") == "last_name"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("columns", "map.toml is not a TOML file: "),
        (b"[columns]\n\xff = 'email'", "map.toml is not a TOML file: "),
        ("[colums]\na = 'email'", "map.toml has colums, which nobody reads; valid are the tables [columns] and"),
        ("x = 1\n[y]", "map.toml has x, y, which nobody reads"),
        ("columns = 'email'", "columns of map.toml must be a table of theirs = ours"),
        ("status = ['active']", "status of map.toml must be a table of theirs = ours"),
        ("[columns]\nMail = 'e-mail'", "[columns] of map.toml maps 'Mail' to 'e-mail', which is none of employee_id, "),
        ("[columns]\nemail = 'Mail'", "; the lines read theirs = ours, is 'email' ours?"),
        ("[columns]\nEmp.No = 'employee_id'", "[columns] of map.toml maps 'Emp' to {'No': 'employee_id'}, which is"),
        ("[columns]\nMail = ['email']", "[columns] of map.toml maps 'Mail' to ['email'], which is none of"),
        ("[status]\nGone = 'left'", "[status] of map.toml maps 'Gone' to 'left', which is none of active, leave, "),
        ("[status]\nactive = 'Employed'", "; the lines read theirs = ours, is 'active' ours?"),
    ],
)
def test_what_a_mapping_must_not_say(content: str | bytes, why: str) -> None:
    """The refusal names the setting, the file, the line's words and what would be valid."""
    assert refusal(content).startswith("HR_ROSTER_MAPPING: ")
    assert ("ours?" in refusal(content)) is ("ours?" in why)
    assert why in refusal(content)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%y", "%m/%d/%Y", "%d %b %Y", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H%z"])
def test_a_date_format_tells_day_month_and_year(form: str) -> None:
    """And may tell the time of day."""
    assert read_mapping(f'date_format = "{form}"'.encode(), name="map.toml").date_format == form


@pytest.mark.parametrize("form", ["'%d.%m.'", "'%Y'", "'%d %d %m %Y'", "'%Q'", "'DD.MM.YYYY'", "''", "'%'", "4", "[]"])
def test_any_other_date_format_is_refused(form: str) -> None:
    """Without a year everybody's last day would lie in 1900."""
    assert "date_format of map.toml must be a text such as '%d.%m.%Y', with day, month" in refusal(
        f"date_format = {form}"
    )
