"""What the project may be trusted with: keys go to one host only, by checked TLS, and what vendors write is shown and
never obeyed. That keys and people stand in no file is shown in `test_privacy`.
"""

import ast
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import httpx
import pytest
from markdown_it import MarkdownIt

from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.vendor import Vendor
from exec_orchestration.defs import valid
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource
from exec_orchestration.defs.settings import EXEC_API_URL, SPARKWISE_API_URL
from exec_orchestration_tests.defs.conftest import House

MODULES = sorted((Path(__file__).parents[2] / "exec_orchestration").rglob("*.py"))
# What would loosen a connection, by the name of the argument or of what is called.
LOOSE = {
    "verify",
    "follow_redirects",
    "allow_redirects",
    "check_hostname",
    "CERT_NONE",
    "_create_unverified_context",
    "verify_mode",
}
SECRET = "exec_live_" + "T0psecretT0psecretT0psecretT0psecretT0ps"
NASTY = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) | `a` ![y](http://evil.example/)"
)
DAY = date(2026, 1, 6)


def vendor(url: str) -> Vendor:
    """A vendor at an address."""
    settings = {"key_setting": "EXEC_API_KEY", "url_setting": "EXEC_API_URL"}
    return Vendor(name="Exec", base_url=url, key=SECRET, key_header="Authorization", key_prefix="Bearer ", **settings)


@pytest.fixture
def client() -> Iterator[JsonClient]:
    """The client as production has it: with httpx's own transport."""
    with closing(JsonClient(vendor("https://api.exec.example/rest/v1"))) as made:
        yield made


def names_in(tree: ast.AST) -> set[str]:
    """Every argument that is given by name, every attribute and every name."""
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return keywords | attributes | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_loosens_a_connection(path: Path) -> None:
    """Nobody turns off that certificates are verified, nor on that redirects are followed."""
    assert names_in(ast.parse(path.read_text())) & LOOSE == set()


def test_the_client_verifies_certificates_and_follows_nothing(client: JsonClient) -> None:
    """As it goes to production: the vendor's name has to stand in a certificate that somebody vouches for."""
    context = client._http._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert client._http.follow_redirects is False


def test_the_environments_login_data_does_not_replace_the_key(
    client: JsonClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A .netrc for the vendor's host, which httpx reads where it trusts the environment, changes no header of ours."""
    (tmp_path / ".netrc").write_text("machine api.exec.example login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(answer)
    with closing(JsonClient(vendor("https://api.exec.example/rest/v1"), transport=transport)) as made:
        made.get("/skills", {})
    assert asked[0].headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("setting", [EXEC_API_URL, SPARKWISE_API_URL], ids=lambda setting: setting.name)
def test_both_addresses_are_https_by_default_and_read_by_one_rule(setting: Any) -> None:
    """https anywhere, http on loopback only."""
    assert setting.default.startswith("https://")
    assert setting.read({setting.name: "http://127.0.0.1:8000/x"}) == "http://127.0.0.1:8000/x"
    for text in ("http://api.exec.com", "ftp://api.exec.com", "http://127.0.0.1.evil.example", "//api.exec.com"):
        with pytest.raises(Exception, match=setting.name):
            setting.read({setting.name: text})
    with pytest.raises(ValueError, match="plain http"):
        valid.base_url("http://localhost.evil.example")


def test_nothing_shows_its_key(client: JsonClient) -> None:
    """What is printed or logged of a client, a vendor or a resource."""
    environment = {"EXEC_API_KEY": SECRET, "SPARKWISE_API_KEY": SECRET, "WAREHOUSE_URL": "sqlite://"}
    shown = [client, client.vendor, client.pacer, ExecResource(environment), SparkwiseResource(environment)]
    assert [repr(each) for each in shown if SECRET in f"{each!r} {each!s}"] == []


class Reader(HTMLParser):
    """What a browser would make of a page: its elements with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def dangers_in(html: str) -> list[str]:
    """Elements that run or load something, and addresses that lead elsewhere."""
    reader = Reader()
    reader.feed(html)
    found = []
    for tag, attributes in reader.elements:
        found += [tag] if tag in ("script", "iframe", "object", "embed", "form", "base") else []
        found += [f"{tag} {name}" for name in attributes if name.startswith("on")]
        addresses = [attributes.get("href") or "", attributes.get("src") or ""]
        found += [f"{tag} {each}" for each in addresses if urlsplit(each).scheme not in ("", "data")]
    return found


def markdown_in(instance: dg.DagsterInstance) -> list[str]:
    """All Markdown that the UI would show: of materializations and of checks."""
    found = []
    for run in instance.get_runs():
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            data = getattr(event, "event_specific_data", None)
            holder = getattr(data, "materialization", data)
            metadata = getattr(holder, "metadata", None) or {}
            found += [str(each.value) for each in metadata.values() if isinstance(each, dg.MarkdownMetadataValue)]
    return found


def test_what_vendors_write_is_shown_and_not_obeyed(sqlite_house: House, tmp_path: Path) -> None:
    """A scenario, a skill and a module with markup for names: in all Markdown of the UI, and in the report."""
    house = sqlite_house
    cast = house.sandbox.world.cast
    # Those that a preview shows: the first by their id.
    scenario, skill = (min(range(len(rows)), key=lambda at: rows[at].id) for rows in (cast.scenarios, cast.skills))
    named = {"name": NASTY, "slug": NASTY, "difficulty": NASTY}
    house.sandbox.fault(r"/scenarios\?include_archived", index=scenario, set_field=named)
    house.sandbox.fault(r"/skills\?", index=skill, set_field={"name": NASTY})
    house.sandbox.fault("/completions", set_field={"moduleName": NASTY, "moduleCategory": NASTY})
    assert house.run("exec_scenarios", "exec_skills").success
    assert house.run("exec_participant_analytics", "exec_skill_proficiency", first=DAY).success
    assert house.run("sparkwise_completions", first=DAY).success
    assert house.run("scenario_lift", "rank_distribution", "session_completion", "skill_tiers", first=DAY).success
    report = tmp_path / "report.html"
    done = house.run("learner_lift", "learning_report", LEARNING_REPORT_PATH=str(report), LEARNING_REPORT_DAYS="900")
    assert done.success
    told = markdown_in(house.instance)
    assert sum("alert" in each for each in told) >= 2, "the names are nowhere to be seen"
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    assert [danger for each in told for danger in dangers_in(reader.render(each))] == []
    assert "alert(1)" in report.read_text()
    assert dangers_in(report.read_text()) == []
