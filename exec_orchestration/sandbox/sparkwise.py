"""The Sparkwise Account API's operations over one world, and the accounts that clients may change.

Must not live here: keys, limits, faults (`desk`), the history itself (`world`).
Leads to: `SparkwiseTwin.routes`, mounted by `app` under `BASE`. Source of the shapes: the vendor's public reference.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from math import ceil
from threading import Lock
from typing import Any

from exec_orchestration.sandbox.answers import Answer, Asked, JsonObject, Listing, Refused, iso
from exec_orchestration.sandbox.cast import Account, Module
from exec_orchestration.sandbox.query import Query
from exec_orchestration.sandbox.team_learning import Cluster, Completion
from exec_orchestration.sandbox.world import World

BASE = "/sparkwise"
LARGEST_BATCH = 200


class Accounts:
    """The users as they are now. The only part of the twins that a client changes, hence the lock."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._lock = Lock()

    def all(self) -> list[Account]:
        with self._lock:
            return list(self._accounts.values())

    def upsert(self, wanted: JsonObject) -> Account:
        """The account after it was created or changed; people are matched on `remoteId` and on nothing else."""
        problem = _problem_with(wanted)
        if problem:
            raise ValueError(problem)
        with self._lock:
            known = self._of(wanted["remoteId"])
            account = Account(
                id=known.id if known else sha256(f"{len(self._accounts)}:{wanted['remoteId']}".encode()).hexdigest(),
                first_name=wanted["firstName"],
                last_name=wanted["lastName"],
                active=wanted.get("active", known.active if known else True),
                remote_id=wanted["remoteId"],
            )
            self._accounts[account.id] = account
            return account

    def deactivate(self, reference: JsonObject) -> Account:
        """The account, now inactive. Doing it twice is no error."""
        with self._lock:
            known = self._of(reference.get("remoteId"))
            if known is None:
                raise ValueError("User not found")
            self._accounts[known.id] = replace(known, active=False)
            return self._accounts[known.id]

    def _of(self, remote_id: Any) -> Account | None:
        if not isinstance(remote_id, str):
            return None
        return next((account for account in self._accounts.values() if account.remote_id == remote_id), None)


@dataclass(frozen=True)
class SparkwiseTwin:
    """Sparkwise over one world. `now` is the instant at which it answers; what happens later does not exist yet."""

    world: World
    accounts: Accounts
    key: str = field(repr=False)
    now: Callable[[], datetime]

    def admits(self, headers: Mapping[str, str]) -> bool:
        return headers.get("x-api-key") == self.key

    def refusal(self, status: int, message: str, code: str | None = None) -> Answer:
        metadata = {"code": code} if code else {}
        return Answer(status, {"success": False, "error": {"message": message, "metadata": metadata}, "data": None})

    def routes(self) -> tuple[tuple[str, str, Callable[[Asked], Answer | Listing]], ...]:
        return (
            ("GET", "/clusters", self.clusters),
            ("GET", "/completions", self.completions),
            ("GET", "/users", self.users),
            ("PUT", "/users", self.upsert),
            ("DELETE", "/users", self.deactivate),
        )

    def clusters(self, asked: Asked) -> Listing:
        is_inside, now = _window(asked), self.now()
        rows = [one for one in self.world.clusters if one.created_at < now and is_inside(one.created_at)]
        return Listing(rows, _cluster, lambda items, total: _success({"items": items, "total": total}))

    def completions(self, asked: Asked) -> Listing:
        is_inside, now = _window(asked), self.now()
        rows = [
            completion
            for completion in self.world.completions
            if completion.cluster.ends_at < now and is_inside(completion.cluster.starts_at)
        ]
        return Listing(rows, _completion, lambda items, total: items)

    def users(self, asked: Asked) -> Listing:
        query = Query.read(asked.params, ("page", "pageSize"))
        page = query.number("page", default=0, low=0, high=None)
        size = query.number("pageSize", default=LARGEST_BATCH, low=1, high=LARGEST_BATCH)

        def wrap(items: list[JsonObject], total: int) -> JsonObject:
            pages = ceil(total / size)
            return _success(
                {
                    "items": items,
                    "page": page,
                    "size": size,
                    "next": page + 1 if page + 1 < pages else None,
                    "prev": page - 1 if page > 0 else None,
                    "totalPages": pages,
                    "total": total,
                }
            )

        return Listing(self.accounts.all(), _user, wrap, offset=page * size, size=size)

    def upsert(self, asked: Asked) -> Answer:
        return self._batch(asked, self.accounts.upsert)

    def deactivate(self, asked: Asked) -> Answer:
        return self._batch(asked, self.accounts.deactivate)

    def _batch(self, asked: Asked, change: Callable[[JsonObject], Account]) -> Answer:
        """Each user on its own: one that fails does not stop the others."""
        Query.read(asked.params, ())
        success: list[JsonObject] = []
        failed: list[JsonObject] = []
        for sent in _sent_users(asked.body):
            try:
                success.append(_user(change(sent)))
            except ValueError as problem:
                failed.append({"user": sent, "error": str(problem)})
        return Answer(200, _success({"success": success, "failed": failed}))


def _success(data: JsonObject) -> JsonObject:
    return {"success": True, "data": data, "error": None}


def _window(asked: Asked) -> Callable[[datetime], bool]:
    """`from` is included, `to` is not; both may be absent."""
    query = Query.read(asked.params, ("from", "to"))
    first, end = query.instant("from"), query.instant("to")
    if first is not None and end is not None and end <= first:
        raise Refused(400, "to must be later than from")
    return lambda instant: (first is None or first <= instant) and (end is None or instant < end)


def _sent_users(body: bytes) -> list[JsonObject]:
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise Refused(400, "The body is not JSON") from error
    users = sent.get("users") if isinstance(sent, dict) else None
    if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
        raise Refused(400, 'The body must be {"users": [...]}')
    if not 1 <= len(users) <= LARGEST_BATCH:
        raise Refused(400, f"users must hold 1 to {LARGEST_BATCH} items, not {len(users)}")
    return users


def _problem_with(wanted: JsonObject) -> str | None:
    for name in ("remoteId", "firstName", "lastName"):
        if not isinstance(wanted.get(name), str) or not wanted[name].strip():
            return f"{name} is required"
    return None if isinstance(wanted.get("active", True), bool) else "active must be true or false"


def _user(row: Account) -> JsonObject:
    return {
        "id": row.id,
        "firstName": row.first_name,
        "lastName": row.last_name,
        "active": row.active,
        "remoteId": row.remote_id,
    }


def _module(row: Module) -> JsonObject:
    return {
        "moduleId": row.id,
        "moduleName": row.name,
        "moduleCategory": row.category,
        "moduleThumbnailUrl": f"https://cdn.sparkwise.example.com/modules/{row.id}.png",
        "moduleDescription": f"Learn together: {row.name}.",
        "duration": row.minutes,
    }


def _cluster(row: Cluster) -> JsonObject:
    shown = {"clusterId": row.id, **_module(row.module)}
    if row.module.self_registration:
        shown["iframeCode"] = f'<iframe src="https://app.sparkwise.example.com/register/{row.id}"></iframe>'
    return shown


def _completion(row: Completion) -> JsonObject:
    steps = row.cluster.module.steps
    return {
        "id": row.id,
        "remoteUserId": row.remote_user_id,
        "clusterId": row.cluster.id,
        **_module(row.cluster.module),
        "attended": row.attended,
        "sessionScheduledStartAt": iso(row.cluster.starts_at),
        "sessionScheduledEndAt": iso(row.cluster.ends_at),
        "participantFirstVisitedAt": iso(row.first_visited_at),
        "participantLastVisitedAt": iso(row.last_visited_at),
        "timeInSessionMins": row.minutes,
        "stepsVisited": row.steps_visited,
        "totalSteps": steps,
        "percentageStepsVisited": round(100 * row.steps_visited / steps, 2),
        "hash": row.hash,
    }
