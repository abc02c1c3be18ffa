"""Every fault of a vendor that the suite knows, as one table: what it does, and what has to become of the load.

Here: faults as values. Not here: how they are driven through an asset (`test_vendor_faults`), and those that any
request may meet (`test_vendor_moments`).
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

from exec_orchestration_tests.faults.proxy import DROP, HANG, TRICKLE, Bend, Exchange

EQUAL = "tables equal"
SESSIONS, MEMBERS, COMPLETIONS = "exec_sessions", "exec_members", "sparkwise_completions"
PATHS = {SESSIONS: "/sessions?", MEMBERS: "/workspace/members?", COMPLETIONS: "/completions?"}
PAGE_SIZE = 4
QUICK = {"MAX_RESPONSE_SECONDS": "1"}
SMALL = {"MAX_RESPONSE_MB": "1"}


@dataclass(frozen=True)
class Fault:
    """One fault. `outcome` is EQUAL, a check that has to fail, or an error's class, whose text has to say `told`."""

    name: str
    bend: Bend
    outcome: str = EQUAL
    told: str = ""
    asset: str = SESSIONS
    settings: dict[str, str] = field(default_factory=dict)
    engines: tuple[str, ...] = ("sqlite",)
    changes_rows: bool = False  # what arrives is stored as it came, and is not what the vendor has


def always(bend: Bend) -> Bend:
    """On each answer."""
    return bend


def once(bend: Bend, *, at: int = 2) -> Bend:
    """On one of the requested pages only, counted among all requests."""

    def bent(exchange: Exchange) -> None:
        if exchange.number == at:
            bend(exchange)

    return bent


def answers(status: int, body: bytes = b"{}", **headers: str) -> Bend:
    """Another status, body and headers."""

    def bent(exchange: Exchange) -> None:
        exchange.status, exchange.body = status, body
        exchange.headers |= {name.replace("_", "-"): value for name, value in headers.items()}

    return bent


def sends(how: str) -> Bend:
    """The right answer, but not to its end."""

    def bent(exchange: Exchange) -> None:
        exchange.sent = how

    return bent


def payload(change: Callable[[Any], Any]) -> Bend:
    """Another JSON."""

    def bent(exchange: Exchange) -> None:
        exchange.body = json.dumps(change(json.loads(exchange.body))).encode()

    return bent


def item(**fields: Any) -> Bend:
    """Other values in the first row of the page; dots are written as two underscores."""

    def change(found: Any) -> Any:
        row = (found["data"] if isinstance(found, dict) else found)[0]
        for name, value in fields.items():
            *parents, last = name.split("__")
            holder = row
            for parent in parents:
                holder = holder[parent]
            holder[last] = value
        return found

    return payload(change)


def total(more: int) -> Bend:
    """The listing says that it has so many more rows."""

    def change(found: Any) -> Any:
        found["pagination"]["total_count"] += more
        return found

    return payload(change)


def pages(more: int) -> Bend:
    """The listing says that it has so many more pages."""

    def change(found: Any) -> Any:
        found["pagination"]["total_pages"] += more
        return found

    return payload(change)


def only(share: float) -> Bend:
    """A whole listing of one page, which has lost the rest of its rows since yesterday."""

    def change(found: Any) -> Any:
        found["data"] = found["data"][: int(len(found["data"]) * share)]
        found["pagination"] |= {"total_count": len(found["data"]), "total_pages": 1}
        return found

    return payload(change)


def duplicate_page(seen: dict[str, bytes]) -> Bend:
    """Page 3 is page 2 once more."""

    def bent(exchange: Exchange) -> None:
        if "page=2&" in exchange.target:
            seen["2"] = exchange.body
        if "page=3&" in exchange.target and "2" in seen:
            exchange.body = seen["2"]

    return bent


def padded(megabytes: int) -> Bend:
    """An answer of so many MB: long descriptions, in fields that the house keeps."""

    def change(found: Any) -> Any:
        for row in found:
            row["moduleDescription"] = "x" * (megabytes * 1_000_000 // len(found))
        return found

    return payload(change)


def in_small_pages(target: str) -> str:
    """The same request for smaller pages, so that a small world has several."""
    return target if "members" in target else target.replace("page_size=100", f"page_size={PAGE_SIZE}")


def in_an_hour(hours: int) -> str:
    """An HTTP date by a clock that goes wrong by so many hours."""
    return format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)


def long_id() -> str:
    """Ten thousand characters that no compression makes short."""
    return Random(7).randbytes(5_000).hex()


BOMB = gzip.compress(b" " * 60_000_000)
HTML = b"<html><body>Sign in</body></html>"
BOTH = ("sqlite", "postgresql")
CUT = "check EXEC_API_KEY"
REJECTED = "kept with their payload in the table rejected_rows"

FAULTS = (
    Fault("an answer that is cut off, once", once(sends(DROP))),
    Fault("answers that are always cut off", sends(DROP), "Unreachable", "tried 6 times.*run this again"),
    Fault("an answer that hangs in its middle, once", once(sends(HANG)), settings=QUICK),
    Fault("an answer that trickles, once", once(sends(TRICKLE)), settings=QUICK),
    Fault("answers that always hang", sends(HANG), "Unreachable", "tried 6 times", settings=QUICK),
    *(Fault(f"status {status}, once", once(answers(status))) for status in (408, 429, 500, 502, 503, 504)),
    Fault("status 503, always", answers(503), "Unreachable", "tried 6 times.*nothing was replaced"),
    Fault("429 for an hour", answers(429, retry_after="3600"), "RateLimited", "Run this again at"),
    Fault("429, clock an hour ahead", once(answers(429, retry_after=in_an_hour(1))), "RateLimited", "asks to wait"),
    Fault("429, clock an hour behind", once(answers(429, retry_after=in_an_hour(-1)))),
    Fault("401 in the middle: the key was changed", once(answers(401), at=3), "KeyRefused", CUT),
    Fault("403", answers(403), "KeyRefused", CUT),
    Fault("404", answers(404), "UnknownResource", "check the id"),
    Fault("400", answers(400), "Refused", "compare it with the vendor's reference"),
    Fault("a web page", answers(200, HTML, content_type="text/html"), "BadAnswer", "Check that EXEC_API_URL"),
    Fault("JSON that ends too early", answers(200, b'{"data": ['), "BadAnswer", "not JSON"),
    Fault("JSON of another shape", answers(200, b'{"rows": []}'), "BadAnswer", "Check EXEC_API_URL"),
    Fault("JSON called text", lambda exchange: exchange.headers.update({"content-type": "text/plain"})),
    Fault(
        "a gzip bomb",
        answers(200, BOMB, content_encoding="gzip"),
        "BadAnswer",
        "MAX_RESPONSE_MB",
        settings={"MAX_RESPONSE_MB": "20"},
    ),
    Fault("bytes called gzip", answers(200, b"no gzip", content_encoding="gzip"), "Unreachable", "DecodingError"),
    Fault("a total that shrinks, once", once(total(-1), at=3)),
    Fault("a total that shrinks, always", once(total(-1), at=1), EQUAL),
    Fault("pages that grow, always", pages(1), "ListingMoved", "Run this again when fewer people are at work"),
    Fault("pages that shrink, always", pages(-1), "ListingMoved", "Run this again when fewer people are at work"),
    Fault("a page twice", duplicate_page({}), "ListingMoved", "page that was already read"),
    Fault("a listing of 40 %", only(0.4), "row_count_is_usual", asset=MEMBERS, changes_rows=True),
    Fault("numbers as texts", item(duration_seconds="12 min"), "TooManyRejectedRows", REJECTED, engines=BOTH),
    Fault("a date as 31.12.2026", item(created_at="31.12.2026"), "TooManyRejectedRows", REJECTED, engines=BOTH),
    Fault("a row without an id", item(id=None), "TooManyRejectedRows", REJECTED, engines=BOTH),
    Fault("NUL in a name", item(scenario__name="A\0B"), "TooManyRejectedRows", REJECTED, engines=BOTH),
    Fault("half a surrogate in a name", item(scenario__name="A\ud800B"), "TooManyRejectedRows", REJECTED, engines=BOTH),
    Fault(
        "an id of 10,000 characters",
        once(item(id=long_id()), at=1),
        "TooManyRejectedRows",
        "1 to 500 char",
        engines=BOTH,
    ),
    Fault("an answer of 100 MB", padded(100), asset=COMPLETIONS, changes_rows=True, engines=BOTH),
    Fault(
        "an answer of 100 MB where 50 may be",
        padded(100),
        "BadAnswer",
        "Ask for fewer days at a time",
        asset=COMPLETIONS,
        settings={"MAX_RESPONSE_MB": "50"},
    ),
)
