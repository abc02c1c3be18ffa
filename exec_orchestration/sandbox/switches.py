"""The switches that tests use over HTTP: `/_sandbox/` and `faults`, `requests`, `accounts`, `clock` or `limits`.

Must not live here: what the switches move (`faults`, `request_log`, `accounts`, `clock`, `limits`).
Leads to: `switches`, mounted by `app`.
"""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exec_orchestration.sandbox.accounts import Accounts, account_json, accounts_from_json
from exec_orchestration.sandbox.clock import MovableClock, advance_from_json
from exec_orchestration.sandbox.faults import Fault, Faults
from exec_orchestration.sandbox.limits import RateLimiter
from exec_orchestration.sandbox.request_log import RequestLog


def switches(
    faults: Faults, log: RequestLog, accounts: Accounts, clock: MovableClock, limiter: RateLimiter
) -> list[Route]:
    """GET shows, PUT replaces, DELETE clears; accounts cannot be cleared, but replaced by none.

    PUT moves the clock ahead and DELETE puts it back; PUT replaces the limits it names, DELETE clears what they count.
    """
    return [
        _putter("/faults", lambda sent: faults.replace(_rules(sent))),
        _clearer("/faults", faults.clear),
        _getter("/requests", log.entries),
        _clearer("/requests", log.clear),
        _getter("/accounts", lambda: [account_json(account) for account in accounts.all()]),
        _putter("/accounts", lambda sent: accounts.replace(accounts_from_json(sent))),
        _getter("/clock", clock.state),
        _putter("/clock", lambda sent: clock.advance(advance_from_json(sent))),
        _clearer("/clock", clock.put_back),
        _getter("/limits", limiter.counts),
        _putter("/limits", limiter.change),
        _clearer("/limits", limiter.forget),
    ]


def _rules(sent: Any) -> list[Fault]:
    if not isinstance(sent, list):
        raise TypeError("the body is a JSON list of rules")
    return [Fault.from_json(rule) for rule in sent]


def _getter(path: str, read: Callable[[], Any]) -> Route:
    async def get(_: Request) -> Response:
        return JSONResponse(read())

    return Route(path, get, methods=["GET"])


def _putter(path: str, replace: Callable[[Any], None]) -> Route:
    """What cannot be read is refused with 400, and what stood there stays."""

    async def put(request: Request) -> Response:
        try:
            replace(json.loads(await request.body()))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204)

    return Route(path, put, methods=["PUT"])


def _clearer(path: str, clear: Callable[[], None]) -> Route:
    async def delete(_: Request) -> Response:
        clear()
        return Response(status_code=204)

    return Route(path, delete, methods=["DELETE"])
