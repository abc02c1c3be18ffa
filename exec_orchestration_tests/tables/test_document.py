"""docs/tables.md is what the declarations generate, and a change that was not written is noticed."""

from pathlib import Path

import pytest

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.document import GROUPS, document, main

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """`make docs` would change nothing."""
    assert PAGE.read_text(encoding="utf-8") == document()
    assert main([str(PAGE), "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_page_is_written_and_then_up_to_date(tmp_path: Path) -> None:
    """Without --check it writes, with it it compares."""
    page = tmp_path / "tables.md"
    assert main([str(page)]) == 0
    assert page.read_text(encoding="utf-8") == document()
    assert main([str(page), "--check"]) == 0


@pytest.mark.parametrize("old", ["", document().replace("best score", "worst score"), document() + "\n"])
def test_a_page_of_other_declarations_is_noticed(tmp_path: Path, old: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to do, and leaves the page as it is."""
    page = tmp_path / "tables.md"
    page.write_text(old, encoding="utf-8")
    assert main([str(page), "--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == old


def test_a_missing_page_is_noticed(tmp_path: Path) -> None:
    """And not made."""
    assert main([str(tmp_path / "tables.md"), "--check"]) == 1
    assert not (tmp_path / "tables.md").exists()


def test_a_changed_declaration_changes_the_page() -> None:
    """Comment, unit, source, accepted values, marks: each is on it."""
    column = METADATA.tables["exec_sessions"].c.rank
    before, info, comment = document(), dict(column.info), column.comment
    for name, value in (("unit", "medals"), ("source", "a.b"), ("accepted", ("tin",)), ("personal", True)):
        column.info[name] = value
        assert document() != before, name
        column.info.update(info)
    column.comment = "Another | meaning."
    assert "Another \\| meaning." in document()
    column.comment = comment
    assert document() == before


def test_every_table_and_column_is_on_the_page() -> None:
    """Under its group; no group is forgotten."""
    page = document()
    for table in METADATA.tables.values():
        assert table.info["group"] in GROUPS
        _, _, section = page.partition(f"### `{table.name}`\n")
        section = section.partition("\n### ")[0]
        for column in table.columns:
            assert f"\n| `{column.name}` | " in section
