"""One person as HR sees them, and how a row of the roster becomes one. Pure.

Names are in Unicode's composed form without outer spaces. A value that does not fit raises ValueError, worded to follow
the column's name. It quotes no cell but a status: in a row that is shifted, any other may hold a name.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

STATUSES = ("active", "leave", "prehire", "terminated")
REQUIRED = ("employee_id", "first_name", "last_name", "status")
COLUMNS = (*REQUIRED, "email", "department", "manager_id", "location", "start_date", "end_date")

LONGEST_TEXT = 500
LONGEST_STATUS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the roster says of one person. `start_on` and `end_on` are the first and the last day of employment."""

    employee_id: str
    first_name: str
    last_name: str
    status: str
    email: str | None = None
    department: str | None = None
    manager_id: str | None = None
    location: str | None = None
    start_on: date | None = None
    end_on: date | None = None

    def works_on(self, day: date, *, lead_days: int) -> bool:
        """True when the person has an account on `day`; `lead_days` is how long before their start people get one."""
        if self.ended_before(day):
            return False
        if self.status == "terminated":
            return self.end_on is not None
        return self.status != "prehire" or not self.starts_after(day + timedelta(days=lead_days))

    def ended_before(self, day: date) -> bool:
        """True when the last day lies behind `day`."""
        return self.end_on is not None and self.end_on < day

    def starts_after(self, day: date) -> bool:
        """True while the first day lies ahead of `day`; somebody without one never starts."""
        return self.start_on is None or self.start_on > day

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that the roster says of the person."""
        return sha256(repr(asdict(self)).encode()).hexdigest()


def person_from(row: Mapping[str, Any], *, statuses: Mapping[str, str], date_format: str | None = None) -> Person:
    """The person of a row under our column names; raises ValueError with every reason why it is none."""
    problems: list[str] = []

    def read(name: str, convert: Callable[[Any], Any]) -> Any:
        try:
            value = convert(row.get(name))
            if value is None and name in REQUIRED:
                raise ValueError("must not be empty")
        except ValueError as problem:
            problems.append(f"{name} {problem}")
            return None
        return value

    read_day = day_reader(date_format)
    values = {
        "employee_id": read("employee_id", identifier),
        "first_name": read("first_name", name_of_person),
        "last_name": read("last_name", name_of_person),
        "status": read("status", lambda value: status_of(value, statuses)),
        **{name: read(name, text) for name in ("email", "department", "location")},
        "manager_id": read("manager_id", identifier),
        "start_on": read("start_date", read_day),
        "end_on": read("end_date", read_day),
    }
    if values["start_on"] and values["end_on"] and values["end_on"] < values["start_on"]:
        problems.append(f"end_date {values['end_on']} must not be before start_date {values['start_on']}")
    if problems:
        raise ValueError("; ".join(problems))
    return Person(**values)


def text(value: Any) -> str | None:
    """One line of text, or None where there is nothing."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"must be text, not {type(value).__name__}")
    written = value if isinstance(value, str) else _digits(value)
    tidy = " ".join(unicodedata.normalize("NFC", written).split())
    if len(tidy) > LONGEST_TEXT:
        raise ValueError(f"must have at most {LONGEST_TEXT} characters, and has {len(tidy)}")
    wrong = next((each for each in tidy if unicodedata.category(each) in ("Cc", "Cs") or each == "\ufffd"), None)
    if wrong:
        raise ValueError(f"must not hold the character U+{ord(wrong):04X}")
    return tidy or None


def _digits(value: int | float | Decimal) -> str:
    """A number of a typed source as a person would write it: 17, not 17.0."""
    if not isinstance(value, int) and not math.isfinite(value):
        raise ValueError(f"must not be {value}")
    return str(int(value)) if value == int(value) else str(value)


def identifier(value: Any) -> str | None:
    """An id as HR writes it, capitals included; only spaces and Unicode's form are tidied as in any text."""
    return text(value)


def name_of_person(value: Any) -> str | None:
    """A name; one that was decoded wrongly on its way here is refused, since it would be written to Sparkwise."""
    name = text(value)
    if name is None or name.isascii():
        return name
    try:
        # Not of the tidy name: half of a letter such as Š or à then looks like a space.
        str(value).strip().encode("cp1252").decode()
    except UnicodeError:
        return name
    raise ValueError("looks like UTF-8 that was decoded as another encoding; export the roster as UTF-8 throughout")


def status_of(value: Any, statuses: Mapping[str, str]) -> str | None:
    """Our word for HR's status; `statuses` leads from theirs, in small letters, to ours."""
    written = text(value)
    if written is None:
        return None
    known = statuses.get(written.casefold())
    if known is None:
        came = "of this row" if "@" in written or len(written) > LONGEST_STATUS else repr(written)
        raise ValueError(f"{came} is none of {', '.join(STATUSES)}; map it in HR_ROSTER_MAPPING if it should be")
    return known


def day_reader(date_format: str | None) -> Callable[[Any], date | None]:
    """What reads a day: ISO 8601 with or without a time of day, or as `date_format` says."""

    def read(value: Any) -> date | None:
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        written = text(value)
        if written is None:
            return None
        try:
            if date_format:
                return datetime.strptime(written, date_format).date()  # noqa: DTZ007 (a day has no zone)
            return datetime.fromisoformat(written).date()
        except ValueError:
            wanted = f"a day in the format {date_format}" if date_format else "a day such as 2026-01-31"
            raise ValueError(f"must be {wanted}; what came stands in rejected_rows") from None

    return read
