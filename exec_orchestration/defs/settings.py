"""Every setting, declared once: name, default, what is valid, what it means. Pure: the environment is an argument.

`.env.example` and the README's table are checked against this list. A setting that is missing or malformed stops the
thing that needs it with a BadSetting; the code location still loads.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exec_orchestration.apis.exec_com import check_key
from exec_orchestration.apis.sparkwise import Operation
from exec_orchestration.apis.vendor import is_loopback
from exec_orchestration.errors import BadSetting

Value = TypeVar("Value")
Environment = Mapping[str, str]

LARGEST_NUMBER = 1_000_000_000


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One setting. `parse` raises ValueError where the text is not `valid`; a default of None means it is required."""

    name: str
    default: str | None
    valid: str
    meaning: str
    parse: Callable[[str], Value]
    secret: bool = False

    def read(self, environment: Environment) -> Value:
        """The setting's value; an empty text counts as not set. Raises BadSetting."""
        text = environment.get(self.name, "").strip() or self.default
        if text is None:
            raise BadSetting(
                f"{self.name} is not set: {self.meaning}. Valid is {self.valid}. Set it in the "
                "environment or in .env; no request was sent."
            )
        try:
            return self.parse(text)
        except (ValueError, OverflowError) as error:
            came = "its value, which is not repeated here," if self.secret else repr(text[:80])
            raise BadSetting(
                f"{self.name} cannot be used: {came} is not valid ({error}); valid is {self.valid}."
            ) from error


def base_url(text: str) -> str:
    """The URL without a trailing slash; https anywhere, http on loopback only, so that no key travels in the clear."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    _ = parts.port  # raises ValueError where it is not a number
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("it is not an http(s) URL with a host")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("plain http would send the key unencrypted to another machine")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a base URL has no user, password, query or fragment")
    return text.rstrip("/")


def whole_number(smallest: int) -> Callable[[str], int]:
    """A parser of whole numbers from `smallest` up."""

    def parse(text: str) -> int:
        if not text.removeprefix("-").isdecimal():
            raise ValueError("it is not a whole number")
        if not smallest <= int(text) <= LARGEST_NUMBER:
            raise ValueError(f"it is not between {smallest} and {LARGEST_NUMBER}")
        return int(text)

    return parse


def yes_or_no(text: str) -> bool:
    """True for true, yes, on and 1, False for their opposites."""
    words = {**dict.fromkeys(("true", "yes", "on", "1"), True), **dict.fromkeys(("false", "no", "off", "0"), False)}
    if text.lower() not in words:
        raise ValueError("it is neither yes nor no")
    return words[text.lower()]


def zone(text: str) -> ZoneInfo:
    """A time zone of the IANA database."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError("no such time zone") from error


def percentage(text: str) -> float:
    """A number from 0 to 100."""
    if not 0 <= float(text) <= 100:
        raise ValueError("it is not between 0 and 100")
    return float(text)


def operation(text: str) -> Operation:
    """A verb and a path, such as `GET /users`."""
    found = re.fullmatch(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)", text)
    if not found:
        raise ValueError("it is not a verb, a space and a path")
    return Operation(found[1], found[2])


def header_name(text: str) -> str:
    """A name that HTTP allows for a header."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise ValueError("it holds characters that no header name may have")
    return text


def printable_key(text: str) -> str:
    """A key that fits into a header."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("it holds spaces or characters that no header may have")
    return text


def unit_seconds(text: str) -> float:
    """Seconds per unit."""
    return {"seconds": 1.0, "milliseconds": 0.001}[text] if text in ("seconds", "milliseconds") else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no known unit")


def step(text: str) -> timedelta:
    """A positive number of seconds, fractions allowed."""
    found = timedelta(seconds=float(text))
    if not timedelta(0) < found < timedelta(days=1):
        raise ValueError("it is not between a microsecond and a day")
    return found


EXEC_API_URL = Setting(
    "EXEC_API_URL", "https://api.exec.com/rest/v1", "https://..., or http on loopback", "Exec's base URL", base_url
)
EXEC_API_KEY = Setting(
    "EXEC_API_KEY",
    None,
    "exec_live_ followed by 40 letters or digits",
    "the Exec workspace's key",
    lambda text: check_key(text, setting="EXEC_API_KEY"),
    secret=True,
)
EXEC_REQUESTS_PER_MINUTE = Setting(
    "EXEC_REQUESTS_PER_MINUTE",
    "60",
    "a whole number, 0 = no limit",
    "the workspace's limit per minute",
    whole_number(0),
)
EXEC_CONCURRENCY = Setting(
    "EXEC_CONCURRENCY", "4", "a whole number from 1 up", "requests in flight at most", whole_number(1)
)
EXEC_EXCLUDE_SYSTEM_USERS = Setting(
    "EXEC_EXCLUDE_SYSTEM_USERS", "true", "true or false", "leave out `@exec.com` people everywhere", yes_or_no
)
EXEC_RETRY_AFTER_UNIT = Setting(
    "EXEC_RETRY_AFTER_UNIT", "seconds", "seconds or milliseconds", "the unit of Exec's `retry_after`", unit_seconds
)
EXEC_END_DATE_STEP_SECONDS = Setting(
    "EXEC_END_DATE_STEP_SECONDS",
    "0.000001",
    "seconds, such as 0.000001 or 1",
    "the finest step of Exec's inclusive `end_date`",
    step,
)
SPARKWISE_API_URL = Setting(
    "SPARKWISE_API_URL",
    "https://account-api.sparkwise.co",
    "https://..., or http on loopback",
    "Sparkwise's base URL",
    base_url,
)
SPARKWISE_API_KEY = Setting(
    "SPARKWISE_API_KEY",
    None,
    "the key as Sparkwise gave it",
    "the Sparkwise account's key",
    printable_key,
    secret=True,
)
SPARKWISE_API_KEY_HEADER = Setting(
    "SPARKWISE_API_KEY_HEADER",
    "x-api-key",
    "a header's name",
    "the header that carries the Sparkwise key",
    header_name,
)
SPARKWISE_REQUESTS_PER_MINUTE = Setting(
    "SPARKWISE_REQUESTS_PER_MINUTE",
    "0",
    "a whole number, 0 = no limit",
    "Sparkwise's limit per minute",
    whole_number(0),
)
SPARKWISE_CLUSTERS_REQUEST = Setting(
    "SPARKWISE_CLUSTERS_REQUEST", "GET /clusters", "a verb and a path", "how clusters are listed", operation
)
SPARKWISE_COMPLETIONS_REQUEST = Setting(
    "SPARKWISE_COMPLETIONS_REQUEST", "GET /completions", "a verb and a path", "how completions are listed", operation
)
SPARKWISE_USERS_REQUEST = Setting(
    "SPARKWISE_USERS_REQUEST", "GET /users", "a verb and a path", "how users are listed", operation
)
SPARKWISE_UPSERT_REQUEST = Setting(
    "SPARKWISE_UPSERT_REQUEST", "PUT /users", "a verb and a path", "how users are upserted", operation
)
SPARKWISE_DEACTIVATE_REQUEST = Setting(
    "SPARKWISE_DEACTIVATE_REQUEST", "DELETE /users", "a verb and a path", "how users are deactivated", operation
)
SPARKWISE_COMPLETIONS_BY_DAY = Setting(
    "SPARKWISE_COMPLETIONS_BY_DAY",
    "false",
    "true or false",
    "ask for completions one day at a time, where Sparkwise does not filter them by their scheduled start",
    yes_or_no,
)
SPARKWISE_COMPLETED_STEPS_PCT = Setting(
    "SPARKWISE_COMPLETED_STEPS_PCT",
    "80",
    "a number from 0 to 100",
    "from which percentage of steps on an attended session counts as completed",
    percentage,
)
WAREHOUSE_URL = Setting(
    "WAREHOUSE_URL", "sqlite:///data/warehouse.db", "any SQLAlchemy URL", "the warehouse", str, secret=True
)
MAX_REJECTED_ROWS = Setting(
    "MAX_REJECTED_ROWS",
    "0",
    "a whole number from 0 up",
    "rejected rows that a partition may have and still load",
    whole_number(0),
)
PARTITIONS_START = Setting(
    "PARTITIONS_START", "2026-01-01", "a day such as 2026-01-01", "the first daily partition", date.fromisoformat
)
PARTITIONS_TIMEZONE = Setting(
    "PARTITIONS_TIMEZONE", "UTC", "an IANA zone such as Europe/Berlin", "the zone whose midnights cut the days", zone
)
LOOKBACK_DAYS = Setting(
    "LOOKBACK_DAYS", "3", "a whole number from 1 up", "days that the schedule loads again", whole_number(1)
)

SETTINGS: tuple[Setting[object], ...] = tuple(value for value in dict(globals()).values() if isinstance(value, Setting))
