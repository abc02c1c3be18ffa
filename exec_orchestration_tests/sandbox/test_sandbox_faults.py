"""Each fault that tests can switch on, in process and over HTTP, and the log of requests."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from exec_orchestration.sandbox.faults import Fault, Faults

from .conftest import Caller

MEMBERS = "/workspace/members"


@pytest.fixture
def bend(start_app: Callable[..., Caller]) -> Callable[..., Caller]:
    """An app with one rule, given as its fields."""
    return lambda **rule: start_app(faults=Faults([Fault(**rule)]))


def page(caller: Caller, number: int, size: int = 10) -> dict[str, Any]:
    return caller.exec(MEMBERS, page=number, page_size=size).raise_for_status().json()


def ids(body: dict[str, Any]) -> list[str]:
    return [row["id"] for row in body["data"]]


def test_a_rule_says_when_it_hits(bend: Callable[..., Caller]) -> None:
    """The first `skip` matches pass, the next `times` are hit, later ones pass; other requests never count."""
    caller = bend(path=r"/members.*page=2\b", skip=1, times=2, status=503)
    seen = []
    for _ in range(5):
        assert caller.exec(MEMBERS, page=1).status_code == 200
        seen.append(caller.exec(MEMBERS, page=2).status_code)
    assert seen == [200, 503, 503, 200, 200]


def test_a_rule_may_hold_for_one_method(bend: Callable[..., Caller]) -> None:
    """Reads pass while writes fail, and what failed was not done."""
    caller = bend(path="/users", method="PUT", status=500)
    before = caller.sparkwise("GET", "/users").json()
    user = {"firstName": "A", "lastName": "B", "active": True, "remoteId": "E9999"}
    answer = caller.sparkwise("PUT", "/users", json={"users": [user]})
    assert answer.status_code == 500
    assert answer.json()["success"] is False
    assert caller.sparkwise("GET", "/users").json() == before


@pytest.mark.parametrize("place", ["body", "error", "header"])
def test_status_with_retry_after(bend: Callable[..., Caller], place: str) -> None:
    """A refusal comes in the vendor's own shape and says when to come back where the rule wants it."""
    answer = bend(status=429, retry_after=3, retry_after_place=place, times=1).exec("/skills")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limited"
    places = (answer.json().get("retry_after"), answer.json()["error"].get("retry_after"))
    assert places == {"body": (3, None), "error": (None, 3), "header": (None, None)}[place]
    assert answer.headers.get("retry-after") == ("3" if place == "header" else None)


def test_status_with_a_body(bend: Callable[..., Caller]) -> None:
    """The rule's own body is sent: an object as JSON, a text as a web page."""
    assert bend(status=403, body={"why": "closed"}).exec("/skills").json() == {"why": "closed"}
    answer = bend(status=502, body="<h1>Bad gateway</h1>", retry_after=1).exec("/skills")
    assert answer.text == "<h1>Bad gateway</h1>"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("action", ["html", "malformed_json", "truncate"])
def test_bytes_that_are_not_json(bend: Callable[..., Caller], action: str) -> None:
    """The status is 200, the length is right, and the body is not JSON."""
    answer = bend(**{action: True}).exec("/skills")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content) > 0
    with pytest.raises(ValueError, match=r".+"):
        answer.json()


def test_delay(bend: Callable[..., Caller]) -> None:
    """The answer is right, and late."""
    began = time.perf_counter()
    assert bend(delay_seconds=0.15).exec("/skills").json()["data"]
    assert time.perf_counter() - began >= 0.15


def test_fields_come_and_go(bend: Callable[..., Caller], caller: Caller) -> None:
    """A field can be added to each item, dropped from each, or set on one; dots lead inside."""
    plain = page(caller, 1)["data"]
    assert page(bend(extra_field={"mood": "good"}), 1)["data"] == [{**row, "mood": "good"} for row in plain]
    assert not any("email" in row for row in page(bend(drop_field="email"), 1)["data"])
    changed = page(bend(set_field={"email": None, "role": 5}, index=2), 1)["data"]
    assert changed == [*plain[:2], {**plain[2], "email": None, "role": 5}, *plain[3:]]
    rows = bend(set_field={"user.email": "x"}, index=-1).exec("/sessions").json()["data"]
    assert [row["user"]["email"] == "x" for row in rows] == [False] * 49 + [True]
    assigned = bend(drop_field="program.name").exec("/scenarios/assignments").json()["data"]
    assert {tuple(row["program"] or ()) for row in assigned} <= {("id",), ()}


def test_fields_of_other_envelopes(bend: Callable[..., Caller]) -> None:
    """Items are found in Sparkwise's envelope, in its bare list, in a batch's answer; one object is one item."""
    extra = bend(extra_field={"mood": "good"})
    assert all(row["mood"] == "good" for row in extra.sparkwise("GET", "/completions").json())
    for path in ("/clusters", "/users"):
        assert all(row["mood"] == "good" for row in extra.sparkwise("GET", path).json()["data"]["items"])
    slug = extra.exec("/scenarios").json()["data"][0]["slug"]
    assert extra.exec(f"/scenarios/{slug}/analytics/summary").json()["mood"] == "good"
    user = {"firstName": "A", "lastName": "B", "active": True, "remoteId": "E9999"}
    forgetful = bend(method="PUT", short_page=1)
    data = forgetful.sparkwise("PUT", "/users", json={"users": [user]}).json()["data"]
    assert data == {"success": [], "failed": []}


def test_repeated_page(bend: Callable[..., Caller], caller: Caller) -> None:
    """Page 2 shows the rows of page 1 and calls itself page 2."""
    answer = page(bend(repeat_page=True, path="page=2"), 2)
    assert ids(answer) == ids(page(caller, 1))
    assert answer["pagination"] == page(caller, 2)["pagination"]


def test_short_page(bend: Callable[..., Caller], caller: Caller) -> None:
    """The last rows of a page are missing; the total does not say so."""
    answer = page(bend(short_page=3), 1)
    assert answer["data"] == page(caller, 1)["data"][:-3]
    assert answer["pagination"] == page(caller, 1)["pagination"]


def test_duplicated_item(bend: Callable[..., Caller], caller: Caller) -> None:
    """One row comes twice; the total does not say so."""
    plain, answer = page(caller, 1), page(bend(duplicate_item=0), 1)
    assert ids(answer) == [ids(plain)[0], *ids(plain)]
    assert answer["pagination"] == plain["pagination"]


def test_a_listing_grows_while_it_is_read(bend: Callable[..., Caller], caller: Caller) -> None:
    """From the second request on a new row stands in front: page 2 repeats a row of page 1, and the total is moved."""
    bent, before = bend(path=MEMBERS, skip=1, grow=1), [page(caller, n) for n in (1, 2)]
    one, two, again = page(bent, 1), page(bent, 2), page(bent, 1)
    assert one == before[0]
    assert ids(two) == [ids(before[0])[-1], *ids(before[1])[:-1]]
    assert two["pagination"]["total_count"] == one["pagination"]["total_count"] + 1
    assert ids(again)[1:] == ids(one)[:-1]
    assert ids(again)[0] not in ids(one)


def test_a_listing_shrinks_while_it_is_read(bend: Callable[..., Caller], caller: Caller) -> None:
    """From the second request on the first row is gone: the first row of page 2 is seen on neither page."""
    bent, before = bend(path=MEMBERS, skip=1, shrink=1), [page(caller, n) for n in (1, 2)]
    one, two = page(bent, 1), page(bent, 2)
    assert one == before[0]
    assert ids(two)[:-1] == ids(before[1])[1:]
    assert two["pagination"]["total_count"] == one["pagination"]["total_count"] - 1


@pytest.mark.parametrize(
    "path",
    ["/scenarios", "/skills", "/sessions", "/scenarios/assignments", MEMBERS, "/workspace/groups",
     "/scenarios/difficult-feedback-to-a-peer/analytics/participants"],
)  # fmt: skip
def test_every_listing_can_grow(bend: Callable[..., Caller], caller: Caller, path: str) -> None:
    """The newcomer has an id of its own, wherever the id is kept."""

    def identities(client: Caller) -> list[str]:
        return [row.get("id") or row["user"]["id"] for row in client.exec_rows(path)]

    old, new = identities(caller), identities(bend(grow=1))
    assert len(set(new)) == len(set(old)) + 1


def test_clusters_can_grow(bend: Callable[..., Caller], caller: Caller) -> None:
    """So does Sparkwise's listing, whose id has another name."""
    data = bend(grow=2).sparkwise("GET", "/clusters").json()["data"]
    assert data["total"] == caller.sparkwise("GET", "/clusters").json()["data"]["total"] + 2
    assert len({item["clusterId"] for item in data["items"]}) == data["total"]


def user(remote_id: str) -> dict[str, Any]:
    return {"firstName": "A", "lastName": "B", "active": True, "remoteId": remote_id}


def write(caller: Caller, *ids: str, method: str = "PUT") -> tuple[list[str], dict[str, str]]:
    """The remote ids of `success`, and the errors of `failed`."""
    answer = caller.sparkwise(method, "/users", json={"users": [user(one) for one in ids]})
    data = answer.raise_for_status().json()["data"]
    failed = {one["user"]["remoteId"]: one["error"] for one in data["failed"]}
    return [one["remoteId"] for one in data["success"]], failed


def accounts(caller: Caller) -> dict[str, bool]:
    return {one["remoteId"]: one["active"] for one in caller.send("GET", "/_sandbox/accounts").json()}


def written(caller: Caller) -> list[list[str]]:
    return [one["written"] for one in caller.send("GET", "/_sandbox/requests").json() if "written" in one]


def test_a_rule_may_look_into_the_body(start_app: Callable[..., Caller]) -> None:
    """Only batches that hold the text are hit, and only they count; a batch that fails whole has written nobody."""
    rule = Fault(method="PUT", body_contains='"E2"', status=503, skip=1, times=1)
    caller = start_app(faults=Faults([rule]), accounts=[])
    statuses = []
    for batch in (["E1", "E2"], ["E1", "E20"], ["E2", "E3"], ["E3"], ["E2"]):
        answer = caller.sparkwise("PUT", "/users", json={"users": [user(one) for one in batch]})
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 503, 200, 200]
    assert written(caller) == [["E1", "E2"], ["E1", "E20"], [], ["E3"], ["E2"]]
    assert caller.sparkwise("DELETE", "/users", json={"users": [{"remoteId": "E2"}]}).status_code == 200


def test_users_can_be_refused(start_app: Callable[..., Caller]) -> None:
    """Who is named comes back in `failed` with the rule's text and is not written; the others are."""
    caller = start_app(accounts=[])
    rule = {"method": "PUT", "refuse_users": {"E1": "Temporarily unavailable", "E3": "Invalid name"}, "times": 1}
    caller.send("PUT", "/_sandbox/faults", json=[rule])
    assert write(caller, "E1", "E2", "E3") == (["E2"], {"E1": "Temporarily unavailable", "E3": "Invalid name"})
    assert accounts(caller) == {"E2": True}
    assert write(caller, "E1", "E3") == (["E1", "E3"], {})
    assert written(caller) == [["E2"], ["E1", "E3"]]


def test_everybody_can_be_refused(start_app: Callable[..., Caller]) -> None:
    """A star stands for everybody who is not named; deactivations are refused as well."""
    caller = start_app(faults=Faults([Fault(refuse_users={"*": "closed", "E2": "odd"})]), accounts=[])
    assert write(caller, "E1", "E2") == ([], {"E1": "closed", "E2": "odd"})
    assert write(caller, "E1", method="DELETE") == ([], {"E1": "closed"})
    assert accounts(caller) == {}


def test_users_can_be_written_and_not_mentioned(start_app: Callable[..., Caller]) -> None:
    """Who is omitted stands in neither list, and yet is written."""
    caller = start_app(faults=Faults([Fault(omit_users=["E1"])]), accounts=[])
    assert write(caller, "E1", "E2") == (["E2"], {})
    assert accounts(caller) == {"E1": True, "E2": True}
    assert write(caller, "E1", "E2", method="DELETE") == (["E2"], {})
    assert accounts(caller) == {"E1": False, "E2": False}
    assert written(caller) == [["E1", "E2"], ["E1", "E2"]]


def test_users_can_be_forgotten(start_app: Callable[..., Caller]) -> None:
    """Who is skipped stands in neither list and is not written."""
    caller = start_app(faults=Faults([Fault(skip_users=["E1", "E3"], skip=1, times=1)]), accounts=[])
    assert write(caller, "E1") == (["E1"], {})
    assert write(caller, "E1", "E2", "E3", method="PUT") == (["E2"], {})
    assert accounts(caller) == {"E1": True, "E2": True}
    assert write(caller, "E3") == (["E3"], {})
    assert written(caller) == [["E1"], ["E2"], ["E3"]]


def test_rules_on_users_can_be_combined(start_app: Callable[..., Caller]) -> None:
    """Several rules hold at once; of two errors for one user the first rule's counts."""
    rules = [
        Fault(refuse_users={"E1": "one"}),
        Fault(refuse_users={"E1": "two", "E2": "two"}),
        Fault(omit_users=["E3"]),
        Fault(skip_users=["E4"]),
        Fault(delay_seconds=0.01),
    ]
    caller = start_app(faults=Faults(rules), accounts=[])
    assert write(caller, "E1", "E2", "E3", "E4", "E5") == (["E5"], {"E1": "one", "E2": "two"})
    assert set(accounts(caller)) == {"E3", "E5"}


def test_an_answer_that_is_lost_was_still_written(start_app: Callable[..., Caller]) -> None:
    """What goes wrong with the bytes comes after the write, and the log shows it."""
    caller = start_app(faults=Faults([Fault(method="PUT", html=True)]), accounts=[])
    caller.sparkwise("PUT", "/users", json={"users": [user("E1")]})
    assert written(caller) == [["E1"]]
    assert accounts(caller) == {"E1": True}


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"body_contains": "E1"},
        {"body_contains": 7, "status": 500},
        {"refuse_users": ["E1"]},
        {"refuse_users": {"E1": 7}},
        {"omit_users": "E1"},
        {"omit_users": [1]},
        {"skip_users": 7},
        {"omit_users": ["E1"], "skip_users": ["E2"]},
        {"path": "x"},
        {"status": 500, "html": True},
        {"stauts": 500},
        {"status": 429, "retry_after": 1, "retry_after_place": "moon"},
        {"path": "(", "status": 500},
        {"path": 3, "status": 500},
        "status",
    ],
)
def test_wrong_rules_are_refused(caller: Caller, rule: Any) -> None:
    """A rule has exactly one action and no unknown field; the rules before stay."""
    assert caller.send("PUT", "/_sandbox/faults", json=[{"status": 503}]).status_code == 204
    answer = caller.send("PUT", "/_sandbox/faults", json=[rule])
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert caller.exec("/skills").status_code == 503


def test_rules_over_http(caller: Caller) -> None:
    """PUT replaces the rules, DELETE clears them, and the switches themselves are never hit."""
    caller.send("PUT", "/_sandbox/faults", json=[{"status": 500}])
    assert caller.exec("/skills").status_code == 500
    caller.send("PUT", "/_sandbox/faults", json=[{"extra_field": {"a": 1}}, {"drop_field": "slug", "times": 1}])
    assert {frozenset(row) & {"a", "slug"} for row in caller.exec_rows("/skills")} == {frozenset({"a"})}
    assert {frozenset(row) & {"a", "slug"} for row in caller.exec_rows("/skills")} == {frozenset({"a", "slug"})}
    assert caller.send("DELETE", "/_sandbox/faults").status_code == 204
    assert caller.exec("/skills").status_code == 200


def test_requests_are_logged_without_keys(caller: Caller) -> None:
    """Each request of a vendor's API is noted with its status, and can be forgotten."""
    caller.exec("/skills", page=2)
    caller.sparkwise("GET", "/nope")
    assert caller.send("GET", "/_sandbox/requests").json() == [
        {"method": "GET", "path": "/exec/rest/v1/skills", "query": "page=2", "status": 200},
        {"method": "GET", "path": "/sparkwise/nope", "query": "", "status": 404},
    ]
    caller.send("DELETE", "/_sandbox/requests")
    assert caller.send("GET", "/_sandbox/requests").json() == []
