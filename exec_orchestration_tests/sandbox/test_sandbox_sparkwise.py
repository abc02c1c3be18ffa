"""Sparkwise's operations: envelopes, windows, the users that a client may change, refusals."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from exec_orchestration.sandbox.answers import iso
from exec_orchestration.sandbox.cast import midnight
from exec_orchestration.sandbox.world import World, days

from .conftest import Caller

MODULE = {"moduleId", "moduleName", "moduleCategory", "moduleThumbnailUrl", "moduleDescription", "duration"}


def all_users(caller: Caller) -> dict[str, dict[str, Any]]:
    items = caller.sparkwise("GET", "/users").json()["data"]["items"]
    return {item["id"]: item for item in items}


def person(remote_id: str, **more: Any) -> dict[str, Any]:
    return {"firstName": "Zoë", "lastName": "O'Neil", "active": True, "remoteId": remote_id, **more}


def test_clusters_have_the_contracts_shape(caller: Caller, world: World) -> None:
    """Clusters come in the envelope, with a frame's code only where people may register, and no creation date."""
    body = caller.sparkwise("GET", "/clusters").json()
    assert set(body) == {"success", "data", "error"}
    assert body["success"] is True
    assert body["data"]["total"] == len(body["data"]["items"]) == len(world.clusters)
    assert {frozenset(item) for item in body["data"]["items"]} == {
        frozenset(MODULE | {"clusterId"}),
        frozenset(MODULE | {"clusterId", "iframeCode"}),
    }


def test_completions_are_a_bare_list(caller: Caller) -> None:
    """Completions have no envelope; who did not come has no visit and no steps."""
    rows = caller.sparkwise("GET", "/completions").json()
    assert isinstance(rows, list)
    assert {row["attended"] for row in rows} == {True, False}
    for row in rows:
        assert set(row) == MODULE | {
            "id", "remoteUserId", "clusterId", "attended", "sessionScheduledStartAt", "sessionScheduledEndAt",
            "participantFirstVisitedAt", "participantLastVisitedAt", "timeInSessionMins", "stepsVisited",
            "totalSteps", "percentageStepsVisited", "hash",
        }  # fmt: skip
        assert row["percentageStepsVisited"] == round(100 * row["stepsVisited"] / row["totalSteps"], 2)
        if not row["attended"]:
            assert row["participantFirstVisitedAt"] is None
            assert row["stepsVisited"] == row["timeInSessionMins"] == 0


@pytest.mark.parametrize("path", ["/clusters", "/completions"])
def test_days_add_up_to_the_range(caller: Caller, world: World, path: str) -> None:
    """`from` is included and `to` is not, so that days share nothing and lose nothing."""

    def rows(first: Any, end: Any) -> list[dict[str, Any]]:
        body = caller.sparkwise("GET", path, params={"from": iso(midnight(first)), "to": iso(midnight(end))}).json()
        return body["data"]["items"] if path == "/clusters" else body

    one_day, first, last = timedelta(days=1), world.start, world.start + timedelta(days=39)
    daily = [row for day in days(first, last) for row in rows(day, day + one_day)]
    assert daily == rows(first, last + one_day)
    assert daily


def test_a_session_belongs_to_the_window_that_it_begins(caller: Caller, world: World) -> None:
    """At the very instant: inside a window that begins there, outside one that ends there. So it is for clusters."""
    session, cluster, hour = world.completions[0].cluster, world.clusters[0], timedelta(hours=1)
    for path, at, shown in (
        ("/completions", session.starts_at, session.id),
        ("/clusters", cluster.created_at, cluster.id),
    ):
        starting = caller.sparkwise("GET", path, params={"from": iso(at), "to": iso(at + hour)}).text
        ending = caller.sparkwise("GET", path, params={"from": iso(at - hour), "to": iso(at)}).text
        assert shown in starting
        assert shown not in ending


def test_completions_appear_when_the_session_is_over(start_app: Callable[..., Caller], world: World) -> None:
    """A cluster is formed days before anybody completes it."""
    cluster = next(one for one in world.clusters if one.ends_at - one.created_at > timedelta(days=3))
    day = cluster.created_at.date() + timedelta(days=1)
    caller = start_app(today=lambda: day)

    def completed() -> set[str]:
        return {row["clusterId"] for row in caller.sparkwise("GET", "/completions").json()}

    assert cluster.id in {item["clusterId"] for item in caller.sparkwise("GET", "/clusters").json()["data"]["items"]}
    assert cluster.id not in completed()
    day = cluster.ends_at.date() + timedelta(days=1)
    assert cluster.id in completed()


@pytest.mark.parametrize("path", ["/clusters", "/completions"])
@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-02-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        {"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        {"from": "soon"},
        {"start": "2026-02-01"},
    ],
)
def test_wrong_windows_are_refused(caller: Caller, path: str, params: dict[str, str]) -> None:
    """`to` must be later than `from`; the refusal has the contract's shape."""
    answer = caller.sparkwise("GET", path, params=params)
    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert answer.json()["data"] is None
    assert set(answer.json()["error"]) == {"message", "metadata"}


def test_users_are_paged_from_zero(caller: Caller, world: World) -> None:
    """Pages are 0-indexed and name their neighbours."""
    first = caller.sparkwise("GET", "/users", params={"pageSize": 50}).json()["data"]
    last = caller.sparkwise("GET", "/users", params={"pageSize": 50, "page": first["totalPages"] - 1}).json()["data"]
    assert set(first) == {"items", "page", "size", "next", "prev", "totalPages", "total"}
    assert (first["page"], first["size"], first["prev"], first["next"]) == (0, 50, None, 1)
    assert (last["next"], last["prev"]) == (None, first["totalPages"] - 2)
    assert first["total"] == len(world.cast.accounts)
    assert all(len(item["id"]) == 64 for item in first["items"])
    assert set(first["items"][0]) == {"id", "firstName", "lastName", "active", "remoteId"}


@pytest.mark.parametrize("params", [{"page": -1}, {"pageSize": 0}, {"pageSize": 201}])
def test_wrong_pages_are_refused(caller: Caller, params: dict[str, int]) -> None:
    """A page holds 1 to 200 users."""
    assert caller.sparkwise("GET", "/users", params=params).status_code == 400


def test_upsert_creates_and_updates(caller: Caller) -> None:
    """A known remoteId is updated in place, an unknown one is created; the second time changes nothing."""
    before = all_users(caller)
    known = next(user for user in before.values() if user["remoteId"] == "E0001")
    sent = {"users": [person("E0001", firstName="Renamed"), person("E9999")]}
    body = caller.sparkwise("PUT", "/users", json=sent).json()
    renamed, created = body["data"]["success"]
    assert body["success"] is True
    assert body["data"]["failed"] == []
    assert renamed["id"] == known["id"]
    assert renamed["firstName"] == "Renamed"
    assert created["id"] not in before
    assert len(created["id"]) == 64
    after = all_users(caller)
    assert after == before | {renamed["id"]: renamed, created["id"]: created}
    assert caller.sparkwise("PUT", "/users", json=sent).json() == body
    assert all_users(caller) == after


def test_one_bad_user_does_not_stop_the_others(caller: Caller) -> None:
    """A user that cannot be taken comes back under `failed` with the cause."""
    bad = [person("E9", firstName=" "), person(""), person("E9", active="yes")]
    data = caller.sparkwise("PUT", "/users", json={"users": [*bad, person("E9998")]}).json()["data"]
    assert [item["user"] for item in data["failed"]] == bad
    assert all(item["error"] for item in data["failed"])
    assert [user["remoteId"] for user in data["success"]] == ["E9998"]


def test_deactivation_keeps_the_account(caller: Caller) -> None:
    """The account stays, inactive; twice is no error; an unknown person fails; strangers cannot be referred to."""
    sent = {"users": [{"remoteId": "E0001"}, {"remoteId": "nobody"}, {"remoteId": None}]}
    for _ in range(2):
        data = caller.sparkwise("DELETE", "/users", json=sent).json()["data"]
        assert [(user["remoteId"], user["active"]) for user in data["success"]] == [("E0001", False)]
        assert [item["user"]["remoteId"] for item in data["failed"]] == ["nobody", None]
    assert [u["active"] for u in all_users(caller).values() if u["remoteId"] == "E0001"] == [False]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"users": []}', b'{"users": [1]}', b'{"people": []}'])
def test_wrong_bodies_are_refused(caller: Caller, method: str, body: bytes) -> None:
    """A batch is an object with 1 to 200 users."""
    assert caller.sparkwise(method, "/users", content=body).status_code == 400


def test_a_batch_holds_200(caller: Caller) -> None:
    """200 users pass, 201 do not and none of them is taken."""
    total = len(all_users(caller))
    users = [person(f"N{n}") for n in range(201)]
    assert caller.sparkwise("PUT", "/users", json={"users": users}).status_code == 400
    assert len(all_users(caller)) == total
    assert len(caller.sparkwise("PUT", "/users", json={"users": users[:-1]}).json()["data"]["success"]) == 200


def test_changes_stay_in_their_app(start_app: Callable[..., Caller]) -> None:
    """Two apps over one world do not see each other's users."""
    one, other = start_app(), start_app()
    one.sparkwise("PUT", "/users", json={"users": [person("E9999")]})
    assert len(all_users(one)) == len(all_users(other)) + 1


def test_writes_from_several_threads_are_all_kept(caller: Caller) -> None:
    """No write is lost or doubled when several clients write at once."""
    batches = [[person(f"T{n % 40}"), person(f"T{(n + 7) % 40}")] for n in range(80)]
    before = len(all_users(caller))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda users: caller.sparkwise("PUT", "/users", json={"users": users}), batches))
    assert all(answer.status_code == 200 for answer in answers)
    users = caller.sparkwise("GET", "/users").json()["data"]
    assert users["total"] == before + 40


def test_a_wrong_key_is_refused(caller: Caller) -> None:
    """Without the right key there is a refusal in Sparkwise's shape."""
    answer = caller.send("GET", "/sparkwise/users", headers={"x-api-key": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["error"]["message"]
    assert caller.sparkwise("GET", "/nope").status_code == 404
    assert caller.sparkwise("POST", "/users", json={}).status_code == 404
