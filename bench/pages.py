"""The server of the load benchmarks: Exec's listings from bytes that are ready before the first request.

The base URL says what is served: `/rows/200000/delay/50` holds 200,000 assignments and answers after 50 ms. There is
one scenario, and nobody ever practised it. Keys are not checked. Prints `BASE=...` and `ready`.
"""

import argparse
import asyncio
import json
import socket
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qs

import uvicorn

PAGE_SIZE = 100
DAY = date(2026, 1, 1)
STATUSES = ("not_started", "in_progress", "completed", "past_due", "did_not_pass")
RANKS = ("gold", "silver", "bronze", "unranked")
SCENARIO = {"id": "5cea00000001", "name": "Renewal call with a sceptical buyer", "slug": "renewal-call"}


def assignment(number: int) -> dict[str, Any]:
    """The assignment of this number, the same in every run; all were made on DAY."""
    learner, scenario = number % 5_000, number % 40
    attempts = number % 6
    made = datetime.combine(DAY, datetime.min.time()) + timedelta(microseconds=number * 431_999)
    return {
        "id": blake2b(number.to_bytes(8, "big"), digest_size=6).hexdigest(),
        "user": {
            "id": f"{learner * 40_503 + 11_259_375:012x}",
            "email": f"learner.{learner}@example.com",
            "first_name": ("Zoë", "Ana", "Liam", "Noor", "Mateus")[learner % 5],
            "last_name": f"Van der Berg {learner}",
        },
        "scenario": {"id": f"5ce{scenario:09x}", "name": f"{SCENARIO['name']} {scenario}", "slug": f"call-{scenario}"},
        "status": STATUSES[number % 5],
        "due_date": f"{DAY + timedelta(days=14 + number % 30)}T23:59:59Z" if number % 4 else None,
        "best_score": round(40 + number % 600 / 10, 1) if attempts else None,
        "best_rank": RANKS[number % 4] if attempts else None,
        "attempt_count": attempts,
        "attempt_min": 1,
        "attempt_max": 5 if number % 3 else None,
        "rank_min": "bronze" if number % 2 else None,
        "program": {"id": f"960{number % 7:09x}", "name": f"Onboarding {number % 7}"} if number % 3 else None,
        "created_at": f"{made.isoformat(timespec='milliseconds')}Z",
    }


class Pages:
    """An ASGI application that answers listings, page by page."""

    def __init__(self, rows: int) -> None:
        self._assignments = [
            json.dumps([assignment(number) for number in range(start, min(start + PAGE_SIZE, rows))]).encode()
            for start in range(0, rows, PAGE_SIZE)
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        _, _, rows, _, delay, path = scope["path"].split("/", 5)
        number = int(parse_qs(scope["query_string"])[b"page"][0])
        if delay != "0":
            await asyncio.sleep(int(delay) / 1_000)
        body = self._body(path, number, int(rows))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _body(self, path: str, number: int, rows: int) -> bytes:
        if path == "scenarios/assignments":
            return _page(self._assignments[number - 1], number, rows)
        if path == "scenarios":
            return _page(json.dumps([SCENARIO]).encode(), number, 1)
        return _page(b"[]", number, 0)


def _page(items: bytes, number: int, rows: int) -> bytes:
    pages = -(-rows // PAGE_SIZE)
    told = b'{"page": %d, "page_size": %d, "total_count": %d, "total_pages": %d}' % (number, PAGE_SIZE, rows, pages)
    return b'{"data": %b, "pagination": %b}' % (items, told)


def main() -> None:
    """Serve on a free port of loopback until SIGTERM."""
    parser = argparse.ArgumentParser(prog="bench.pages")
    parser.add_argument("--rows", type=int, required=True, help="assignments that are ready to be served")
    app = Pages(parser.parse_args().rows)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"BASE=http://127.0.0.1:{listener.getsockname()[1]}", "ready", sep="\n", flush=True)
        config = uvicorn.Config(
            app, loop="uvloop", http="httptools", log_level="warning", access_log=False, lifespan="off", ws="none"
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
