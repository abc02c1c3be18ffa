"""Sparkwise: clusters, completions and users to read; batches of users to upsert and deactivate.

Nothing here decides who is written: that is the roster's plan. Verbs and paths are not published, so they are values
with defaults (`Operations`), set in the environment. Windows are half-open `[start, end)`, as Sparkwise takes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.paging import Item, Page, read_pages
from exec_orchestration.errors import BadAnswer, ListingMoved, Refused

PAGE_SIZE = 200
BATCH_SIZE = 200


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
        operation = self._operations.clusters
        data = self._data(operation, params=_window(start, end))
        items, total = _field(operation, data, "items", list), _field(operation, data, "total", int)
        repeated = _repeated(items, "clusterId")
        if len(items) != total or repeated:
            raise ListingMoved(
                f"Sparkwise: {operation} answered {len(items)} clusters, {repeated} of them twice, "
                f"and a total of {total}."
            )
        yield from items

    def completions(self, *, start: datetime, end: datetime) -> Iterator[Item]:
        """Every participation in a session that took place in the window."""
        operation = self._operations.completions
        data = self._data(operation, params=_window(start, end))
        if not isinstance(data, list):
            raise BadAnswer(
                f"Sparkwise: {operation} answered {type(data).__name__} where a list of completions belongs."
            )
        repeated = _repeated(data, "id")
        if repeated:
            raise ListingMoved(f"Sparkwise: {operation} answered {len(data)} completions, {repeated} of them twice.")
        yield from data

    def users(self) -> Iterator[Item]:
        """Every user account, active or not."""
        operation = self._operations.users

        def fetch(number: int) -> Page:
            data = self._data(operation, params={"page": number, "pageSize": PAGE_SIZE})
            size = data.get("size", PAGE_SIZE) if isinstance(data, dict) else PAGE_SIZE
            items = _field(operation, data, "items", list)
            pages, total = _field(operation, data, "totalPages", int), _field(operation, data, "total", int)
            return Page(items, size if type(size) is int and size > 0 else PAGE_SIZE, pages, total)

        return read_pages(fetch, key=itemgetter("id"), what=f"Sparkwise: {operation}", concurrency=1)

    def upsert(self, users: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Create or update up to 200 users of `{firstName, lastName, active, remoteId}`."""
        return self._write(self._operations.upsert, users)

    def deactivate(self, references: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Switch off up to 200 users, each referred to as `{remoteId}`."""
        return self._write(self._operations.deactivate, references)

    def _write(self, operation: Operation, users: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        if not 1 <= len(users) <= BATCH_SIZE:
            raise ValueError(f"{operation}: a batch holds 1 to {BATCH_SIZE} users, not {len(users)}")
        data = self._data(operation, body={"users": [dict(user) for user in users]})
        return BatchAnswer(_field(operation, data, "success", list), _field(operation, data, "failed", list))

    def _data(self, operation: Operation, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The payload of an answer: bare, or inside `{success, data, error}`; raises Refused on `success: false`."""
        answer = self.client.send(operation.method, operation.path, params=params, body=body)
        if not isinstance(answer, dict) or "success" not in answer:
            return answer
        if answer["success"] is True:
            return answer.get("data")
        error = answer.get("error")
        said = error.get("message") if isinstance(error, dict) else error
        said = str(said).replace(self.client.vendor.key, "***")
        raise Refused(
            f"Sparkwise: {operation} was refused: {said}. Compare the request with the vendor's reference; "
            "it was not tried again.",
            status=200,
        )


def _repeated(items: list[Any], name: str) -> int:
    """How many items repeat an id; those without one are rejected downstairs, not counted here."""
    ids = [item[name] for item in items if isinstance(item, dict) and isinstance(item.get(name), str)]
    return len(ids) - len(set(ids))


def _window(start: datetime, end: datetime) -> dict[str, str]:
    return {"from": _instant(start), "to": _instant(end)}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _field(operation: Operation, data: Any, name: str, kind: type) -> Any:
    """`data[name]`, which must be of `kind`; raises BadAnswer with what came instead."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not kind:
        raise BadAnswer(
            f"Sparkwise: {operation} answered a `data.{name}` of {type(value).__name__} where {kind.__name__} belongs; "
            "check SPARKWISE_API_URL and the operation's verb and path, or report the change of the API."
        )
    return value
