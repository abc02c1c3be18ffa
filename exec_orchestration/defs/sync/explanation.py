"""One person of the roster, explained: read anew from HR and Sparkwise, and synced alone where that is asked for."""

from dataclasses import replace

import dagster as dg
from pydantic import Field

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.resources import SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.sparkwise_assets import POOL
from exec_orchestration.defs.sync.roster_keeping import (
    keep_roster,
    last_reading,
    version_of_roster,
    without_erased,
)
from exec_orchestration.defs.sync.run import UserSync
from exec_orchestration.defs.sync.user_sync import keep_plan, outcomes_for, people_of
from exec_orchestration.defs.versions import materialization
from exec_orchestration.errors import PlanRefused, UnhealthyRoster
from exec_orchestration.roster.discretion import discreet, names_in
from exec_orchestration.roster.explain import person_in_words
from exec_orchestration.roster.health import examine
from exec_orchestration.roster.plan import Plan


class ExplainConfig(dg.Config):
    """Who is to be explained, and whether that person is to be synced."""

    employee_id: str = Field(description="HR's id of the person.")
    apply: bool = Field(default=False, description="True to send what follows for this one person.")


@dg.op(pool=POOL, out=dg.Out(dg.Nothing), description="Explains one person, and syncs that person where asked to.")
@told_plainly
def explain(
    context: dg.OpExecutionContext,
    config: ExplainConfig,
    sparkwise: dg.ResourceParam[SparkwiseResource],
    roster: dg.ResourceParam[RosterResource],
    warehouse: dg.ResourceParam[WarehouseResource],
) -> None:
    problem = read_roster(context, roster, warehouse)
    with warehouse.tables.alone("user_sync") as stay_alone:
        run = UserSync(context, sparkwise, roster, warehouse, stay_alone)
        told, plan = explained(run, config.employee_id)
        context.log.info("\n".join(filter(None, (told, problem and f"- But: {problem}"))))
        context.add_output_metadata({"explanation": dg.MetadataValue.md(told)})
        if config.apply and problem:
            raise PlanRefused(f"{problem} So nobody was synced.")
        if config.apply:
            sync_alone(run, plan)


def read_roster(context: dg.OpExecutionContext, roster: RosterResource, warehouse: WarehouseResource) -> str | None:
    """Read the roster anew; where it is refused, why, and the last accepted one still holds."""
    try:
        sheet = roster.sheet()
        read = examine(sheet, roster.mapping, last=last_reading(warehouse.tables))
        accepted = without_erased(warehouse.tables, read)
    except UnhealthyRoster as refusal:
        return str(refusal)
    facts = keep_roster(warehouse.tables, accepted, source=sheet.name, run_id=context.run.run_id)
    version = version_of_roster(warehouse.tables)
    context.log_event(materialization(dg.AssetKey("hr_roster"), None, version, facts))
    return None


def explained(run: UserSync, employee_id: str) -> tuple[str, Plan]:
    """The person in words, and a plan for this person alone; whether it waits is judged among all changes."""
    accounts = run.accounts()
    changes = run.differences(accounts)
    mine = [change for change in changes if change.employee_id == employee_id]
    everybody = run.plan_of(changes, accounts, limits=run.roster.limits)
    told = person_in_words(
        employee_id,
        person=next((person for person in people_of(run.tables) if person.employee_id == employee_id), None),
        accounts=[account for account in accounts if account.remote_id == employee_id],
        change=mine[0] if mine else None,
        waits=employee_id in everybody.held_ids,
        outcomes=outcomes_for(run.tables, employee_id),
        names=run.names,
    )
    alone = run.plan_of(mine, accounts, limits=run.roster.limits)
    return told, replace(alone, held=tuple(held for held in everybody.held if employee_id in held.employee_ids))


def sync_alone(run: UserSync, plan: Plan) -> None:
    """Send the plan of one person, and say what became of it."""
    keep_plan(run.tables, plan, run_id=run.run_id, is_of_everybody=False)
    if plan.held:
        raise PlanRefused(f"It waits: {'; '.join(held.reason for held in plan.held)}. Nothing was sent.")
    outcomes = run.carry_out(plan)
    known = [name for change in plan.changes for name in names_in(change.changes, change.account)]
    for outcome in outcomes:
        said = discreet(outcome.error or "done", known, names=run.names)
        run.context.log.info(f"{outcome.employee_id}: {outcome.action} is {outcome.result} ({said})")
    if not outcomes:
        run.context.log.info("There was nothing to send.")
