"""`.ci/audit`, a part of `make lint`: it fails on known vulnerabilities, and never takes silence for their absence."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent
KNOWN = "jinja2 2.4.1"
Serve = Callable[[set[str]], str]


@pytest.fixture
def service() -> Iterator[Serve]:
    """Starts a vulnerability service that speaks OSV's protocol and holds these packages for vulnerable."""
    started: list[ThreadingHTTPServer] = []

    def start(vulnerable: set[str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = asked["package"]["name"]
                is_known = name in vulnerable or f"{name} {asked['version']}" in vulnerable
                body = json.dumps({"vulns": [vulnerability(name)]} if is_known else {}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1/query"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def vulnerability(name: str) -> dict[str, Any]:
    """OSV's record of one, mended in a version that is far off."""
    events = [{"introduced": "0"}, {"fixed": "999"}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": "PYSEC-2014-8", "summary": "made up", "details": "made up", "affected": [affected]}


def audit(url: str) -> subprocess.CompletedProcess[str]:
    """What the audit says, asked of one service only."""
    return subprocess.run(
        [str(PROJECT / ".ci" / "audit")],
        env={**os.environ, "VULNERABILITY_SERVICE": url, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_known_vulnerability_fails(service: Serve) -> None:
    """By the package's name."""
    done = audit(service({KNOWN, "sqlalchemy"}))
    assert done.returncode != 0
    assert "sqlalchemy" in done.stdout
    assert "PYSEC-2014-8" in done.stdout


def test_without_any_it_passes(service: Serve) -> None:
    """A service that knows vulnerabilities, and none of the locked versions."""
    done = audit(service({KNOWN}))
    assert (done.returncode, "No known vulnerabilities found" in done.stderr) == (0, True), done.stderr


def test_silence_is_not_taken_for_safety(service: Serve) -> None:
    """A service that knows nothing at all, or none: it passes, and says loudly that nothing was looked at."""
    for url in (service(set()), "http://127.0.0.1:9/v1/query"):
        done = audit(url)
        assert done.returncode == 0
        assert "audit skipped: service not reachable" in done.stderr
        assert "No known" not in done.stderr
