"""The sandbox beside docs/openapi: whatever is asked, it answers as the vendors' contract describes, and not otherwise.

schemathesis makes the requests out of the description. Fields that the description does not name fit nowhere here: what
the sandbox invents, nobody may come to rely on.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from exec_orchestration.sandbox.answers import RETRY_AFTER_PLACES
from exec_orchestration.sandbox.app import EXEC_KEY, SPARKWISE_KEY, create_app
from exec_orchestration.sandbox.faults import Fault, Faults
from exec_orchestration.sandbox.world import World, build_world
from exec_orchestration_tests.contracts.description import Description, Operation, served_at
from exec_orchestration_tests.sandbox.conftest import Caller

BASES = {"exec": "/exec/rest/v1", "sparkwise": "/sparkwise"}
KEYS = {"exec": {"Authorization": f"Bearer {EXEC_KEY}"}, "sparkwise": {"x-api-key": SPARKWISE_KEY}}
CLOSED = {vendor: Description(vendor, is_closed=True) for vendor in BASES}
OPERATIONS = [(vendor, name) for vendor in BASES for name in CLOSED[vendor].operations]
EXAMPLES = 20
# Whether a request fits is judged here and not by schemathesis, by what goes over the wire: `a,b` is a text as well as
# two words. What another verb is answered, the contract does not tell.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Each user of a batch fares alone: one that cannot be read comes back in `failed`.
BATCHES = ("upsertUsers", "deactivateUsers")

Sent = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def world() -> World:
    """Three weeks of thirty people."""
    return build_world(7, until=date(2026, 1, 21), people=30)


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    """Both vendors without faults or limits."""
    return Caller(create_app(world))


def paths(operation: Operation, world: World) -> Iterator[str]:
    """The operation's path for things that there are, by id and by slug, and for one that there is not."""
    if "{" not in operation.path:
        yield operation.path
        return
    known = [world.cast.scenarios[0].id, world.cast.scenarios[1].slug, "no-such-thing"]
    if "skill_id" in operation.path:
        known = [world.cast.skills[0].id, "no-such-thing"]
    yield from (operation.path.format(scenario_id=each, skill_id=each) for each in known)


def runs_backwards(case: Case) -> bool:
    """True for a window that ends before it begins."""
    ends = [(case.query or {}).get(name) for name in ("start_date", "end_date", "from", "to")]
    told = [datetime.fromisoformat(each) for each in ends if isinstance(each, str)]
    return len(told) == 2 and told[1] <= told[0]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("vendor", "name"), OPERATIONS)
def test_any_request_is_answered_as_described(
    caller: Caller, world: World, vendor: str, name: str, mode: GenerationMode
) -> None:
    """Status, content type and body; what fits the description is accepted, and what does not is refused."""
    description = CLOSED[vendor]
    wanted = description.operations[name]
    schema = schemathesis.openapi.from_dict(served_at(vendor, BASES[vendor]))
    (operation,) = [
        each.ok() for each in schema.get_all_operations() if each.ok().label == f"{wanted.method} {wanted.path}"
    ]
    ids = itertools.cycle([None, world.cast.scenarios[0].id, world.cast.skills[0].id])

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def judge(case: Case) -> None:
        known = next(ids)
        if known and case.path_parameters:
            case.path_parameters = dict.fromkeys(case.path_parameters, known)
        sent = case.as_transport_kwargs(base_url=f"http://sandbox{BASES[vendor]}")
        request = httpx.Request(
            sent["method"], sent["url"], params=sent.get("params"), json=sent.get("json"), content=sent.get("data")
        )
        answer = caller.send(
            request.method, str(request.url), headers={**dict(request.headers), **KEYS[vendor]}, content=request.content
        )
        case.validate_response(answer, checks=CHECKS)
        below = request.url.raw_path.decode().removeprefix(BASES[vendor])
        if wanted.pattern.fullmatch(urlsplit(below).path) and answer.status_code != 404:
            fits = not description.request_problems(request.method, below, request.content)
            if fits and not runs_backwards(case):
                assert answer.status_code == 200, (below, answer.text)
            if not fits and name not in BATCHES:
                assert answer.status_code == 400, (below, answer.text)

    judge()


@pytest.mark.parametrize(("vendor", "name"), OPERATIONS)
def test_all_that_there_is_fits(caller: Caller, world: World, vendor: str, name: str) -> None:
    """Every row of every listing, with all that can be included, and nothing that the description does not name."""
    description = CLOSED[vendor]
    operation = description.operations[name]
    if operation.body is not None:
        pytest.skip("a write is answered by who is written")
    rows = 0
    for path, query in itertools.product(paths(operation, world), includes(operation)):
        for page in itertools.count(1 if vendor == "exec" else 0):
            paging = {"page": page, "page_size": 100, "pageSize": 20}
            params = query | {each: value for each, value in paging.items() if each in operation.query}
            answer = caller.send("GET", BASES[vendor] + path, params=params, headers=KEYS[vendor])
            assert description.answer_problems(operation, answer) == []
            found = items(answer.json())
            rows += len(found)
            if not found or "page" not in operation.query:
                break
    assert rows or name == "getScenarioSummary"


def includes(operation: Operation) -> list[dict[str, str]]:
    """The query that includes nothing, and those that include each thing that can be."""
    words = operation.query["include"]["schema"]["enum"] if "include" in operation.query else []
    return [{}, *({"include": each} for each in words)]


def items(payload: Any) -> list[Any]:
    """The rows of an answer in any envelope."""
    if isinstance(payload, list):
        return payload
    data = payload.get("data")
    found = data.get("items", []) if isinstance(data, dict) else data
    return found or []


@pytest.mark.parametrize(
    ("method", "users"),
    [
        ("PUT", [{"firstName": "Ada", "lastName": "Love", "active": True, "remoteId": "new"}]),
        ("PUT", [{"firstName": "", "lastName": "Love", "active": True, "remoteId": "new"}]),
        ("DELETE", [{"remoteId": "nobody"}]),
    ],
)
def test_what_becomes_of_a_batch_fits(caller: Caller, method: str, users: list[dict[str, Any]]) -> None:
    """Whoever is written, and whoever is not."""
    description = CLOSED["sparkwise"]
    answer = caller.sparkwise(method, "/users", json={"users": users})
    operation = description.operation_of(method, "/users")
    assert description.answer_problems(operation, answer) == []


def test_members_may_come_nested(world: World) -> None:
    """As in the reference's example."""
    answer = Caller(create_app(world, nested_members=True)).exec("/workspace/members")
    assert "user" in answer.json()["data"][0]
    assert CLOSED["exec"].answer_problems(CLOSED["exec"].operations["listMembers"], answer) == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer exec_live_x", "x-api-key": "x"}])
@pytest.mark.parametrize(("vendor", "name"), OPERATIONS)
def test_without_its_key_nothing_is_answered(
    caller: Caller, world: World, vendor: str, name: str, headers: dict[str, str]
) -> None:
    """401 in the described form, whatever is asked for."""
    description = CLOSED[vendor]
    operation = description.operations[name]
    for path in paths(operation, world):
        answer = caller.send(operation.method, BASES[vendor] + path, headers=headers)
        assert answer.status_code == 401
        assert description.answer_problems(operation, answer) == []


@pytest.mark.parametrize("place", RETRY_AFTER_PLACES)
@pytest.mark.parametrize(("vendor", "name"), OPERATIONS)
def test_every_refusal_fits(world: World, vendor: str, name: str, place: str) -> None:
    """Each status that is described, with `retry_after` in each of its places."""
    description = CLOSED[vendor]
    operation = description.operations[name]
    for status in set(operation.answers) - {"200"}:
        wait = {"retry_after": 2.5, "retry_after_place": place} if status == "429" else {}
        caller = Caller(create_app(world, faults=Faults([Fault(status=int(status), **wait)])))
        path = next(paths(operation, world))
        answer = caller.send(operation.method, BASES[vendor] + path, headers=KEYS[vendor])
        assert answer.status_code == int(status)
        assert description.answer_problems(operation, answer) == []
        assert ("retry-after" in answer.headers) == (bool(wait) and place == "header")


@pytest.mark.parametrize("identifier", ["a\nb", "..", "%", "a/b", "\u674e", " "])
@pytest.mark.parametrize("place", ["/scenarios/{}/analytics/participants", "/skills/{}/proficiency", "/{}"])
def test_an_id_of_any_letters_is_not_found(caller: Caller, place: str, identifier: str) -> None:
    """In the vendor's own words, not in those of the server behind it."""
    answer = caller.send(
        "GET", BASES["exec"] + place.format(quote(identifier, safe="").replace(".", "%2E")), headers=KEYS["exec"]
    )
    assert answer.status_code == 404
    assert json.loads(answer.content)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/sessions", {"start_date": "0001-01-01T00:00:00+23:59"}),
        ("/sessions", {"end_date": "9999-12-31T23:59:59-23:59"}),
        ("/skills", {"page": "1" * 5000}),
        ("/skills", {"include": ""}),
        ("/scenarios", {"include": "skills,"}),
    ],
)
def test_what_cannot_be_meant_is_refused(caller: Caller, path: str, params: dict[str, str]) -> None:
    """As a request that cannot be read, not as a failure of the vendor."""
    assert caller.exec(path, **params).status_code == 400
