"""Sparkwise's users as a sync meets them: any starting state, trusted domains, strictness, the log of who was sent."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from exec_orchestration.sandbox.accounts import Accounts
from exec_orchestration.sandbox.cast import Account
from exec_orchestration.sandbox.world import World

from .conftest import Caller

ACCOUNTS = "/_sandbox/accounts"
CONTRACTOR = "E0023"


def account(number: int, remote_id: str | None, **more: Any) -> Account:
    fields = {"first_name": "Zoë", "last_name": "O'Neil", "active": True, **more}
    return Account(id=f"{number:064x}", remote_id=remote_id, **fields)


def user(remote_id: Any, **more: Any) -> dict[str, Any]:
    return {"firstName": "Anna", "lastName": "Li", "active": True, "remoteId": remote_id, **more}


def write(caller: Caller, method: str, *users: dict[str, Any]) -> dict[str, list[Any]]:
    answer = caller.sparkwise(method, "/users", json={"users": list(users)})
    data: dict[str, list[Any]] = answer.raise_for_status().json()["data"]
    return data


def remote_ids(users: list[dict[str, Any]]) -> list[str | None]:
    return [one["remoteId"] for one in users]


def all_accounts(caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.send("GET", ACCOUNTS).json()
    return found


# Starting states


def test_an_app_starts_with_the_given_accounts(start_app: Callable[..., Caller], world: World) -> None:
    """They stand in place of the world's, even none at all; without any given, the world's stand there."""
    given = [account(1, "E0001"), account(2, None)]
    assert [one["id"] for one in all_accounts(start_app(accounts=given))] == [one.id for one in given]
    assert all_accounts(start_app(accounts=[])) == []
    assert remote_ids(all_accounts(start_app())) == [one.remote_id for one in world.cast.accounts]


def test_a_write_hits_the_first_of_two_accounts_with_one_remote_id(start_app: Callable[..., Caller]) -> None:
    """The second one stays as it is, whatever is written."""
    caller = start_app(accounts=[account(1, "E1"), account(2, "E1"), account(3, "E2")])
    first, second, _ = all_accounts(caller)
    assert write(caller, "PUT", user("E1"))["success"] == [{**user("E1"), "id": first["id"]}]
    assert write(caller, "DELETE", {"remoteId": "E1"})["success"] == [
        {**user("E1"), "id": first["id"], "active": False}
    ]
    assert all_accounts(caller)[1] == second
    assert len(all_accounts(caller)) == 3


def test_strangers_are_out_of_reach(start_app: Callable[..., Caller]) -> None:
    """No write finds an account without a remote id, or with a blank one."""
    caller = start_app(accounts=[account(1, None), account(2, ""), account(3, " "), account(4, None)])
    before = all_accounts(caller)
    for method in ("PUT", "DELETE"):
        data = write(caller, method, user(None), user(""), user(" "), {"firstName": "A", "lastName": "B"})
        assert (data["success"], len(data["failed"])) == ([], 4)
    assert all_accounts(caller) == before


def test_the_world_has_strangers(world: World) -> None:
    """Some accounts have no remote id, one has a blank one, and every other one is an employee's, once."""
    known = [one.remote_id for one in world.cast.accounts if one.remote_id]
    strangers = [one.remote_id for one in world.cast.accounts if not one.remote_id]
    assert strangers.count(None) == 4
    assert strangers.count("") == 1
    assert len(set(known)) == len(known)
    assert set(known) <= {person.employee_id for person in world.cast.people}


def test_accounts_can_be_replaced_over_http(caller: Caller) -> None:
    """All of them at once, in order; an id that is absent is made up; the listing and writes follow."""
    sent = [{"id": "abc", **user("E1")}, user("E1", active=False), user(None), user("")]
    assert caller.send("PUT", ACCOUNTS, json=sent).status_code == 204
    found = all_accounts(caller)
    assert [{**one, "id": None} for one in found] == [{**one, "id": None} for one in sent]
    assert found[0]["id"] == "abc"
    assert {len(one["id"]) for one in found[1:]} == {64}
    assert len({one["id"] for one in found}) == 4
    assert caller.sparkwise("GET", "/users").json()["data"]["items"] == found
    assert write(caller, "DELETE", {"remoteId": "E1"})["success"][0]["id"] == "abc"
    assert write(caller, "DELETE", {"remoteId": "E0001"})["failed"][0]["error"] == "User not found"
    assert caller.send("PUT", ACCOUNTS, json=all_accounts(caller)).status_code == 204
    assert caller.send("PUT", ACCOUNTS, json=[]).status_code == 204
    assert all_accounts(caller) == []


@pytest.mark.parametrize(
    "item",
    [
        1,
        {},
        {"remoteId": "E1"},
        {**user("E1"), "email": "a@b.c"},
        user("E1", active="yes"),
        user("E1", firstName=None),
        user(7),
        {**user("E1"), "id": 7},
    ],
)
def test_wrong_accounts_are_refused(caller: Caller, item: Any) -> None:
    """The refusal names the account, and those that stood there stay."""
    before = all_accounts(caller)
    answer = caller.send("PUT", ACCOUNTS, json=[user("E1"), item])
    assert answer.status_code == 400
    assert "account 1 " in answer.json()["error"]
    assert all_accounts(caller) == before


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'[{"id": "a"}]'])
def test_a_body_without_accounts_is_refused(caller: Caller, body: bytes) -> None:
    """Only a JSON list of accounts is taken."""
    assert caller.send("PUT", ACCOUNTS, content=body).status_code == 400


def test_two_accounts_never_share_an_id(caller: Caller) -> None:
    """An id that is given twice is refused by name."""
    answer = caller.send("PUT", ACCOUNTS, json=[{**user("E1"), "id": "abc"}, {**user("E2"), "id": "abc"}])
    assert answer.status_code == 400
    assert "'abc'" in answer.json()["error"]


def test_writes_are_quick_among_many_accounts() -> None:
    """10,000 writes among 100,000 accounts take less than a second, whether they create, change or deactivate."""
    accounts = Accounts(account(number, f"E{number}") for number in range(100_000))
    began = time.perf_counter()
    for number in range(95_000, 105_000):
        accounts.upsert(user(f"E{number}"))
        accounts.deactivate({"remoteId": f"E{number}"})
    assert time.perf_counter() - began < 1
    assert len(accounts.all()) == 105_000
    assert sum(not one.active for one in accounts.all()) == 10_000


# Trusted domains


def test_a_user_outside_of_the_trusted_domains_is_not_written(start_app: Callable[..., Caller]) -> None:
    """Neither created nor updated, and the cause is said; the others of the batch are written."""
    caller = start_app(trusted_domains=frozenset({"Example.com"}))
    before = all_accounts(caller)
    data = write(caller, "PUT", user("E0001"), user(CONTRACTOR), user("E9001"))
    assert remote_ids(data["success"]) == ["E0001", "E9001"]
    assert [one["user"] for one in data["failed"]] == [user(CONTRACTOR)]
    assert "outside of the trusted domains" in data["failed"][0]["error"]
    assert "partner.example.org" in data["failed"][0]["error"]
    assert remote_ids(all_accounts(caller)) == [*remote_ids(before), "E9001"]
    assert [one for one in all_accounts(caller) if one["remoteId"] == CONTRACTOR] == [
        one for one in before if one["remoteId"] == CONTRACTOR
    ]
    caller.send("PUT", ACCOUNTS, json=[])
    assert write(caller, "PUT", user(CONTRACTOR))["success"] == []
    assert all_accounts(caller) == []


@pytest.mark.parametrize(
    ("remote_id", "is_trusted"),
    [
        ("E0001", True),  # at example.com
        ("E0017", True),  # at Example.com
        (CONTRACTOR, False),
        ("E9001", True),  # nobody knows this one's address
        ("anna@example.com", True),
        ("anna@EXAMPLE.COM", True),
        ("anna@partner.example.org", False),
        ("anna@mail.example.com", False),
    ],
)
def test_where_a_user_comes_from(start_app: Callable[..., Caller], remote_id: str, is_trusted: bool) -> None:
    """The domain is that of the person's e-mail or of a remote id that is an address; without either one is trusted."""
    caller = start_app(trusted_domains=frozenset({"example.com"}))
    assert bool(write(caller, "PUT", user(remote_id))["success"]) is is_trusted
    assert write(start_app(), "PUT", user(remote_id))["failed"] == []


def test_anybody_can_be_deactivated(start_app: Callable[..., Caller]) -> None:
    """Trust is asked for where a user is written, not where one is switched off."""
    caller = start_app(trusted_domains=frozenset({"example.com"}))
    assert remote_ids(write(caller, "DELETE", {"remoteId": CONTRACTOR})["success"]) == [CONTRACTOR]


def test_a_few_people_are_contractors(world: World) -> None:
    """About one in 23, with addresses of another company and accounts."""
    outside = {p.employee_id for p in world.cast.people if p.email.endswith("@partner.example.org")}
    assert outside == {"E0023", "E0046", "E0069", "E0092", "E0115"}
    assert CONTRACTOR in {one.remote_id for one in world.cast.accounts}


# Strictness


def test_strict_deactivation_refuses_the_second_time(start_app: Callable[..., Caller]) -> None:
    """A user who is already inactive comes back in `failed`; by default that is no error."""
    accounts = [account(1, "E1"), account(2, "E2", active=False)]
    both = [{"remoteId": "E1"}, {"remoteId": "E2"}]
    strict = start_app(accounts=accounts, strict_deactivation=True)
    data = write(strict, "DELETE", *both)
    assert remote_ids(data["success"]) == ["E1"]
    assert data["failed"] == [{"user": {"remoteId": "E2"}, "error": "User is already inactive"}]
    assert write(strict, "DELETE", *both)["success"] == []
    assert remote_ids(write(start_app(accounts=accounts), "DELETE", *both)["success"]) == ["E1", "E2"]


# The log


def logged(caller: Caller) -> list[tuple[list[str | None], list[str]]]:
    """What each write sent, and what was written of it."""
    return [(one["users"], one["written"]) for one in caller.send("GET", "/_sandbox/requests").json() if "users" in one]


def test_the_log_says_who_was_sent_and_who_was_written(start_app: Callable[..., Caller]) -> None:
    """In order, for upserts and deactivations; who was refused is not among the written."""
    caller = start_app(accounts=[account(1, "E1"), account(2, "E2")])
    write(caller, "PUT", user("E3"), user("E1"), user("E4", firstName=""), user(None))
    write(caller, "DELETE", {"remoteId": "E2"}, {"remoteId": "E9"})
    assert logged(caller) == [
        (["E3", "E1", "E4", None], ["E3", "E1"]),
        (["E2", "E9"], ["E2"]),
    ]


def test_the_log_keeps_neither_names_nor_keys(caller: Caller) -> None:
    """An entry has the request, its status and remote ids; reads have no users."""
    write(caller, "PUT", user("E1"))
    caller.sparkwise("GET", "/users")
    caller.exec("/skills")
    first, *reads = caller.send("GET", "/_sandbox/requests").json()
    entry = {"method": "PUT", "path": "/sparkwise/users", "query": "", "status": 200}
    assert first == {**entry, "users": ["E1"], "written": ["E1"]}
    assert [set(one) for one in reads] == [set(entry)] * 2


def test_a_write_that_is_refused_whole_has_written_nobody(start_app: Callable[..., Caller]) -> None:
    """A wrong key, too many users, a body that is no batch: the log shows who was sent, and that nothing happened."""
    caller = start_app(accounts=[])
    caller.send("PUT", "/sparkwise/users", json={"users": [user("E1")]}, headers={"x-api-key": "wrong"})
    caller.sparkwise("PUT", "/users", json={"users": [user(f"E{n}") for n in range(201)]})
    caller.sparkwise("DELETE", "/users", content=b"{")
    assert logged(caller) == [(["E1"], []), ([f"E{n}" for n in range(201)], []), ([], [])]
    assert all_accounts(caller) == []
