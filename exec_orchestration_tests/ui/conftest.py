"""What the browser's tests share: `make dev` on two weeks of data, Chromium with a watched page, and screenshots.

A test asks for `page` and drives it; `step` takes a screenshot and looks for secrets. The test fails when the page logs
an error, asks for something outside of this machine, or is answered with an error.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import playwright.sync_api as pw
import pytest

from exec_orchestration.sandbox.app import EXEC_KEY, SPARKWISE_KEY
from exec_orchestration_tests.test_dagster import PROJECT, START_SECONDS, Ui, bare_environment, free_port, started

SHOTS = PROJECT / "ui-screenshots"
DAYS = 14
PATIENCE_MS = 60_000
INSIDE = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Noise:
    """A complaint that is Dagster's own, and why it is none of ours."""

    says: str  # a regular expression
    reason: str


NOISE = (Noise(r"net::ERR_ABORTED", "a page that is left gives up the requests which it still waits for"),)


@dataclass(frozen=True)
class Dev:
    """`make dev` as it runs: where, in which folder, and its GraphQL."""

    url: str
    folder: Path
    ui: Ui


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """`python -m exec_orchestration dev` in a folder of its own, on what `demo` has loaded there; ended afterwards."""
    folder = tmp_path_factory.mktemp("dev")
    shutil.copy(PROJECT / "dagster.yaml", folder)
    command = [sys.executable, "-m", "exec_orchestration"]
    demo = subprocess.run(
        [*command, "demo", "--days", str(DAYS)],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    port = free_port()
    with started([*command, "dev", "--port", str(port)], folder):
        made = Dev(f"http://127.0.0.1:{port}", folder, Ui(port))
        made.ui.until(lambda: made.ui.ask("{ assetNodes { id } }")["assetNodes"], seconds=START_SECONDS)
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[pw.Browser]:
    """Chromium without a window, which knows no host but this machine."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.fail("There is no Chromium: `make test-ui` finds or installs one, and CHROMIUM names one by its path.")
    pw.expect.set_options(timeout=PATIENCE_MS)
    with pw.sync_playwright() as playwright:
        arguments = [
            *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),  # root in a container
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        ]
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


class Watch:
    """What a page complains of and asks for, from its first moment on."""

    def __init__(self, page: pw.Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self._complaints: list[str] = []
        self._answers: list[pw.Response] = []
        page.on("console", self._logged)
        page.on("pageerror", lambda error: self._complain(f"an exception: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", lambda request: self._complain(f"{request.url}: {request.failure}"))
        page.on("response", self._answered)

    def complaints(self) -> list[str]:
        """All since they were last taken, but the known noise."""
        taken, self._complaints = self._complaints, []
        return [told for told in taken if not any(re.search(noise.says, told) for noise in NOISE)]

    def no_secrets(self) -> None:
        """Neither the page nor what it was told holds a vendor's key."""
        told = [self.page.content()]
        for answer in self._answers:
            # The browser forgets the answers to a page that is left.
            with suppress(pw.Error):
                told.append(answer.text())
        self._answers.clear()
        for key in (EXEC_KEY, SPARKWISE_KEY):
            assert not any(key in each for each in told), f"{self.page.url} shows a key"

    def _complain(self, told: str) -> None:
        self._complaints.append(f"{self.page.url}: {told}")

    def _logged(self, message: pw.ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request: pw.Request) -> None:
        self.asked.append(request.url)
        asked = urlsplit(request.url)
        if asked.scheme not in ("data", "blob", "file") and asked.hostname not in INSIDE:
            self._complain(f"asked for something outside: {request.url}")

    def _answered(self, response: pw.Response) -> None:
        if response.status >= 400:
            self._complain(f"{response.url}: {response.status}")
        if response.url.endswith("/graphql"):
            self._answers.append(response)


@pytest.fixture
def watch(browser: pw.Browser) -> Iterator[Watch]:
    """A fresh profile's only page, watched; what it complained of fails the test."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000},
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
        color_scheme="light",
    )
    context.set_default_timeout(PATIENCE_MS)
    watched = Watch(context.new_page())
    yield watched
    watched.no_secrets()
    context.close()
    assert watched.complaints() == []


@pytest.fixture
def page(watch: Watch) -> pw.Page:
    """The watched page."""
    return watch.page


Step = Callable[[str], None]


@pytest.fixture
def step(request: pytest.FixtureRequest, watch: Watch) -> Step:
    """Keep what the page shows now as a screenshot, named by test and step, and look for secrets."""
    name, numbers = shot_name(request.node), itertools.count(1)
    SHOTS.mkdir(exist_ok=True)
    for old in SHOTS.glob(f"{name}-*.png"):
        old.unlink()

    def take(said: str) -> None:
        watch.page.screenshot(animations="disabled", path=SHOTS / f"{name}-{next(numbers):02}-{as_file(said)}.png")
        watch.no_secrets()

    return take


def shot_name(item: pytest.Item) -> str:
    """A test's name as the beginning of a file's."""
    return as_file(item.name.removeprefix("test_"))


def as_file(said: str) -> str:
    """Words as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: pytest.CallInfo[None]) -> Iterator[None]:
    """What the page showed when a test failed is kept, too."""
    report: Any = yield
    if report.when == "call" and report.failed and "watch" in item.funcargs:
        SHOTS.mkdir(exist_ok=True)
        with suppress(pw.Error):
            item.funcargs["watch"].page.screenshot(path=SHOTS / f"{shot_name(item)}-99-failed.png")
    return report
