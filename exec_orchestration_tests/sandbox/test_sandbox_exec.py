"""Exec's operations: shapes, filters, order, pages, errors, and figures that agree with each other."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import fmean
from typing import Any

import pytest

from exec_orchestration.sandbox.app import EXEC_KEY, create_app
from exec_orchestration.sandbox.cast import midnight
from exec_orchestration.sandbox.world import World

from .conftest import Caller

Row = dict[str, Any]
USER = {"id", "email", "first_name", "last_name"}
PARTICIPANT = {
    "user", "session_count", "first_score", "first_rank", "best_score", "best_rank", "lift_percentage",
    "total_duration_seconds",
}  # fmt: skip
SCENARIO = {
    "id", "name", "description", "slug", "url", "difficulty", "context", "objective", "language", "visibility",
    "owner", "created_at", "updated_at",
}  # fmt: skip
ASSIGNMENT = {
    "id", "user", "scenario", "status", "due_date", "best_score", "best_rank", "attempt_count", "attempt_min",
    "attempt_max", "rank_min", "program", "created_at",
}  # fmt: skip
SESSION = {"id", "user", "scenario", "score", "rank", "duration_seconds", "is_valid_attempt", "created_at"}


def text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def brute_force(sessions: list[Row], scenario_id: str, first: datetime, last: datetime) -> dict[str, Row]:
    """Participants recomputed from the rows of /sessions, by user id."""
    own: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(sessions, key=lambda row: (datetime.fromisoformat(row["created_at"]), row["id"])):
        inside = first <= datetime.fromisoformat(row["created_at"]) <= last
        if inside and row["is_valid_attempt"] and row["scenario"]["id"] == scenario_id:
            own[row["user"]["id"]].append(row)
    found = {}
    for user_id, rows in own.items():
        scored = [row for row in rows if row["score"] is not None]
        best = max(scored, key=lambda row: row["score"]) if scored else {"score": None, "rank": None}
        start = scored[0] if scored else best
        found[user_id] = {
            "user": rows[0]["user"],
            "session_count": len(rows),
            "first_score": start["score"],
            "first_rank": start["rank"],
            "best_score": best["score"],
            "best_rank": best["rank"],
            "lift_percentage": round(best["score"] - start["score"], 2) if scored else None,
            "total_duration_seconds": sum(row["duration_seconds"] or 0 for row in rows),
        }
    return found


@pytest.fixture(scope="module")
def all_sessions(world: World) -> list[Row]:
    return Caller(create_app(world)).exec_rows("/sessions")


def participants(caller: Caller, scenario: str, first: datetime, last: datetime, **more: Any) -> dict[str, Row]:
    path = f"/scenarios/{scenario}/analytics/participants"
    rows = caller.exec_rows(path, start_date=text(first), end_date=text(last), **more)
    return {row["user"]["id"]: row for row in rows}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/scenarios", SCENARIO),
        ("/scenarios/assignments", ASSIGNMENT),
        ("/scenarios/{scenario}/analytics/participants", PARTICIPANT),
        ("/skills/{skill}/proficiency", {"user", "score", "tier", "observation_count", "last_practiced_at"}),
        ("/workspace/members", USER | {"role", "created_at"}),
        ("/workspace/groups", {"id", "name", "created_at"}),
        ("/sessions", SESSION),
    ],
)
def test_listings_have_the_contracts_shape(caller: Caller, world: World, path: str, fields: set[str]) -> None:
    """Each listing has the contract's envelope, fields and references."""
    named = path.format(scenario=world.cast.scenarios[0].id, skill=world.cast.skills[0].id)
    answer = caller.exec(named)
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["x-request-id"]
    assert set(body) == {"data", "pagination"}
    assert set(body["pagination"]) == {"page", "page_size", "total_count", "total_pages"}
    assert body["pagination"]["page_size"] == 50
    assert body["data"]
    for row in body["data"]:
        assert set(row) == fields
        assert set(row.get("user") or row.get("owner") or dict.fromkeys(USER)) == USER
        assert set(row.get("scenario", {"id": 0, "name": 0, "slug": 0})) == {"id", "name", "slug"}
        assert row.get("created_at", "Z").endswith("Z")


def test_participants_equal_a_recount(caller: Caller, world: World, all_sessions: list[Row]) -> None:
    """Over random windows, participants is what the rows of /sessions add up to."""
    rng = Random(1)
    for _ in range(60):
        scenario = rng.choice(world.cast.scenarios)
        first = midnight(world.start) + timedelta(days=rng.randrange(90), hours=rng.choice((0, 0, 9)))
        last = first + timedelta(days=rng.choice((1, 1, 7, 40))) - timedelta(microseconds=1)
        name = rng.choice((scenario.id, scenario.slug))
        assert participants(caller, name, first, last) == brute_force(all_sessions, scenario.id, first, last)


def test_both_ends_of_a_window_are_included(caller: Caller, all_sessions: list[Row]) -> None:
    """A window that begins and ends at a session's own instant contains it."""
    row = next(row for row in all_sessions if row["is_valid_attempt"])
    at = datetime.fromisoformat(row["created_at"])
    assert row["user"]["id"] in participants(caller, row["scenario"]["id"], at, at)


def test_windows_compose(caller: Caller, world: World) -> None:
    """Daily windows add up to the range's own answer, as the contract says."""
    scenario, first, length = world.cast.scenarios[0].id, midnight(date(2026, 1, 5)), 42
    composed: dict[str, Row] = {}
    for n in range(length):
        begin = first + timedelta(days=n)
        for user_id, row in participants(
            caller, scenario, begin, begin + timedelta(days=1) - timedelta(microseconds=1)
        ).items():
            old = composed.setdefault(user_id, {**row, "session_count": 0, "total_duration_seconds": 0})
            old["session_count"] += row["session_count"]
            old["total_duration_seconds"] += row["total_duration_seconds"]
            if old["first_score"] is None:
                old |= {"first_score": row["first_score"], "first_rank": row["first_rank"]}
            if row["best_score"] is not None and (old["best_score"] is None or row["best_score"] > old["best_score"]):
                old |= {"best_score": row["best_score"], "best_rank": row["best_rank"]}
    for row in composed.values():
        scored = row["best_score"] is not None
        row["lift_percentage"] = round(row["best_score"] - row["first_score"], 2) if scored else None
    end = first + timedelta(days=length) - timedelta(microseconds=1)
    assert composed == participants(caller, scenario, first, end)
    assert any(row["session_count"] > 5 for row in composed.values())


def test_people_filters_narrow_participants(caller: Caller, world: World) -> None:
    """Ids and e-mails are united whatever the capitals, groups narrow, system users can be left out."""
    path = f"/scenarios/{world.cast.scenarios[0].id}/analytics/participants"
    rows = caller.exec_rows(path)
    one, two = rows[0]["user"], rows[1]["user"]
    found = caller.exec_rows(path, user_ids=one["id"], user_emails=two["email"].upper())
    assert {row["user"]["id"] for row in found} == {one["id"], two["id"]}
    group = world.cast.groups[0].id
    inside = {person.id for person in world.cast.people if group in person.group_ids}
    assert {r["user"]["id"] for r in caller.exec_rows(path, group_ids=group)} == {
        r["user"]["id"] for r in rows if r["user"]["id"] in inside
    }
    humans = caller.exec_rows(path, exclude_system_users="true")
    assert humans == [row for row in rows if not row["user"]["email"].endswith("@exec.com")]
    assert len(humans) < len(rows)


@pytest.mark.parametrize(
    "sorting", ["best_score", "first_score", "lift_percentage", "total_duration_seconds", "session_count"]
)
def test_participants_can_be_sorted(caller: Caller, world: World, sorting: str) -> None:
    """Each sorting works both ways, with nulls last; the default is the best score first."""
    path = f"/scenarios/{world.cast.scenarios[0].id}/analytics/participants"
    for sign in ("", "-"):
        values = [row[sorting] for row in caller.exec_rows(path, sorting=sign + sorting)]
        known = [value for value in values if value is not None]
        assert values == sorted(known, reverse=sign == "-") + [None] * (len(values) - len(known))
    assert caller.exec_rows(path) == caller.exec_rows(path, sorting="-best_score")


def test_summary_agrees_with_participants(caller: Caller, world: World) -> None:
    """The summary is the sum of the participants of the same window, also of an empty one."""
    scenario = world.cast.scenarios[1].id
    for first, last in (("2026-01-05T00:00:00Z", "2026-03-01T00:00:00Z"), ("2025-01-01", "2025-02-01")):
        window = {"start_date": first, "end_date": last, "exclude_system_users": "true"}
        rows = caller.exec_rows(f"/scenarios/{scenario}/analytics/participants", **window)
        summary = caller.exec(f"/scenarios/{scenario}/analytics/summary", **window).json()
        bests = [row["best_score"] for row in rows if row["best_score"] is not None]
        assert summary["participant_count"] == len(rows)
        assert summary["total_sessions"] == sum(row["session_count"] for row in rows)
        assert summary["average_best_score"] == (round(fmean(bests), 2) if bests else None)
        counts = {part["rank"]: part["count"] for part in summary["score_distribution"]}
        assert counts == {
            rank: sum(row["best_rank"] == rank for row in rows) for rank in ("gold", "silver", "bronze", "unranked")
        }
        assert set(summary) == {
            "participant_count", "total_sessions", "average_best_score", "average_best_rank",
            "average_lift_percentage", "total_practice_minutes", "average_session_duration_seconds",
            "score_distribution",
        }  # fmt: skip


def test_proficiency_is_as_of_its_date(caller: Caller, world: World, all_sessions: list[Row]) -> None:
    """Only attempts up to the date count; under three there is no score; nobody without an attempt appears."""
    skill, as_of = world.cast.skills[0], datetime(2026, 2, 10, tzinfo=UTC)
    trained = {scenario.id for scenario in world.cast.scenarios if skill.id in scenario.skill_ids}
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for row in all_sessions:
        in_time = datetime.fromisoformat(row["created_at"]) <= as_of
        if in_time and row["scenario"]["id"] in trained and row["score"] is not None:
            scores[row["user"]["id"]].append(row["score"])
    rows = caller.exec_rows(f"/skills/{skill.id}/proficiency", end_date=text(as_of))
    assert {row["user"]["id"]: row["observation_count"] for row in rows} == {k: len(v) for k, v in scores.items()}
    for row in rows:
        own = scores[row["user"]["id"]]
        assert row["score"] == (round(fmean(own), 2) if len(own) >= 3 else None)
        assert (row["tier"] == "insufficient_data") == (row["score"] is None)
        assert datetime.fromisoformat(row["last_practiced_at"]) <= as_of
    assert len(rows) < len(caller.exec_rows(f"/skills/{skill.id}/proficiency"))
    assert caller.exec_rows(f"/skills/{skill.id}/proficiency", end_date="2025-01-01T00:00:00Z") == []


def test_skills_can_include_their_proficiency(caller: Caller) -> None:
    """The summary comes only when asked for, and counts the rows of the proficiency listing."""
    plain, rich = caller.exec_rows("/skills"), caller.exec_rows("/skills", include="proficiency")
    assert len(plain) == 6
    assert not any("proficiency_summary" in row for row in plain)
    for row in rich:
        listing = caller.exec_rows(f"/skills/{row['id']}/proficiency")
        assert row["proficiency_summary"]["participant_count"] == len(listing)
        scored = [one for one in listing if one["score"] is not None]
        assert row["proficiency_summary"]["scored_participant_count"] == len(scored)


def test_scenarios_can_be_filtered(caller: Caller, world: World) -> None:
    """Archived ones on demand; visibility, owner, skill and collection narrow; skills are included on demand."""
    rows = caller.exec_rows("/scenarios")
    assert len(rows) == 8
    assert len(caller.exec_rows("/scenarios", include_archived="true")) == 10
    assert [row["visibility"] for row in caller.exec_rows("/scenarios", visibility="private")] == ["private"]
    owner = rows[0]["owner"]["email"]
    assert all(row["owner"]["email"] == owner for row in caller.exec_rows("/scenarios", owner_email=owner.upper()))
    skill = world.cast.skills[3]
    trained = caller.exec_rows("/scenarios", skill_ids=skill.id, include="skills")
    assert trained
    assert all(skill.slug in {one["slug"] for one in row["skills"]} for row in trained)
    halves = [caller.exec_rows("/scenarios", collection_ids=s.collection_id) for s in world.cast.scenarios[:2]]
    assert len(halves[0]) + len(halves[1]) == 8


def test_members_leave_but_their_sessions_stay(caller: Caller, world: World, all_sessions: list[Row]) -> None:
    """Who left is not a member any more, yet is in /sessions."""
    members = {row["id"] for row in caller.exec_rows("/workspace/members")}
    practised = {row["user"]["id"] for row in all_sessions}
    assert practised - members
    assert members - practised
    group = world.cast.groups[0].id
    assert 0 < len(caller.exec_rows("/workspace/members", group_ids=group)) < len(members)


def test_members_can_be_nested(start_app: Callable[..., Caller]) -> None:
    """With the setting, the person stands under `user`, and it is the same person."""
    flat, nested = (
        start_app().exec_rows("/workspace/members"),
        start_app(nested_members=True).exec_rows("/workspace/members"),
    )
    assert [{**row["user"], "role": row["role"], "created_at": row["created_at"]} for row in nested] == flat


def test_sessions_can_be_filtered_and_sorted(caller: Caller, world: World, all_sessions: list[Row]) -> None:
    """Newest first by default; scenario, skill, program, rank, date and person narrow."""
    instants = [datetime.fromisoformat(row["created_at"]) for row in all_sessions]
    assert instants == sorted(instants, reverse=True)
    assert len({row["id"] for row in all_sessions}) == len(all_sessions)
    program = world.cast.programs[0]
    inside = {scenario.id for scenario in program.scenarios}
    found = caller.exec_rows("/sessions", program_ids=program.id, sorting="created_at")
    assert [row["id"] for row in found] == [r["id"] for r in all_sessions if r["scenario"]["id"] in inside][::-1]
    gold = caller.exec_rows("/sessions", rank="gold,silver", start_date="2026-02-01", end_date="2026-02-28")
    assert gold
    assert all(r["rank"] in {"gold", "silver"} and r["created_at"].startswith("2026-02") for r in gold)
    skill = world.cast.skills[3]
    for row in caller.exec_rows("/sessions", skill_ids=skill.id, sorting="-score"):
        scenario = world.scenario(row["scenario"]["id"])
        assert scenario is not None
        assert skill.id in scenario.skill_ids
    assert all(row["is_valid_attempt"] or row["score"] is row["rank"] is None for row in all_sessions)


def test_assignments_have_all_states(caller: Caller, world: World) -> None:
    """The five states occur; each filter narrows; the states partition the listing."""
    rows = caller.exec_rows("/scenarios/assignments")
    states = ("not_started", "in_progress", "completed", "past_due", "did_not_pass")
    parts = {state: caller.exec_rows("/scenarios/assignments", status=state) for state in states}
    assert all(parts.values())
    assert sum(map(len, parts.values())) == len(rows)
    assert all(row["status"] == state for state, part in parts.items() for row in part)
    program = caller.exec_rows("/scenarios/assignments", program_ids=world.cast.programs[0].id)
    assert {row["program"]["id"] for row in program} == {world.cast.programs[0].id}
    one = rows[0]
    own = caller.exec_rows("/scenarios/assignments", user_ids=one["user"]["id"], scenario_ids=one["scenario"]["id"])
    assert one in own
    assert {(r["user"]["id"], r["scenario"]["id"]) for r in own} == {(one["user"]["id"], one["scenario"]["id"])}


def test_assignments_change_with_time(start_app: Callable[..., Caller]) -> None:
    """The same assignments have other states on another day; later ones do not exist yet."""
    today = date(2026, 2, 1)
    caller = start_app(today=lambda: today)
    before = {row["id"]: row["status"] for row in caller.exec_rows("/scenarios/assignments")}
    today = date(2026, 3, 15)
    after = {row["id"]: row["status"] for row in caller.exec_rows("/scenarios/assignments")}
    assert set(before) < set(after)
    assert any(before[key] != after[key] for key in before)
    assert all(after[key] == "completed" for key in before if before[key] == "completed")


def test_grades_may_come_late(start_app: Callable[..., Caller]) -> None:
    """An attempt that is not graded yet has no score and counts only later."""
    today = date(2026, 1, 6)
    caller = start_app(today=lambda: today)
    seen: dict[str, bool] = {}
    changed = 0
    for _ in range(60):
        for row in caller.exec_rows("/sessions", start_date=text(midnight(today - timedelta(days=4)))):
            changed += row["is_valid_attempt"] and not seen.get(row["id"], True)
            seen[row["id"]] = row["is_valid_attempt"]
        today += timedelta(days=1)
    assert changed


def test_pages_cover_a_listing_once(caller: Caller) -> None:
    """All sizes of page give the same rows; past the end there are none."""
    rows = caller.exec_rows("/workspace/members")
    assert caller.exec_rows("/workspace/members", page_size=7) == rows
    beyond = caller.exec("/workspace/members", page=99).json()
    assert beyond["data"] == []
    assert beyond["pagination"]["total_count"] == len(rows)
    assert caller.exec("/workspace/members", page_size=100).json()["pagination"]["total_pages"] == 2


@pytest.mark.parametrize("params", [{"page": 0}, {"page": -1}, {"page": "x"}, {"page_size": 0}, {"page_size": 101}])
def test_wrong_pages_are_refused(caller: Caller, params: Row) -> None:
    """Pages count from 1 and hold 1 to 100 rows."""
    answer = caller.exec("/scenarios", **params)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request"
    assert answer.json()["error"]["code"] == "invalid_pagination"


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/sessions", {"start_date": "yesterday"}),
        ("/sessions", {"start_date": "2026-02-02", "end_date": "2026-02-01"}),
        ("/sessions", {"sorting": "name"}),
        ("/sessions", {"rank": "platinum"}),
        ("/sessions", {"exclude_system_users": "maybe"}),
        ("/scenarios/assignments", {"status": "done"}),
        ("/scenarios/assignments", {"start_date": "2026-01-01"}),
        ("/scenarios", {"include": "everything"}),
    ],
)
def test_unreadable_parameters_are_refused(caller: Caller, path: str, params: Row) -> None:
    """What cannot be read, or is not known, is named in a 400."""
    answer = caller.exec(path, **params)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert set(answer.json()["error"]) == {"type", "code", "message"}


@pytest.mark.parametrize(
    "path",
    ["/scenarios/nope/analytics/participants", "/scenarios/nope/analytics/summary", "/skills/nope/proficiency", "/x"],
)
def test_unknown_things_are_not_found(caller: Caller, path: str) -> None:
    """An unknown scenario, skill or operation is a 404 in the contract's shape."""
    answer = caller.exec(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found"


@pytest.mark.parametrize("headers", [{}, {"Authorization": EXEC_KEY}, {"Authorization": "Bearer exec_live_wrong"}])
def test_a_wrong_key_is_refused(caller: Caller, headers: dict[str, str]) -> None:
    """Without the right bearer there is nothing, not even a 404."""
    for path in ("/scenarios", "/nope"):
        answer = caller.send("GET", f"/exec/rest/v1{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "authentication_error"
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert answer.headers["x-request-id"]


def test_the_key_has_the_vendors_form() -> None:
    """`exec_live_` and 40 letters or digits."""
    assert EXEC_KEY.startswith("exec_live_")
    assert len(EXEC_KEY) == 50
    assert EXEC_KEY.removeprefix("exec_live_").isalnum()
