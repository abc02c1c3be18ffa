"""The plan of the user sync, as HR and the person on call read it before they approve."""

import re
from collections.abc import Mapping
from typing import Any

import playwright.sync_api as pw
import pytest

from .conftest import Dev, Step
from .sights import EMAIL, fact, opened

pytestmark = pytest.mark.ui

PLANS = """
{
  assetOrError(assetKey: {path: ["user_sync_plan"]}) {
    ... on Asset {
      assetMaterializations(limit: 50) { timestamp metadataEntries { label ... on IntMetadataEntry { intValue } } }
    }
  }
}
"""
COUNTS = ("create", "update", "reactivate", "deactivate", "unchanged", "blocked", "waiting", "managed_accounts")


def newest_plan(dev: Dev, *, waits: bool) -> str:
    """The page of the demo's newest plan in which people wait, or of the newest that changes people without waiting."""

    def is_it(counts: Mapping[str, Any]) -> bool:
        return counts["waiting"] > 0 if waits else counts["waiting"] == 0 and counts["update"] > 0

    for plan in dev.ui.ask(PLANS)["assetOrError"]["assetMaterializations"]:
        if is_it({entry["label"]: entry.get("intValue") for entry in plan["metadataEntries"]}):
            return f"{dev.url}/assets/user_sync_plan?view=events&time={plan['timestamp']}"
    raise AssertionError("the demo has made no such plan")


def test_the_plan_shows_its_counts_and_changes(dev: Dev, page: pw.Page, step: Step) -> None:
    """A plan says how many people it is about, and each change with its reason; nobody's e-mail address."""
    page.goto(newest_plan(dev, waits=False))
    for count in COUNTS:
        pw.expect(fact(page, count)).to_contain_text(re.compile(r"\d"))
    step("the counts")
    plan = opened(page, "plan")
    pw.expect(plan.get_by_role("columnheader")).to_have_text(["employee", "action", "changes", "reason"])
    for action in ("create", "update", "deactivate", "blocked"):
        pw.expect(plan.get_by_role("cell", name=action, exact=True).first).to_be_visible()
    step("the changes")
    assert EMAIL.findall(page.locator("body").inner_text()) == []


def test_what_waits_says_how_to_approve_it(dev: Dev, page: pw.Page, step: Step) -> None:
    """The first plan holds the leavers back: it marks them, says why, and shows the command that approves them."""
    page.goto(newest_plan(dev, waits=True))
    pw.expect(fact(page, "approve_with")).to_contain_text("user_sync_apply")
    step("what waits")
    plan = opened(page, "plan")
    pw.expect(plan.get_by_text(re.compile(r"\d+ changes wait:"))).to_be_visible()
    pw.expect(plan.get_by_role("cell", name="deactivate (waits)").first).to_be_visible()
    step("who waits")
    assert EMAIL.findall(page.locator("body").inner_text()) == []
