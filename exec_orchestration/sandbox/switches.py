"""The switches that tests use over HTTP: `/_sandbox/faults`, `/_sandbox/requests`, `/_sandbox/accounts`.

Must not live here: what the switches move (`faults`, `request_log`, `accounts`).
Leads to: `switches`, mounted by `app`.
"""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exec_orchestration.sandbox.accounts import Accounts, account_json, accounts_from_json
from exec_orchestration.sandbox.faults import Fault, Faults
from exec_orchestration.sandbox.request_log import RequestLog


def switches(faults: Faults, log: RequestLog, accounts: Accounts) -> list[Route]:
    """GET shows, PUT replaces, DELETE clears; accounts cannot be cleared, but replaced by none."""
    return [
        _putter("/faults", lambda sent: faults.replace(_rules(sent))),
        _clearer("/faults", faults.clear),
        _getter("/requests", log.entries),
        _clearer("/requests", log.clear),
        _getter("/accounts", lambda: [account_json(account) for account in accounts.all()]),
        _putter("/accounts", lambda sent: accounts.replace(accounts_from_json(sent))),
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
