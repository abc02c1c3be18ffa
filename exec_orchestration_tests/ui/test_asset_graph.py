"""The asset graph, which is the first thing that somebody sees of the project."""

from urllib.parse import urlsplit

import playwright.sync_api as pw
import pytest

from .conftest import Dev, Step
from .sights import ASSETS, GROUPS, as_shown, in_graph

pytestmark = pytest.mark.ui


def test_the_graph_shows_every_group(dev: Dev, page: pw.Page, step: Step) -> None:
    """Each group of the definitions is a node of the global graph."""
    page.goto(f"{dev.url}/asset-groups")
    for group in GROUPS:
        pw.expect(in_graph(page, group)).to_be_visible()
    step("every group")


def test_a_group_opens_to_its_assets(dev: Dev, page: pw.Page, step: Step) -> None:
    """A click on a group shows its assets; a chosen one stands in the graph, and its description beside it."""
    page.goto(f"{dev.url}/asset-groups")
    in_graph(page, "analytics").click()
    page.wait_for_url("**expanded=*")
    page.goto(f"{dev.url}/asset-groups/~/scenario_lift?{urlsplit(page.url).query}")
    node = in_graph(page, "scenario_lift")
    pw.expect(node).to_be_visible()
    pw.expect(page.get_by_text(as_shown(ASSETS["scenario_lift"].description))).to_be_visible()
    step("an asset of the group")
