"""The client beside docs/openapi: every request it can make is described, every operation described is one it makes,
and every field that is described has its column.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from exec_orchestration.apis.exec_com import ExecApi
from exec_orchestration.apis.sparkwise import BATCH_SIZE, Operations, SparkwiseApi
from exec_orchestration.defs.settings import SETTINGS
from exec_orchestration.sandbox.app import create_app
from exec_orchestration.tables import METADATA
from exec_orchestration_tests.conftest import Sandbox
from exec_orchestration_tests.contracts.description import Description

ClientOf = Callable[..., Any]
DESCRIBED = {vendor: Description(vendor) for vendor in ("exec", "sparkwise")}
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
USER = {"firstName": "Ada", "lastName": "L\u00f6we", "active": True, "remoteId": "E 1/\u674e"}
IDS = ("3f0c9a6e1b2d", "an id/with ?letters&", "..", "\u674e")

# Each public method, called in all the ways in which its parameters reach the wire, and the operation that it is.
EXEC: dict[str, tuple[str, Callable[[ExecApi], Any]]] = {
    "scenarios": ("listScenarios", lambda api: list(api.scenarios())),
    "skills": ("listSkills", lambda api: list(api.skills())),
    "members": ("listMembers", lambda api: list(api.members())),
    "groups": ("listGroups", lambda api: list(api.groups())),
    "participants": ("listParticipants", lambda api: [list(api.participants(i, start=START, end=END)) for i in IDS]),
    "scenario_summary": (
        "getScenarioSummary",
        lambda api: [api.scenario_summary(i, start=START, end=END) for i in IDS],
    ),
    "assignments": ("listAssignments", lambda api: list(api.assignments())),
    "proficiency": ("listProficiency", lambda api: [list(api.proficiency(i, as_of=END)) for i in IDS]),
    "sessions": ("listSessions", lambda api: list(api.sessions(start=START, end=END))),
    "total": ("listAssignments", lambda api: api.total("/scenarios/assignments")),
    "sessions_total": ("listSessions", lambda api: api.sessions_total(start=START, end=END)),
    "proficiency_total": ("listProficiency", lambda api: [api.proficiency_total(i, as_of=END) for i in IDS]),
}
SPARKWISE: dict[str, tuple[str, Callable[[SparkwiseApi], Any]]] = {
    "clusters": ("listClusters", lambda api: list(api.clusters(start=START, end=END))),
    "completions": ("listCompletions", lambda api: list(api.completions(start=START, end=END))),
    "users": ("listUsers", lambda api: list(api.users())),
    "users_total": ("listUsers", lambda api: api.users_total()),
    "upsert": ("upsertUsers", lambda api: [api.upsert([USER]), api.upsert([USER] * BATCH_SIZE)]),
    "deactivate": ("deactivateUsers", lambda api: [api.deactivate([{name: "E1"}]) for name in ("remoteId", "id")]),
}


class Vendor:
    """Says of every listing that it has three pages, and keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        page = int(request.url.params.get("page", 1))
        rows = [{"id": f"row {page}", "user": {"id": f"user {page}"}}]
        pagination = {"page": page, "page_size": 1, "total_count": 3, "total_pages": 3}
        users = {"page": page, "size": 1, "totalPages": 3, "total": 3, "items": rows, "success": [], "failed": []}
        if request.url.path.endswith("/summary"):
            return httpx.Response(200, json={"total_sessions": 0})
        if "x-api-key" not in request.headers:
            return httpx.Response(200, json={"data": rows, "pagination": pagination})
        if request.url.path == "/completions":
            return httpx.Response(200, json=[])
        total = {"total": 1} if request.url.path == "/clusters" else {}
        return httpx.Response(200, json={"success": True, "data": {**users, **total}, "error": None})


def public(kind: type) -> set[str]:
    """The methods that others may call."""
    return {name for name, value in vars(kind).items() if callable(value) and not name.startswith("_")}


def problems_of(vendor: str, requests: Iterable[httpx.Request], base: str, operation: str) -> list[str]:
    """How requests differ from the description, and from the operation that they are meant to be."""
    description, found = DESCRIBED[vendor], []
    for request in requests:
        below = request.url.raw_path.decode().removeprefix(base)
        path = below.partition("?")[0]
        if description.operation_of(request.method, path).name != operation:
            found.append(f"{request.method} {below} is not {operation}")
        names = [name for name, _ in request.url.params.multi_items()]
        found += [f"{name} comes twice" for name in set(names) if names.count(name) > 1]
        found += description.request_problems(request.method, below, request.content)
    return found


@pytest.mark.parametrize("exclude_system_users", [True, False])
@pytest.mark.parametrize("step", [timedelta(microseconds=1), timedelta(seconds=1)])
@pytest.mark.parametrize("method", EXEC)
def test_exec_is_asked_only_what_is_described(
    client_of: ClientOf, method: str, step: timedelta, exclude_system_users: bool
) -> None:
    """Verb, path, each parameter with its bounds, no body; on every page, under every setting."""
    vendor = Vendor()
    operation, call = EXEC[method]
    call(ExecApi(client_of(vendor), end_step=step, exclude_system_users=exclude_system_users))
    assert vendor.requests
    assert problems_of("exec", vendor.requests, "/rest/v1", operation) == []
    assert all(request.headers["Authorization"].startswith("Bearer exec_live_") for request in vendor.requests)


@pytest.mark.parametrize("method", SPARKWISE)
def test_sparkwise_is_asked_only_what_is_described(
    client_of: ClientOf, sparkwise_vendor: dict[str, str], method: str
) -> None:
    """Bodies, too, up to the largest batch."""
    vendor = Vendor()
    operation, call = SPARKWISE[method]
    call(SparkwiseApi(client_of(vendor, **sparkwise_vendor)))
    assert vendor.requests
    assert problems_of("sparkwise", vendor.requests, "", operation) == []


def test_every_operation_has_its_method_and_every_method_its_operation() -> None:
    """The description holds nothing that is not used, and the client nothing that is not described."""
    assert (public(ExecApi), public(SparkwiseApi)) == (set(EXEC), set(SPARKWISE))
    assert {operation for operation, _ in EXEC.values()} == set(DESCRIBED["exec"].operations)
    assert {operation for operation, _ in SPARKWISE.values()} == set(DESCRIBED["sparkwise"].operations)


def test_verbs_paths_headers_and_addresses_are_the_described_ones() -> None:
    """The defaults of the client and of the settings."""
    defaults = {(each.method, each.path) for each in vars(Operations()).values()}
    assert defaults == {(each.method, each.path) for each in DESCRIBED["sparkwise"].operations.values()}
    names = ("EXEC_API_URL", "SPARKWISE_API_URL", "SPARKWISE_API_KEY_HEADER")
    defaults_set = {setting.name: setting.default for setting in SETTINGS if setting.name in names}
    documents = {vendor: each.document for vendor, each in DESCRIBED.items()}
    assert defaults_set == {
        "EXEC_API_URL": documents["exec"]["servers"][0]["url"],
        "SPARKWISE_API_URL": documents["sparkwise"]["servers"][0]["url"],
        "SPARKWISE_API_KEY_HEADER": documents["sparkwise"]["components"]["securitySchemes"]["ServerApiKey"]["name"],
    }


COLUMNS_OF = {
    ("exec", "Scenario"): "exec_scenarios",
    ("exec", "Skill"): "exec_skills",
    ("exec", "FlatMember"): "exec_members",
    ("exec", "Participant"): "exec_participant_analytics",
    ("exec", "Assignment"): "exec_assignments",
    ("exec", "Proficiency"): "exec_skill_proficiency",
    ("exec", "Session"): "exec_sessions",
    ("sparkwise", "Cluster"): "sparkwise_clusters",
    ("sparkwise", "Completion"): "sparkwise_completions",
    ("sparkwise", "User"): "sparkwise_users",
}
OURS = {"archived"}  # made by the client of two listings
NOT_ASKED_FOR = {"skills"}  # only with include=skills


def leaves(
    description: Description, schema: Any, *, prefix: str = "", is_sure: bool = True
) -> dict[str, tuple[bool, Any]]:
    """The fields of a schema by their dotted path: whether each is there and never null, and its schema."""
    found: dict[str, tuple[bool, Any]] = {}
    for name, told in schema["properties"].items():
        value = description.resolved(told)
        kinds = value.get("type", ())
        is_null = "null" in kinds or None in value.get("enum", ())
        sure = is_sure and name in schema.get("required", ()) and not is_null
        if "properties" in value:
            found |= leaves(description, value, prefix=f"{prefix}{name}.", is_sure=sure)
        elif name not in NOT_ASKED_FOR:
            found[prefix + name] = (sure, value)
    return found


@pytest.mark.parametrize(("vendor", "schema"), COLUMNS_OF)
def test_every_field_has_its_column(vendor: str, schema: str) -> None:
    """None goes to `extra`; what may be absent or null may be null in the table; words are the same words."""
    description = DESCRIBED[vendor]
    fields = leaves(description, description.document["components"]["schemas"][schema])
    table = METADATA.tables[COLUMNS_OF[vendor, schema]]
    columns = {column.info["source"]: column for column in table.columns if column.info.get("source")}
    assert set(columns) - OURS == set(fields)
    for source, (is_sure, value) in fields.items():
        assert is_sure or columns[source].nullable, source
        words = {each for each in value.get("enum", ()) if each is not None}
        accepted = columns[source].info.get("accepted")
        assert not words or words == set(accepted), source


def test_the_sandbox_has_the_same_operations(sandbox: Sandbox) -> None:
    """No more than are described, and no fewer."""
    app = create_app(sandbox.world)
    found = {
        (mount.path, route.path, method)
        for mount in app.routes[:2]
        for route in mount.routes[:-1]
        for method in route.methods - {"HEAD"}
    }
    bases = {"exec": "/exec/rest/v1", "sparkwise": "/sparkwise"}
    described = {
        (bases[vendor], each.path.replace("_id}", "}"), each.method)
        for vendor, description in DESCRIBED.items()
        for each in description.operations.values()
    }
    assert found == described
