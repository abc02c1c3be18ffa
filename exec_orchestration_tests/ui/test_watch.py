"""The watch over a page, which every other test relies on: it has to see what it is there for."""

import playwright.sync_api as pw
import pytest

from exec_orchestration.sandbox.app import SPARKWISE_KEY

from .conftest import Watch

pytestmark = pytest.mark.ui


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("<script>console.error('a broken plot')</script>", "console: a broken plot"),
        ("<script>throw new Error('a broken script')</script>", "an exception: a broken script"),
        ("<img src='http://fonts.example/x.png'>", "asked for something outside: http://fonts.example/x.png"),
        ("<img src='http://127.0.0.1:9/x.png'>", "http://127.0.0.1:9/x.png: net::ERR"),
    ],
    ids=["logged error", "exception", "outside", "failed request"],
)
def test_a_complaint_is_seen(watch: Watch, page: pw.Page, content: str, told: str) -> None:
    """An error in the console, an exception, a request that leaves the machine and one that fails."""
    page.set_content(content)
    assert any(told in complaint for complaint in watch.complaints())


def test_a_key_is_seen(watch: Watch, page: pw.Page) -> None:
    """A page with a vendor's key on it fails the test."""
    page.set_content(f"<p>{SPARKWISE_KEY}</p>")
    with pytest.raises(AssertionError, match="shows a key"):
        watch.no_secrets()
    page.set_content("")
