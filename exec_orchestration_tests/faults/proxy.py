"""What lies between the house and a vendor, and misbehaves: a proxy on loopback in front of the sandbox.

Here: passing requests on, and sending what a fault has made of the answer. Not here: the faults (`vendor_faults`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

LONGEST_HANG_SECONDS = 8.0
WHOLE, DROP, HANG, TRICKLE = "whole", "drop", "hang", "trickle"


@dataclass
class Exchange:
    """A request on its way, and the answer on its way back; a fault may change the answer."""

    target: str  # path and query
    number: int  # from 1, of all requests
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    sent: str = WHOLE


Bend = Callable[[Exchange], None]


class Proxy:
    """Passes everything on to `target`, whose port it stands in for; `bend` is the fault, `ask` changes requests."""

    def __init__(self, target: str) -> None:
        self._http = httpx.Client(base_url=target, trust_env=False, timeout=60)
        self._lock = threading.Lock()
        self.targets: list[str] = []
        self.keys: list[str | None] = []
        self.heal()

    def heal(self) -> None:
        """Be an honest proxy."""
        self.bend: Bend = lambda exchange: None
        self.ask: Callable[[str], str] = lambda target: target
        self.targets, self.keys = [], []

    def exchange(self, method: str, target: str, headers: Any, body: bytes) -> Exchange:
        """The answer to one request, as the fault has it."""
        with self._lock:
            self.targets.append(target)
            self.keys.append(headers.get("authorization") or headers.get("x-api-key"))
            number = len(self.targets)
        kept = {name: headers[name] for name in ("authorization", "x-api-key", "content-type") if name in headers}
        answer = self._http.request(method, self.ask(target), headers=kept, content=body)
        made = Exchange(target, number, answer.status_code, answer.content)
        self.bend(made)
        return made

    def close(self) -> None:
        self._http.close()


@contextmanager
def proxy(target: str) -> Iterator[tuple[str, Proxy]]:
    """A proxy in front of `target`, with its own address."""
    made = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                send(self, made.exchange(self.command, self.path, self.headers, body))
            except ConnectionError:
                self.close_connection = True

        do_GET = do_PUT = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", made
    finally:
        server.shutdown()
        server.server_close()
        made.close()


def send(handler: BaseHTTPRequestHandler, exchange: Exchange) -> None:
    """The answer, or as much of it as the fault lets through."""
    handler.close_connection = True
    handler.send_response(exchange.status)
    for name, value in {**exchange.headers, "content-length": str(len(exchange.body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if exchange.sent == WHOLE:
        handler.wfile.write(exchange.body)
        return
    middle = len(exchange.body) // 2
    handler.wfile.write(exchange.body[:middle])
    handler.wfile.flush()
    end = time.monotonic() + (0 if exchange.sent == DROP else LONGEST_HANG_SECONDS)
    while time.monotonic() < end and middle < len(exchange.body):
        time.sleep(0.2)
        if exchange.sent == TRICKLE:
            handler.wfile.write(exchange.body[middle : middle + 1])
            middle += 1
