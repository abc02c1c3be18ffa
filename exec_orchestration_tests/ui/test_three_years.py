"""Three years of days, of which every third is loaded: the pages open without a pause that a person would notice."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import playwright.sync_api as pw
import pytest

from exec_orchestration_tests.test_dagster import PROJECT, START_SECONDS, Ui, free_port, started

from .conftest import Step

pytestmark = pytest.mark.ui

ASSET = "scenario_lift"
TODAY = datetime.now(UTC).date()
FIRST = TODAY - timedelta(days=3 * 365)
LOADED = [FIRST + timedelta(days=number) for number in range(0, 3 * 365, 3)]
# Generous: a quiet machine takes a second or two.
SECONDS = 10.0


@pytest.fixture(scope="module")
def three_years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a webserver whose partitions begin three years ago, on an instance of its own."""
    home = tmp_path_factory.mktemp("three_years")
    (home / "dagster.yaml").write_bytes((PROJECT / "dagster.yaml").read_bytes())
    remember(home, LOADED)
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "dagster_webserver", "-m", "exec_orchestration.definitions"]
    with started(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        home,
        DAGSTER_HOME=str(home),
        PARTITIONS_START=str(FIRST),
    ):
        ui = Ui(port)
        ui.until(lambda: ui.ask("{ assetNodes { id } }")["assetNodes"], seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}"


def remember(home: Path, days: list[date]) -> None:
    """Tell the instance of these days as if they had been loaded."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for day in days:
            instance.report_runless_asset_event(dg.AssetMaterialization(ASSET, partition=str(day)))


def test_three_years_of_days_open_at_once(
    three_years: str, page: pw.Page, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the address to what somebody came for: the list of assets, and one asset's days."""
    partitions = f"{3 * 365:,} partitions"
    took = {}
    began = time.monotonic()
    page.goto(f"{three_years}/assets")
    pw.expect(page.get_by_text(partitions).first).to_be_visible()
    took["list of assets"] = time.monotonic() - began
    step("the list of assets")
    began = time.monotonic()
    page.goto(f"{three_years}/assets/{ASSET}?view=partitions")
    pw.expect(page.get_by_text(f"Materialized ({len(LOADED)})")).to_be_visible()
    pw.expect(page.get_by_text(str(TODAY - timedelta(days=1)), exact=True).first).to_be_visible()
    took["days of an asset"] = time.monotonic() - began
    step("the days of an asset")
    with capsys.disabled():
        print("\nthree years of days:", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()))
    assert max(took.values()) < SECONDS
