"""The marts' assets: each runs one query of `marts/` inside the warehouse and replaces the run's days by its result."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.checks import NO_MISSING_DAYS, missing_days
from exec_orchestration.defs.drawn import Plots, drawn
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.mart_plots import plots_of
from exec_orchestration.defs.metadata import described, row_count
from exec_orchestration.defs.partitions import days_of
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.marts import completion, lift, people, proficiency, ranks
from exec_orchestration.tables import marts as tables
from exec_orchestration.tables.warehouse import Window

POOL = "warehouse"
KINDS = {"sql", "table"}

Context = dg.AssetExecutionContext
Tables = dg.ResourceParam[WarehouseResource]
Result = dg.MaterializeResult
DailyQuery = Callable[[tuple[date, date]], sa.Select[Any]]


@dg.asset(**described(tables.scenario_lift, kinds=KINDS), deps=["exec_participant_analytics"], pool=POOL)
@told_plainly
def scenario_lift(context: Context, warehouse: Tables) -> Result:
    return replace_days(context, warehouse, tables.scenario_lift, lift.scenario_lift)


@dg.asset(**described(tables.rank_distribution, kinds=KINDS), deps=["exec_participant_analytics"], pool=POOL)
@told_plainly
def rank_distribution(context: Context, warehouse: Tables) -> Result:
    return replace_days(context, warehouse, tables.rank_distribution, ranks.rank_distribution)


@dg.asset(**described(tables.skill_tiers, kinds=KINDS), deps=["exec_skill_proficiency"], pool=POOL)
@told_plainly
def skill_tiers(context: Context, warehouse: Tables) -> Result:
    return replace_days(context, warehouse, tables.skill_tiers, proficiency.skill_tiers)


@dg.asset(
    **described(tables.assignment_completion, kinds=KINDS),
    deps=["exec_assignments", "exec_assignment_history"],
    pool=POOL,
)
@told_plainly
def assignment_completion(context: Context, warehouse: Tables) -> Result:
    return replace_days(context, warehouse, tables.assignment_completion, completion.assignment_completion)


@dg.asset(**described(tables.session_completion, kinds=KINDS), deps=["sparkwise_completions"], pool=POOL)
@told_plainly
def session_completion(context: Context, warehouse: Tables) -> Result:
    def query(days: tuple[date, date]) -> sa.Select[Any]:
        return completion.session_completion(days, completed_at_steps_pct=warehouse.completed_steps_pct)

    return replace_days(context, warehouse, tables.session_completion, query)


@dg.asset(
    **described(tables.learner_lift, kinds=KINDS),
    deps=["exec_participant_analytics"],
    check_specs=[NO_MISSING_DAYS],
    pool=POOL,
)
@told_plainly
def learner_lift(context: Context, warehouse: Tables) -> Result:
    rows = warehouse.tables.replace_window_by_query(tables.learner_lift, None, lift.learner_lift())
    loaded = context.instance.get_materialized_partitions(dg.AssetKey("exec_participant_analytics"))
    return dg.MaterializeResult(
        metadata={**row_count(rows, partitioned=False), **plots(context, warehouse, tables.learner_lift)},
        check_results=[missing_days([date.fromisoformat(key) for key in loaded])],
    )


OF_BOTH_VENDORS = (
    "hr_roster",
    "exec_members",
    "exec_participant_analytics",
    "exec_assignments",
    "learner_lift",
    "sparkwise_completions",
)


@dg.asset(
    **described(tables.learner_scorecard, kinds=KINDS),
    deps=[*OF_BOTH_VENDORS, "exec_skill_proficiency", "sparkwise_users"],
    pool=POOL,
)
@told_plainly
def learner_scorecard(context: Context, warehouse: Tables) -> Result:
    return replace_all(
        context,
        warehouse,
        tables.learner_scorecard,
        people.learner_scorecard(completed_at_steps_pct=warehouse.completed_steps_pct),
    )


@dg.asset(**described(tables.department_scorecard, kinds=KINDS), deps=OF_BOTH_VENDORS, pool=POOL)
@told_plainly
def department_scorecard(context: Context, warehouse: Tables) -> Result:
    return replace_all(
        context,
        warehouse,
        tables.department_scorecard,
        people.department_scorecard(completed_at_steps_pct=warehouse.completed_steps_pct),
    )


def replace_all(context: Context, warehouse: WarehouseResource, table: sa.Table, query: sa.Select[Any]) -> Result:
    """Replace a mart without partitions as a whole."""
    rows = warehouse.tables.replace_window_by_query(table, None, query)
    facts = row_count(rows, partitioned=False)
    return dg.MaterializeResult(metadata={**facts, **plots(context, warehouse, table)})


def replace_days(context: Context, warehouse: WarehouseResource, table: sa.Table, query: DailyQuery) -> Result:
    """Replace the run's days of a mart, all in one transaction, and tell Dagster the rows of each.

    The plots are drawn once, up to the last of the days, and stand with it.
    """
    days = days_of(context, warehouse)
    window = Window(days[0].day, days[-1].day)
    warehouse.tables.replace_window_by_query(table, window, query((window.first, window.last)))
    rows = warehouse.tables.rows_by_day(table, window)
    for day in days:
        facts = row_count(rows.get(day.day, 0), partitioned=True)
        context.add_asset_metadata(facts, partition_key=day.key)
    context.add_asset_metadata(plots(context, warehouse, table, until=days[-1].day), partition_key=days[-1].key)
    return dg.MaterializeResult()


def plots(context: Context, warehouse: WarehouseResource, table: sa.Table, *, until: date | None = None) -> Plots:
    """A mart's plots up to a day, which is yesterday where none is given."""
    yesterday = datetime.now(UTC).astimezone(warehouse.zone).date() - timedelta(days=1)
    return drawn(lambda: plots_of(table, warehouse.tables, until or yesterday), context.log)
