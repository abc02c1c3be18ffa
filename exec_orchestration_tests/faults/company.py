"""A company whose sync is killed: a warehouse that was synced once, HR's roster since then, and Sparkwise's accounts.

Here: who changes, what was sent, what stands and what may stand. Not here: kills (`test_sync_kills`) and faults.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.sync import user_sync_outcome
from exec_orchestration_tests.faults.errands import Errand, Step, Told, do
from exec_orchestration_tests.faults.moments import Moment
from exec_orchestration_tests.faults.places import Databases, Sandbox, home_in, read

PEOPLE, NEW, RENAMED, LEFT = 600, 230, 170, 12
# A name that changes for 30 % of everybody would be held back, and so would more than 20 leavers.
CHANGED = NEW + RENAMED + LEFT
SYNC = (Step(job="user_sync"),)
WORLD = ("--start", "2026-01-01", "--until", "2026-01-01", "--people", "5")


@dataclass(frozen=True)
class Company:
    """A company before its second sync; each copy of it begins there."""

    databases: Databases
    sparkwise: Sandbox
    folder: Path
    settle_seconds: float = 0

    def begin(self, name: str) -> "Case":
        """A copy of everything, as it stood after the first sync, with the roster of now."""
        case = Case(self, self.databases.new(like=self.synced), home_in(self.folder / name, like=self.home))
        self.sparkwise.put("accounts", [account(number) for number in range(PEOPLE)])
        self.sparkwise.forget()
        return case

    @cached_property
    def home(self) -> Path:
        """An empty Dagster instance."""
        return home_in(self.folder / "home")

    @cached_property
    def synced(self) -> str:
        """A warehouse after the first sync, in which there was nothing to do but to create one."""
        self.sparkwise.put("accounts", [account(number) for number in range(PEOPLE - 1)])
        self.write({number: person(number) for number in range(PEOPLE)})
        url = self.databases.new()
        told = do(self.errand(url, home_in(self.folder / "first", like=self.home)))
        assert told.success, told
        self.write(self.people)
        return url

    @cached_property
    def people(self) -> dict[int, dict[str, str]]:
        """The roster of now, by the numbers of people."""
        now = {number: person(number) for number in range(PEOPLE + NEW)}
        now |= {number: person(number, last_name="Newname") for number in range(100, 100 + RENAMED)}
        return now | {number: person(number, status="terminated") for number in range(500, 500 + LEFT)}

    @cached_property
    def undisturbed(self) -> Told:
        """What an undisturbed sync tells of itself."""
        case = self.begin("undisturbed")
        told = case.sync()
        assert told.success, told
        assert case.is_as_hr_asks()
        case.end()
        return told

    def write(self, people: Mapping[int, Mapping[str, str]]) -> None:
        """Make these people the roster."""
        with (self.folder / "roster.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(person(0)))
            writer.writeheader()
            writer.writerows(people.values())

    def errand(self, url: str, home: Path, *, moment: Moment | None = None) -> Errand:
        """A sync."""
        roster = str(self.folder / "roster.csv")
        hr = {"HR_ROSTER_URL": roster, "HR_ROSTER_SETTLE_SECONDS": str(self.settle_seconds)}
        settings = {**self.sparkwise.settings, "WAREHOUSE_URL": url, **hr}
        return Errand(SYNC, settings, home, moment=moment, remembers=False)


@dataclass(frozen=True)
class Case:
    """One copy of the company."""

    company: Company
    url: str
    home: Path

    def sync(self, *, moment: Moment | None = None, kill_after: float | None = None) -> Told:
        """A sync, which may be killed."""
        return do(self.company.errand(self.url, self.home, moment=moment), kill_after=kill_after)

    def journal(self) -> list[sa.Row[Any]]:
        """Every outcome, in the order of sending: two plans of one second have ids in any order."""
        query = sa.select(user_sync_outcome).where(user_sync_outcome.c.sent_at > self.first_sync_ended)
        return read(self.url, query.order_by(user_sync_outcome.c.sent_at, user_sync_outcome.c.attempt))

    @cached_property
    def first_sync_ended(self) -> Any:
        """When the first sync sent what it did."""
        return read(self.company.synced, sa.select(sa.func.max(user_sync_outcome.c.sent_at)))[0][0]

    def written(self) -> Counter[str]:
        """How often Sparkwise wrote each person, all runs together."""
        return Counter(name for entry in self.company.sparkwise.writes() for name in entry["written"])

    def received(self) -> Counter[str]:
        """How often Sparkwise was sent each person, all runs together."""
        return Counter(name for entry in self.company.sparkwise.writes() for name in entry["users"])

    def accounts(self) -> dict[str, tuple[bool, str]]:
        """Active and last name of every account."""
        return {each["remoteId"]: (each["active"], each["lastName"]) for each in self.company.sparkwise.accounts()}

    def wanted(self) -> dict[str, tuple[bool, str]]:
        """The same, as HR asks for it."""
        people = self.company.people.values()
        return {row["employee_id"]: (row["status"] == "active", row["last_name"]) for row in people}

    def is_as_hr_asks(self) -> bool:
        """True where nobody is missing, and nobody else has an account."""
        return self.accounts() == self.wanted()

    def end(self) -> None:
        """Remove the copy."""
        self.company.databases.drop(self.url)


def person(number: int, *, last_name: str = "Lee", status: str = "active") -> dict[str, str]:
    """One row of HR's."""
    return {"employee_id": f"E{number:05d}", "first_name": f"Ann {number}", "last_name": last_name, "status": status}


def account(number: int) -> dict[str, Any]:
    """The account of that person."""
    return {"firstName": f"Ann {number}", "lastName": "Lee", "active": True, "remoteId": f"E{number:05d}"}


def unanswered(case: Case) -> int:
    """How many people the journal has as sent, without an answer."""
    return sum(row.result == "sent" for row in case.journal())


def assert_applied_is_true(case: Case) -> None:
    """Whoever the journal calls applied has the account that HR asks for; nobody was written who is not in it."""
    accounts, wanted, journal = case.accounts(), case.wanted(), case.journal()
    for row in journal:
        if row.result == "applied":
            assert accounts[row.employee_id] == wanted[row.employee_id], row.employee_id
    assert set(case.received()) <= {row.employee_id for row in journal}


def assert_all_is_done(case: Case) -> None:
    """Every account is as HR asks, everybody was sent once, and the journal calls everybody applied."""
    assert case.is_as_hr_asks()
    assert set(case.received().values()) == {1}
    assert len(case.received()) == CHANGED
    last = {row.employee_id: row.result for row in case.journal()}
    assert Counter(last.values()) == {"applied": CHANGED}
