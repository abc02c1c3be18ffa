"""Adapters between the side wing and the other rooms: accounts from Sparkwise's listing, the vendor and the journal
that the wing asks for, and the circumstances of a diff. No decision about a person is taken here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from exec_orchestration.apis.sparkwise import BatchAnswer, SparkwiseApi
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.sync.name_book import NameBook
from exec_orchestration.errors import VendorError
from exec_orchestration.roster.account import Account, Outcome, Reply
from exec_orchestration.roster.apply import APPLIED, REFUSED, SENT, UNKNOWN
from exec_orchestration.roster.diff import DEACTIVATE, Change, Circumstances, Refusal
from exec_orchestration.roster.discretion import discreet
from exec_orchestration.roster.health import BadRow, readable_id
from exec_orchestration.roster.person import Person
from exec_orchestration.roster.plan import Plan
from exec_orchestration.roster.readback import settled
from exec_orchestration.tables import journal
from exec_orchestration.tables.hr import hr_roster
from exec_orchestration.tables.ledger import rejected_rows
from exec_orchestration.tables.roster_versions import current_people
from exec_orchestration.tables.sparkwise import sparkwise_users
from exec_orchestration.tables.sync import user_sync_outcome, user_sync_plan
from exec_orchestration.tables.warehouse import Warehouse


class SparkwiseVendor:
    """Sparkwise as the side wing knows it. `ids` leads from remote ids to account ids, `book` from hashes to names."""

    def __init__(self, api: SparkwiseApi, *, deactivate_by: str, ids: Mapping[str, str], book: NameBook) -> None:
        self._api = api
        self._book = book
        self._deactivate_by = deactivate_by
        self._ids = ids

    def upsert(self, users: Sequence[Mapping[str, Any]]) -> Reply:
        """Create or update accounts of `{first_name, last_name, active, remote_id}`."""
        sent = [
            {
                "firstName": self._book.plain(user["first_name"]),
                "lastName": self._book.plain(user["last_name"]),
                "active": user["active"],
                "remoteId": user["remote_id"],
            }
            for user in users
        ]
        return self._ask(lambda: self._api.upsert(sent), [user["remote_id"] for user in users])

    def deactivate(self, remote_ids: Sequence[str]) -> Reply:
        """Switch accounts off."""
        by_id = self._deactivate_by == "id"
        sent = [{"id": self._ids[each]} if by_id else {"remoteId": each} for each in remote_ids]
        return self._ask(lambda: self._api.deactivate(sent), remote_ids)

    def _ask(self, send: Callable[[], BatchAnswer], remote_ids: Sequence[str]) -> Reply:
        """The answer, in whose words no name stands that only the book knows."""
        hidden = self._book.names_of(remote_ids)
        try:
            reply = self._reply(send())
        except VendorError as error:
            error.args = (discreet(str(error), hidden),) if hidden else error.args
            raise
        refused = {name: discreet(said, hidden) if hidden else said for name, said in reply.refused.items()}
        return replace(reply, refused=refused)

    def _reply(self, answer: BatchAnswer) -> Reply:
        """The answer by remote id; entries that name nobody leave their people in neither list."""
        remote_ids = {account_id: remote_id for remote_id, account_id in self._ids.items()}
        written: dict[str, bool | None] = {}
        refused: dict[str, str] = {}
        for user in answer.success:
            name = _named(user, remote_ids)
            if name is not None:
                is_active = user.get("active") if isinstance(user, dict) else None
                written[name] = is_active if isinstance(is_active, bool) else None
        for failure in answer.failed:
            name = _named(failure.get("user") if isinstance(failure, dict) else None, remote_ids)
            if name is not None:
                refused[name] = _error_text(failure.get("error"))
        return Reply(written, refused)


def _named(user: Any, remote_ids: Mapping[str, str]) -> str | None:
    """Whom an entry of an answer is about: its remote id, or that of the account whose id it has."""
    if not isinstance(user, dict):
        return user if isinstance(user, str) else None
    name = user.get("remoteId") or remote_ids.get(str(user.get("id")))
    return name if isinstance(name, str) else None


def _error_text(error: Any) -> str:
    if isinstance(error, dict):
        said = ": ".join(str(error[name]) for name in ("code", "message") if error.get(name))
        error = said or f"no reason given, but the fields {', '.join(map(str, error)) or 'none'}"
    return str(error)[:500]


class WarehouseJournal:
    """The journal of one plan, in `user_sync_outcome`."""

    def __init__(self, warehouse: Warehouse, plan_id: str, run_id: str, *, stay_alone: Callable[[], None]) -> None:
        self._warehouse = warehouse
        self._stay_alone = stay_alone
        self._plan_id = plan_id
        self._run_id = run_id

    def sending(self, outcomes: Sequence[Outcome]) -> None:
        """Write that these are about to be sent, while no other sync is."""
        self._stay_alone()
        rows = [
            {
                "plan_id": self._plan_id,
                "employee_id": each.employee_id,
                "attempt": each.attempt,
                "action": each.action,
                "result": each.result,
                "sent_at": each.sent_at,
                "run_id": self._run_id,
            }
            for each in outcomes
        ]
        self._warehouse.write((user_sync_outcome.insert(), rows))

    def answered(self, outcomes: Sequence[Outcome]) -> None:
        """Write what became of them."""
        write_answers(self._warehouse, [(self._plan_id, each) for each in outcomes])


def write_answers(warehouse: Warehouse, answers: Sequence[tuple[str, Outcome]]) -> None:
    """Write the results of outcomes of any plans."""
    rows = [
        {
            "b_plan_id": plan_id,
            "b_employee_id": each.employee_id,
            "b_attempt": each.attempt,
            "result": each.result,
            "error": each.error,
            "answered_at": each.answered_at,
        }
        for plan_id, each in answers
    ]
    if rows:
        warehouse.write((journal.answer(), rows))


def accounts_of(warehouse: Warehouse) -> list[Account]:
    """The accounts of the last listing."""
    columns = sparkwise_users.c
    query = sa.select(columns.id, columns.first_name, columns.last_name, columns.active, columns.remote_id)
    return [Account(**row._mapping) for row in warehouse.read(query)]


def is_listed_for(warehouse: Warehouse, run_id: str) -> bool:
    """True when the accounts were listed by this run, and nothing was sent since."""
    columns = sparkwise_users.c
    listed_at = sa.func.max(columns.fetched_at).label("listed_at")
    rows = warehouse.read(sa.select(columns.run_id, listed_at).group_by(columns.run_id))
    last_sent = warehouse.read(journal.last_sent())[0].sent_at
    return [row.run_id for row in rows] == [run_id] and (last_sent is None or last_sent < rows[0].listed_at)


def people_of(warehouse: Warehouse) -> list[Person]:
    """The people of the last accepted roster; those in rows that could not be read as they were before."""
    return [Person(**row._mapping) for row in warehouse.read(current_people())]


def bad_rows_of(warehouse: Warehouse) -> list[BadRow]:
    """The rows of the last accepted roster that could not be read."""
    query = sa.select(rejected_rows.c.reason, rejected_rows.c.payload).where(rejected_rows.c.asset == hr_roster.name)
    # A row of hashes tells nobody from anybody: where its id cannot be read, it may be about everybody who is absent.
    known = {"employee_id"} if warehouse.veil.hides else None
    rows = [
        (row.reason, {k: v for k, v in row.payload.items() if not known or k in known}) for row in warehouse.read(query)
    ]
    return [BadRow(reason, payload, readable_id(payload)) for reason, payload in rows]


def unreadable_accounts_of(warehouse: Warehouse) -> list[BadRow]:
    """The accounts of the last listing that could not be read: nobody may take their people for new."""
    query = sa.select(rejected_rows.c.reason, rejected_rows.c.payload)
    found = []
    for each in warehouse.read(query.where(rejected_rows.c.asset == sparkwise_users.name)):
        row = {"employee_id": each.payload.get("remoteId")} if isinstance(each.payload, dict) else {}
        found.append(BadRow(f"Sparkwise's account cannot be read: {each.reason}", row, readable_id(row)))
    return [row for row in found if row.employee_id is not None]


@dataclass(frozen=True)
class LastOutcome:
    """The last thing that was sent for a person, by whichever plan."""

    plan_id: str
    outcome: Outcome
    wanted: Mapping[str, Any]
    person_fingerprint: str | None


def last_outcomes(warehouse: Warehouse, *, result: str | None = None) -> list[LastOutcome]:
    """One a person; with a `result`, the last that had it."""
    return [
        LastOutcome(row.plan_id, outcome_of(row), row.account or {}, row.person_fingerprint)
        for row in warehouse.read(journal.last_outcomes(result))
    ]


def outcomes_for(warehouse: Warehouse, employee_id: str) -> list[tuple[str, Outcome]]:
    """Every outcome of one person with its plan, newest first."""
    return [(row.plan_id, outcome_of(row)) for row in warehouse.read(journal.outcomes_of(employee_id))]


def outcome_of(row: Any) -> Outcome:
    """The outcome that a row of `user_sync_outcome` holds."""
    return Outcome(row.employee_id, row.attempt, row.action, row.result, row.sent_at, row.answered_at, row.error)


def settle_open_outcomes(warehouse: Warehouse, accounts: Iterable[Account]) -> int:
    """Let a listing decide what earlier runs could not know, a killed one above all; how many it decided."""
    found = [each for each in last_outcomes(warehouse) if each.outcome.result in (SENT, UNKNOWN)]
    plans = {each.outcome.employee_id: each.plan_id for each in found}
    wanted = {each.outcome.employee_id: each.wanted for each in found}
    decided = settled((each.outcome for each in found), wanted, accounts, now=datetime.now(UTC))
    write_answers(warehouse, [(plans[each.employee_id], each) for each in decided])
    return len(decided)


def circumstances(roster: RosterResource, warehouse: WarehouseResource) -> Circumstances:
    """All that a diff depends on but for the two sides."""
    last, applied = last_outcomes(warehouse.tables), last_outcomes(warehouse.tables, result=APPLIED)
    return Circumstances(
        today=today(warehouse),
        lead_days=roster.lead_days,
        protected=roster.protected,
        bad_rows=[*bad_rows_of(warehouse.tables), *unreadable_accounts_of(warehouse.tables)],
        switched_off_by_us=frozenset(each.outcome.employee_id for each in applied if each.outcome.action == DEACTIVATE),
        refused={each.outcome.employee_id: _refusal(each) for each in last if each.outcome.result == REFUSED},
        reactivate_all=roster.reactivate_all,
    )


def _refusal(last: LastOutcome) -> Refusal:
    return Refusal(last.outcome.action, last.outcome.error or "no reason given", last.person_fingerprint)


def today(warehouse: WarehouseResource) -> date:
    """The day that it is, in the zone of the partitions."""
    return datetime.now(warehouse.zone).date()


def keep_plan(warehouse: Warehouse, plan: Plan, *, run_id: str, is_of_everybody: bool = True) -> None:
    """Write a plan, one row a person; by one of everybody, people without a change are forgotten of older plans."""
    held, fingerprint = plan.held_ids, plan.fingerprint
    rows = (
        (
            plan.plan_id,
            change.employee_id,
            change.action,
            {name: list(pair) for name, pair in change.changes.items()},
            change.reason,
            change.employee_id in held,
            dict(change.account) if change.account else None,
            change.person_fingerprint,
            fingerprint,
            plan.planned_at,
            plan.expires_at,
            None,
            run_id,
        )
        for change in plan.changes
    )
    with warehouse.stage(user_sync_plan) as stage:
        stage.fill(rows)
        stage.append(*([journal.forget_unchanged()] if is_of_everybody else []))


def changes_from(rows: Iterable[Any]) -> list[Change]:
    """The changes that rows of `user_sync_plan` hold."""
    return [
        Change(
            employee_id=row.employee_id,
            action=row.action,
            reason=row.reason,
            changes={name: tuple(pair) for name, pair in row.changes.items()},
            account=row.account,
        )
        for row in rows
    ]


def tally(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many people came to which result."""
    return dict(Counter(each.result for each in outcomes))
