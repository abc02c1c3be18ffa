"""What can go wrong with a vendor, as rules that tests switch on.

Must not live here: sockets, sleeping (`desk` does what a `Wire` says). Leads to: `Faults.due` names the rules that
apply to a request; `meddling`, `bend_listing`, `bend_payload` and `bend_wire` are pure and say what each does to the
users that are sent, or to the answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import MISSING, dataclass, fields, replace
from re import compile as compile_pattern
from re import error as PatternError
from threading import Lock
from typing import Any

from exec_orchestration.sandbox.answers import RETRY_AFTER_PLACES, Answer, JsonObject, Listing, Meddling, Wire

WHEN = ("path", "method", "body_contains", "times", "skip")
DETAILS = ("body", "retry_after", "retry_after_place", "index")


@dataclass(frozen=True)
class Fault:
    """When, and exactly one action. `path` is a regular expression searched in path + "?" + query.

    `body_contains` is a text searched in the request's body as it was sent: '"E0042"' is a batch that holds this user.
    The first `skip` matching requests pass, the next `times` are hit (null = all of them).
    """

    path: str = ""
    method: str | None = None
    body_contains: str | None = None
    times: int | None = None
    skip: int = 0
    # instead of an answer, before anything is done
    status: int | None = None
    body: Any = None  # of `status`; a text is sent as a web page; null = the vendor's own shape
    retry_after: float | None = None  # of `status`, in seconds
    retry_after_place: str = "body"  # or "error", "header"
    # single users of a batch, by remote id; the others fare as usual
    refuse_users: Mapping[str, str] | None = None  # not written, in `failed` with this error; "*" = everybody else
    omit_users: Sequence[str] | None = None  # written, in neither list
    skip_users: Sequence[str] | None = None  # not written, in neither list
    # the listing moves under the reader's feet
    grow: int = 0  # that many new rows stand at its front
    shrink: int = 0  # that many rows are gone from its front
    repeat_page: bool = False  # the page shows the rows of the page before
    # the answer's items; an answer without items is one item
    extra_field: Mapping[str, Any] | None = None  # on every item
    set_field: Mapping[str, Any] | None = None  # on the item at `index`; dots lead inside, as in "user.email"
    drop_field: str | None = None  # from every item
    index: int = 0
    short_page: int = 0  # that many items are missing at the page's end, the total stays
    duplicate_item: int | None = None  # the item at this place comes twice in a row, the total stays
    # the bytes
    html: bool = False
    malformed_json: bool = False
    truncate: bool = False
    delay_seconds: float = 0
    hang_up: bool = False  # over real sockets only

    def __post_init__(self) -> None:
        actions = self.actions()
        if len(actions) != 1:
            raise ValueError(f"a fault has exactly one action, this one has {actions or 'none'}")
        if self.retry_after_place not in RETRY_AFTER_PLACES:
            raise ValueError(f"retry_after_place is one of {RETRY_AFTER_PLACES}, not {self.retry_after_place!r}")
        try:
            compile_pattern(self.path)
        except PatternError as error:
            raise ValueError(f"path is not a regular expression: {self.path!r} ({error})") from error
        if not isinstance(self.body_contains, str | None):
            raise ValueError(f"body_contains is a text, not {self.body_contains!r}")
        self._check_users()

    def _check_users(self) -> None:
        if not isinstance(self.refuse_users, Mapping | None):
            raise ValueError(f"refuse_users is an object of remote ids and error texts, not {self.refuse_users!r}")
        if not _are_texts([*(self.refuse_users or {}), *(self.refuse_users or {}).values()]):
            raise ValueError(f"refuse_users holds texts only, not {self.refuse_users!r}")
        for name in ("omit_users", "skip_users"):
            users = getattr(self, name)
            if isinstance(users, str) or not _are_texts(users or ()):
                raise ValueError(f"{name} is a list of remote ids, not {users!r}")

    def actions(self) -> list[str]:
        """The names of the actions that are set."""
        return [
            known.name
            for known in fields(self)
            if known.name not in WHEN + DETAILS
            and known.default is not MISSING
            and getattr(self, known.name) != known.default
        ]

    @classmethod
    def from_json(cls, rule: Any) -> "Fault":
        known = {one.name for one in fields(cls)}
        if not isinstance(rule, dict) or not set(rule) <= known:
            raise ValueError(f"a fault is an object with some of {sorted(known)}, not {rule!r}")
        return cls(**rule)

    def matches(self, method: str, target: str, body: bytes) -> bool:
        return (
            self.method in (None, method)
            and (self.body_contains is None or self.body_contains.encode() in body)
            and compile_pattern(self.path).search(target) is not None
        )


class Faults:
    """The rules that are switched on, and how often each has matched."""

    def __init__(self, rules: Iterable[Fault] = ()) -> None:
        self._lock = Lock()
        self.replace(rules)

    def replace(self, rules: Iterable[Fault]) -> None:
        """Switch on these rules and no others, with their counts at zero."""
        fresh = [[rule, 0] for rule in rules]
        with self._lock:
            self._counted: list[list[Any]] = fresh

    def clear(self) -> None:
        self.replace(())

    def due(self, method: str, target: str, body: bytes) -> list[Fault]:
        """The rules that hit this request, in order; asking counts as a match."""
        hits = []
        with self._lock:
            for counted in self._counted:
                rule, seen = counted
                if rule.matches(method, target, body):
                    counted[1] += 1
                    if seen >= rule.skip and (rule.times is None or seen < rule.skip + rule.times):
                        hits.append(rule)
        return hits


def meddling(due: Iterable[Fault]) -> Meddling:
    """What these rules together do to single users of a batch; of two errors for one user the first rule's counts."""
    rules = list(due)
    refused: dict[str, str] = {}
    for rule in rules:
        refused = {**(rule.refuse_users or {}), **refused}
    omitted = frozenset(user for rule in rules for user in rule.omit_users or ())
    return Meddling(refused, omitted, frozenset(user for rule in rules for user in rule.skip_users or ()))


def bend_listing(listing: Listing, fault: Fault) -> Listing:
    """The listing after rows came to or left its front, or turned back by one page."""
    if fault.repeat_page:
        return replace(listing, offset=max(0, listing.offset - (listing.size or 0)))
    if not (fault.grow or fault.shrink):
        return listing
    items = [listing.show(row) for row in listing.rows]
    newcomers = [_twin_of(items[0], number) for number in range(fault.grow)] if items else []
    return replace(listing, rows=newcomers + items[fault.shrink :], show=_as_it_is)


def bend_payload(answer: Answer, fault: Fault) -> Answer:
    """The answer with its items bent; other faults, and refusals, leave it alone."""
    if answer.status != 200:
        return answer
    payload = deepcopy(answer.payload)
    items = _items(payload)
    for item in items:
        item.update(fault.extra_field or {})
        if fault.drop_field:
            holder, name = _holder(item, fault.drop_field)
            holder.pop(name, None)
    if fault.set_field and -len(items) <= fault.index < len(items):
        for path, value in fault.set_field.items():
            holder, name = _holder(items[fault.index], path)
            holder[name] = value
    if fault.short_page:
        del items[max(0, len(items) - fault.short_page) :]
    if fault.duplicate_item is not None and fault.duplicate_item < len(items):
        items.insert(fault.duplicate_item, items[fault.duplicate_item])
    return replace(answer, payload=payload)


def bend_wire(wire: Wire, fault: Fault) -> Wire:
    """The bytes after what lies between the vendor and us had its way with them."""
    if fault.html:
        return replace(wire, body=b"<html><body>Down for maintenance</body></html>", content_type="text/html")
    if fault.malformed_json:
        return replace(wire, body=b"{oops: " + wire.body)
    if fault.truncate:
        return replace(wire, body=wire.body[: len(wire.body) // 2])
    delay = wire.delay_seconds + fault.delay_seconds
    return replace(wire, delay_seconds=delay, hang_up=wire.hang_up or fault.hang_up)


def _items(payload: Any) -> list[JsonObject]:
    """The list inside any of the vendors' envelopes, itself and not a copy."""
    if isinstance(payload, list):
        return payload
    data = payload.get("data")
    if isinstance(data, dict):
        data = data.get("items", data.get("success"))
    return data if isinstance(data, list) else [payload]


def _holder(item: JsonObject, path: str) -> tuple[JsonObject, str]:
    """The innermost object of a dotted path; where the way there is null, an object that nobody sees."""
    *parents, name = path.split(".")
    for parent in parents:
        item = item.get(parent) or {}
    return item, name


def _twin_of(item: JsonObject, number: int) -> JsonObject:
    """A row like this one under another id, wherever the id is kept."""
    new = deepcopy(item)
    holder = new if {"id", "clusterId"} & set(new) else new["user"]
    name = "id" if "id" in holder else "clusterId"
    holder[name] = f"newcomer{number:04d}"
    return new


def _as_it_is(item: JsonObject) -> JsonObject:
    return item


def _are_texts(values: Any) -> bool:
    return isinstance(values, Iterable) and all(isinstance(value, str) for value in values)
