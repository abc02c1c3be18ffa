"""What a veil makes of persons: the same hash wherever the same person stands, and nothing where there is no key."""

from typing import Any

import pytest

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import holds_persons
from exec_orchestration.tables.veil import HASHED, PLAIN, Veil

VEIL = Veil("k" * 32)
KINDS = {"email", "name", "id", "json", "words"}


@pytest.mark.parametrize("other", ["Ann@Acme.Example", " ann@acme.example ", "ANN@ACME.EXAMPLE"])
def test_an_address_is_one_however_it_is_written(other: str) -> None:
    """Capitals and outer spaces do not matter, as nowhere else."""
    assert VEIL.email(other) == VEIL.email("ann@acme.example")
    assert HASHED.fullmatch(VEIL.email(other))


def test_a_name_is_another_in_capitals() -> None:
    """Sparkwise is told of such a change; Unicode's two forms of one letter are one."""
    assert VEIL.name("Zoë") == VEIL.name("Zoe\u0308") != VEIL.name("ZOË")


def test_a_hash_depends_on_the_key_and_on_what_it_is_of() -> None:
    """So that a name is found neither with another key nor among addresses."""
    assert len({VEIL.name("ann@x"), VEIL.email("ann@x"), Veil("x" * 32).name("ann@x")}) == 3


@pytest.mark.parametrize("value", ["", VEIL.name("Ann")])
def test_nothing_and_hashes_stay(value: str) -> None:
    """What is hidden once is not hidden again."""
    assert VEIL.name(value) == VEIL.email(value) == value


def test_of_a_json_value_ids_times_and_numbers_stay() -> None:
    """Every other text may be about a person, and so may a key with an @."""
    value: dict[str, Any] = {"user": {"id": "u-1", "name": "Ann"}, "at": "2026-01-31T00:00:00Z", "n": [1, True, None]}
    hidden = VEIL.json({**value, "ann@x": "u-1"}, keep=frozenset({"user.id"}))
    assert hidden == {
        "user": {"id": "u-1", "name": VEIL.name("Ann")},
        "at": value["at"],
        "n": value["n"],
        VEIL.email("ann@x"): VEIL.name("u-1"),
    }


def test_without_a_key_nothing_changes() -> None:
    """Rows, values and rejected rows go through as they are."""
    table = METADATA.tables["exec_members"]
    rows = [tuple(f"Ann {column.name}@x" for column in table.columns)]
    assert PLAIN.rows(table, rows) is rows
    assert PLAIN.json({"a": "Ann"}) == {"a": "Ann"}
    assert PLAIN.email("Ann@X") == "Ann@X"


def test_every_column_that_holds_persons_is_hidden_or_an_id() -> None:
    """A new personal column says what it holds."""
    for column in (column for table in METADATA.tables.values() for column in table.columns if holds_persons(column)):
        kind = column.info.get("personal") or "json"
        assert kind in KINDS
        assert (VEIL.hiding(column) is None) == (kind == "id")
