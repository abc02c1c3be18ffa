"""What the side wing's tests share: people, accounts and changes from a few values, and a Sparkwise and a journal made
of lists, with switches for whatever may go wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from exec_orchestration.errors import Refused
from exec_orchestration.roster.account import Account, Outcome, Reply
from exec_orchestration.roster.apply import World
from exec_orchestration.roster.diff import Change
from exec_orchestration.roster.health import BadRow, Roster, examine
from exec_orchestration.roster.mapping import RosterMapping
from exec_orchestration.roster.person import Person
from exec_orchestration.roster.plan import Limits, Plan, make_plan
from exec_orchestration.roster.sources import Sheet, Source, sheet_of

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
HEADER = "employee_id,first_name,last_name,status"
LATER = "busy, try again later"


class Killed(BaseException):
    """The process dies here; nothing may catch it."""


# Values


def person(employee_id: str = "E1", **values: Any) -> Person:
    """Somebody who works here."""
    return Person(**{"first_name": "Ada", "last_name": "Love", "status": "active", **values}, employee_id=employee_id)


def account(remote_id: str | None = "E1", **values: Any) -> Account:
    """The account of `person`, as HR wants it."""
    given = {"id": f"id of {remote_id}", "first_name": "Ada", "last_name": "Love", "active": True, **values}
    return Account(**given, remote_id=remote_id)


def bad_row(employee_id: str | None = None, **payload: Any) -> BadRow:
    """A row that was put aside."""
    return BadRow("line 7: it is bad", payload, employee_id)


NEW = {"first_name": "Ada", "last_name": "Love", "active": True}


def change(employee_id: str = "E1", action: str = "create", **values: Any) -> Change:
    """A change as the diff makes it, for the reason that is the most usual one."""
    usual: dict[str, dict[str, Any]] = {
        "create": {"changes": {name: (None, value) for name, value in NEW.items()}, "account": NEW},
        "update": {"changes": {"last_name": ("Old", "Love")}, "account": NEW},
        "reactivate": {"changes": {"active": (False, True)}, "account": NEW},
        "deactivate": {"changes": {"active": (True, False)}, "account": NEW | {"active": False}},
    }
    reason = "absent from the roster" if action == "deactivate" else "reason"
    return Change(**{"employee_id": employee_id, "action": action, "reason": reason} | usual.get(action, {}) | values)


def changes(action: str, count: int, *, first: int = 0, **values: Any) -> list[Change]:
    """Changes of one kind of so many people, whose ids begin with the kind's letter, n for those who need none."""
    letter = "n" if action == "unchanged" else action[0]
    return [change(f"{letter}{number:05}", action, **values) for number in range(first, first + count)]


def plan(found: Iterable[Change], *, managed: int = 10_000, **values: Any) -> Plan:
    """A plan of a large company with limits that nothing reaches, unless told otherwise."""
    given = {"plan_id": "p1", "planned_at": NOW, "limits": Limits(max_deactivations=10**6, max_deactivation_share=1.0)}
    return make_plan(found, managed=managed, **{**given, **values})


def sheet(content: str | bytes, *, name: str = "roster.csv", modified_at: datetime | None = None) -> Sheet:
    """The sheet of a file with this content."""
    whole = content.encode() if isinstance(content, str) else content
    return sheet_of(Source(name, sha256(whole).hexdigest(), whole, modified_at))


def read(content: str | bytes, *, mapping: RosterMapping | None = None, **given: Any) -> Roster:
    """The roster of a file with this content."""
    modified_at = given.pop("modified_at", None)
    return examine(sheet(content, modified_at=modified_at), mapping or RosterMapping(), **{"last": None, **given})


def lines(count: int, *, first: int = 1) -> list[str]:
    """So many rows of people."""
    return [f"E{number:05},First {number},Last {number},active" for number in range(first, first + count)]


def file_of(rows: Sequence[str], *, header: str = HEADER) -> str:
    """A CSV file; its first row stands on line 2."""
    return "\n".join([header, *rows, ""])


# Sparkwise and the journal


@dataclass
class FakeSparkwise:
    """Sparkwise by its contract: a write hits the first account with the remote id, and is told in one of two lists.

    `poison`: a request with one of them is refused as a whole. `refusals`: what is said of a person, each time anew.
    `silent`: who stands in neither list, and whether the write is done all the same. `in_both`: who stands in both.
    `stubborn`: whose account is not switched, as the answer says. `script`: what the next requests raise, before they
    do anything. `dies_before` and `dies_after`: at which request the process dies, before it arrives or without having
    the answer.
    """

    accounts: list[Account] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    refusals: dict[str, str | list[str]] = field(default_factory=dict)
    silent: dict[str, bool] = field(default_factory=dict)
    in_both: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)
    says_active: bool = True
    script: list[Exception | None] = field(default_factory=list)
    dies_before: int | None = None
    dies_after: int | None = None
    log: list[tuple[str, list[str]]] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)

    def upsert(self, users: Sequence[Mapping[str, Any]]) -> Reply:
        """Create or update."""
        assert all(set(user) == {"first_name", "last_name", "active", "remote_id"} for user in users), users
        return self._answer("upsert", {user["remote_id"]: user for user in users}, count=len(users))

    def deactivate(self, remote_ids: Sequence[str]) -> Reply:
        """Switch off."""
        return self._answer("deactivate", {each: {"active": False} for each in remote_ids}, count=len(remote_ids))

    @property
    def requests(self) -> list[tuple[str, list[str]]]:
        """What was asked for, request by request."""
        return [entry for entry in self.log if entry[0] in ("upsert", "deactivate")]

    @property
    def sent(self) -> list[str]:
        """Everybody who was ever in a request."""
        return [employee_id for _, ids in self.requests for employee_id in ids]

    def _answer(self, what: str, wanted: Mapping[str, Mapping[str, Any]], *, count: int) -> Reply:
        assert 1 <= count <= 200, "a batch has 1 to 200 users"
        assert len(wanted) == count, "somebody stands twice in one batch"
        if len(self.requests) + 1 == self.dies_before:
            raise Killed
        self.log.append((what, list(wanted)))
        error = self.script.pop(0) if self.script else None
        if error:
            raise error
        if self.poison & set(wanted):
            raise Refused("Sparkwise answered 400: the request is not valid.", status=400)
        reply = self._carried_out(what, wanted)
        if len(self.requests) == self.dies_after:
            raise Killed
        return reply

    def _carried_out(self, what: str, wanted: Mapping[str, Mapping[str, Any]]) -> Reply:
        written: dict[str, bool | None] = {}
        refused: dict[str, str] = {}
        for employee_id, user in wanted.items():
            error = self._refusal(employee_id)
            if what == "deactivate" and all(each.remote_id != employee_id for each in self.accounts):
                error = "User not found"
            if error:
                refused[employee_id] = error
                continue
            if self.silent.get(employee_id, True):
                self._write(what, employee_id, user)
            if employee_id not in self.silent:
                is_active = bool(user["active"]) != (employee_id in self.stubborn)
                written[employee_id] = is_active if self.says_active else None
            if employee_id in self.in_both:
                refused[employee_id] = "and yet refused"
        return Reply(written, refused)

    def _refusal(self, employee_id: str) -> str | None:
        error = self.refusals.get(employee_id)
        if isinstance(error, list):
            return error.pop(0) if error else None
        return error

    def _write(self, what: str, employee_id: str, user: Mapping[str, Any]) -> None:
        self.writes.append((what, employee_id))
        if employee_id in self.stubborn:
            return
        values = {name: value for name, value in user.items() if name != "remote_id"}
        for place, known in enumerate(self.accounts):
            if known.remote_id == employee_id:
                self.accounts[place] = replace(known, **values)
                return
        self.accounts.append(Account(id=f"made for {employee_id}", remote_id=employee_id, **values))


@dataclass
class FakeJournal:
    """The journal of one plan in a dictionary that several runs may share; it dies before or after its nth writing."""

    plan_id: str = "p1"
    rows: dict[tuple[str, str, int], Outcome] = field(default_factory=dict)
    log: list[tuple[str, list[str]]] = field(default_factory=list)
    dies_before: int | None = None
    dies_after: int | None = None
    writings: int = 0

    def sending(self, outcomes: Sequence[Outcome]) -> None:
        """New rows only."""
        self._write("sending", outcomes, known=False)

    def answered(self, outcomes: Sequence[Outcome]) -> None:
        """Rows that are there only."""
        self._write("answered", outcomes, known=True)

    def _write(self, what: str, outcomes: Sequence[Outcome], *, known: bool) -> None:
        self.writings += 1
        if self.writings == self.dies_before:
            raise Killed
        self.log.append((what, [each.employee_id for each in outcomes]))
        for each in outcomes:
            key = (self.plan_id, each.employee_id, each.attempt)
            assert (key in self.rows) == known, (what, key)
            self.rows[key] = each
        if self.writings == self.dies_after:
            raise Killed

    def results(self) -> dict[str, list[str]]:
        """The results of each person, attempt by attempt."""
        found: dict[str, list[str]] = {}
        for each in self.rows.values():
            found.setdefault(each.employee_id, []).append(each.result)
        return found


def world(vendor: FakeSparkwise, journal: FakeJournal | None = None, *, naps: list[float] | None = None) -> World:
    """Whoever is outside, with a clock that goes on by a second each time it is looked at."""
    ticks = iter(range(10**9))
    return World(
        vendor=vendor,
        journal=journal or FakeJournal(),
        now=lambda: NOW + timedelta(seconds=next(ticks)),
        sleep=(naps if naps is not None else []).append,
        is_transient=lambda error: "try again" in error,
    )
