"""What a setting's text may be: each function makes a value of it, or raises ValueError with why it cannot. Pure."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exec_orchestration.apis.sparkwise import Operation
from exec_orchestration.apis.vendor import is_loopback

LARGEST_NUMBER = 1_000_000_000


def base_url(text: str) -> str:
    """The URL without a trailing slash; https anywhere, http on loopback only, so that no key travels in the clear."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    if not re.fullmatch(r"(.*@)?(\[.*\]|[^:]*)(:\d*)?", parts.netloc):
        raise ValueError("its port is not a number")
    _ = parts.port  # raises ValueError where it is too large
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


def zero_or(smallest: int) -> Callable[[str], int]:
    """A parser of 0, and of whole numbers from `smallest` up."""
    parse = whole_number(smallest)
    return lambda text: 0 if text == "0" else parse(text)


def number_or_share(text: str) -> int | float:
    """A whole number as an int, or `30%` as the float 0.3."""
    if not text.endswith("%"):
        return whole_number(0)(text)
    share = float(text[:-1]) / 100
    if not 0 <= share < 1:
        raise ValueError("a share is from 0% to under 100%")
    return share


def day_window(text: str) -> ZoneInfo | None:
    """The zone whose midnight begins a day, or None for any 24 hours."""
    return None if text.lower() == "rolling" else zone(text)


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of some words."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"it is none of {', '.join(words)}")
        return text.lower()

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


def share(text: str) -> float:
    """A number from 0 to 1."""
    if not 0 <= float(text) <= 1:
        raise ValueError("it is not between 0 and 1")
    return float(text)


def seconds(text: str) -> float:
    """A number of seconds from 0 to a day."""
    if not 0 <= float(text) <= 86_400:
        raise ValueError("it is not between 0 and 86400")
    return float(text)


def ids(text: str) -> frozenset[str]:
    """Ids separated by commas."""
    return frozenset(each.strip() for each in text.split(",") if each.strip())


def owners(text: str) -> tuple[str, ...]:
    """E-mail addresses and teams, such as `team:learning-data`, separated by commas."""
    found = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    for each in found:
        if not re.fullmatch(r"team:\S.*|[^@\s]+@[^@\s]+\.[^@\s]+", each):
            raise ValueError(f"{each[:80]} is neither an e-mail address nor a team such as team:learning-data")
    return found


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, in small letters."""
    return tuple(each.strip().casefold() for each in text.split(",") if each.strip())


def reference(text: str) -> str:
    """The field by which an account is referred to."""
    if text not in ("remoteId", "id"):
        raise ValueError("no such field")
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


def alert_urls(text: str) -> tuple[str, ...]:
    """Addresses such as `slack://...`, separated by commas or spaces; an address may itself hold commas."""
    found = tuple(dict.fromkeys(re.split(r"[\s,]+(?=[A-Za-z][\w+.-]*://)", text.strip(" ,")))) if text else ()
    if any(not re.fullmatch(r"[A-Za-z][\w+.-]*://\S+", each.strip(",")) for each in found):
        raise ValueError("each address is a URL without spaces")
    return tuple(each.strip(",") for each in found)


def web_url(text: str) -> str:
    """An http(s) URL without a trailing slash, a user or a password."""
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise ValueError("it is not an http(s) URL with a host and without a user")
    return text.rstrip("/")
