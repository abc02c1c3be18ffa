"""Sparkwise: clusters, completions and users to read; batches of users to upsert and deactivate.

Nothing here decides who is written: that is the roster's plan. Verbs and paths are not published, so they are values
with defaults (`Operations`), set in the environment. Windows are half-open `[start, end)`, as Sparkwise takes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from exec_orchestration.apis.answers import Answer, other_shape
from exec_orchestration.apis.http import JsonClient, Read
from exec_orchestration.apis.instants import utc_text
from exec_orchestration.apis.paging import Item, Page, read_pages
from exec_orchestration.apis.vendor import without_key
from exec_orchestration.errors import ListingMoved, Refused

PAGE_SIZE = 200
BATCH_SIZE = 200
URL_SETTING = "SPARKWISE_API_URL"


@dataclass(frozen=True)
class Operation:
    """The verb and path of one operation."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Operations:
    """Verb and path of every operation, with the documented defaults."""

    clusters: Operation = Operation("GET", "/clusters")
    completions: Operation = Operation("GET", "/completions")
    users: Operation = Operation("GET", "/users")
    upsert: Operation = Operation("PUT", "/users")
    deactivate: Operation = Operation("DELETE", "/users")


@dataclass(frozen=True)
class BatchAnswer:
    """What became of one batch: the users that were written, and `{user, error}` for those that were not."""

    success: list[Item]
    failed: list[Item]


class SparkwiseApi:
    """The Sparkwise account that the client's key opens."""

    def __init__(self, client: JsonClient, *, operations: Operations | None = None) -> None:
        self.client = client
        self._operations = operations or Operations()

    def clusters(self, *, start: datetime, end: datetime) -> Iterator[Item]:
        """Every cluster created in the window; the rows themselves do not say when."""
        yield from self._send(self._operations.clusters, _clusters, params=_window(start, end))

    def completions(self, *, start: datetime, end: datetime) -> Iterator[Item]:
        """Every participation in a session that took place in the window."""
        yield from self._send(self._operations.completions, _completions, params=_window(start, end))

    def users(self) -> Iterator[Item]:
        """Every user account, active or not."""
        operation = self._operations.users

        def fetch(number: int) -> Page:
            page: Page = self._send(operation, _users_page, params={"page": number, "pageSize": PAGE_SIZE})
            return page

        return read_pages(
            fetch,
            key=itemgetter("id"),
            what=f"Sparkwise: {operation}",
            concurrency=1,
            setting_aside=self.client.pacer.setting_aside,
        )

    def users_total(self) -> int:
        """How many user accounts there are, for one request."""
        page: Page = self._send(self._operations.users, _users_page, params={"page": 0, "pageSize": PAGE_SIZE})
        return page.total_count

    def upsert(self, users: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Create or update up to 200 users of `{firstName, lastName, active, remoteId}`."""
        return self._write(self._operations.upsert, users)

    def deactivate(self, references: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Switch off up to 200 users, each referred to as `{remoteId}` or as Sparkwise wants it."""
        return self._write(self._operations.deactivate, references)

    def _write(self, operation: Operation, users: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        if not 1 <= len(users) <= BATCH_SIZE:
            raise ValueError(f"{operation}: a batch holds 1 to {BATCH_SIZE} users, not {len(users)}")
        batch: BatchAnswer = self._send(operation, _batch, body={"users": [dict(user) for user in users]})
        return batch

    def _send(
        self, operation: Operation, read: Read, *, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        def unwrapped(payload: Any, answer: Answer) -> Any:
            return read(_unwrapped(payload, answer), answer)

        return self.client.send(operation.method, operation.path, params=params, body=body, read=unwrapped)


def _unwrapped(payload: Any, answer: Answer) -> Any:
    """The data of an answer: bare, or inside `{success, data, error}`; raises Refused on `success: false`."""
    if not isinstance(payload, dict) or "success" not in payload:
        return payload
    if payload["success"] is True:
        return payload.get("data")
    error = payload.get("error")
    said = without_key(str(error.get("message") if isinstance(error, dict) else error), answer.key)
    raise Refused(
        f"Sparkwise: {answer.what} was refused {answer.where}: {said}. "
        "Compare the request with the vendor's reference; it was not tried again.",
        status=answer.status or 0,
    )


def _clusters(data: Any, answer: Answer) -> list[Any]:
    items, total = _field(data, "items", list, answer), _field(data, "total", int, answer)
    repeated = _repeated(items, "clusterId")
    if len(items) != total or repeated:
        raise ListingMoved(
            f"Sparkwise: {answer.what} answered {len(items)} clusters, {repeated} of them twice, "
            f"and a total of {total} {answer.where}."
        )
    return list(items)


def _completions(data: Any, answer: Answer) -> list[Any]:
    if not isinstance(data, list):
        raise other_shape(
            "Sparkwise", answer, f"{type(data).__name__} where a list of completions belongs", setting=URL_SETTING
        )
    repeated = _repeated(data, "id")
    if repeated:
        raise ListingMoved(
            f"Sparkwise: {answer.what} answered {len(data)} completions, {repeated} of them twice {answer.where}."
        )
    return data


def _users_page(data: Any, answer: Answer) -> Page:
    items = _field(data, "items", list, answer)
    pages, total = _field(data, "totalPages", int, answer), _field(data, "total", int, answer)
    size = data.get("size", PAGE_SIZE)
    return Page(items, size if type(size) is int and size > 0 else PAGE_SIZE, pages, total)


def _batch(data: Any, answer: Answer) -> BatchAnswer:
    return BatchAnswer(_field(data, "success", list, answer), _field(data, "failed", list, answer))


def _field(data: Any, name: str, kind: type, answer: Answer) -> Any:
    """`data[name]`, which must be of `kind`; raises BadAnswer with what came instead."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not kind:
        problem = f"a `data.{name}` of {type(value).__name__} where {kind.__name__} belongs"
        raise other_shape("Sparkwise", answer, problem, setting=f"{URL_SETTING} and the operation's verb and path")
    return value


def _repeated(items: list[Any], name: str) -> int:
    """How many items repeat an id; those without one are rejected downstairs, not counted here."""
    ids = [item[name] for item in items if isinstance(item, dict) and isinstance(item.get(name), str)]
    return len(ids) - len(set(ids))


def _window(start: datetime, end: datetime) -> dict[str, str]:
    return {"from": utc_text(start), "to": utc_text(end)}
