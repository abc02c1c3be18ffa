"""Moments of a run at which its process is killed, or something else happens: the n-th statement, request or call.

Here: what counts as a moment, and the hooks that count from inside. Not here: what else happens (`meddling`), moments
by the clock, which come from outside (`errands`), and which moment it is (`test_kills`).
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import sqlalchemy as sa

import exec_orchestration

# Statements and commits are the warehouse's, records are Dagster's own statements, calls are of the house's functions.
COUNTED = ("statement", "commit", "request", "answer", "record", "call")
CLOCK = "clock"
HOUSE = str(Path(exec_orchestration.__file__).parent)


@dataclass(frozen=True)
class Moment:
    """The `number`-th event of a kind, from 1."""

    kind: str
    number: int


Act = Callable[["Watch"], None]


def kill(_watch: "Watch") -> None:
    """SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


class Watch:
    """Counts the events of this process, and acts at a moment, while all its other events wait."""

    def __init__(self, moment: Moment | None, warehouse_url: str, act: Act = kill) -> None:
        self.counts: Counter[str] = Counter()
        self.before_statement: Callable[[sa.Connection], None] | None = None  # of the warehouse
        self._moment = moment
        self._act = act
        self._warehouse = sa.make_url(warehouse_url).database
        self._lock = threading.Lock()

    def begin(self, *, calls: bool) -> None:
        """Count from now on; the house's calls only where they are asked for, since that makes a run slow."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._statement)
        sa.event.listen(sa.Engine, "commit", self._commit)
        if calls:
            threading.setprofile(self._called)
            sys.setprofile(self._called)

    def end(self) -> None:
        """Stop counting calls."""
        threading.setprofile(None)
        sys.setprofile(None)

    def see(self, kind: str) -> None:
        """One more event; act where it is the moment."""
        with self._lock:
            self.counts[kind] += 1
            if self._moment == Moment(kind, self.counts[kind]):
                self._act(self)

    def _statement(self, connection: sa.Connection, *_: Any) -> None:
        if connection.engine.url.database != self._warehouse:
            self.see("record")
            return
        self.see("statement")
        if self.before_statement:
            self.before_statement(connection)

    def _commit(self, connection: sa.Connection) -> None:
        if connection.engine.url.database == self._warehouse:
            self.see("commit")

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(HOUSE):
            self.see("call")


class Watched(httpx.HTTPTransport):
    """The network, where each request and each answer is an event."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._watch.see("request")
        response = super().handle_request(request)
        response.read()
        self._watch.see("answer")
        return response
