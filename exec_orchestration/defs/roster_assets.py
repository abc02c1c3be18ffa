"""The roster's and the user sync's assets: read the roster, plan, send what is within the limits, read back.

`user_sync_plan` alone is a rehearsal: nothing is sent. The plan goes to the sending as a value, within one step, so
that nothing but what passed its guards can be sent.
"""

import dagster as dg
from pydantic import Field

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.judging import Judge, Results
from exec_orchestration.defs.metadata import described, spec
from exec_orchestration.defs.partitions import ONE_RUN
from exec_orchestration.defs.previews import preview
from exec_orchestration.defs.resources import SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.sparkwise_assets import POOL
from exec_orchestration.defs.sync import checks as sync_checks
from exec_orchestration.defs.sync.roster_keeping import keep_roster, last_reading, version_of_roster, without_erased
from exec_orchestration.defs.sync.run import SyncConfig, UserSync, approval_of
from exec_orchestration.defs.table_checks import specs_of
from exec_orchestration.errors import BadSetting
from exec_orchestration.roster.health import ACCEPTABLE, examine
from exec_orchestration.tables import hr, sync

KINDS = {"python", "table"}
Context = dg.AssetExecutionContext
Sparkwise = dg.ResourceParam[SparkwiseResource]
Roster = dg.ResourceParam[RosterResource]
Tables = dg.ResourceParam[WarehouseResource]


class RosterConfig(dg.Config):
    """What somebody has looked at and finds right this once."""

    accept: list[str] = Field(default=[], description=f"Any of {', '.join(ACCEPTABLE)}: see the refusal's text.")


@dg.asset(**described(hr.hr_roster, kinds=KINDS, checks=[sync_checks.EVERY_ROW_IS_GOOD]), pool="warehouse")
@told_plainly
def hr_roster(context: Context, config: RosterConfig, roster: Roster, warehouse: Tables) -> Results:
    if unknown := set(config.accept) - set(ACCEPTABLE):
        raise BadSetting(f"accept holds {', '.join(sorted(unknown))}; valid are {', '.join(ACCEPTABLE)}.")
    sheet = roster.sheet()
    read = examine(sheet, roster.mapping, last=last_reading(warehouse.tables), accept=config.accept)
    accepted = without_erased(warehouse.tables, read)
    kept = keep_roster(warehouse.tables, accepted, source=sheet.name, run_id=context.run.run_id)
    facts = {**kept, "preview": preview(warehouse.tables, hr.hr_roster, None)}
    version = dg.DataVersion(version_of_roster(warehouse.tables))
    judge = Judge(context, hr.hr_roster, warehouse.tables)
    judge.judge([None])
    good = sync_checks.every_row_is_good(accepted)
    yield from judge.results([dg.MaterializeResult(metadata=facts, data_version=version, check_results=[good])])


@dg.multi_asset(
    name="plan_and_send",
    specs=[
        spec(sync.user_sync_plan, kinds=KINDS),
        spec(sync.user_sync_outcome, kinds=KINDS),
    ],
    check_specs=[
        sync_checks.WITHIN_LIMITS,
        sync_checks.NOBODY_IS_BLOCKED,
        sync_checks.EVERYBODY_IS_ANSWERED,
        sync_checks.NO_DRIFT,
        *specs_of(sync.user_sync_plan),
        *specs_of(sync.user_sync_outcome),
    ],
    can_subset=True,
    backfill_policy=ONE_RUN,
    pool=POOL,
)
@told_plainly
def plan_and_send(
    context: Context, config: SyncConfig, sparkwise: Sparkwise, roster: Roster, warehouse: Tables
) -> Results:
    asked = context.selected_asset_keys
    with warehouse.tables.alone("user_sync") as stay_alone:
        run = UserSync(context, sparkwise, roster, warehouse, stay_alone)
        plan = run.plan(config)
        if dg.AssetKey("user_sync_plan") in asked:
            judge = Judge(context, sync.user_sync_plan, warehouse.tables)
            judge.judge([None])
            # Where the plan as it was kept is wrong, this ends the step: nothing is sent.
            yield from judge.results([run.planned(plan, approval=approval_of(plan, undo=config.undo))])
        if dg.AssetKey("user_sync_outcome") in asked:
            outcomes = run.carry_out(plan)
            if not config.undo:
                run.remember_sync(plan)
            judge = Judge(context, sync.user_sync_outcome, warehouse.tables)
            judge.judge([None])
            yield from judge.results([run.carried_out(plan, outcomes)])
