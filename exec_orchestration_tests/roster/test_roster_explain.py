"""Plans and people in words: everything is there, and nothing that HR or Sparkwise wrote becomes Markdown."""

from datetime import date
from typing import Any

import pytest

from exec_orchestration.roster.account import Outcome
from exec_orchestration.roster.discretion import discreet, fields_in_words
from exec_orchestration.roster.explain import (
    SHOWN_PEOPLE,
    changes_in_words,
    escaped,
    person_in_words,
    plan_in_words,
)
from exec_orchestration.roster.plan import Limits
from exec_orchestration_tests.roster.fakes import NOW, account, change, changes, person, plan

EVIL = "a|b *c* _d_ [e](f) <g> `h` #i !j ~k {l} \\m\nn\r\n\to"


def told(employee_id: str = "E1", **values: Any) -> str:
    """One person, of whom nothing else is known."""
    given = {"person": None, "accounts": [], "change": None, "waits": False, "outcomes": []}
    return person_in_words(employee_id, **{**given, **values})


@pytest.mark.parametrize("sign", list("\\`*_{}[]<>#|!~"))
def test_signs_of_markdown_are_escaped(sign: str) -> None:
    """Each of them, wherever it stands."""
    assert escaped(f"{sign}a{sign}") == f"\\{sign}a\\{sign}"


@pytest.mark.parametrize("text", ["Zoë O’Neil-Li", "a@x.example", "2026-03-02", "(x) & y; 50 %", ""])
def test_other_text_is_as_it_was(text: str) -> None:
    """Names, dates, addresses."""
    assert escaped(text) == text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\t", "\x0b"])
def test_text_stays_on_one_line(end: str) -> None:
    """A name must not begin a list or end a table."""
    assert escaped(f" a{end}- b ") == "a - b"


def test_a_plan_tells_its_counts() -> None:
    """Those of which there are any, over how many accounts."""
    page = plan_in_words(plan([*changes("create", 2), *changes("unchanged", 3)], managed=7), approval=None)
    assert page.splitlines()[0] == "**Plan p1** over 7 managed accounts: 2 create, 3 unchanged."
    assert "wait" not in page
    assert "approve" not in page
    assert plan_in_words(plan([]), approval=None) == "**Plan p1** over 10000 managed accounts: nobody."


def test_a_plan_tells_what_waits_and_how_to_approve_it() -> None:
    """Until when, with the words to type."""
    made = plan([*changes("deactivate", 6), *changes("create", 1)], managed=50, limits=Limits())
    page = plan_in_words(made, approval="dagster job execute")
    assert "**6 changes wait:** 6 of 50 accounts would be switched off, and 5 are allowed (USER\\_SYNC\\_MAX" in page
    assert "To approve them until 2026-03-03 06:00 UTC:\n\n```\ndagster job execute\n```" in page
    assert "| d00003 | deactivate (waits) | active: True -\\> False | absent from the roster |" in page
    assert "| c00000 | create | " in page


def test_a_table_shows_who_does_something_first() -> None:
    """By action and id, the blocked at the end; nobody who is unchanged."""
    found = [change("E9", "update"), change("E1", "blocked"), change("E5"), change("E4", "unchanged"), change("E3")]
    rows = [line.split(" | ")[0] for line in plan_in_words(plan(found), approval=None).splitlines() if "| E" in line]
    assert rows == ["| E3", "| E5", "| E9", "| E1"]


@pytest.mark.parametrize(("count", "more"), [(SHOWN_PEOPLE, False), (SHOWN_PEOPLE + 1, True)])
def test_a_table_has_an_end(count: int, more: bool) -> None:
    """Whoever is not shown is counted, with the table that has them all."""
    lines = changes_in_words(changes("create", count), held=frozenset())
    assert len(lines) == 2 + SHOWN_PEOPLE + more
    assert (lines[-1] == "| ... | 1 more | in the table user_sync_plan | |") is more


def test_a_name_draws_no_table_and_no_link() -> None:
    """Whatever stands in an id, a name or a reason: each person is one row of four cells."""
    evil = change(EVIL, "update", changes={"last_name": (EVIL, None)}, reason=EVIL)
    lines = changes_in_words([evil], held=frozenset({EVIL}))
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 5
    for sign in ("<g>", "[e]", "*c*", "`h`", "\n", "_d_"):
        assert sign not in lines[2]
    assert told(EVIL, person=person(last_name=EVIL), change=evil).count("\n") == told().count("\n")


def test_fields_are_told_from_and_to() -> None:
    """Nothing is a dash; the values of names only where that is asked for."""
    found = {"last_name": ("Lee", "Li"), "first_name": (None, "Ada"), "active": [True, False]}
    assert fields_in_words(found) == "last_name changes, first_name changes, active: True -> False"
    assert fields_in_words(found, names=True) == "last_name: Lee -> Li, first_name: none -> Ada, active: True -> False"


def test_somebody_whom_nobody_knows() -> None:
    """That is said of each side."""
    assert told() == (
        "**E1**\n\n"
        "- HR says: not on the roster, or in a row that cannot be read\n"
        "- Sparkwise says: no account has this remote id\n"
        "- What follows: nothing, neither side knows this id\n"
        "- Before: nothing was ever sent for this person"
    )


def test_everything_that_is_known_of_a_person_is_told() -> None:
    """HR, each account, what follows, whether it waits, and every outcome with its plan, newest first as given."""
    page = everything(names=True)
    assert page == (
        "**E1**\n\n"
        "- HR says: leave, Ada Li, department Sales, from 2025-01-31, until 2026-12-31\n"
        "- Sparkwise says: active, Ada Love (account 01234567...)\n"
        "- Sparkwise says: switched off, - Love (account 98765432...)\n"
        "- What follows: update (last\\_name: Old -\\> Love): new last\\_name; it waits for approval\n"
        "- Before: plan p2, attempt 2: update was applied at 2026-03-02 06:00 UTC\n"
        "- Before: plan p1, attempt 1: update was refused at 2026-03-02 06:00 UTC (Ada LOVE, a@x.example, is unknown)"
    )


def test_a_person_is_told_without_names() -> None:
    """By ids, states and dates; what Sparkwise has said is repeated without the person's names and addresses."""
    page = everything()
    assert page == (
        "**E1**\n\n"
        "- HR says: leave, department Sales, from 2025-01-31, until 2026-12-31\n"
        "- Sparkwise says: active (account 01234567...)\n"
        "- Sparkwise says: switched off (account 98765432...)\n"
        "- What follows: update (last\\_name changes): new last\\_name; it waits for approval\n"
        "- Before: plan p2, attempt 2: update was applied at 2026-03-02 06:00 UTC\n"
        "- Before: plan p1, attempt 1: update was refused at 2026-03-02 06:00 UTC "
        "(\\[hidden\\] \\[hidden\\], \\[hidden\\], is unknown)"
    )


def everything(**values: Any) -> str:
    """One person, of whom much is known."""
    return told(
        **values,
        person=person(
            status="leave", department="Sales", start_on=date(2025, 1, 31), end_on=date(2026, 12, 31), last_name="Li"
        ),
        accounts=[account(id="0123456789"), account(id="9876543210", first_name=None, active=False)],
        change=change("E1", "update", reason="new last_name"),
        waits=True,
        outcomes=[
            ("p2", Outcome("E1", 2, "update", "applied", NOW)),
            ("p1", Outcome("E1", 1, "update", "refused", NOW, NOW, "Ada LOVE, a@x.example, is unknown")),
        ],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User Ada Love is unknown", "User [hidden] [hidden] is unknown"),
        ("ADA@x.example, not ada", "[hidden], not [hidden]"),
        ("Adam loves a lovely X", "Adam loves a lovely X"),
        ("Ann Mary-Li is not Ann Mary", "[hidden]-Li is not [hidden]"),
    ],
)
def test_what_others_say_is_told_without_names(text: str, expected: str) -> None:
    """Whole words only, however they are capitalised; a single letter is no name."""
    assert discreet(text, ["Ada", "Love", "Ann", "Ann Mary", "X", None, ""]) == expected
    assert discreet(text, ["Ada"], names=True) == text


def test_somebody_of_whom_nothing_is_asked() -> None:
    """Without fields, and without a wait."""
    page = told(person=person(), accounts=[account()], change=change("E1", "unchanged", reason="active"))
    assert "- What follows: unchanged: active\n" in page
