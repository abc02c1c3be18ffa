"""The learning report, opened from the disk as the head of learning does."""

import re

import playwright.sync_api as pw
import pytest

from .conftest import Dev, Step, Watch

pytestmark = pytest.mark.ui


@pytest.fixture
def report(dev: Dev) -> str:
    """The address of the page that the demo has written."""
    return (dev.folder / "data" / "learning_report.html").as_uri()


def test_the_report_asks_nobody_for_anything(report: str, watch: Watch, page: pw.Page, step: Step) -> None:
    """The file itself is all that is asked for, and nothing is logged."""
    page.goto(report)
    step("the report")
    assert watch.asked == [report]


def test_the_report_has_a_structure(report: str, page: pw.Page) -> None:
    """One main part, one title, and tables with captions and headers: what a screen reader goes by."""
    page.goto(report)
    pw.expect(page.get_by_role("main")).to_have_count(1)
    pw.expect(page.get_by_role("heading", level=1)).to_have_text("Learning report")
    tables = page.get_by_role("table").all()
    assert tables
    for table in tables:
        pw.expect(table.locator("caption")).not_to_be_empty()
        pw.expect(table.locator("th:not([scope])")).to_have_count(0)
        pw.expect(table.get_by_role("columnheader").first).to_be_visible()


def test_the_report_can_be_read_by_keyboard(report: str, page: pw.Page, step: Step) -> None:
    """The first Tab offers to skip to the figures, Enter goes there, and each link leads to a section."""
    page.goto(report)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the figures")
    pw.expect(skip).to_be_focused()
    pw.expect(skip).to_be_in_viewport()
    step("the first tab")
    page.keyboard.press("Enter")
    pw.expect(page.get_by_role("main")).to_be_focused()
    for link in page.get_by_role("navigation").get_by_role("link").all():
        pw.expect(page.locator(str(link.get_attribute("href")))).to_be_visible()


def test_the_report_fits_a_phone(report: str, page: pw.Page, step: Step) -> None:
    """On a narrow screen only tables scroll sideways, never the page."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(report)
    step("on a phone")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_report_prints(report: str, page: pw.Page) -> None:
    """It becomes a PDF of several pages of paper."""
    page.goto(report)
    printed = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 1
