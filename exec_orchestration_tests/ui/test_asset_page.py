"""An asset's page: what it is, what its columns mean, where they come from, whether it is sound, and its plots."""

import json

import playwright.sync_api as pw
import pytest

from .conftest import Dev, Step
from .sights import ASSETS, as_shown, fact, in_graph, opened

pytestmark = pytest.mark.ui

# One line a check: asset, check, and the beginning of what it says of itself.
CHECKS = [
    ("learner_lift", "no_missing_days", "Every day between the first and the last loaded one is loaded"),
    ("exec_assignments", "no_rows_before_partitions_start", "Every assignment was created since PARTITIONS_START"),
    ("user_sync_plan", "within_limits", ""),
    ("user_sync_plan", "nobody_is_blocked", ""),
    ("exec_sessions", "every_row_fits", "Every row fits its declaration"),
    ("exec_participant_analytics", "agrees_with_summary", "For one scenario and day"),
    ("scenario_lift", "agrees_with_raw", "The mart's totals are those of the raw rows"),
]

# One line a plot: asset, the metadata that holds it, and its title.
PLOTS = [
    ("request_budget", "last_30_days", "Requests a day by lane"),
    ("request_budget", "last_30_days", "Requests a day by asset"),
    ("learner_lift", "rank_migration", "From first to best rank, all loaded days"),
    ("department_scorecard", "departments", "Completion and lift by department"),
    ("user_sync_outcome", "changes_over_time", "Sent changes by day"),
]


@pytest.mark.parametrize("asset", ["scenario_lift", "rank_distribution"])
def test_a_mart_explains_itself(dev: Dev, page: pw.Page, step: Step, asset: str) -> None:
    """The description, and each column with its type and its meaning, as they are declared; units are among them."""
    page.goto(f"{dev.url}/assets/{asset}")
    pw.expect(page.get_by_text(as_shown(ASSETS[asset].description))).to_be_visible()
    columns = ASSETS[asset].metadata["dagster/column_schema"].columns
    for column in columns:
        row = fact(page, column.name).first  # a preview further down names the columns, too
        pw.expect(row).to_contain_text(column.type)
        pw.expect(row).to_contain_text(as_shown(column.description))
    assert any("Unit: " in column.description for column in columns)
    step("description and columns")


def test_a_column_tells_where_it_comes_from(dev: Dev, page: pw.Page, step: Step) -> None:
    """Beside the graph stands of which raw columns a mart's column is made.

    Dagster draws column lineage as a graph in its paid edition only; the open one shows the same facts as JSON.
    """
    page.goto(f"{dev.url}/asset-groups/~/scenario_lift")
    shown = opened(page, "dagster/column_lineage", kind="JSON").locator("pre, code, div").filter(has_text="columnDeps")
    step("column lineage")
    text = shown.last.inner_text()
    bases = {
        entry["columnName"]: {(base["assetKey"]["path"][-1], base["columnName"]) for base in entry["columnDeps"]}
        for entry in json.loads(text[text.index("[") : text.rindex("]") + 1])
    }
    assert bases["average_best_score"] == {("exec_participant_analytics", "best_score")}


def test_the_lineage_leads_to_the_raw_table(dev: Dev, page: pw.Page, step: Step) -> None:
    """The mart's lineage shows the table that it is made of, and a click there leads to it."""
    page.goto(f"{dev.url}/assets/rank_distribution?view=lineage")
    pw.expect(in_graph(page, "rank_distribution")).to_be_visible()
    raw = in_graph(page, "exec_participant_analytics")
    pw.expect(raw).to_be_visible()
    step("lineage")
    raw.dblclick()
    page.wait_for_url("**/assets/exec_participant_analytics**")


@pytest.mark.parametrize(("asset", "check", "says"), CHECKS, ids=[f"{asset}-{check}" for asset, check, _ in CHECKS])
def test_a_check_says_what_it_looks_at(dev: Dev, page: pw.Page, step: Step, asset: str, check: str, says: str) -> None:
    """The checks' tab lists the check with its description and what it last found."""
    page.goto(f"{dev.url}/assets/{asset}?view=checks&checkDetail={check}")
    pw.expect(page.get_by_text(check, exact=True).first).to_be_visible()
    if says:
        pw.expect(page.get_by_text(says).first).to_be_visible()
    pw.expect(page.get_by_text("Evaluation result")).to_be_visible()
    step("the check")


def test_a_materialization_shows_its_rows(dev: Dev, page: pw.Page, step: Step) -> None:
    """The last materialization of a mart's day says how many rows it has."""
    page.goto(f"{dev.url}/assets/rank_distribution?view=events")
    pw.expect(fact(page, "dagster/partition_row_count")).to_be_visible()
    step("the metadata of a day")


@pytest.mark.parametrize(("asset", "key", "title"), PLOTS, ids=[f"{asset}-{title}" for asset, _, title in PLOTS])
def test_a_plot_is_drawn(dev: Dev, page: pw.Page, step: Step, asset: str, key: str, title: str) -> None:
    """The picture has loaded and has a size, and says by its name what it shows."""
    page.goto(f"{dev.url}/assets/{asset}?view=events")
    plot = opened(page, key).get_by_role("img", name=title)
    pw.expect(plot).to_be_visible()
    pw.expect(plot).to_have_js_property("complete", True)
    assert plot.evaluate("picture => picture.naturalWidth") > 0
    step("the plot")


@pytest.mark.parametrize(("theme", "is_bright"), [("Light", True), ("Dark", False)])
def test_it_can_be_read_in_both_themes(dev: Dev, page: pw.Page, step: Step, theme: str, is_bright: bool) -> None:
    """An asset's page and a plot, in Dagster's light and dark theme."""
    page.add_init_script(f"localStorage.setItem('dagster-theme', '\"{theme}\"')")
    page.goto(f"{dev.url}/assets/scenario_lift")
    pw.expect(page.get_by_text(as_shown(ASSETS["scenario_lift"].description))).to_be_visible()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)")
    assert (sum(ground) > 3 * 128) == is_bright
    step("an asset")
    asset, key, title = PLOTS[0]
    page.goto(f"{dev.url}/assets/{asset}?view=events")
    pw.expect(opened(page, key).get_by_role("img", name=title)).to_be_visible()
    step("a plot")
