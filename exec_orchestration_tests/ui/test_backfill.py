"""Seven days that somebody asks for by the dialog of an asset's page."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import playwright.sync_api as pw
import pytest

from exec_orchestration_tests.test_dagster import BACKFILL_SECONDS, ended, materialized

from .conftest import DAYS, Dev, Step
from .sights import fact

pytestmark = pytest.mark.ui

ASSET = "sparkwise_completions"


def test_a_backfill_of_seven_days_is_one_run(dev: Dev, page: pw.Page, step: Step) -> None:
    """Materialize, a range of days, Launch backfill: one run, after which the seven days are materialized."""
    last = datetime.now(UTC).date() - timedelta(days=DAYS + 1)
    first = last - timedelta(days=6)
    before = materialized(dev.ui, ASSET)

    page.goto(f"{dev.url}/assets/{ASSET}")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    selection = dialog.get_by_placeholder(re.compile("partitions", re.I)).first
    selection.fill(f"[{first}...{last}]")
    selection.press("Enter")
    pw.expect(dialog.get_by_text("7 partitions", exact=True)).to_be_visible()
    pw.expect(dialog.get_by_text("Backfills all partitions in a single run.")).to_be_visible()
    step("the days are chosen")
    dialog.get_by_role("button", name="Launch backfill").click()
    created = page.get_by_text(re.compile("Created backfill"))
    pw.expect(created).to_be_visible()
    step("the backfill is created")
    backfill_id = created.inner_text().split()[-1]

    backfill = dev.ui.until(partial(ended, dev.ui, backfill_id), seconds=BACKFILL_SECONDS)
    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"]
    assert materialized(dev.ui, ASSET) == before + 7

    page.goto(f"{dev.url}/runs/b/{backfill_id}")
    pw.expect(page.get_by_text("100% completed")).to_be_visible()
    pw.expect(page.get_by_text(f"{first}...{last}")).to_be_visible()
    step("the backfill has ended")
    page.goto(f"{dev.url}/assets/{ASSET}?view=partitions")
    pw.expect(page.get_by_text(f"Materialized ({before + 7})")).to_be_visible()
    step("the days are materialized")
    page.goto(f"{dev.url}/assets/{ASSET}?view=events")
    pw.expect(page.get_by_text(str(last), exact=True).first).to_be_visible()
    pw.expect(fact(page, "dagster/partition_row_count")).to_be_visible()
    step("what a day says")
    page.goto(f"{dev.url}/runs/{backfill['runs'][0]['id']}")
    pw.expect(page.get_by_text("RUN_SUCCESS").first).to_be_visible()
    step("the run's log")
