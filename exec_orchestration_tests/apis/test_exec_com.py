"""Exec's door against its twin: each operation's path, parameters and rows, and listings that move or break."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import httpx
import pytest

from exec_orchestration.apis.exec_com import ExecApi, check_key, is_system_user
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.paging import read_settled
from exec_orchestration.errors import BadAnswer, BadSetting, ListingMoved, RateLimited, UnknownResource
from exec_orchestration.sandbox.limits import Limits

Door = Callable[..., ExecApi]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PAGE_2 = r"[?&]page=2\b"


def asked(sandbox: Any, part: str) -> list[dict[str, str]]:
    """The parameters of each request whose path ends with `part`, without those of paging."""
    found = [dict(parse_qsl(entry["query"])) for entry in sandbox.requests("") if entry["path"].endswith(part)]
    for query in found:
        assert query.pop("page_size", None) in ("100", None)
        query.pop("page", None)
    return found


def busiest(world: Any) -> str:
    return Counter(session.scenario.id for session in world.sessions if session.graded_at).most_common(1)[0][0]


# The key


GOOD_KEY = "exec_live_" + "aB3" * 13 + "x"


def test_a_key_of_execs_form_passes() -> None:
    """exec_live_ and forty letters or digits: the key itself comes back."""
    assert len(GOOD_KEY) == 50
    assert check_key(GOOD_KEY, setting="EXEC_API_KEY") == GOOD_KEY


@pytest.mark.parametrize(
    "key",
    [
        GOOD_KEY[:-1],  # 39
        GOOD_KEY + "x",  # 41
        "exec_live_",
        "",
        "exec_test_" + GOOD_KEY[10:],
        "Exec_live_" + GOOD_KEY[10:],
        GOOD_KEY[10:],
        GOOD_KEY[:-1] + "-",
        GOOD_KEY[:-1] + "_",
        GOOD_KEY[:-1] + "ä",
        GOOD_KEY[:-1] + "٣",  # a digit, though not one of ours
        GOOD_KEY + "\n",
        " " + GOOD_KEY,
        "Bearer " + GOOD_KEY,
    ],
)
def test_any_other_key_is_refused_unseen(key: str) -> None:
    """One character under, one over, another prefix or sign: the error names setting, length and form, not the key."""
    with pytest.raises(BadSetting) as caught:
        check_key(key, setting="EXEC_API_KEY")
    text = str(caught.value)
    for part in ("EXEC_API_KEY", f"{len(key)} characters", "exec_live_ followed by exactly 40", "No request was sent"):
        assert part in text
    assert not key[10:] or key[10:] not in text


# Each operation


def test_scenarios_are_listed_with_the_archived_ones(sandbox: Any, exec_api: Door) -> None:
    """Archived are those that only `include_archived=true` lists."""
    found = {item["id"]: item["archived"] for item in exec_api(sandbox).scenarios()}
    assert found == {scenario.id: scenario.archived for scenario in sandbox.world.cast.scenarios}
    assert set(found.values()) == {True, False}
    assert asked(sandbox, "/scenarios") == [{"include_archived": "true"}, {}]


def test_skills_come_with_their_summary(sandbox: Any, exec_api: Door) -> None:
    """Every skill, and how its people stand now."""
    found = list(exec_api(sandbox).skills())
    assert [item["id"] for item in found] == [skill.id for skill in sandbox.world.cast.skills]
    assert all("avg_score" in item["proficiency_summary"] for item in found)
    assert asked(sandbox, "/skills") == [{"include": "proficiency"}]


@pytest.mark.parametrize("nested", [False, True])
def test_members_are_flat_in_both_shapes(make_sandbox: Any, exec_api: Door, nested: bool) -> None:
    """Whether Exec nests the person under `user` or not, the items are the same."""
    twin = make_sandbox(nested_members=nested)
    found = list(exec_api(twin).members())
    assert found == list(exec_api(make_sandbox()).members())
    assert len(found) > 100
    assert {frozenset(item) for item in found} == {
        frozenset({"id", "email", "first_name", "last_name", "role", "created_at"})
    }
    assert asked(twin, "/workspace/members") == [{}, {}]


def test_a_membership_with_an_id_of_its_own_keeps_it(make_sandbox: Any, exec_api: Door) -> None:
    """The person's id is the row's id; the membership's goes beside it, so that nothing is lost."""
    twin = make_sandbox(nested_members=True)
    twin.fault("page=1", set_field={"id": "membership-1"})
    first, second, *_ = exec_api(twin).members()
    people = [person.id for person in twin.world.cast.people]
    assert first["id"] in people
    assert first["member_id"] == "membership-1"
    assert "member_id" not in second


def test_groups_are_listed(sandbox: Any, exec_api: Door) -> None:
    """Every group of the workspace."""
    assert [item["id"] for item in exec_api(sandbox).groups()] == [group.id for group in sandbox.world.cast.groups]
    assert asked(sandbox, "/workspace/groups") == [{}]


def test_participants_are_those_of_the_window(sandbox: Any, exec_api: Door) -> None:
    """The half-open window goes out with its inclusive end; the sorting is the one that moves least."""
    scenario = busiest(sandbox.world)
    found = list(exec_api(sandbox).participants(scenario, start=START, end=END))
    assert found
    assert asked(sandbox, "/participants") == [
        {
            "sorting": "total_duration_seconds",
            "start_date": "2026-01-01T00:00:00Z",
            "end_date": "2026-02-28T23:59:59.999999Z",
            "exclude_system_users": "true",
        }
    ]
    assert not any(map(is_system_user, found))


def test_windows_go_out_in_utc(sandbox: Any, exec_api: Door) -> None:
    """A day of Berlin begins at 23:00 UTC of the day before; on the day of the clock change it has 23 hours."""
    berlin = ZoneInfo("Europe/Berlin")
    list(
        exec_api(sandbox).sessions(start=datetime(2026, 3, 29, tzinfo=berlin), end=datetime(2026, 3, 30, tzinfo=berlin))
    )
    (query,) = asked(sandbox, "/sessions")
    assert (query["start_date"], query["end_date"]) == ("2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999999Z")


def test_the_finest_step_of_the_end_is_a_setting(sandbox: Any, exec_api: Door) -> None:
    """Where Exec resolves whole seconds only, the inclusive end is a second before the next window."""
    door = exec_api(sandbox, end_step=timedelta(seconds=1))
    list(door.sessions(start=START, end=END))
    list(door.proficiency(sandbox.world.cast.skills[0].id, as_of=END))
    ends = [query["end_date"] for query in (*asked(sandbox, "/sessions"), *asked(sandbox, "/proficiency"))]
    assert set(ends) == {"2026-02-28T23:59:59Z"}


def test_a_session_at_midnight_belongs_to_one_day_only(sandbox: Any, exec_api: Door) -> None:
    """The instant that ends one window begins the next: never in both, never in neither."""
    session = sandbox.world.sessions[len(sandbox.world.sessions) // 2]
    moment, door = session.created_at, exec_api(sandbox, exclude_system_users=False)
    before = {item["id"] for item in door.sessions(start=moment - DAY, end=moment)}
    after = {item["id"] for item in door.sessions(start=moment, end=moment + DAY)}
    assert session.id in after
    assert not before & after


def test_days_add_up_to_the_whole(sandbox: Any, exec_api: Door) -> None:
    """Windows compose: the sessions of consecutive days are those of the range, person by person."""
    scenario, door, days = busiest(sandbox.world), exec_api(sandbox), [START + n * DAY for n in range(60)]
    whole = {
        item["user"]["id"]: item["session_count"] for item in door.participants(scenario, start=days[0], end=days[-1])
    }
    parts: Counter[str] = Counter()
    for start, end in pairwise(days):
        for item in door.participants(scenario, start=start, end=end):
            parts[item["user"]["id"]] += item["session_count"]
    assert parts == whole


def test_system_users_are_a_setting(sandbox: Any, exec_api: Door) -> None:
    """Excluded in the request where Exec has the parameter; included, the parameter is not sent."""
    scenario, skill = busiest(sandbox.world), sandbox.world.cast.skills[0].id
    counts = []
    for excluded in (True, False):
        door = exec_api(sandbox, exclude_system_users=excluded)
        door.scenario_summary(scenario, start=START, end=END)
        list(door.participants(scenario, start=START, end=END))
        list(door.proficiency(skill, as_of=END))
        counts.append(len(list(door.sessions(start=START, end=END))))
    for part in ("/summary", "/participants", "/proficiency", "/sessions"):
        sent = [query.get("exclude_system_users") for query in asked(sandbox, part)]
        assert {"true", None} == set(sent)
    assert counts[0] < counts[1]


def test_a_scenarios_summary_agrees_with_its_participants(sandbox: Any, exec_api: Door) -> None:
    """One object, of the same window and the same people."""
    scenario, door = busiest(sandbox.world), exec_api(sandbox)
    summary = door.scenario_summary(scenario, start=START, end=END)
    rows = list(door.participants(scenario, start=START, end=END))
    assert summary["participant_count"] == len(rows)
    assert summary["total_sessions"] == sum(row["session_count"] for row in rows)
    (query,) = asked(sandbox, "/summary")
    assert query == {
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-28T23:59:59.999999Z",
        "exclude_system_users": "true",
    }


def test_assignments_are_all_of_them_as_they_stand(sandbox: Any, exec_api: Door) -> None:
    """No date, no filter: Exec takes none."""
    found = list(exec_api(sandbox).assignments())
    assert Counter(item["id"] for item in found) == Counter(one.id for one in sandbox.world.assignments)
    assert all(query == {} for query in asked(sandbox, "/scenarios/assignments"))


def test_proficiency_is_taken_as_of_an_instant(sandbox: Any, exec_api: Door) -> None:
    """Everything before it counts, and nothing from it on; no beginning is sent."""
    skill, door = sandbox.world.cast.skills[0].id, exec_api(sandbox)
    early = {item["user"]["id"]: item["observation_count"] for item in door.proficiency(skill, as_of=START + 7 * DAY)}
    late = {item["user"]["id"]: item["observation_count"] for item in door.proficiency(skill, as_of=END)}
    assert sum(early.values()) < sum(late.values())
    assert asked(sandbox, "/proficiency")[0] == {
        "end_date": "2026-01-07T23:59:59.999999Z",
        "exclude_system_users": "true",
    }


def test_sessions_come_oldest_first(sandbox: Any, exec_api: Door) -> None:
    """All of the window, in the order in which new ones are added at the end; invalid ones are among them."""
    door = exec_api(sandbox, exclude_system_users=False)
    found = list(door.sessions(start=START, end=END))
    expected = [one for one in sandbox.world.sessions if START <= one.created_at < END]
    times = [datetime.fromisoformat(item["created_at"]) for item in found]
    assert times == sorted(times)
    assert {item["id"] for item in found} == {one.id for one in expected}
    assert {item["is_valid_attempt"] for item in found} == {True, False}
    assert asked(sandbox, "/sessions")[0]["sorting"] == "created_at"


def test_nothing_is_asked_before_the_first_row_is_drawn(sandbox: Any, exec_api: Door) -> None:
    """Listings are lazy."""
    door = exec_api(sandbox)
    window = {"start": START, "end": END}
    made = [door.scenarios(), door.skills(), door.members(), door.groups(), door.assignments()]
    made += [door.participants("x", **window), door.proficiency("x", as_of=END), door.sessions(**window)]
    assert sandbox.requests("") == []
    assert all(isinstance(listing, Iterator) for listing in made)


def test_pages_of_a_hundred_are_asked_for(sandbox: Any, exec_api: Door) -> None:
    """The largest page that Exec gives, from 1 on, each exactly once."""
    found = list(exec_api(sandbox).assignments())
    queries = [dict(parse_qsl(entry["query"])) for entry in sandbox.requests("/assignments")]
    assert {query["page_size"] for query in queries} == {"100"}
    pages = sorted(int(query["page"]) for query in queries)
    assert pages == list(range(1, -(-len(found) // 100) + 1))
    assert len(pages) > 2


def test_a_scenario_is_known_by_its_slug_too(sandbox: Any, exec_api: Door) -> None:
    """As the contract has it: id or slug."""
    scenario = sandbox.world.scenario(busiest(sandbox.world))
    door, window = exec_api(sandbox), {"start": START, "end": END}
    assert list(door.participants(scenario.slug, **window)) == list(door.participants(scenario.id, **window))


def test_an_unknown_id_is_an_unknown_resource(sandbox: Any, exec_api: Door) -> None:
    """With the path that was asked for."""
    with pytest.raises(UnknownResource, match="/skills/nothing/proficiency"):
        list(exec_api(sandbox).proficiency("nothing", as_of=END))


def api_of(client: JsonClient, **options: Any) -> ExecApi:
    return ExecApi(client, **options)


@pytest.mark.parametrize(
    "identifier",
    ["abc123", "a/b", "a?b=c", "a#b", "a b", "ü", "%41", "a&b", "..%2F..", "日本", ".", ".."],
)
def test_an_id_is_one_segment_of_the_path(client_of: Callable[..., JsonClient], script: Any, identifier: str) -> None:
    """Whatever characters it holds, it never leads to another operation."""
    vendor = script({"data": [], "pagination": {"page": 1, "page_size": 100, "total_count": 0, "total_pages": 0}})
    list(api_of(client_of(vendor)).proficiency(identifier, as_of=END))
    (request,) = vendor.requests
    segments = request.url.raw_path.partition(b"?")[0].split(b"/")
    assert len(segments) == 6
    assert httpx.URL("http://x/" + segments[4].decode()).path == f"/{identifier}"


# Listings that move


MOVES = [{"grow": 1}, {"grow": 3}, {"shrink": 1}, {"shrink": 3}, {"repeat_page": True}, {"short_page": 1}]
MOVES += [{"short_page": 100}, {"duplicate_item": 0}]


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("move", MOVES, ids=str)
def test_a_listing_that_moves_once_is_whole_in_the_end(
    sandbox: Any, exec_api: Door, move: dict[str, Any], concurrency: int
) -> None:
    """Rows come or go while page 2 is read: one pass notices, the next one brings every row once."""
    door = exec_api(sandbox, concurrency=concurrency)
    sandbox.fault(f"/assignments.*{PAGE_2}", **move, times=1)
    with pytest.raises(ListingMoved):
        list(door.assignments())
    sandbox.heal()
    sandbox.fault(f"/assignments.*{PAGE_2}", **move, times=1)
    found = read_settled(door.assignments, list)
    assert sorted(item["id"] for item in found) == sorted(one.id for one in sandbox.world.assignments)


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_a_listing_that_keeps_moving_fails(sandbox: Any, exec_api: Door, move: dict[str, Any]) -> None:
    """After three passes; it is never stored short."""
    sandbox.fault(f"/members.*{PAGE_2}", **move)
    with pytest.raises(ListingMoved, match=r"GET /workspace/members.*3 passes"):
        read_settled(exec_api(sandbox).members, list)
    assert len(sandbox.requests("/members")) == 6


def test_a_listing_that_grew_before_it_was_read_is_no_move(sandbox: Any, exec_api: Door) -> None:
    """Two more rows on every page alike are two more rows."""
    sandbox.fault("/assignments", grow=2)
    found = list(exec_api(sandbox).assignments())
    assert len(found) == len(sandbox.world.assignments) + 2


def test_scenarios_that_move_are_read_again_by_themselves(sandbox: Any, exec_api: Door) -> None:
    """Both of its listings must be whole before one scenario is called archived."""
    sandbox.fault("/scenarios", short_page=1, times=1)
    sandbox.fault("/scenarios", short_page=1, skip=2, times=1)
    found = {item["id"]: item["archived"] for item in exec_api(sandbox).scenarios()}
    assert found == {scenario.id: scenario.archived for scenario in sandbox.world.cast.scenarios}


@pytest.mark.parametrize(
    "bad", [{"drop_field": "id"}, {"set_field": {"id": None}}, {"drop_field": "user.id"}, {"set_field": {"user": None}}]
)
def test_rows_without_an_id_are_passed_on(sandbox: Any, exec_api: Door, bad: dict[str, Any]) -> None:
    """They are rejected downstairs, with the reason; the listing is whole."""
    sandbox.fault("/assignments", **bad)
    assert len(list(exec_api(sandbox).assignments())) == len(sandbox.world.assignments)
    sandbox.heal()
    sandbox.fault("/participants", **bad)
    assert list(exec_api(sandbox).participants(busiest(sandbox.world), start=START, end=END))


@pytest.mark.parametrize("odd", [None, 7, "x"])
def test_a_scenario_without_an_object_is_passed_on(client_of: Callable[..., JsonClient], script: Any, odd: Any) -> None:
    """Also where `archived` cannot be put on it."""
    vendor = script({"data": [odd], "pagination": {"total_count": 1, "total_pages": 1}})
    assert list(api_of(client_of(vendor)).scenarios()) == [odd]


def test_a_scenario_with_an_odd_id_is_passed_on(sandbox: Any, exec_api: Door) -> None:
    """An id that is a list is a row to reject, not an end of the load."""
    sandbox.fault("/scenarios", set_field={"id": ["x"]})
    assert len(list(exec_api(sandbox).scenarios())) == len(sandbox.world.cast.scenarios)


# Answers of another shape


FINE = {"page": 1, "page_size": 100, "total_count": 0, "total_pages": 0}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {},
        {"data": []},
        {"pagination": FINE},
        {"data": [], "pagination": None},
        {"data": [], "pagination": "1/1"},
        {"data": [], "pagination": {"total_pages": 1}},
        {"data": [], "pagination": {"total_count": 1}},
        {"data": {}, "pagination": FINE},
        {"data": None, "pagination": FINE},
        {"data": [], "pagination": {**FINE, "total_count": "0"}},
        {"data": [], "pagination": {**FINE, "total_count": -1}},
        {"data": [], "pagination": {**FINE, "total_pages": 1.0}},
        {"data": [], "pagination": {**FINE, "total_pages": True}},
        {"data": [], "pagination": {**FINE, "page_size": "all"}},
    ],
    ids=str,
)
def test_a_listing_of_another_shape_is_a_bad_answer(
    client_of: Callable[..., JsonClient], script: Any, answer: Any
) -> None:
    """The error names the path and what to look at."""
    vendor = script(httpx.Response(200) if answer is None else answer)
    with pytest.raises(BadAnswer, match=r"Exec: GET \S*/skills\S* .*another shape \[request id .*EXEC_API_URL"):
        list(api_of(client_of(vendor)).skills())
    assert len(vendor.requests) == 1


def test_a_bad_answer_does_not_show_the_key(client_of: Callable[..., JsonClient], script: Any, key: str) -> None:
    """Even when the vendor repeats it where a number belongs."""
    vendor = script({"data": [], "pagination": {**FINE, "total_count": key}})
    with pytest.raises(BadAnswer) as caught:
        list(api_of(client_of(vendor)).skills())
    assert key not in str(caught.value)


def test_the_page_size_may_be_left_out(client_of: Callable[..., JsonClient], script: Any) -> None:
    """Then it is the one that was asked for."""
    vendor = script({"data": [{"id": 1}], "pagination": {"total_count": 1, "total_pages": 1}})
    assert list(api_of(client_of(vendor)).skills()) == [{"id": 1}]


@pytest.mark.parametrize(("answer", "found"), [({"a": 1}, {"a": 1}), ({"data": {"a": 1}}, {"a": 1})])
def test_a_summary_is_read_bare_or_as_data(
    client_of: Callable[..., JsonClient], script: Any, answer: Any, found: Any
) -> None:
    """The reference shows no envelope for it; both are read."""
    assert api_of(client_of(script(answer))).scenario_summary("x", start=START, end=END) == found


@pytest.mark.parametrize("answer", [[], "text", 7, {"data": []}, {"data": None}, httpx.Response(200)], ids=str)
def test_a_summary_of_another_shape_is_a_bad_answer(
    client_of: Callable[..., JsonClient], script: Any, answer: Any
) -> None:
    """One object belongs there."""
    with pytest.raises(BadAnswer, match="/scenarios/x/analytics/summary"):
        api_of(client_of(script(answer))).scenario_summary("x", start=START, end=END)


# The wire's failures, seen from here


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429, "retry_after": 3}, {"status": 500, "body": "<p>oops</p>"}]
)
def test_a_passing_failure_of_one_page_is_absorbed(sandbox: Any, exec_api: Door, fault: dict[str, Any]) -> None:
    """The listing is whole and nobody notices."""
    sandbox.fault(f"/assignments.*{PAGE_2}", **fault, times=2)
    assert len(list(exec_api(sandbox).assignments())) == len(sandbox.world.assignments)


@pytest.mark.parametrize("fault", [{"html": True}, {"malformed_json": True}, {"truncate": True}])
def test_a_broken_page_is_a_bad_answer(sandbox: Any, exec_api: Door, fault: dict[str, Any]) -> None:
    """No row of a page that cannot be read is guessed at."""
    sandbox.fault(f"/assignments.*{PAGE_2}", **fault)
    with pytest.raises(BadAnswer, match="page=2"):
        list(exec_api(sandbox).assignments())


def test_a_long_refusal_stops_the_listing(sandbox: Any, exec_api: Door, fake_time: Any) -> None:
    """The day's limit: the error knows when to come back."""
    sandbox.fault(PAGE_2, status=429, retry_after=7200)
    with pytest.raises(RateLimited) as caught:
        list(exec_api(sandbox).assignments())
    assert caught.value.resume_at == datetime.fromtimestamp(fake_time.now + 7200, UTC)


def test_the_minute_limit_is_kept_without_a_refusal(make_sandbox: Any, exec_api: Door, fake_time: Any) -> None:
    """Against a vendor that really counts, several threads and no 429."""
    twin = make_sandbox(limits=Limits(per_minute=2, per_day=0), clock=fake_time.clock)
    assert len(list(exec_api(twin, per_minute=2).assignments())) == len(twin.world.assignments)
    statuses = [entry["status"] for entry in twin.requests("/assignments")]
    assert len(statuses) > 5
    assert set(statuses) == {200}


# Exec's own people


@pytest.mark.parametrize(
    ("item", "system"),
    [
        ({"user": {"email": "a@exec.com"}}, True),
        ({"user": {"email": "A@EXEC.COM"}}, True),
        ({"email": "a@exec.com"}, True),
        ({"user": {"email": "a@notexec.com"}}, False),
        ({"user": {"email": "a@exec.com.example"}}, False),
        ({"user": {"email": "a@mail.exec.com"}}, False),
        ({"user": {"email": None}}, False),
        ({"user": {"email": 7}}, False),
        ({"user": {}}, False),
        ({"user": None, "email": "a@exec.com"}, True),
        ({}, False),
        (None, False),
        ("a@exec.com", False),
    ],
)
def test_system_users_are_known_by_their_mail(item: Any, system: bool) -> None:
    """Case folded, on the item or on its user."""
    assert is_system_user(item) is system
