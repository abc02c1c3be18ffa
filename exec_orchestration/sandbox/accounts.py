"""Sparkwise's users as they are now, the only part of the twins that a client changes.

Must not live here: HTTP, batches (`batches`), the history (`world`).
Leads to: `Accounts.upsert` and `Accounts.deactivate`, called by `sparkwise`; `Accounts.replace`, called by `switches`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock
from typing import Any

from exec_orchestration.sandbox.answers import JsonObject
from exec_orchestration.sandbox.cast import Account

FIELDS = ("id", "firstName", "lastName", "active", "remoteId")


@dataclass(frozen=True)
class TrustedDomains:
    """Where users may come from: `domains` in small letters, `emails` of the known people by remote id."""

    domains: frozenset[str]
    emails: Mapping[str, str]

    def refusal_of(self, remote_id: str) -> str | None:
        """Why this user is refused. A remote id may be an address itself; somebody without an address is trusted."""
        _, at, domain = self.emails.get(remote_id, remote_id).rpartition("@")
        if not at or domain.casefold() in self.domains:
            return None
        return f"User is outside of the trusted domains: {domain.casefold()}"


class Accounts:
    """The users, in order. A write finds its user at once, however many there are; several clients may write."""

    def __init__(
        self,
        accounts: Iterable[Account],
        *,
        trusted: TrustedDomains | None = None,
        strict_deactivation: bool = False,
    ) -> None:
        self._trusted = trusted
        self._strict_deactivation = strict_deactivation
        self._lock = Lock()
        self.replace(accounts)

    def replace(self, accounts: Iterable[Account]) -> None:
        """These users and no others. Several may share a remote id; a write hits the first of them."""
        by_id: dict[str, Account] = {}
        first_with: dict[str, str] = {}
        for account in accounts:
            if account.id in by_id:
                raise ValueError(f"two accounts have the id {account.id!r}")
            by_id[account.id] = account
            if account.remote_id is not None:
                first_with.setdefault(account.remote_id, account.id)
        with self._lock:
            self._accounts, self._first_with = by_id, first_with

    def all(self) -> list[Account]:
        with self._lock:
            return list(self._accounts.values())

    def upsert(self, wanted: JsonObject) -> Account:
        """The account after it was created or changed; people are matched on `remoteId` and on nothing else."""
        problem = _problem_with(wanted) or (self._trusted and self._trusted.refusal_of(wanted["remoteId"]))
        if problem:
            raise ValueError(problem)
        with self._lock:
            known = self._of(wanted["remoteId"])
            account = Account(
                id=known.id if known else made_id(len(self._accounts), wanted["remoteId"]),
                first_name=wanted["firstName"],
                last_name=wanted["lastName"],
                active=wanted.get("active", known.active if known else True),
                remote_id=wanted["remoteId"],
            )
            self._accounts[account.id] = account
            self._first_with.setdefault(wanted["remoteId"], account.id)
            return account

    def deactivate(self, reference: JsonObject) -> Account:
        """The account, now inactive. Doing it twice is an error only where deactivation is strict."""
        with self._lock:
            known = self._of(reference.get("remoteId"))
            if known is None:
                raise ValueError("User not found")
            if self._strict_deactivation and not known.active:
                raise ValueError("User is already inactive")
            self._accounts[known.id] = replace(known, active=False)
            return self._accounts[known.id]

    def _of(self, remote_id: Any) -> Account | None:
        """The first user with this remote id; nobody can refer to one whose remote id is blank."""
        if not isinstance(remote_id, str) or not remote_id.strip():
            return None
        found = self._first_with.get(remote_id)
        return None if found is None else self._accounts[found]


def made_id(number: int, remote_id: str | None) -> str:
    """The id of the account that stands at this place."""
    return sha256(f"{number}:{remote_id}".encode()).hexdigest()


def account_json(account: Account) -> JsonObject:
    values = (account.id, account.first_name, account.last_name, account.active, account.remote_id)
    return dict(zip(FIELDS, values, strict=True))


def accounts_from_json(items: Any) -> list[Account]:
    """The accounts of a JSON list; one without an `id` is given one. Raises ValueError where the list is not one."""
    if not isinstance(items, list):
        raise ValueError("the body is a JSON list of accounts")
    return [_account_from_json(item, number) for number, item in enumerate(items)]


def _account_from_json(item: Any, number: int) -> Account:
    if not isinstance(item, dict) or {"id", *item} != set(FIELDS):
        raise ValueError(f"account {number} is not an object with {', '.join(FIELDS)}, of which only id may be absent")
    names = isinstance(item["firstName"], str) and isinstance(item["lastName"], str)
    if not names or not isinstance(item["active"], bool) or not isinstance(item["remoteId"], str | None):
        raise ValueError(f"account {number} needs names that are texts, active true or false, remoteId a text or null")
    identity = item.get("id", made_id(number, item["remoteId"]))
    if not isinstance(identity, str):
        raise ValueError(f"account {number} has an id that is no text")
    return Account(identity, item["firstName"], item["lastName"], item["active"], item["remoteId"])


def _problem_with(wanted: JsonObject) -> str | None:
    for name in ("remoteId", "firstName", "lastName"):
        if not isinstance(wanted.get(name), str) or not wanted[name].strip():
            return f"{name} is required"
    return None if isinstance(wanted.get("active", True), bool) else "active must be true or false"
