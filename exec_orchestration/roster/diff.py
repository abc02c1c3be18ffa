"""What has to change, person by person, for Sparkwise to be as HR wants it. Pure.

People are matched on the employee id, which is the account's remote id, and on nothing else. Accounts without a remote
id are strangers and are not even looked at. When in doubt a person is `blocked`: the account stays as it is, and the
reason says what to mend.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from exec_orchestration.roster.account import Account
from exec_orchestration.roster.discretion import discreet, names_in
from exec_orchestration.roster.health import BadRow
from exec_orchestration.roster.person import Person

CREATE, UPDATE, REACTIVATE, DEACTIVATE = WRITES = ("create", "update", "reactivate", "deactivate")
UNCHANGED, BLOCKED = "unchanged", "blocked"
ACTIONS = (*WRITES, UNCHANGED, BLOCKED)
ABSENT = "absent from the roster"

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One person's part of a plan. `changes` is {field: [from, to]}; `account` is how the account is to be."""

    employee_id: str
    action: str
    reason: str
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    account: Fields | None = None
    person_fingerprint: str | None = None

    @property
    def is_write(self) -> bool:
        return self.action in WRITES


@dataclass(frozen=True)
class Refusal:
    """What Sparkwise refused for good, and of which HR row that was."""

    action: str
    error: str
    person_fingerprint: str | None


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """All that a diff depends on but for the two sides."""

    today: date
    lead_days: int = 0
    protected: frozenset[str] = frozenset()
    bad_rows: Sequence[BadRow] = ()
    switched_off_by_us: frozenset[str] = frozenset()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    reactivate_all: bool = False


def diff(people: Iterable[Person], accounts: Iterable[Account], given: Circumstances) -> list[Change]:
    """One change a person, in the order of their ids; `unchanged` and `blocked` are among them."""
    return list(_Diff(people, accounts, given).changes())


class _Diff:
    def __init__(self, people: Iterable[Person], accounts: Iterable[Account], given: Circumstances) -> None:
        self.given = given
        self.people = {person.employee_id: person for person in people}
        self.accounts: dict[str, Account] = {}
        self.copies: Counter[str] = Counter()
        for account in accounts:
            if account.is_ours and account.remote_id is not None:
                self.copies[account.remote_id] += 1
                self.accounts[account.remote_id] = account
        self.bad_rows = _bad_rows_by_id(given.bad_rows)
        self.riddles = [_riddle(row) for row in given.bad_rows if row.employee_id is None]
        self.alike = _alike({*self.people, *self.accounts, *self.bad_rows})

    def changes(self) -> Iterator[Change]:
        for employee_id in sorted({*self.people, *self.accounts, *self.bad_rows}):
            person, account = self.people.get(employee_id), self.accounts.get(employee_id)
            why_not = self._doubt(employee_id, person, account)
            if why_not:
                yield self._change(person, employee_id, BLOCKED, why_not)
                continue
            change = self._wanted(employee_id, person, account)
            yield self._withheld(change, account) if change.is_write else change

    def _doubt(self, employee_id: str, person: Person | None, account: Account | None) -> str | None:
        """Why nobody may say what this person's account should be."""
        if employee_id in self.bad_rows:
            return f"the roster's row is bad: {self.bad_rows[employee_id].reason}"
        if self.copies[employee_id] > 1:
            return f"{self.copies[employee_id]} accounts have this remote id; remove all but one in Sparkwise"
        others = self.alike[_folded(employee_id)] - {employee_id}
        if others:
            return (
                f"the id {employee_id!r} differs from {', '.join(map(repr, sorted(others)))} in capitals or spaces only"
            )
        if person is None and account is not None and account.active:
            names = _names(account.first_name, account.last_name)
            riddle = next((each for each in self.riddles if each.may_be(_folded(employee_id), names)), None)
            return f"absent, but may be the person whose id cannot be read on {riddle.reason}" if riddle else None
        return None

    def _wanted(self, employee_id: str, person: Person | None, account: Account | None) -> Change:
        """What HR asks for, protected or not."""
        if person is not None and person.works_on(self.given.today, lead_days=self.given.lead_days):
            return self._employed(person, account)
        if person is not None and person.status == "prehire" and not person.ended_before(self.given.today):
            start = f"who starts on {person.start_on}" if person.start_on else "without a first day"
            return self._change(person, employee_id, UNCHANGED, f"a prehire {start}")
        if account is None or not account.active:
            return self._change(person, employee_id, UNCHANGED, _why_leaving(person))
        return self._change(
            person, employee_id, DEACTIVATE, _why_leaving(person), {"active": (True, False)}, account.fields
        )

    def _employed(self, person: Person, account: Account | None) -> Change:
        """What an employed person needs: an account, the right names on it, and that it is switched on."""
        wanted = {"first_name": person.first_name, "last_name": person.last_name, "active": True}
        before = account.fields if account else dict.fromkeys(wanted)
        changes = {name: (before[name], value) for name, value in wanted.items() if before[name] != value}
        if account is None:
            return self._change(person, person.employee_id, CREATE, f"{person.status}, no account", changes, wanted)
        if not account.active:
            if person.employee_id in self.given.switched_off_by_us or self.given.reactivate_all:
                reason = f"{person.status} again"
                return self._change(person, person.employee_id, REACTIVATE, reason, changes, wanted)
            reason = f"{person.status}, but the account was switched off by somebody else, and stays so"
            return self._change(person, person.employee_id, BLOCKED, reason)
        if changes:
            return self._change(person, person.employee_id, UPDATE, f"new {' and '.join(changes)}", changes, wanted)
        return self._change(person, person.employee_id, UNCHANGED, person.status)

    def _withheld(self, change: Change, account: Account | None) -> Change:
        """The change, or `blocked` where this person must not be written to."""
        if change.employee_id in self.given.protected:
            return self._blocked(change, f"protected (USER_SYNC_PROTECTED); HR asks for {change.action}")
        refusal = self.given.refused.get(change.employee_id)
        is_same = refusal and (refusal.action, refusal.person_fingerprint) == (change.action, change.person_fingerprint)
        if refusal and is_same:
            said = discreet(refusal.error, names_in(change.changes, change.account))
            return self._blocked(change, f"Sparkwise refused it: {said}; it waits until HR's row changes")
        return change

    def _change(
        self,
        person: Person | None,
        employee_id: str,
        action: str,
        reason: str,
        changes: Mapping[str, tuple[Any, Any]] | None = None,
        account: Fields | None = None,
    ) -> Change:
        return Change(
            employee_id=employee_id,
            action=action,
            reason=reason,
            changes=changes or {},
            account={**account, "active": action != DEACTIVATE} if account else None,
            person_fingerprint=person.fingerprint if person else None,
        )

    @staticmethod
    def _blocked(change: Change, reason: str) -> Change:
        return Change(
            employee_id=change.employee_id,
            action=BLOCKED,
            reason=reason,
            person_fingerprint=change.person_fingerprint,
        )


def _why_leaving(person: Person | None) -> str:
    if person is None:
        return ABSENT
    ended = f", last day {person.end_on}" if person.end_on else ""
    return f"{person.status}{ended}"


def _bad_rows_by_id(rows: Iterable[BadRow]) -> dict[str, BadRow]:
    return {row.employee_id: row for row in rows if row.employee_id is not None}


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def _alike(ids: Iterable[str]) -> dict[str, set[str]]:
    """The ids by what is left of them without capitals, spaces too many and Unicode's two forms of one letter."""
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for employee_id in ids:
        alike[_folded(employee_id)].add(employee_id)
    return alike


@dataclass(frozen=True, slots=True)
class _Riddle:
    """A row whose id cannot be read. Of one that does not fit the header only `values` are known, in any order."""

    reason: str
    names: tuple[str, str]
    values: frozenset[str]

    def may_be(self, employee_id: str, names: tuple[str, str]) -> bool:
        """True when it may be about this person: nothing in it speaks for anybody else."""
        if len(self.values) > 1:
            return employee_id in self.values or self.values.issuperset(names)
        return not any(self.names) or self.names == names


def _riddle(row: BadRow) -> _Riddle:
    values = frozenset(_folded(str(value)) for value in row.payload.get("values", ()))
    return _Riddle(row.reason, _names(row.payload.get("first_name"), row.payload.get("last_name")), values)


def _names(first: Any, last: Any) -> tuple[str, str]:
    return _folded(str(first or "")), _folded(str(last or ""))
