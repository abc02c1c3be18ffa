"""Sparkwise's door against its twin: reads, batches of writes, refusals, and answers of another shape."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import httpx
import pytest

from exec_orchestration.apis.paging import read_settled
from exec_orchestration.apis.sparkwise import BATCH_SIZE, Operation, Operations, SparkwiseApi
from exec_orchestration.errors import BadAnswer, KeyRefused, ListingMoved, Refused

Door = Callable[..., SparkwiseApi]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = {"start": START, "end": END}
DAY = timedelta(days=1)


def user(number: int, **more: Any) -> dict[str, Any]:
    return {"firstName": "Ada", "lastName": f"Löwe {number}", "active": True, "remoteId": f"N{number:05d}", **more}


def with_new_users(door: SparkwiseApi, count: int) -> None:
    for first in range(0, count, BATCH_SIZE):
        door.upsert([user(number) for number in range(first, min(count, first + BATCH_SIZE))])


# Reads


def test_clusters_are_those_created_in_the_window(sandbox: Any, sparkwise_api: Door) -> None:
    """From its beginning on, up to and without its end; the window goes out as it is."""
    found = list(sparkwise_api(sandbox).clusters(**WINDOW))
    assert [item["clusterId"] for item in found] == [
        one.id for one in sandbox.world.clusters if START <= one.created_at < END
    ]
    assert len(found) > 10
    (request,) = sandbox.requests("/clusters")
    assert dict(parse_qsl(request["query"])) == {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}


def test_completions_are_those_whose_session_lies_in_the_window(sandbox: Any, sparkwise_api: Door) -> None:
    """A bare list, by when the session took place."""
    found = list(sparkwise_api(sandbox).completions(**WINDOW))
    expected = {one.id for one in sandbox.world.completions if START <= one.cluster.starts_at < END}
    assert {item["id"] for item in found} == expected
    assert len(found) > 10


@pytest.mark.parametrize("resource", ["clusters", "completions"])
def test_the_instant_between_two_windows_belongs_to_the_later_one(
    sandbox: Any, sparkwise_api: Door, resource: str
) -> None:
    """`from` is included, `to` is not: days add up to the range."""
    read = getattr(sparkwise_api(sandbox), resource)
    days = [item for n in range(59) for item in read(start=START + n * DAY, end=START + (n + 1) * DAY)]
    assert days == list(read(**WINDOW))
    cluster = sandbox.world.clusters[3]
    moment = cluster.created_at if resource == "clusters" else cluster.starts_at
    ids = [item["clusterId"] for item in read(start=moment, end=moment + DAY)]
    assert cluster.id in ids
    assert cluster.id not in [item["clusterId"] for item in read(start=moment - DAY, end=moment)]


def test_windows_go_out_in_utc(sandbox: Any, sparkwise_api: Door) -> None:
    """A day of Berlin begins at 23:00 UTC of the day before."""
    berlin = ZoneInfo("Europe/Berlin")
    door = sparkwise_api(sandbox)
    list(door.completions(start=datetime(2026, 2, 1, tzinfo=berlin), end=datetime(2026, 2, 2, tzinfo=berlin)))
    (request,) = sandbox.requests("/completions")
    assert dict(parse_qsl(request["query"])) == {"from": "2026-01-31T23:00:00Z", "to": "2026-02-01T23:00:00Z"}


def test_users_are_read_from_page_zero_on(sandbox: Any, sparkwise_api: Door) -> None:
    """Two hundred a page; active or not, each once."""
    door = sparkwise_api(sandbox)
    with_new_users(door, 400)
    found = list(door.users())
    assert len({item["id"] for item in found}) == len(found) == 400 + len(sandbox.world.cast.accounts)
    queries = [dict(parse_qsl(entry["query"])) for entry in sandbox.requests("/users") if entry["method"] == "GET"]
    assert queries == [{"page": str(number), "pageSize": "200"} for number in range(3)]


def test_a_refused_window_says_why(sandbox: Any, sparkwise_api: Door) -> None:
    """`to` must be later than `from`."""
    with pytest.raises(Refused, match="to must be later than from") as caught:
        list(sparkwise_api(sandbox).clusters(start=START, end=START))
    assert caught.value.status == 400


def test_nothing_is_asked_before_the_first_row_is_drawn(sandbox: Any, sparkwise_api: Door) -> None:
    """Listings are lazy."""
    door = sparkwise_api(sandbox)
    made = [door.clusters(**WINDOW), door.completions(**WINDOW), door.users()]
    assert sandbox.requests("") == []
    assert all(isinstance(listing, Iterator) for listing in made)


def test_the_key_goes_in_its_header(script: Any, sparkwise_api: Door, key: str) -> None:
    """Bare, as `x-api-key`."""
    vendor = script([])
    list(sparkwise_api(vendor).completions(**WINDOW))
    assert vendor.requests[0].headers["x-api-key"] == key
    assert "authorization" not in vendor.requests[0].headers


def test_verbs_and_paths_are_values(script: Any, sparkwise_api: Door) -> None:
    """They are not published: each can be set."""
    vendor = script({"success": True, "data": {"success": [], "failed": []}, "error": None})
    door = sparkwise_api(vendor, operations=Operations(upsert=Operation("POST", "/v2/users/batch")))
    door.upsert([user(1)])
    door.deactivate([{"remoteId": "N1"}])
    assert [(sent.method, sent.url.path) for sent in vendor.requests] == [
        ("POST", "/v2/users/batch"),
        ("DELETE", "/users"),
    ]


# Listings that move


@pytest.mark.parametrize("resource", ["clusters", "completions"])
def test_a_row_that_comes_twice_is_noticed(sandbox: Any, sparkwise_api: Door, resource: str) -> None:
    """Once, it is read again; always, it fails."""
    read = getattr(sparkwise_api(sandbox), resource)
    whole = list(read(**WINDOW))
    sandbox.fault(f"/{resource}", duplicate_item=2, times=1)
    assert read_settled(lambda: read(**WINDOW), list) == whole
    sandbox.fault(f"/{resource}", duplicate_item=2)
    with pytest.raises(ListingMoved, match=rf"/{resource}.*3 passes"):
        read_settled(lambda: read(**WINDOW), list)


@pytest.mark.parametrize("short", [1, 5])
def test_clusters_that_do_not_fill_their_total_are_noticed(sandbox: Any, sparkwise_api: Door, short: int) -> None:
    """`total` is what was promised."""
    sandbox.fault("/clusters", short_page=short)
    with pytest.raises(ListingMoved, match="and a total of"):
        list(sparkwise_api(sandbox).clusters(**WINDOW))


@pytest.mark.parametrize("move", [{"grow": 1}, {"shrink": 1}, {"repeat_page": True}, {"short_page": 1}], ids=str)
def test_users_that_move_once_are_whole_in_the_end(sandbox: Any, sparkwise_api: Door, move: dict[str, Any]) -> None:
    """Accounts come or go while page 2 is read."""
    door = sparkwise_api(sandbox)
    with_new_users(door, 300)
    whole = list(door.users())
    sandbox.fault(r"/users.*page=1\b", method="GET", **move, times=1)
    assert read_settled(door.users, list) == whole
    sandbox.fault(r"/users.*page=1\b", method="GET", **move)
    with pytest.raises(ListingMoved, match=r"GET /users.*3 passes"):
        read_settled(door.users, list)


def test_rows_without_an_id_are_passed_on(sandbox: Any, sparkwise_api: Door) -> None:
    """They are rejected downstairs; one of them moves no listing."""
    door = sparkwise_api(sandbox)
    counts = [len(list(door.clusters(**WINDOW))), len(list(door.completions(**WINDOW))), len(list(door.users()))]
    sandbox.fault("/clusters", set_field={"clusterId": None})
    sandbox.fault("/completions", set_field={"id": None})
    sandbox.fault("/users", drop_field="id")
    found = [len(list(door.clusters(**WINDOW))), len(list(door.completions(**WINDOW))), len(list(door.users()))]
    assert found == counts


@pytest.mark.parametrize(("resource", "name"), [("clusters", "clusterId"), ("completions", "id")])
def test_several_rows_without_an_id_are_passed_on(sandbox: Any, sparkwise_api: Door, resource: str, name: str) -> None:
    """Just as one: they must end in `rejected_rows`, not as a listing that moved."""
    read = getattr(sparkwise_api(sandbox), resource)
    count = len(list(read(**WINDOW)))
    sandbox.fault(f"/{resource}", drop_field=name)
    assert len(list(read(**WINDOW))) == count


def test_rows_that_are_no_objects_are_passed_on(script: Any, sparkwise_api: Door) -> None:
    """They are rejected downstairs."""
    odd = [None, 7, "x", [], None, None]
    assert list(sparkwise_api(script(odd)).completions(**WINDOW)) == odd
    assert list(sparkwise_api(script(wrapped({"items": odd[:4], "total": 4}))).clusters(**WINDOW)) == odd[:4]


# Writes


def test_an_upsert_creates_and_updates(sandbox: Any, sparkwise_api: Door) -> None:
    """The answer holds each written user with its id; people are matched by `remoteId`."""
    door = sparkwise_api(sandbox)
    created = door.upsert([user(1), user(2)])
    assert created.failed == []
    assert [{**one, "id": None} for one in created.success] == [user(1, id=None), user(2, id=None)]
    changed = door.upsert([user(1, lastName="Byron", active=False)])
    assert changed.success == [{**user(1, lastName="Byron", active=False), "id": created.success[0]["id"]}]
    assert changed.success[0] in list(door.users())


def test_an_upsert_tells_who_was_not_written(sandbox: Any, sparkwise_api: Door) -> None:
    """One that is refused does not stop the others."""
    answer = sparkwise_api(sandbox).upsert([user(1), user(2, firstName="")])
    assert [one["remoteId"] for one in answer.success] == ["N00001"]
    assert answer.failed == [{"user": user(2, firstName=""), "error": "firstName is required"}]


def test_a_deactivation_switches_off(sandbox: Any, sparkwise_api: Door) -> None:
    """By `remoteId`; again is no error, an unknown one is in `failed`."""
    door = sparkwise_api(sandbox)
    door.upsert([user(1)])
    for _ in range(2):
        answer = door.deactivate([{"remoteId": "N00001"}, {"remoteId": "nobody"}])
        assert [(one["remoteId"], one["active"]) for one in answer.success] == [("N00001", False)]
        assert answer.failed == [{"user": {"remoteId": "nobody"}, "error": "User not found"}]


def test_a_batch_goes_out_as_the_contract_has_it(script: Any, sparkwise_api: Door) -> None:
    """`{"users": [...]}`, with nothing added."""
    vendor = script({"success": True, "data": {"success": [], "failed": []}, "error": None})
    door = sparkwise_api(vendor)
    door.upsert([user(1), user(2)])
    door.deactivate([{"remoteId": "N00001"}])
    assert [(sent.method, sent.url.path, sent.url.query) for sent in vendor.requests] == [
        ("PUT", "/users", b""),
        ("DELETE", "/users", b""),
    ]
    assert [json.loads(sent.content) for sent in vendor.requests] == [
        {"users": [user(1), user(2)]},
        {"users": [{"remoteId": "N00001"}]},
    ]


@pytest.mark.parametrize("write", ["upsert", "deactivate"])
@pytest.mark.parametrize(("size", "fits"), [(0, False), (1, True), (199, True), (200, True), (201, False)])
def test_a_batch_holds_one_to_two_hundred(sandbox: Any, sparkwise_api: Door, write: str, size: int, fits: bool) -> None:
    """Beyond that nothing is sent."""
    send = getattr(sparkwise_api(sandbox), write)
    batch = [user(number) for number in range(size)]
    if fits:
        answer = send(batch)
        assert len(answer.success) + len(answer.failed) == size
        return
    with pytest.raises(ValueError, match=f"1 to 200 users, not {size}"):
        send(batch)
    assert sandbox.requests("") == []


# Refusals and answers of another shape


def test_success_false_is_a_refusal(script: Any, sparkwise_api: Door, key: str) -> None:
    """Also with status 200: the vendor's message, the operation, no key, no second try."""
    vendor = script({"success": False, "error": {"message": f"no {key}", "metadata": {}}, "data": None})
    door = sparkwise_api(vendor)
    for ask in (
        lambda: list(door.clusters(**WINDOW)),
        lambda: list(door.completions(**WINDOW)),
        lambda: list(door.users()),
        lambda: door.upsert([user(1)]),
        lambda: door.deactivate([{"remoteId": "x"}]),
    ):
        with pytest.raises(Refused, match=r"was refused \[request id \S+\]: no \*\*\*\.") as caught:
            ask()
        assert caught.value.status == 200
        assert key not in str(caught.value)
    assert len(vendor.requests) == 5


@pytest.mark.parametrize("error", [None, "quota", {"metadata": {}}])
def test_a_refusal_may_say_little(script: Any, sparkwise_api: Door, error: Any) -> None:
    """Whatever stands in `error`, it is a refusal."""
    with pytest.raises(Refused):
        list(sparkwise_api(script({"success": False, "error": error, "data": None})).users())


def test_a_wrong_key_is_refused_as_such(sandbox: Any, sparkwise_api: Door) -> None:
    """401 names the setting to look at."""
    sandbox.environment["SPARKWISE_API_KEY"] = "wrong-key"
    with pytest.raises(KeyRefused, match="SPARKWISE_API_KEY") as caught:
        list(sparkwise_api(sandbox).users())
    assert "wrong-key" not in str(caught.value)


def wrapped(data: Any) -> dict[str, Any]:
    return {"success": True, "data": data, "error": None}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"items": []},
        {"total": 0},
        {"items": {}, "total": 0},
        {"items": [], "total": "0"},
        {"items": [], "total": True},
    ],
    ids=str,
)
def test_clusters_of_another_shape_are_a_bad_answer(script: Any, sparkwise_api: Door, data: Any) -> None:
    """`data.items` is a list and `data.total` a number."""
    with pytest.raises(BadAnswer, match=r"GET \S*/clusters\S* .*another shape \[request id .*: a `data"):
        list(sparkwise_api(script(wrapped(data))).clusters(**WINDOW))


@pytest.mark.parametrize("answer", [httpx.Response(200), {}, {"items": []}, "x", 7, wrapped({"items": []})], ids=str)
def test_completions_of_another_shape_are_a_bad_answer(script: Any, sparkwise_api: Door, answer: Any) -> None:
    """A list belongs there, bare or as `data`."""
    with pytest.raises(BadAnswer, match=r"GET \S*/completions\S* .*another shape \[request id"):
        list(sparkwise_api(script(answer)).completions(**WINDOW))


def test_completions_may_come_wrapped(script: Any, sparkwise_api: Door) -> None:
    """As the other resources do."""
    assert list(sparkwise_api(script(wrapped([{"id": "a"}]))).completions(**WINDOW)) == [{"id": "a"}]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"items": [], "total": 0},
        {"items": [], "totalPages": 0},
        {"total": 0, "totalPages": 0},
        {"items": [], "total": 0, "totalPages": "0"},
    ],
    ids=str,
)
def test_users_of_another_shape_are_a_bad_answer(script: Any, sparkwise_api: Door, data: Any) -> None:
    """`data.items`, `data.totalPages` and `data.total` are all there."""
    with pytest.raises(BadAnswer, match=r"GET \S*/users\S* .*another shape \[request id"):
        list(sparkwise_api(script(wrapped(data))).users())


@pytest.mark.parametrize("size", [None, 0, -1, "200", True, 200])
def test_a_size_that_makes_no_sense_is_the_one_that_was_asked_for(script: Any, sparkwise_api: Door, size: Any) -> None:
    """The rows decide, not what is told about them."""
    data = {"items": [{"id": "a"}], "size": size, "total": 1, "totalPages": 1}
    assert list(sparkwise_api(script(wrapped(data))).users()) == [{"id": "a"}]


@pytest.mark.parametrize(
    "data", [None, [], {}, {"success": []}, {"failed": []}, {"success": {}, "failed": []}], ids=str
)
def test_a_batch_answer_of_another_shape_is_a_bad_answer(script: Any, sparkwise_api: Door, data: Any) -> None:
    """Both lists are needed to know what became of whom."""
    with pytest.raises(BadAnswer, match=r"PUT \S*/users .*another shape \[request id"):
        sparkwise_api(script(wrapped(data))).upsert([user(1)])


def test_a_passing_failure_is_absorbed(sandbox: Any, sparkwise_api: Door) -> None:
    """Reads and writes alike."""
    sandbox.fault("/users", status=503, times=1)
    door = sparkwise_api(sandbox)
    assert len(door.upsert([user(1)]).success) == 1
    sandbox.fault("/completions", status=429, retry_after=2, retry_after_place="header", times=1)
    assert list(door.completions(**WINDOW))


def test_the_world_ends_where_the_tests_think(sandbox: Any) -> None:
    """The windows above cover what the twin holds."""
    assert sandbox.world.until == date(2026, 3, 1)
