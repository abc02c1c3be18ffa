"""Who was erased is left out of whatever is loaded; what a person is looked for by is found, and nobody else."""

from collections.abc import Callable
from typing import Any

import pytest

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.erased import ANY_WHO, Guard, is_own, token
from exec_orchestration.tables.exec_com import exec_members, exec_scenarios
from exec_orchestration.tables.hr import hr_roster
from exec_orchestration.tables.needles import Needles
from exec_orchestration.tables.veil import PLAIN, Veil

SALT = "ab" * 32
Make = Callable[..., tuple[Any, ...]]


def guard(veil: Veil = PLAIN, **erased: str) -> Guard:
    """A guard against these identifiers."""
    return Guard(frozenset(token(SALT, who, each) for who, each in erased.items()), SALT, veil)


@pytest.mark.parametrize("address", ["ann@acme.example", " Ann@ACME.example"])
def test_a_row_of_theirs_is_left_out(row: Make, address: str) -> None:
    """By any identifier, an address however it is written; and counted."""
    rows = [row(exec_members, id="u1", email=address), row(exec_members, id="u2", email="bob@acme.example")]
    made = guard(email="ann@acme.example")
    assert list(made.rows(exec_members, rows)) == rows[1:]
    assert made.left_out == 1
    assert list(guard(exec_user="u2").rows(exec_members, rows)) == rows[:1]


def test_an_identifier_is_that_of_whoever_gave_it_out(row: Make) -> None:
    """An employee id that looks like somebody's id in Exec is not that person's."""
    rows = [row(exec_members, id="7", email="bob@acme.example")]
    assert list(guard(employee="7").rows(exec_members, rows)) == rows


def test_a_mention_is_empty(row: Make) -> None:
    """In somebody else's row, all that tells of them goes: the lead of a colleague, the owner of a scenario."""
    (kept,) = guard(employee="E1").rows(hr_roster, [row(hr_roster, employee_id="E2", manager_id="E1")])
    assert kept == row(hr_roster, employee_id="E2", manager_id=None)
    owned = row(
        exec_scenarios, id="s", owner_id="u1", owner_email="ann@x", owner_first_name="Ann", owner_last_name="Lee"
    )
    (kept,) = guard(exec_user="u1").rows(exec_scenarios, [owned])
    assert kept == row(exec_scenarios, id="s")


def test_what_nobody_has_declared_goes_when_it_names_them(row: Make) -> None:
    """However deep in it."""
    rows = [
        row(exec_members, id="u2", extra={"coach": {"mail": ["ann@x"]}}),
        row(exec_members, id="u3", extra={"a": 1}),
    ]
    assert list(guard(email="ann@x").rows(exec_members, rows)) == [row(exec_members, id="u2"), rows[1]]


def test_nobody_erased_costs_nothing(row: Make) -> None:
    """Rows go through as they are."""
    rows = [row(exec_members, id="u1")]
    assert guard().rows(exec_members, rows) is rows


def test_a_person_erased_from_hashes_is_known_by_what_comes_in_plain(row: Make) -> None:
    """Vendors go on sending the address itself; and who was erased before the tables held hashes stays out."""
    veil, rows = Veil("k" * 32), [row(exec_members, id="u1", email="Ann@x")]
    assert list(guard(veil, email=veil.email("ann@x")).rows(exec_members, rows)) == []
    assert list(guard(veil, email="ann@x").rows(exec_members, rows)) == []


NEEDLES = Needles(frozenset({"ann@acme.example"}), frozenset({"E0042", "17"}), frozenset({("Ann", "Lee")}))


@pytest.mark.parametrize(
    "value",
    ["17", "e0042", "(E0042): bad", {"a": ["17"]}, {"E0042": 1}, "write to ANN@acme.example.", "<ann@acme.example>"],
)
def test_addresses_and_ids_are_found(value: Any) -> None:
    """Anywhere in a text or in JSON; a mere number only where it is the whole of a value."""
    assert NEEDLES.identifies(value)


@pytest.mark.parametrize(
    "value", ["E00421", "at 17:30", "joann@acme.example", "ann@acme.example2", None, 17, "Ann Lee"]
)
def test_others_are_not(value: Any) -> None:
    """Not within a longer id or address."""
    assert not NEEDLES.identifies(value)


@pytest.mark.parametrize(
    "values", [["Ann", "x", "lee"], ["by ann  lee"], [{"first": "ANN", "last": "Lee"}], ["Lee, Ann"]]
)
def test_a_name_is_found_where_both_stand_together(values: list[Any]) -> None:
    """As values of their own, or one after the other."""
    assert NEEDLES.names_somebody(values)


@pytest.mark.parametrize("values", [["Ann"], ["Lee"], ["Ann Bee", "Lee"], ["Joann Lee"]])
def test_half_a_name_is_many_peoples(values: list[Any]) -> None:
    """So neither half tells of the person."""
    assert not NEEDLES.names_somebody(values)


def test_a_text_can_be_kept_without_them() -> None:
    """What our own journals say of others stays readable."""
    text = "E0041 differs from E0042; Ann Lee <ann@acme.example> says no"
    assert NEEDLES.hidden(text) == "E0041 differs from [hidden]; [hidden] <[hidden]> says no"


def test_every_table_about_people_says_whose_its_rows_are() -> None:
    """By a column of its own or by another table's; what came and was rejected is searched instead."""
    for table in METADATA.tables.values():
        own = any(is_own(each) or each.info.get("belongs_to") for each in table.columns)
        about = [each for each in table.columns if each.info.get("personal") and not each.info.get("is_mention")]
        assert own or not about or table.name == "rejected_rows", table.name


def test_whoever_is_mentioned_can_be_left_out() -> None:
    """A mention may be empty, and what a row belongs to is the row of somebody."""
    columns = [column for table in METADATA.tables.values() for column in table.columns]
    assert all(column.nullable for column in columns if column.info.get("is_mention"))
    assert {column.info["who"] for column in columns if column.info.get("who")} == set(ANY_WHO)
    for told in filter(None, (column.info.get("belongs_to") for column in columns)):
        table, name = told.split(".")
        assert METADATA.tables[table].c[name].primary_key
        assert any(map(is_own, METADATA.tables[table].columns))
