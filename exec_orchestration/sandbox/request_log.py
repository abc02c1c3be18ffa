"""What the twins were asked and how they answered, so that tests can count requests.

Must not live here: headers or bodies, which could carry keys and names. Leads to: `GET /_sandbox/requests`.
"""

from collections import deque
from collections.abc import Sequence
from threading import Lock

from exec_orchestration.sandbox.answers import JsonObject

KEPT_REQUESTS = 20_000


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self, kept: int = KEPT_REQUESTS) -> None:
        self._entries: deque[JsonObject] = deque(maxlen=kept)
        self._lock = Lock()

    def note(
        self,
        method: str,
        path: str,
        query: str,
        status: int,
        *,
        users: Sequence[str | None] | None = None,
        written: Sequence[str] = (),
    ) -> None:
        """Keep one request; `users` are the remote ids of a write, `written` those of them that it changed."""
        entry: JsonObject = {"method": method, "path": path, "query": query, "status": status}
        if users is not None:
            entry |= {"users": list(users), "written": list(written)}
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[JsonObject]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
