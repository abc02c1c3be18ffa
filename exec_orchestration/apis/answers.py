"""What came back: one answer as a value, and the error that it deserves.

Pure: nothing here sends, sleeps or logs. Every text is free of the key, even where the vendor repeats it, and of what
rows hold: of JSON only the vendor's own words about an error and the names of fields are told.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from exec_orchestration.apis.vendor import Vendor, without_key
from exec_orchestration.errors import (
    BadAnswer,
    KeyRefused,
    Refused,
    UnknownResource,
    Unreachable,
    VendorError,
    without_e_mails,
)

EXCERPT_CHARACTERS = 200
LOOKED_AT_CHARACTERS = 4_000
WORDS = ("code", "message", "error", "detail")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One try at one request. `status` is None when the connection failed; `problem` then says how."""

    what: str
    request_id: str
    key: str = field(repr=False)
    status: int | None = None
    content: bytes = b""
    content_type: str = ""
    location: str = ""
    retry_after_header: str | None = None
    problem: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def excerpt(self) -> str:
        """The first characters of the body, on one line, without key and e-mail addresses; of JSON its fields only."""
        safe = without_key(self.content.decode("utf-8", "replace"), self.key)
        text = without_e_mails(" ".join(safe[:LOOKED_AT_CHARACTERS].split()))
        if text.startswith(("{", "[")):
            text = without_e_mails(without_key(_shape(self.body, len(self.content)), self.key))
        return text[:EXCERPT_CHARACTERS] + ("..." if len(text) > EXCERPT_CHARACTERS else "")

    @property
    def came_back(self) -> str:
        """What came back, in a few words: the status and the vendor's own code and message."""
        if self.status is None:
            return self.problem
        body = self.body if isinstance(self.body, dict) else {}
        error = body["error"] if isinstance(body.get("error"), dict) else body
        said = ": ".join(str(error[name]) for name in WORDS if error.get(name) and isinstance(error[name], str | int))
        told = without_e_mails(without_key(said, self.key)) or self.excerpt
        return f"status {self.status} ({told or 'empty body'})"

    @property
    def where(self) -> str:
        return f"[request id {self.request_id}]"

    @property
    def body(self) -> Any:
        """The decoded body, or None where it is not JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


def _shape(body: Any, size: int) -> str:
    """What a body of JSON is, without any value of it."""
    if isinstance(body, dict):
        return f"JSON with the fields {', '.join(map(str, body)) or 'none'}"
    return f"a JSON list of {len(body)}" if isinstance(body, list) else f"{size} bytes that begin as JSON does"


def as_it_is(payload: Any, _answer: Answer) -> Any:
    """The decoded JSON, whatever its shape."""
    return payload


def other_shape(vendor: str, answer: Answer, problem: str, *, setting: str) -> BadAnswer:
    """The error for JSON that is not of the shape that the contract promises."""
    return BadAnswer(
        f"{vendor}: {answer.what} came back with status {answer.status} and JSON of another shape {answer.where}: "
        f"{problem}. Check {setting}, or report the change of the API; nothing was replaced."
    )


def error_for(answer: Answer, vendor: Vendor) -> VendorError:
    """The error for a status that no retry can mend."""
    status = answer.status or 0
    tried = f"{vendor.name}: {answer.what} came back with {answer.came_back} {answer.where}."
    if status in (401, 403):
        meaning = "does not accept the key" if status == 401 else "closes this workspace or operation to the key"
        return KeyRefused(f"{tried} {vendor.name} {meaning}; check {vendor.key_setting}.", status=status)
    if status == 404:
        return UnknownResource(
            f"{tried} {vendor.name} does not know this id or path; check the id, and {vendor.url_setting}.",
            status=status,
        )
    if 300 <= status < 400:
        target = without_key(answer.location, answer.key) or "nowhere"
        return Refused(
            f"{tried} It redirects to {target}, which is not followed, so that the key "
            f"stays with {vendor.name}; set {vendor.url_setting} to the API's final address.",
            status=status,
        )
    return Refused(
        f"{tried} The request itself was not accepted, so it was not tried again; "
        "compare it with the vendor's reference and report it with the request id.",
        status=status,
    )


def too_long(answer: Answer, vendor: Vendor) -> BadAnswer:
    """The error for an answer that is longer than anybody should hold in memory."""
    return BadAnswer(
        f"{vendor.name}: {answer.what} answered {answer.status} with more than {vendor.max_answer_mb} MB "
        f"(MAX_RESPONSE_MB) {answer.where}; the rest was not read and nothing was replaced. Ask for fewer days at a "
        "time, or raise MAX_RESPONSE_MB where there is memory for ten times as much."
    )


def unreachable(answer: Answer, vendor: Vendor, *, tries: int) -> Unreachable:
    """The error after the last try."""
    return Unreachable(
        f"{vendor.name}: {answer.what} at {vendor.base_url} was tried {tries} times; the last try came back with "
        f"{answer.came_back} {answer.where}. Check the network, the vendor's status page and {vendor.url_setting}, "
        "then run this again; nothing was replaced."
    )


def retry_after_seconds(answer: Answer, *, now: float, unit_seconds: float) -> float | None:
    """How long the vendor asks to wait, wherever it says so: the body, its `error` object, or the header.

    The header may be a number or an HTTP date; a number in the body counts `unit_seconds` each.
    """
    body = answer.body if answer.content else None
    if isinstance(body, dict):
        nested = body.get("error")
        for holder in (body, nested if isinstance(nested, dict) else {}):
            number = _number(holder.get("retry_after"))
            if number is not None:
                return number * unit_seconds
    if answer.retry_after_header is None:
        return None
    number = _number(answer.retry_after_header)
    return number if number is not None else _seconds_until(answer.retry_after_header, now=now)


def _number(value: Any) -> float | None:
    """`value` as a number of at least 0, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None


def _seconds_until(http_date: str, *, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())
