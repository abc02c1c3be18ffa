"""The values that travel between a client and the twins: what was asked, what is answered, what goes over the wire.

Must not live here: a vendor's routes or fields, effects. Leads to: `desk` turns an `Asked` into a `Wire`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JsonObject = dict[str, Any]

REASONS = {
    400: ("invalid_request", "invalid_request"),
    401: ("authentication_error", "invalid_api_key"),
    403: ("authorization_error", "workspace_inactive"),
    404: ("not_found", "not_found"),
    429: ("rate_limited", "rate_limited"),
}
RETRY_AFTER_PLACES = ("body", "error", "header")
EVERYBODY = "*"  # where a rule names users


@dataclass(frozen=True)
class Meddling:
    """What rules of the sandbox do to single users of a batch, by remote id. `refused` gives the error's text."""

    refused: Mapping[str, str] = field(default_factory=dict)
    omitted: frozenset[str] = frozenset()  # written, and then not mentioned
    skipped: frozenset[str] = frozenset()  # neither written nor mentioned

    def refusal_of(self, remote_id: str | None) -> str | None:
        return self.refused.get(remote_id or "", self.refused.get(EVERYBODY))


@dataclass(frozen=True)
class Asked:
    """One request. `params` are the query's, `path_params` those of the route; header names are in small letters."""

    method: str
    path: str
    query: str
    params: Mapping[str, str]
    path_params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    meddling: Meddling = Meddling()

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}"


@dataclass(frozen=True)
class Answer:
    """`written` are the remote ids of the users that this request changed; only the log sees them."""

    status: int
    payload: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """All rows that match, not yet cut into a page: only the rows of the page are shown as JSON.

    `wrap` takes the page's items and the number of all rows and returns the payload.
    """

    rows: Sequence[Any]
    show: Callable[[Any], JsonObject]
    wrap: Callable[[list[JsonObject], int], Any]
    offset: int = 0
    size: int | None = None

    def answer(self) -> Answer:
        end = None if self.size is None else self.offset + self.size
        items = [self.show(row) for row in self.rows[self.offset : end]]
        return Answer(200, self.wrap(items, len(self.rows)))


@dataclass(frozen=True)
class Wire:
    """The bytes to send, and how badly: late, or cut off in the middle."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str]
    delay_seconds: float = 0.0
    hang_up: bool = False


class Refused(Exception):
    """A handler's refusal; the vendor that answers decides how it looks. The code is Exec's, as in the contract."""

    def __init__(self, status: int, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def retry_later(answer: Answer, seconds: float, place: str) -> Answer:
    """The same refusal, saying when to come back: at the body's top level, inside `error`, or in a header.

    A body that is a text has room for it in the header only.
    """
    if place not in RETRY_AFTER_PLACES:
        raise ValueError(f"retry_after goes to one of {RETRY_AFTER_PLACES}, not to {place!r}")
    if place == "header" or isinstance(answer.payload, str):
        return Answer(answer.status, answer.payload, {**answer.headers, "retry-after": f"{seconds:g}"})
    if place == "body":
        return Answer(answer.status, {**answer.payload, "retry_after": seconds}, answer.headers)
    error = {**answer.payload.get("error", {}), "retry_after": seconds}
    return Answer(answer.status, {**answer.payload, "error": error}, answer.headers)


def render(answer: Answer) -> Wire:
    """JSON as the vendors send it; a payload that is a text goes out as a web page."""
    if isinstance(answer.payload, str):
        return Wire(answer.status, answer.payload.encode(), "text/html; charset=utf-8", answer.headers)
    body = json.dumps(answer.payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Wire(answer.status, body, "application/json", answer.headers)


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 with `Z`; milliseconds only where there are any."""
    if instant is None:
        return None
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
