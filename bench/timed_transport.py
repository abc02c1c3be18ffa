"""A transport that knows how long requests were in flight, so that the vendor's time can be taken off."""

import threading
import time

import httpx


class TimedTransport(httpx.HTTPTransport):
    """Counts the seconds in which at least one request was in flight; any thread may ask."""

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self.requests = 0
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._in_flight = 0
        self._since = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests += 1
            self._in_flight += 1
            if self._in_flight == 1:
                self._since = time.perf_counter()
        try:
            response = super().handle_request(request)
            response.read()
        finally:
            with self._lock:
                self._in_flight -= 1
                if self._in_flight == 0:
                    self.seconds += time.perf_counter() - self._since
        return response
