"""Each operation of the vendors' contracts: a sample payload goes through client, rows and table, nothing lost."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from exec_orchestration.apis.exec_com import ExecApi
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.sparkwise import SparkwiseApi
from exec_orchestration.apis.vendor import Vendor
from exec_orchestration.tables import exec_com, sparkwise
from exec_orchestration.tables.rows import Day, DayOf, Reading, read_rows
from exec_orchestration.tables.warehouse import Warehouse, Window

DAY = date(2026, 1, 20)
START, END = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC)
USER = {"id": "5f1c09ab77de", "email": "lukasz@example.com", "first_name": "Łukasz", "last_name": "O'Neil"}
SCENARIO = {"id": "9a3e4c5d6f70", "name": "Handle a complaint", "slug": "handle-a-complaint"}
FLAT_USER = {
    "user_id": "5f1c09ab77de",
    "user_email": "lukasz@example.com",
    "user_first_name": "Łukasz",
    "user_last_name": "O'Neil",
}
FLAT_SCENARIO = {
    "scenario_id": "9a3e4c5d6f70",
    "scenario_name": "Handle a complaint",
    "scenario_slug": "handle-a-complaint",
}


class Vendors:
    """A transport that answers one payload per `METHOD path` and remembers what was asked."""

    def __init__(self, **_: Any) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[httpx.Request] = []
        self.exec = ExecApi(self._client("https://exec.invalid/rest/v1"))
        self.sparkwise = SparkwiseApi(self._client("https://sparkwise.invalid"))

    def _client(self, base_url: str) -> JsonClient:
        vendor = Vendor(
            name="Vendor", base_url=base_url, key="k", key_header="x-api-key", key_setting="KEY", url_setting="URL"
        )
        return JsonClient(vendor, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix("/rest/v1")
        return httpx.Response(200, json=self.answers[f"{request.method} {path}"])

    def lists(self, path: str, *items: Any) -> None:
        """Answer a listing of Exec with these items."""
        pagination = {"page": 1, "page_size": 100, "total_count": len(items), "total_pages": 1}
        self.answers[f"GET {path}"] = {"data": list(items), "pagination": pagination}


@pytest.fixture
def vendors() -> Vendors:
    """Both vendors, to be told what to answer."""
    return Vendors()


Load = Callable[..., dict[str, Any]]


@pytest.fixture
def load(warehouse: Warehouse) -> Load:
    """Loads one item into its table and reads the row back, on both databases."""

    def loaded(
        table: sa.Table, items: Iterator[Any], *, partition: Day | DayOf | None = None, **given: Any
    ) -> dict[str, Any]:
        reading = Reading()
        given = {"fetched_at": START, "run_id": "run", **given}
        rows = read_rows(table, items, reading, given=given, partition=partition)
        window = None if partition is None else Window(DAY, DAY)
        assert warehouse.replace_window(table, window, rows) == 1, reading
        assert not reading.flags
        with warehouse.engine.connect() as connection:
            row = dict(connection.execute(sa.select(table)).mappings().one())
        assert (row.pop("fetched_at"), row.pop("run_id"), row.pop("extra")) == (START, "run", None)
        return row

    return loaded


def test_get_scenarios_scenario_id_analytics_participants(vendors: Vendors, load: Load) -> None:
    """One aggregate per person, with the scenario that was asked for."""
    item = {
        "user": USER,
        "session_count": 3,
        "first_score": 61.5,
        "first_rank": "bronze",
        "best_score": 88,
        "best_rank": "gold",
        "lift_percentage": 26.5,
        "total_duration_seconds": 1260,
    }
    vendors.lists("/scenarios/9a3e4c5d6f70/analytics/participants", item)
    items = vendors.exec.participants("9a3e4c5d6f70", start=START, end=END)
    row = load(exec_com.exec_participant_analytics, items, partition=Day(DAY), scenario_id="9a3e4c5d6f70")
    figures = {name: value for name, value in item.items() if name != "user"}
    assert row == {"partition_date": DAY, "scenario_id": "9a3e4c5d6f70", **FLAT_USER, **figures}
    asked = vendors.asked[0].url.params
    assert (asked["start_date"], asked["end_date"]) == ("2026-01-20T00:00:00Z", "2026-01-20T23:59:59.999999Z")
    assert (asked["page"], asked["page_size"], asked["exclude_system_users"]) == ("1", "100", "true")


def test_get_scenarios_assignments(vendors: Vendors, load: Load) -> None:
    """One assignment with due date, program and attempts, in the partition of the day it was created."""
    item = {
        "id": "a1b2c3d4e5f6",
        "user": USER,
        "scenario": SCENARIO,
        "status": "past_due",
        "due_date": "2026-02-01T12:30:00Z",
        "best_score": 72,
        "best_rank": "silver",
        "attempt_count": 2,
        "attempt_min": 1,
        "attempt_max": 5,
        "rank_min": "gold",
        "program": {"id": "p1", "name": "Onboarding"},
        "created_at": "2026-01-20T23:59:59.999Z",
    }
    vendors.lists("/scenarios/assignments", item)
    row = load(exec_com.exec_assignments, vendors.exec.assignments(), partition=DayOf("created_at", UTC))
    same = ("id", "status", "best_score", "best_rank", "attempt_count", "attempt_min", "attempt_max", "rank_min")
    assert row == {
        **{name: item[name] for name in same},
        **FLAT_USER,
        **FLAT_SCENARIO,
        "partition_date": DAY,
        "due_at": datetime(2026, 2, 1, 12, 30, tzinfo=UTC),
        "program_id": "p1",
        "program_name": "Onboarding",
        "created_at": datetime(2026, 1, 20, 23, 59, 59, 999000, tzinfo=UTC),
    }


def test_get_scenarios_assignments_standalone(vendors: Vendors, load: Load) -> None:
    """An assignment without any of its optional fields."""
    item = {
        "id": "a1b2c3d4e5f6",
        "user": USER,
        "scenario": SCENARIO,
        "status": "not_started",
        "attempt_count": 0,
        "created_at": "2026-01-20T00:00:00Z",
    }
    vendors.lists("/scenarios/assignments", item)
    row = load(exec_com.exec_assignments, vendors.exec.assignments(), partition=DayOf("created_at", UTC))
    optional = ("due_at", "best_score", "best_rank", "attempt_min", "attempt_max", "rank_min", "program_id")
    assert all(row[name] is None for name in optional)


def test_get_skills_skill_id_proficiency(vendors: Vendors, load: Load) -> None:
    """One person's proficiency as of the window's end; under three observations there is no score."""
    item = {
        "user": USER,
        "score": None,
        "tier": "insufficient_data",
        "observation_count": 2,
        "last_practiced_at": "2026-01-19T08:00:00Z",
    }
    vendors.lists("/skills/k1/proficiency", item)
    items = vendors.exec.proficiency("k1", as_of=END)
    row = load(exec_com.exec_skill_proficiency, items, partition=Day(DAY), skill_id="k1")
    assert row == {
        "partition_date": DAY,
        "skill_id": "k1",
        **FLAT_USER,
        "score": None,
        "tier": "insufficient_data",
        "observation_count": 2,
        "last_practiced_at": datetime(2026, 1, 19, 8, tzinfo=UTC),
    }
    assert vendors.asked[0].url.params["end_date"] == "2026-01-20T23:59:59.999999Z"


def test_get_scenarios(vendors: Vendors, load: Load) -> None:
    """One scenario with its owner; archived is what only `include_archived=true` lists."""
    item = {
        **SCENARIO,
        "description": "A guest is angry.",
        "url": "https://app.invalid/s/handle-a-complaint",
        "difficulty": "medium",
        "context": "Front desk, late evening.",
        "objective": "The guest stays.",
        "language": "en",
        "visibility": "workspace",
        "owner": USER,
        "created_at": "2025-11-02T10:00:00Z",
        "updated_at": "2025-12-24T18:00:00Z",
    }
    vendors.lists("/scenarios", item)
    row = load(exec_com.exec_scenarios, vendors.exec.scenarios())
    assert row["archived"] is False
    assert (row["owner_id"], row["owner_email"]) == (USER["id"], USER["email"])
    assert row["updated_at"] == datetime(2025, 12, 24, 18, tzinfo=UTC)
    same = ("id", "name", "slug", "description", "url", "difficulty", "context", "objective", "language", "visibility")
    assert {name: row[name] for name in same} == {name: item[name] for name in same}
    assert vendors.asked[0].url.params["include_archived"] == "true"


def test_get_skills(vendors: Vendors, load: Load) -> None:
    """One skill with its proficiency summary."""
    summary = {"participant_count": 40, "scored_participant_count": 31, "pct_proficient_plus": 58.1, "avg_score": 74.2}
    item = {
        "id": "k1",
        "name": "Active listening",
        "slug": "active-listening",
        "description": "Hears what is said.",
        "created_at": "2025-10-01T00:00:00Z",
        "proficiency_summary": summary,
    }
    vendors.lists("/skills", item)
    row = load(exec_com.exec_skills, vendors.exec.skills())
    flat = {name: value for name, value in item.items() if name != "proficiency_summary"}
    assert row == {**flat, **summary, "created_at": datetime(2025, 10, 1, tzinfo=UTC)}


@pytest.mark.parametrize("nested", [True, False])
def test_get_workspace_members(vendors: Vendors, load: Load, *, nested: bool) -> None:
    """One member, whether the person stands under `user` or not."""
    about = {"role": "member", "created_at": "2025-10-01T00:00:00Z"}
    vendors.lists("/workspace/members", {"user": USER, **about} if nested else {**USER, **about})
    row = load(exec_com.exec_members, vendors.exec.members())
    assert row == {**USER, "role": "member", "created_at": datetime(2025, 10, 1, tzinfo=UTC)}


def test_get_workspace_groups(vendors: Vendors) -> None:
    """One group; groups filter other listings and have no table of their own."""
    item = {"id": "g1", "name": "Front desk", "created_at": "2025-10-01T00:00:00Z"}
    vendors.lists("/workspace/groups", item)
    assert list(vendors.exec.groups()) == [item]


def test_get_sessions(vendors: Vendors, load: Load) -> None:
    """One session with a fractional score, in the partition of the day it was created."""
    item = {
        "id": "0c9f",
        "user": USER,
        "scenario": SCENARIO,
        "score": 71.25,
        "rank": "silver",
        "duration_seconds": 412,
        "is_valid_attempt": True,
        "created_at": "2026-01-20T09:15:00Z",
    }
    vendors.lists("/sessions", item)
    items = vendors.exec.sessions(start=START, end=END)
    row = load(exec_com.exec_sessions, items, partition=DayOf("created_at", UTC))
    same = ("id", "score", "rank", "duration_seconds", "is_valid_attempt")
    created = datetime(2026, 1, 20, 9, 15, tzinfo=UTC)
    given = {"partition_date": DAY, "created_at": created, **FLAT_USER, **FLAT_SCENARIO}
    assert row == {**given, **{name: item[name] for name in same}}
    assert vendors.asked[0].url.params["sorting"] == "created_at"


def test_get_scenarios_scenario_id_analytics_summary(vendors: Vendors) -> None:
    """One object of totals; it checks the other tables and has none of its own."""
    summary = {"participant_count": 7, "total_sessions": 19, "average_best_score": 81.4}
    vendors.answers["GET /scenarios/9a3e4c5d6f70/analytics/summary"] = summary
    assert vendors.exec.scenario_summary("9a3e4c5d6f70", start=START, end=END) == summary


def test_clusters(vendors: Vendors, load: Load) -> None:
    """One cluster, in the partition of the day that was asked for: the row does not say when it was created."""
    item = {
        "clusterId": "c1",
        "moduleId": "m1",
        "moduleName": "Deciding together",
        "moduleCategory": "Teamwork",
        "moduleThumbnailUrl": "https://img.invalid/m1.png",
        "moduleDescription": "How teams decide.",
        "duration": 45,
        "iframeCode": "<iframe></iframe>",
    }
    vendors.answers["GET /clusters"] = {"success": True, "data": {"items": [item], "total": 1}, "error": None}
    row = load(sparkwise.sparkwise_clusters, vendors.sparkwise.clusters(start=START, end=END), partition=Day(DAY))
    assert row == {
        "cluster_id": "c1",
        "partition_date": DAY,
        "module_id": "m1",
        "module_name": "Deciding together",
        "module_category": "Teamwork",
        "module_thumbnail_url": "https://img.invalid/m1.png",
        "module_description": "How teams decide.",
        "duration_minutes": 45,
        "iframe_code": "<iframe></iframe>",
    }
    asked = vendors.asked[0].url.params
    assert (asked["from"], asked["to"]) == ("2026-01-20T00:00:00Z", "2026-01-21T00:00:00Z")


def test_completions(vendors: Vendors, load: Load) -> None:
    """One participation; completions come as a bare list."""
    item = {
        "id": "x1",
        "remoteUserId": "E0042",
        "clusterId": "c1",
        "moduleId": "m1",
        "moduleName": "Deciding together",
        "moduleCategory": "Teamwork",
        "moduleThumbnailUrl": None,
        "moduleDescription": None,
        "duration": 45,
        "attended": True,
        "sessionScheduledStartAt": "2026-01-20T13:00:00.000Z",
        "sessionScheduledEndAt": "2026-01-20T13:45:00.000Z",
        "participantFirstVisitedAt": "2026-01-20T12:58:11.000Z",
        "participantLastVisitedAt": "2026-01-20T13:46:02.000Z",
        "timeInSessionMins": 47.5,
        "stepsVisited": 9,
        "totalSteps": 10,
        "percentageStepsVisited": 90,
        "hash": "4be1",
    }
    vendors.answers["GET /completions"] = [item]
    items = vendors.sparkwise.completions(start=START, end=END)
    row = load(sparkwise.sparkwise_completions, items, partition=DayOf("session_scheduled_start_at", UTC))
    assert row["partition_date"] == DAY
    assert (row["id"], row["remote_user_id"], row["attended"], row["hash"]) == ("x1", "E0042", True, "4be1")
    assert (row["time_in_session_minutes"], row["steps_visited"], row["total_steps"]) == (47.5, 9, 10)
    assert row["percentage_steps_visited"] == 90
    assert row["session_scheduled_start_at"] == datetime(2026, 1, 20, 13, tzinfo=UTC)


def test_users_list(vendors: Vendors, load: Load) -> None:
    """One account on a 0-indexed page."""
    item = {"id": "f" * 64, "firstName": "Zoë", "lastName": "李", "active": False, "remoteId": "E0042"}
    data = {"items": [item], "page": 0, "size": 200, "next": None, "prev": None, "totalPages": 1, "total": 1}
    vendors.answers["GET /users"] = {"success": True, "data": data, "error": None}
    row = load(sparkwise.sparkwise_users, vendors.sparkwise.users())
    assert row == {"id": "f" * 64, "first_name": "Zoë", "last_name": "李", "active": False, "remote_id": "E0042"}
    assert dict(vendors.asked[0].url.params) == {"page": "0", "pageSize": "200"}


@pytest.mark.parametrize(("method", "verb"), [("PUT", "upsert"), ("DELETE", "deactivate")])
def test_users_batch(vendors: Vendors, method: str, verb: str) -> None:
    """A batch comes back in two lists, written and refused."""
    user = {"firstName": "Zoë", "lastName": "李", "active": True, "remoteId": "E0042"}
    failed = {"user": {"remoteId": "E0043"}, "error": "outside of the trusted domains"}
    data = {"success": [{**user, "id": "f" * 64}], "failed": [failed]}
    vendors.answers[f"{method} /users"] = {"success": True, "data": data, "error": None}
    answer = getattr(vendors.sparkwise, verb)([user, {"remoteId": "E0043"}])
    assert (answer.success, answer.failed) == (data["success"], [failed])
    assert json.loads(vendors.asked[0].content) == {"users": [user, {"remoteId": "E0043"}]}
