"""What Exec's query parameters mean: whom, when, in which order, which page.

Must not live here: operations (`exec_com`), reading of single values (`query`). Leads to: `exec_com`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, TypeVar

from exec_orchestration.sandbox.analytics import PersonFilter, Proficiency
from exec_orchestration.sandbox.answers import JsonObject, Listing, Refused
from exec_orchestration.sandbox.cast import Person
from exec_orchestration.sandbox.query import Query

PAGING = ("page", "page_size")
PEOPLE = ("user_ids", "user_emails", "group_ids", "exclude_system_users")
WINDOW = ("start_date", "end_date")
DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE = 50, 100

Row = TypeVar("Row")
SortKey = Callable[[Any], Any]  # a value that can be compared, or null


def person_filter(query: Query) -> PersonFilter:
    """Ids and e-mails (case folded) are united; groups and the exclusion of system users narrow the result."""
    ids, emails, groups = map(query.words, ("user_ids", "user_emails", "group_ids"))
    folded = {email.casefold() for email in emails or ()}
    without_systems = query.flag("exclude_system_users")

    def wanted(person: Person) -> bool:
        named = not (ids or emails) or person.id in (ids or ()) or person.email.casefold() in folded
        grouped = groups is None or not groups.isdisjoint(person.group_ids)
        return named and grouped and not (without_systems and person.is_system)

    return wanted


def window(query: Query) -> tuple[datetime | None, datetime | None]:
    """`start_date` and `end_date`, both included."""
    first, last = query.instant("start_date"), query.instant("end_date")
    if first is not None and last is not None and last < first:
        raise Refused(400, "end_date is before start_date")
    return first, last


def sort(query: Query, rows: Iterable[Row], keys: Mapping[str, SortKey], default: str) -> list[Row]:
    """The rows in the order that `sorting` asks for: a name of `keys`, descending after a `-`."""
    allowed = [sign + name for name in keys for sign in ("", "-")]
    sorting = query.choice("sorting", allowed, default=default)
    return ordered(rows, keys[sorting.removeprefix("-")], descending=sorting.startswith("-"))


def by_score(rows: Iterable[Proficiency]) -> list[Proficiency]:
    return ordered(rows, lambda row: row.score, descending=True)


def ordered(rows: Iterable[Row], key: SortKey, *, descending: bool) -> list[Row]:
    """Sorted by the key, equal ones by id, those without a key last in both directions."""
    by_id = sorted(rows, key=_identity)
    known = sorted((row for row in by_id if key(row) is not None), key=key, reverse=descending)
    return known + [row for row in by_id if key(row) is None]


def _identity(row: Any) -> str:
    return str(row.id if hasattr(row, "id") else row.user.id)


def paged(query: Query, rows: Sequence[Any], show: Callable[[Any], JsonObject]) -> Listing:
    """Exec's envelope; pages count from 1."""
    page = query.number("page", default=1, low=1, high=None, code="invalid_pagination")
    size = query.number(
        "page_size", default=DEFAULT_PAGE_SIZE, low=1, high=LARGEST_PAGE_SIZE, code="invalid_pagination"
    )

    def wrap(items: list[JsonObject], total: int) -> JsonObject:
        pagination = {"page": page, "page_size": size, "total_count": total, "total_pages": ceil(total / size)}
        return {"data": items, "pagination": pagination}

    return Listing(rows, show, wrap, offset=(page - 1) * size, size=size)
