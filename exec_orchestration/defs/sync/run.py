"""One run of the user sync: list, compare, plan, approve, send, read back, and tell Dagster of it.

Every decision about a person is taken in `roster/`; here is only the order of things. `user_sync` adapts what the side
wing needs from the other rooms.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from exec_orchestration.defs.budget.lanes import charge_of
from exec_orchestration.defs.loading import Load
from exec_orchestration.defs.metadata import row_count
from exec_orchestration.defs.plots.drawn import Plots, drawn
from exec_orchestration.defs.plots.sync import planned_over_time, sent_over_time
from exec_orchestration.defs.previews import preview
from exec_orchestration.defs.resources import SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.sync import checks as sync_checks
from exec_orchestration.defs.sync.name_book import NameBook, book_of
from exec_orchestration.defs.sync.user_sync import (
    SparkwiseVendor,
    WarehouseJournal,
    accounts_of,
    changes_from,
    circumstances,
    is_listed_for,
    keep_plan,
    people_of,
    settle_open_outcomes,
    tally,
    write_answers,
)
from exec_orchestration.defs.versions import materialization
from exec_orchestration.errors import PlanRefused
from exec_orchestration.roster.account import Account, Outcome
from exec_orchestration.roster.apply import World, apply
from exec_orchestration.roster.diff import BLOCKED, Change, diff
from exec_orchestration.roster.explain import plan_in_words
from exec_orchestration.roster.plan import Limits, Plan, approved, make_plan
from exec_orchestration.roster.readback import settled
from exec_orchestration.roster.undo import inverse
from exec_orchestration.tables import journal, sparkwise, sync
from exec_orchestration.tables.warehouse import Warehouse

APPROVAL = (
    "echo '{asked}' > approval.yaml && dagster job execute -m exec_orchestration.definitions -j {job} -c approval.yaml"
)


class SyncConfig(dg.Config):
    """What this run is about; empty for a sync of everybody within the limits."""

    approve: str = Field(default="", description="The fingerprint of the held changes that somebody approves.")
    undo: str = Field(default="", description="The id of the plan that is to be taken back.")
    retry_refused: bool = Field(default=False, description="Send people again whom Sparkwise refused for good.")
    max_deactivations: int | None = Field(default=None, description="Instead of the setting, for this run.")
    max_deactivation_share: float | None = Field(default=None, description="Instead of the setting, for this run.")


class UserSync:
    """One run of the sync: the rooms that it goes through, and what it tells Dagster."""

    def __init__(
        self,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        sparkwise: SparkwiseResource,
        roster: RosterResource,
        warehouse: WarehouseResource,
        stay_alone: Callable[[], None],
    ) -> None:
        self.context = context
        self.stay_alone = stay_alone
        self.sparkwise = sparkwise
        self.roster = roster
        self.warehouse = warehouse
        self.tables = warehouse.tables
        self.names = roster.shows_personal_data
        self.run_id = context.run.run_id
        sparkwise.api.client.pacer.charge = charge_of(context.run, "user_sync_outcome")
        self.traffic, self.began = sparkwise.api.client.traffic, time.monotonic()

    def plan(self, config: SyncConfig) -> Plan:
        """Compare, plan, approve where somebody has approved, and write the plan down."""
        accounts = self.accounts()
        settle_open_outcomes(self.tables, accounts)
        if config.undo:
            changes = self.taken_back(config.undo, accounts)
        else:
            changes = self.differences(accounts, retry_refused=config.retry_refused)
        plan = self.plan_of(changes, accounts, limits=replace(self.roster.limits, **_raised(config)))
        if config.approve:
            seen = self.seen_by_approver(config.approve, now=plan.planned_at)
            try:
                plan = approved(plan, seen, fingerprint=config.approve)
            except PlanRefused:
                # What is true instead can then be looked at, and approved.
                keep_plan(self.tables, plan, run_id=self.run_id)
                raise
        keep_plan(self.tables, plan, run_id=self.run_id)
        return plan

    def plan_of(self, changes: Sequence[Change], accounts: Sequence[Account], *, limits: Limits) -> Plan:
        """The plan of these changes, made now."""
        planned_at = datetime.now(UTC)
        return make_plan(
            changes,
            plan_id=f"{planned_at:%Y%m%dT%H%M%S}-{self.run_id[:8]}",
            planned_at=planned_at,
            managed=sum(account.is_ours for account in accounts),
            limits=limits,
            is_first_sync=not self.tables.read(journal.carried_out()),
        )

    def accounts(self) -> list[Account]:
        """The accounts as this run listed them; listed now where it has not, or where another run has sent since."""
        if not is_listed_for(self.tables, self.run_id):
            self.list_accounts()
        return accounts_of(self.tables)

    def list_accounts(self) -> None:
        """List the accounts anew into their table."""
        # Of the context only the run and its log are used: nothing is told of a partition here.
        context = cast("dg.AssetExecutionContext", self.context)
        load = Load(context, sparkwise.sparkwise_users, self.warehouse, self.sparkwise.api.client)
        with load.staging() as staging:
            staging.read(self.sparkwise.users)
            staging.record_rejects()
            staging.judge_rejects()
            replaced = staging.stage.replace(None, version=load.run_id)
        facts = row_count(replaced.rows, partitioned=False)
        self.context.log_event(materialization(load.key, None, replaced.version, facts))

    def differences(self, accounts: Sequence[Account], *, retry_refused: bool = False) -> list[Change]:
        """What has to change for Sparkwise to be as HR asks for."""
        given = circumstances(self.roster, self.warehouse)
        given = replace(given, refused={}) if retry_refused else given
        return self.book.sayable(diff(people_of(self.tables), accounts, given))

    @cached_property
    def book(self) -> NameBook:
        """The names that the tables hide."""
        veil = self.tables.veil
        if not veil.hides:
            return NameBook(veil)
        return book_of(veil, self.roster.sheet(), self.roster.mapping, self.sparkwise.names)

    def taken_back(self, plan_id: str, accounts: Sequence[Account]) -> list[Change]:
        """What takes a plan back. Raises PlanRefused where it never did anything."""
        done = changes_from(self.tables.read(journal.applied_by(plan_id)))
        if not done:
            raise PlanRefused(
                f"There is nothing to undo: no change of a plan {plan_id} was ever applied. The plans are in "
                "user_sync_plan, and what was applied in user_sync_outcome; nothing was sent."
            )
        return self.book.sayable(inverse(done, accounts, protected=self.roster.protected, plan_id=plan_id))

    def seen_by_approver(self, fingerprint: str, *, now: datetime) -> list[tuple[str, str]]:
        """Whom the approved plan held back, and from what. Raises PlanRefused where there is none, or none valid."""
        rows = self.tables.read(journal.held_as(fingerprint))
        if not rows:
            raise PlanRefused(
                f"No plan holds changes back under the fingerprint {fingerprint}, so there is nothing to approve. The "
                "newest plan's fingerprint stands in the check within_limits of user_sync_plan; nothing was sent."
            )
        newest = rows[0]
        if now >= newest.expires_at:
            raise PlanRefused(
                f"The plan {newest.plan_id} could be approved until {newest.expires_at:%Y-%m-%d %H:%M} UTC. Run "
                "user_sync, look at its plan, and approve that; nothing was sent."
            )
        return [(row.employee_id, row.action) for row in rows if row.plan_id == newest.plan_id]

    def planned(self, plan: Plan, *, approval: str | None) -> dg.MaterializeResult:
        """The plan, as the UI and the log show it."""
        within_limits = sync_checks.within_limits(plan, approval=approval)
        if approval:
            self.context.log.warning(within_limits.description)
        facts: dict[str, Any] = {
            "plan": dg.MetadataValue.md(plan_in_words(plan, approval=approval, names=self.names)),
            "waiting": len(plan.held_ids),
            **({"approve_with": approval, "plan_fingerprint": plan.fingerprint} if approval else {}),
            **plan.counts,
            "managed_accounts": plan.managed,
            "plan_id": plan.plan_id,
            **self.facts_of(sync.user_sync_plan),
            **self.plots(planned_over_time),
        }
        self.context.log.info(f"Plan {plan.plan_id}: {plan.counts}, {len(plan.held_ids)} waiting")
        return dg.MaterializeResult(
            asset_key="user_sync_plan",
            metadata=facts,
            check_results=[within_limits, sync_checks.nobody_is_blocked(plan, names=self.names)],
        )

    def carry_out(self, plan: Plan) -> list[Outcome]:
        """Send what may be sent, then look at Sparkwise again; the last outcome of each person."""
        kept = WarehouseJournal(self.tables, plan.plan_id, self.run_id, stay_alone=self.stay_alone)
        outcomes = apply(plan, self.world(kept))
        if outcomes:
            self.list_accounts()
            wanted = {change.employee_id: change.account or {} for change in plan.sendable}
            decided = settled(outcomes, wanted, accounts_of(self.tables), now=datetime.now(UTC))
            write_answers(self.tables, [(plan.plan_id, each) for each in decided])
            outcomes = list({each.employee_id: each for each in [*outcomes, *decided]}.values())
        return outcomes

    def remember_sync(self, plan: Plan) -> None:
        """Write down that everybody was synced, so that the next sync is not the first."""
        self.tables.write((journal.mark_carried_out(plan.plan_id, datetime.now(UTC)), [{}]))

    def world(self, kept: WarehouseJournal) -> World:
        """Sparkwise, the journal and the clock."""
        ids = {account.remote_id: account.id for account in accounts_of(self.tables) if account.remote_id}
        vendor = SparkwiseVendor(
            self.sparkwise.api, deactivate_by=self.sparkwise.deactivate_by, ids=ids, book=self.book
        )
        transient = self.roster.transient_errors
        return World(
            vendor=vendor,
            journal=kept,
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
            is_transient=lambda error: any(word in error.casefold() for word in transient),
        )

    def carried_out(self, plan: Plan, outcomes: Sequence[Outcome]) -> dg.MaterializeResult:
        """What became of the plan, and what Sparkwise still holds otherwise."""
        waiting = plan.held_ids
        changes = self.differences(accounts_of(self.tables))
        left = [change for change in changes if change.is_write and change.employee_id not in waiting]
        blocked = sum(change.action == BLOCKED for change in changes)
        facts: dict[str, Any] = {
            **tally(outcomes),
            "sent": len(outcomes),
            "waiting": len(waiting),
            "drift": len(left),
            "plan_id": plan.plan_id,
            **self.spent(),
            **self.facts_of(sync.user_sync_outcome),
            **self.plots(sent_over_time),
        }
        return dg.MaterializeResult(
            asset_key="user_sync_outcome",
            metadata=facts,
            check_results=[
                sync_checks.everybody_is_answered(outcomes, of=plan.sendable, names=self.names),
                sync_checks.no_drift(left, waiting=len(waiting), blocked=blocked, names=self.names),
            ],
        )

    def facts_of(self, table: sa.Table) -> dict[str, Any]:
        """Rows and a preview of a table that this run has written."""
        return {**row_count(self.tables.count(table), partitioned=False), "preview": preview(self.tables, table, None)}

    def spent(self) -> dict[str, Any]:
        """Requests, retries and seconds of this run until now, and what is left of the day's quota."""
        client = self.sparkwise.api.client
        traffic, left = client.traffic - self.traffic, client.pacer.free_today()
        return {
            "pages": traffic.requests - traffic.retries,
            "requests": traffic.requests,
            "retries": traffic.retries,
            "seconds_waited": round(traffic.waited_seconds, 3),
            "seconds": round(time.monotonic() - self.began, 3),
            **({} if left is None else {"quota_left": left}),
        }

    def plots(self, over_time: Callable[[Warehouse, datetime], Plots]) -> Plots:
        """A plot of the last days up to now."""
        return drawn(lambda: over_time(self.tables, datetime.now(UTC)), self.context.log)


def approval_of(plan: Plan, *, undo: str) -> str | None:
    """The command that approves what the plan holds back; None where that is nothing."""
    if plan.fingerprint is None:
        return None
    asked = {**({"plan_id": undo} if undo else {}), "plan_fingerprint": plan.fingerprint}
    # JSON is YAML, too, and in it a fingerprint of digits only is still a text.
    return APPROVAL.format(asked=json.dumps(asked), job="user_sync_undo" if undo else "user_sync_apply")


def _raised(config: SyncConfig) -> dict[str, Any]:
    """The limits that this run raises."""
    raised = {
        "max_deactivations": config.max_deactivations,
        "max_deactivation_share": config.max_deactivation_share,
    }
    return {name: value for name, value in raised.items() if value is not None}
