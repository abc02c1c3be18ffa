"""The desk that every request passes: faults, key, limits, the operation, the log.

Must not live here: what an operation answers (`exec_com`, `sparkwise`). Leads to: `Desk.serve`, which is a plain
function of the request, and `Desk.endpoint`, which puts it behind Starlette.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Protocol
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exec_orchestration.sandbox.answers import Answer, Asked, Listing, Refused, Wire, render, retry_later
from exec_orchestration.sandbox.faults import Fault, Faults, bend_listing, bend_payload, bend_wire, meddling
from exec_orchestration.sandbox.limits import RateLimiter
from exec_orchestration.sandbox.request_log import RequestLog

Handler = Callable[[Asked], Answer | Listing]


class Vendor(Protocol):
    """What the desk needs to know of a twin."""

    def admits(self, headers: Mapping[str, str]) -> bool: ...
    def refusal(self, status: int, message: str, code: str | None = None) -> Answer: ...
    def users_sent(self, asked: Asked) -> Sequence[str | None] | None: ...
    def routes(self) -> tuple[tuple[str, str, Handler], ...]: ...


@dataclass(frozen=True)
class Desk:
    vendor: Vendor
    limiter: RateLimiter
    faults: Faults
    log: RequestLog

    def endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            wire = self.serve(await _asked(request), handler)
            # sleeping inside `serve` would stop every other request of the process
            await asyncio.sleep(wire.delay_seconds)
            return _HungUp(wire) if wire.hang_up else _response(wire)

        return answer

    def serve(self, asked: Asked, handler: Handler) -> Wire:
        """What goes over the wire for this request."""
        due = self.faults.due(asked.method, asked.target, asked.body)
        asked = replace(asked, meddling=meddling(due))
        answer = self._fail(due) or self._answer(asked, handler, due)
        for fault in due:
            answer = bend_payload(answer, fault)
        wire = render(answer)
        for fault in due:
            wire = bend_wire(wire, fault)
        sent = self.vendor.users_sent(asked)
        self.log.note(asked.method, asked.path, asked.query, wire.status, users=sent, written=answer.written)
        return replace(wire, headers={**wire.headers, "x-request-id": f"req_{uuid4().hex}"})

    def _fail(self, due: list[Fault]) -> Answer | None:
        fault = next((one for one in due if one.status is not None), None)
        if fault is None or fault.status is None:
            return None
        answer = self.vendor.refusal(fault.status, f"Refused with {fault.status} by a rule of the sandbox")
        if fault.body is not None:
            answer = Answer(fault.status, fault.body)
        if fault.retry_after is not None:
            answer = retry_later(answer, fault.retry_after, fault.retry_after_place)
        return answer

    def _answer(self, asked: Asked, handler: Handler, due: list[Fault]) -> Answer:
        if not self.vendor.admits(asked.headers):
            return self.vendor.refusal(401, "Missing or invalid API key")
        wait = self.limiter.seconds_to_wait()
        if wait > 0:
            too_many = self.vendor.refusal(429, "Too many requests")
            return retry_later(too_many, ceil(wait), self.limiter.limits.retry_after_place)
        try:
            found = handler(asked)
            if isinstance(found, Answer):
                return found
            for fault in due:
                found = bend_listing(found, fault)
            return found.answer()
        except Refused as refused:
            return self.vendor.refusal(refused.status, refused.message, refused.code)


def not_found(asked: Asked) -> Answer:
    raise Refused(404, f"No operation {asked.method} {asked.path}")


async def _asked(request: Request) -> Asked:
    return Asked(
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        params=dict(request.query_params),
        path_params=request.path_params,
        headers=dict(request.headers),
        body=await request.body(),
    )


def _response(wire: Wire) -> Response:
    headers = {**wire.headers, "content-type": wire.content_type}
    return Response(wire.body, status_code=wire.status, headers=headers)


class _HungUp(Response):
    """Promises the whole body, sends half of it, and stops: the server then drops the connection."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.body, status_code=wire.status, headers={"content-type": wire.content_type})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
