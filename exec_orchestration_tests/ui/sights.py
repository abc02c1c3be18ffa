"""Where things stand in Dagster's pages: what the tests look at, so that they need not say how it is found."""

import re

import playwright.sync_api as pw

from exec_orchestration.definitions import defs

ASSETS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
GROUPS = sorted({str(spec.group_name) for spec in ASSETS.values()})
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def in_graph(page: pw.Page, name: str) -> pw.Locator:
    """A group or an asset as a node of the asset graph."""
    return page.locator("foreignObject").get_by_text(name, exact=True)


def fact(page: pw.Page, key: str) -> pw.Locator:
    """The row of one piece of metadata."""
    return page.get_by_role("row").filter(has=page.get_by_text(key, exact=True))


def opened(page: pw.Page, key: str, *, kind: str = "Markdown") -> pw.Locator:
    """The dialog with the long metadata of a key, opened by its link."""
    fact(page, key).get_by_text(f"[Show {kind}]").click()
    dialog = page.get_by_role("dialog")
    pw.expect(dialog.get_by_text(key, exact=True)).to_be_visible()
    return dialog


def as_shown(markdown: str | None) -> str:
    """A description as the browser shows it: code without its quotes."""
    return (markdown or "").replace("`", "")
