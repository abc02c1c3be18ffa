"""What happens to a warehouse at a moment of a run, other than the death of the run: from inside or outside.

Here: acts of the process that is disturbed, and the way by which it lets its parent act. Not here: what is expected.
"""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import sqlalchemy as sa

from exec_orchestration_tests.faults.errands import LONGEST_SECONDS, Errand, Running, Told, limit_files
from exec_orchestration_tests.faults.moments import Watch

GoOn = Callable[[], None]


@dataclass(frozen=True)
class Tell:
    """Tell the parent that the moment has come, and wait until it says to go on."""

    parent: Connection

    def __call__(self, _watch: Watch) -> None:
        self.parent.send(None)
        if self.parent.poll(LONGEST_SECONDS):
            self.parent.recv()


@dataclass(frozen=True)
class CutOff:
    """The file of the warehouse is cut off: so much of it stays."""

    path: str
    share: float

    def __call__(self, _watch: Watch) -> None:
        os.truncate(self.path, int(self.share * os.path.getsize(self.path)))


@dataclass(frozen=True)
class LimitFiles:
    """No file grows beyond so many bytes, from now on."""

    size: int

    def __call__(self, _watch: Watch) -> None:
        limit_files(self.size)


@dataclass(frozen=True)
class Pragma:
    """From now on every connection to SQLite has this pragma when it writes, or whatever it does."""

    name: str
    value: str
    only_writers: str = ""  # the value for whoever does not write

    def __call__(self, watch: Watch) -> None:
        watch.before_statement = self._set

    def _set(self, connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        value = self.value if writes or not self.only_writers else self.only_writers
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA {self.name}={value}")


def meddle(errand: Errand, act: Callable[[GoOn], None], *, after: float | None = None) -> tuple[Told, bool]:
    """What a run tells, and whether `act` came in time: at the run's moment, or after so many seconds.

    At a moment the run waits until `act` calls what it is handed over.
    """
    if after is not None:
        running = Running(errand)
        in_time = not running.wait(after)
        if in_time:
            act(lambda: None)
        return running.end(), in_time
    ours, theirs = multiprocessing.Pipe()
    running = Running(replace(errand, at_moment=Tell(theirs)))
    theirs.close()
    with ours:
        in_time = _has_come(ours)
        if in_time:
            act(lambda: ours.send(None))
        return running.end(), in_time


def _has_come(child: Connection) -> bool:
    """Wait for the moment; False where the run has ended without it."""
    try:
        child.recv()
    except EOFError:
        return False
    return True
