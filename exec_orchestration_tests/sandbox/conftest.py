"""What the sandbox's tests share: a small world, a clock, and a caller that asks an app in process."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from exec_orchestration.sandbox.app import EXEC_KEY, SPARKWISE_KEY, create_app
from exec_orchestration.sandbox.world import World, build_world


class Clock:
    """Epoch seconds that stand still until the test moves them."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Caller:
    """A client of one app; each call runs in an event loop of its own, so it may come from any thread."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path, **options)

        return asyncio.run(call())

    def exec(self, path: str, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {EXEC_KEY}"}
        return self.send("GET", f"/exec/rest/v1{path}", params=params, headers=headers)

    def exec_rows(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All pages of an Exec listing."""
        rows, page, pages = [], 1, 1
        while page <= pages:
            answer = self.exec(path, **{"page_size": 100, **params, "page": page}).raise_for_status().json()
            pages = answer["pagination"]["total_pages"]
            rows += answer["data"]
            page += 1
        return rows

    def sparkwise(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.send(method, f"/sparkwise{path}", headers={"x-api-key": SPARKWISE_KEY}, **options)


@pytest.fixture(scope="session")
def world() -> World:
    return build_world(7, start=date(2026, 1, 1), until=date(2026, 3, 31), people=120)


@pytest.fixture
def start_app(world: World) -> Callable[..., Caller]:
    """Starts an app over the shared world with the given settings."""
    return lambda **settings: Caller(create_app(world, **settings))


@pytest.fixture
def caller(start_app: Callable[..., Caller]) -> Caller:
    return start_app()
