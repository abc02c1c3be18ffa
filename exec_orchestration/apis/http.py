"""The wire: one JSON client for both vendors. The only module that imports httpx.

Here: authentication, timeouts, retries, and the translation of whatever came back into an error that says what
to do. Not here: whose turn it is (`pacing`), pages, resources, tables. Seams are arguments: `transport`, `sleep`,
`clock`.
"""

import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from exec_orchestration.apis.answers import Answer, as_it_is, error_for, retry_after_seconds, too_long, unreachable
from exec_orchestration.apis.budget import Ledger
from exec_orchestration.apis.memory_ledger import MemoryLedger
from exec_orchestration.apis.pacing import LONGEST_RESUME_SECONDS, LONGEST_WAIT_SECONDS, Pacer, Traffic
from exec_orchestration.apis.vendor import Vendor, is_loopback, without_key
from exec_orchestration.errors import BadAnswer, RateLimited, without_e_mails

# What a client may be given instead of the network.
Transport = httpx.BaseTransport
Read = Callable[[Any, Answer], Any]

log = logging.getLogger(__name__)

RETRIED_STATUSES = frozenset({408, 429, *range(500, 600)})
TRIES = 6
FIRST_DELAY_SECONDS = 0.5
FIRST_DELAY_AFTER_429_SECONDS = 2.0
UNTOLD_WAIT_SECONDS = 3_600.0
SILENCE_SECONDS, CONNECT_SECONDS = 60.0, 10.0


class JsonClient:
    """Sends requests to one vendor and answers decoded JSON. Safe to share between threads."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        ledger: Ledger | None = None,
        transport: Transport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.vendor = vendor
        self.pacer = Pacer(vendor.name, vendor.quota, ledger=ledger or MemoryLedger(), sleep=sleep, clock=clock)
        self._clock = clock
        host = httpx.URL(vendor.base_url).host
        self._http = httpx.Client(
            headers={vendor.key_header: vendor.key_prefix + vendor.key, "Accept": "application/json"},
            timeout=httpx.Timeout(
                min(SILENCE_SECONDS, vendor.max_answer_seconds),
                connect=min(CONNECT_SECONDS, vendor.max_answer_seconds),
            ),
            transport=transport,
            trust_env=not is_loopback(host),
        )

    @property
    def traffic(self) -> Traffic:
        """What has been sent so far."""
        return self.pacer.traffic

    def close(self) -> None:
        """Give the connections back, and write what the ledger still has in memory."""
        self._http.close()
        self.pacer.close()

    def get(self, path: str, params: Mapping[str, Any], *, read: Read = as_it_is) -> Any:
        """What `read` makes of the answer to `GET path`; parameters that are None are left out."""
        return self.send("GET", path, params=params, read=read)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        read: Read = as_it_is,
    ) -> Any:
        """What `read` makes of one answer, after as many tries as 408, 429, 5xx and connection errors ask for.

        `read` takes the decoded JSON and the answer that it came in, for an error to name. Raises VendorError:
        Unreachable, Refused (KeyRefused, UnknownResource), RateLimited or BadAnswer.
        """
        request = self._http.build_request(method, self._url(path, params or {}), json=body)
        request.headers["X-Request-Id"] = uuid.uuid4().hex
        for attempt in range(1, TRIES + 1):
            answer = self._try(request)
            if answer.status is not None and answer.status not in RETRIED_STATUSES:
                return read(self._decoded(answer), answer)
            if attempt < TRIES:
                self._wait_before_retry(answer, attempt)
        raise self._given_up(answer)

    def _url(self, path: str, params: Mapping[str, Any]) -> str:
        """The whole address: httpx takes three times as long to put one together from its parts."""
        query = httpx.QueryParams({name: value for name, value in params.items() if value is not None})
        return f"{self.vendor.base_url}{path}?{query}" if query else f"{self.vendor.base_url}{path}"

    def _try(self, request: httpx.Request) -> Answer:
        """One try: an answer with a status, or one without that names the connection error."""
        with self.pacer.turn(described(request)) as turned:
            try:
                response = self._http.send(request, stream=True)
                content = whole(response, max_seconds=self.vendor.max_answer_seconds, max_bytes=self._most_bytes)
            except (httpx.TransportError, httpx.DecodingError) as error:
                log.info("%s %s: %s", request.method, request.url.path, type(error).__name__)
                return lost(request, error, key=self.vendor.key)
            turned.status = response.status_code
        answer = received(request, response, content or b"", key=self.vendor.key)
        if content is None:
            raise too_long(answer, self.vendor)
        return answer

    @property
    def _most_bytes(self) -> int:
        return self.vendor.max_answer_mb * 1_000_000

    def _decoded(self, answer: Answer) -> Any:
        if not answer.is_success:
            raise error_for(answer, self.vendor)
        try:
            return json.loads(answer.content) if answer.content else None
        except (ValueError, RecursionError) as error:
            kind = answer.content_type or "no content type"
            raise BadAnswer(
                f"{self.vendor.name}: {answer.what} answered {answer.status} with {kind} that is not JSON ({error}): "
                f"{answer.excerpt!r} {answer.where}. Check that {self.vendor.url_setting} points at the API "
                "itself, not at a web page or a proxy."
            ) from error

    def _wait_before_retry(self, answer: Answer, attempt: int) -> None:
        """Wait as the vendor says, or else with exponential backoff; raise RateLimited where that is too long."""
        asked = retry_after_seconds(answer, now=self._clock(), unit_seconds=self.vendor.retry_after_unit_seconds)
        unasked = asked is None and answer.status == 429
        first = FIRST_DELAY_AFTER_429_SECONDS if unasked else FIRST_DELAY_SECONDS
        # Never before the vendor says so, and not at once where it floors its seconds to 0.
        delay = max(asked or 0.0, first * 2 ** (attempt - 1) * random.uniform(1.0, 1.2))
        if answer.status == 429:
            self.pacer.hold(delay, f"{answer.what} came back with {answer.came_back}")
        if delay > LONGEST_WAIT_SECONDS:
            raise self._rate_limited(answer, delay, why="longer than a run should hold its place")
        log.info("%s: %s came back with %s; waiting %.1f s", self.vendor.name, answer.what, answer.came_back, delay)
        self.pacer.wait_before_retry(delay)

    def _given_up(self, answer: Answer) -> Exception:
        if answer.status == 429:
            asked = retry_after_seconds(answer, now=self._clock(), unit_seconds=self.vendor.retry_after_unit_seconds)
            # The minute has passed meanwhile: it is rather the day's limit, which somebody else has used up.
            seconds = asked or UNTOLD_WAIT_SECONDS
            self.pacer.hold(seconds, f"{answer.what} came back with {answer.came_back}")
            return self._rate_limited(answer, seconds, why=f"after {TRIES} tries that all ended so")
        return unreachable(answer, self.vendor, tries=TRIES)

    def _rate_limited(self, answer: Answer, seconds: float, *, why: str) -> RateLimited:
        resume_at = self.pacer.resume_at(seconds)
        return RateLimited(
            f"{self.vendor.name}: {answer.what} came back with {answer.came_back} {answer.where}: the vendor asks to "
            f"wait {min(seconds, LONGEST_RESUME_SECONDS):.0f} s, {why}. {self.pacer.go_on(resume_at)} "
            "What is finished stands.",
            resume_at=resume_at,
        )


def whole(response: httpx.Response, *, max_seconds: float, max_bytes: int) -> bytes | None:
    """The body, unpacked and to its end; None where it is longer than `max_bytes`, however small it was packed.

    Raises ReadTimeout where it trickles on for longer than `max_seconds`: no single pause need be long for that.
    """
    chunks, size, began = list[bytes](), 0, time.monotonic()
    try:
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                return None
            if time.monotonic() - began > max_seconds:
                raise httpx.ReadTimeout(f"the answer had no end after {max_seconds:g} s (MAX_RESPONSE_SECONDS)")
    finally:
        response.close()
    return b"".join(chunks)


def received(request: httpx.Request, response: httpx.Response, content: bytes, *, key: str) -> Answer:
    """The answer that a response with this content holds; the vendor's request id goes before ours."""
    headers = response.headers
    return Answer(
        what=described(request),
        request_id=headers.get("x-request-id") or headers.get("request-id") or request.headers["X-Request-Id"],
        key=key,
        status=response.status_code,
        content=content,
        content_type=headers.get("content-type", "").partition(";")[0],
        location=headers.get("location", ""),
        retry_after_header=headers.get("retry-after"),
    )


def lost(request: httpx.Request, error: Exception, *, key: str) -> Answer:
    """The answer that never came, or broke off."""
    problem = f"{type(error).__name__}: {error}".rstrip(": ")
    problem = without_e_mails(without_key(problem, key))
    return Answer(what=described(request), request_id=request.headers["X-Request-Id"], key=key, problem=problem)


def described(request: httpx.Request) -> str:
    """`GET /scenarios?page=1`: the request as a person would name it; keys travel in headers, never here."""
    return f"{request.method} {request.url.raw_path.decode('ascii')}"
