"""What the door's tests share: a time that only sleeping moves, and clients that answer from a function."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from exec_orchestration.apis.budget import Quota
from exec_orchestration.apis.exec_com import ExecApi
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.sparkwise import SparkwiseApi
from exec_orchestration.apis.vendor import Vendor

KEY = "exec_live_" + "S3cretS3cretS3cretS3cretS3cretS3cretS3cr"
START = 1_770_000_000.0


class FakeTime:
    """A clock that stands still until somebody sleeps; any thread may."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


class Script:
    """A vendor that gives the scripted answers one after the other, the last one for ever; it keeps the requests."""

    def __init__(self, time: FakeTime, *answers: Any) -> None:
        self._time = time
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(self._time.now)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=answer)


@pytest.fixture
def fake_time() -> FakeTime:
    """A time that only sleeping moves."""
    return FakeTime()


@pytest.fixture
def key() -> str:
    """A key of Exec's form that must never be seen."""
    return KEY


@pytest.fixture
def script(fake_time: FakeTime) -> Callable[..., Script]:
    """A vendor by its answers: a JSON value, an httpx.Response, an exception, or a function of the request."""
    return lambda *answers: Script(fake_time, *answers)


@pytest.fixture
def client_of(fake_time: FakeTime) -> Iterator[Callable[..., JsonClient]]:
    """A client of a vendor that is a function of the request; options are those of Vendor."""
    made: list[JsonClient] = []

    def build(handler: Any, **options: Any) -> JsonClient:
        vendor = Vendor(
            **{
                "name": "Exec",
                "base_url": "https://api.exec.example/rest/v1",
                "key": KEY,
                "key_header": "Authorization",
                "key_prefix": "Bearer ",
                "key_setting": "EXEC_API_KEY",
                "url_setting": "EXEC_API_URL",
                **options,
            }
        )
        transport = handler if isinstance(handler, httpx.BaseTransport) else httpx.MockTransport(handler)
        made.append(JsonClient(vendor, transport=transport, sleep=fake_time.sleep, clock=fake_time.clock))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def exec_api(client_of: Callable[..., JsonClient]) -> Callable[..., ExecApi]:
    """The door to a sandbox's Exec; options are those of ExecApi, `per_minute` that of the client."""

    def build(sandbox: Any, *, per_minute: int = 0, **options: Any) -> ExecApi:
        environment = sandbox.environment
        client = client_of(
            sandbox.transport,
            base_url=environment["EXEC_API_URL"],
            key=environment["EXEC_API_KEY"],
            quota=Quota(per_minute=per_minute),
        )
        return ExecApi(client, **options)

    return build


@pytest.fixture
def sparkwise_vendor() -> dict[str, str]:
    """What makes a Vendor Sparkwise."""
    return {
        "name": "Sparkwise",
        "base_url": "https://account-api.sparkwise.example",
        "key_header": "x-api-key",
        "key_prefix": "",
        "key_setting": "SPARKWISE_API_KEY",
        "url_setting": "SPARKWISE_API_URL",
    }


@pytest.fixture
def sparkwise_api(
    client_of: Callable[..., JsonClient], sparkwise_vendor: dict[str, str]
) -> Callable[..., SparkwiseApi]:
    """The door to a sandbox's Sparkwise, or to a function of the request; options are those of SparkwiseApi."""

    def build(other_side: Any, **options: Any) -> SparkwiseApi:
        if hasattr(other_side, "environment"):
            there = {
                "base_url": other_side.environment["SPARKWISE_API_URL"],
                "key": other_side.environment["SPARKWISE_API_KEY"],
            }
            return SparkwiseApi(client_of(other_side.transport, **{**sparkwise_vendor, **there}), **options)
        return SparkwiseApi(client_of(other_side, **sparkwise_vendor), **options)

    return build


@pytest.fixture
def free_vendor() -> Iterator[str]:
    """The URL of a server on a real socket that says what it was asked, key included; `/missing` is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"path": self.path, "key": self.headers["Authorization"]}).encode()
            self.send_response(404 if self.path == "/missing" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
