"""The asset `learning_report`: a page that a person can open, made from whatever the warehouse holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exec_orchestration.defs.lineage import column_lineage
from exec_orchestration.defs.report.assets import write_beside_and_rename
from exec_orchestration.tables import marts
from exec_orchestration_tests.defs.conftest import House, failure_text


def report(house: House, folder: Path, **settings: str) -> tuple[Any, Path]:
    """The asset's run, and where it was to write."""
    path = folder / "made" / "report.html"
    return house.run("learning_report", LEARNING_REPORT_PATH=str(path), **settings), path


def test_the_page_is_written_where_the_setting_says(sqlite_house: House, tmp_path: Path) -> None:
    """In a folder that is made, about the last days, and the UI shows the path."""
    result, path = report(sqlite_house, tmp_path, LEARNING_REPORT_DAYS="7")
    assert result.success
    text = path.read_text()
    assert text.startswith("<!doctype html>")
    assert "no data yet" in text
    last = datetime.now(UTC).date() - timedelta(days=1)
    told = sqlite_house.metadata("learning_report")
    assert (told["path"], told["period"]) == (str(path), f"{last - timedelta(days=6)} to {last}")


def test_a_page_is_replaced_at_one_stroke(tmp_path: Path) -> None:
    """Whoever has the old page open reads it to its end, and nothing else is left beside the new one."""
    path = tmp_path / "report.html"
    path.write_text("old" * 1_000)
    with path.open() as reader:
        write_beside_and_rename(path, "new")
        assert reader.read() == "old" * 1_000
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_bad_setting_is_told(sqlite_house: House, tmp_path: Path) -> None:
    """By its name."""
    result, path = report(sqlite_house, tmp_path, LEARNING_REPORT_DAYS="0")
    assert "LEARNING_REPORT_DAYS cannot be used" in failure_text(result)
    assert not path.exists()


def test_the_ui_knows_what_a_marts_columns_are_made_of() -> None:
    """Raw tables have no columns above them."""
    deps = column_lineage(marts.scenario_lift)["dagster/column_lineage"].deps_by_column["average_lift_points"]
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps} == {
        ("exec_participant_analytics", "lift_percentage")
    }
