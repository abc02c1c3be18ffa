"""The marts' assets: each runs one query of `marts/` inside the warehouse and replaces the run's days by its result."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.checks import NO_MISSING_DAYS, missing_days
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.judging import Judge, Results
from exec_orchestration.defs.metadata import described, row_count, window_told
from exec_orchestration.defs.partitions import days_of
from exec_orchestration.defs.plots.drawn import Plots, drawn
from exec_orchestration.defs.plots.marts import plots_of
from exec_orchestration.defs.previews import preview
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.marts import completion, lift, people, proficiency, ranks
from exec_orchestration.tables import changes
from exec_orchestration.tables import marts as tables
from exec_orchestration.tables.warehouse import Window

POOL = "warehouse"
KINDS = {"sql", "table"}

Context = dg.AssetExecutionContext
Tables = dg.ResourceParam[WarehouseResource]
DailyQuery = Callable[[tuple[date, date]], sa.Select[Any]]


@dg.asset(**described(tables.scenario_lift, kinds=KINDS), pool=POOL)
@told_plainly
def scenario_lift(context: Context, warehouse: Tables) -> Results:
    yield from replace_days(context, warehouse, tables.scenario_lift, lift.scenario_lift)


@dg.asset(**described(tables.rank_distribution, kinds=KINDS), pool=POOL)
@told_plainly
def rank_distribution(context: Context, warehouse: Tables) -> Results:
    yield from replace_days(context, warehouse, tables.rank_distribution, ranks.rank_distribution)


@dg.asset(**described(tables.skill_tiers, kinds=KINDS), pool=POOL)
@told_plainly
def skill_tiers(context: Context, warehouse: Tables) -> Results:
    yield from replace_days(context, warehouse, tables.skill_tiers, proficiency.skill_tiers)


@dg.asset(
    **described(tables.assignment_completion, kinds=KINDS),
    pool=POOL,
)
@told_plainly
def assignment_completion(context: Context, warehouse: Tables) -> Results:
    yield from replace_days(context, warehouse, tables.assignment_completion, completion.assignment_completion)


@dg.asset(**described(tables.session_completion, kinds=KINDS), pool=POOL)
@told_plainly
def session_completion(context: Context, warehouse: Tables) -> Results:
    def query(days: tuple[date, date]) -> sa.Select[Any]:
        return completion.session_completion(days, completed_at_steps_pct=warehouse.completed_steps_pct)

    yield from replace_days(context, warehouse, tables.session_completion, query)


@dg.asset(
    **described(tables.learner_lift, kinds=KINDS, checks=[NO_MISSING_DAYS]),
    pool=POOL,
)
@told_plainly
def learner_lift(context: Context, warehouse: Tables) -> Results:
    loaded = context.instance.get_materialized_partitions(dg.AssetKey("exec_participant_analytics"))
    yield missing_days([date.fromisoformat(key) for key in loaded], kept_from=warehouse.kept_from)
    began = time.monotonic()
    with warehouse.tables.writing("compute learner_lift") as connection:
        composed = changes.compose(connection, lambda learners: lift.learner_lift(learners=learners))
    facts = {**row_count(composed.rows, partitioned=False), **seconds_since(began), "recomputed": str(composed)}
    yield from tell_all(context, warehouse, tables.learner_lift, facts, among=changes.computed(composed))


@dg.asset(
    **described(tables.learner_scorecard, kinds=KINDS),
    pool=POOL,
)
@told_plainly
def learner_scorecard(context: Context, warehouse: Tables) -> Results:
    yield from replace_all(
        context,
        warehouse,
        tables.learner_scorecard,
        people.learner_scorecard(completed_at_steps_pct=warehouse.completed_steps_pct),
    )


@dg.asset(**described(tables.department_scorecard, kinds=KINDS), pool=POOL)
@told_plainly
def department_scorecard(context: Context, warehouse: Tables) -> Results:
    yield from replace_all(
        context,
        warehouse,
        tables.department_scorecard,
        people.department_scorecard(completed_at_steps_pct=warehouse.completed_steps_pct),
    )


def replace_all(context: Context, warehouse: WarehouseResource, table: sa.Table, query: sa.Select[Any]) -> Results:
    """Replace a mart without partitions as a whole."""
    began = time.monotonic()
    rows = warehouse.tables.replace_window_by_query(table, None, query)
    facts = {**row_count(rows, partitioned=False), **seconds_since(began)}
    yield from tell_all(context, warehouse, table, facts)


def tell_all(
    context: Context,
    warehouse: WarehouseResource,
    table: sa.Table,
    facts: Mapping[str, Any],
    *,
    among: sa.FromClause | None = None,
) -> Results:
    """Tell Dagster of a mart without partitions that has just been computed; of `among` alone it is judged anew."""
    shown = {"preview": preview(warehouse.tables, table, None), **plots(context, warehouse, table)}
    judge = Judge(context, table, warehouse.tables)
    judge.judge([None], among=among)
    yield from judge.results([dg.MaterializeResult(metadata={**facts, **shown})])


def seconds_since(began: float) -> dict[str, float]:
    """How long the query took, of all days together."""
    return {"seconds": round(time.monotonic() - began, 3)}


def replace_days(context: Context, warehouse: WarehouseResource, table: sa.Table, query: DailyQuery) -> Results:
    """Replace the run's days of a mart, all in one transaction, and tell Dagster the rows of each.

    The plots are drawn once, up to the last of the days, and stand with it.
    """
    days, began = days_of(context, warehouse), time.monotonic()
    window = Window(days[0].day, days[-1].day)
    warehouse.tables.replace_window_by_query(table, window, query((window.first, window.last)))
    rows = warehouse.tables.rows_by_day(table, window)
    for day in days:
        facts = {
            **row_count(rows.get(day.day, 0), partitioned=True),
            **window_told(day),
            "preview": preview(warehouse.tables, table, day.window),
        }
        context.add_asset_metadata(facts, partition_key=day.key)
    context.add_asset_metadata(seconds_since(began))
    context.add_asset_metadata(plots(context, warehouse, table, until=days[-1].day), partition_key=days[-1].key)
    judge = Judge(context, table, warehouse.tables)
    judge.judge([day.day for day in days])
    yield from judge.results([dg.MaterializeResult()])


def plots(context: Context, warehouse: WarehouseResource, table: sa.Table, *, until: date | None = None) -> Plots:
    """A mart's plots up to a day, which is yesterday where none is given."""
    yesterday = datetime.now(UTC).astimezone(warehouse.zone).date() - timedelta(days=1)
    return drawn(lambda: plots_of(table, warehouse.tables, until or yesterday), context.log)
