"""The Sparkwise Account API's operations over one world and the accounts that clients may change.

Must not live here: keys, limits, faults (`desk`), the history itself (`world`), the users' state (`accounts`).
Leads to: `SparkwiseTwin.routes`, mounted by `app` under `BASE`. Source of the shapes: the vendor's public reference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from exec_orchestration.sandbox.accounts import Accounts, account_json
from exec_orchestration.sandbox.answers import Answer, Asked, JsonObject, Listing, Refused, iso
from exec_orchestration.sandbox.batches import LARGEST_BATCH, answer_batch, enveloped, sent_remote_ids
from exec_orchestration.sandbox.cast import Account, Module
from exec_orchestration.sandbox.query import Query
from exec_orchestration.sandbox.team_learning import Cluster, Completion
from exec_orchestration.sandbox.world import World

BASE = "/sparkwise"
WRITES = ("PUT", "DELETE")


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

    def users_sent(self, asked: Asked) -> list[str | None] | None:
        """The remote ids of a write of users, whatever becomes of it; null for every other request."""
        is_write = asked.method in WRITES and asked.path == f"{BASE}/users"
        return sent_remote_ids(asked.body) if is_write else None

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
        return Listing(rows, _cluster, lambda items, total: enveloped({"items": items, "total": total}))

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
            return enveloped(
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

        return Listing(self.accounts.all(), account_json, wrap, offset=page * size, size=size)

    def upsert(self, asked: Asked) -> Answer:
        return self._batch(asked, self.accounts.upsert)

    def deactivate(self, asked: Asked) -> Answer:
        return self._batch(asked, self.accounts.deactivate)

    def _batch(self, asked: Asked, change: Callable[[JsonObject], Account]) -> Answer:
        Query.read(asked.params, ())
        return answer_batch(asked.body, change, asked.meddling)


def _window(asked: Asked) -> Callable[[datetime], bool]:
    """`from` is included, `to` is not; both may be absent."""
    query = Query.read(asked.params, ("from", "to"))
    first, end = query.instant("from"), query.instant("to")
    if first is not None and end is not None and end <= first:
        raise Refused(400, "to must be later than from")
    return lambda instant: (first is None or first <= instant) and (end is None or instant < end)


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
