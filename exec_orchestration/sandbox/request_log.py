"""What the twins were asked and how they answered, so that tests can count requests.

Must not live here: headers or bodies, which could carry keys. Leads to: `GET /_sandbox/requests`.
"""

from collections import deque
from threading import Lock

from exec_orchestration.sandbox.answers import JsonObject

KEPT_REQUESTS = 20_000


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self, kept: int = KEPT_REQUESTS) -> None:
        self._entries: deque[JsonObject] = deque(maxlen=kept)
        self._lock = Lock()

    def note(self, method: str, path: str, query: str, status: int) -> None:
        with self._lock:
            self._entries.append({"method": method, "path": path, "query": query, "status": status})

    def entries(self) -> list[JsonObject]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
