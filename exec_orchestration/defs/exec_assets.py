"""Exec's assets: each fetches one resource into the table of its name. Bodies only call rooms.

Proficiency is asked day by day, participants in the way that is cheapest (`participants`); assignments and sessions
are listed once for the whole range and cut into days, since every request counts against the workspace's quota.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg

from exec_orchestration.apis.exec_com import is_system_user
from exec_orchestration.apis.paging import Item
from exec_orchestration.defs import summary_check
from exec_orchestration.defs.budget.lanes import STRATEGY_TAG
from exec_orchestration.defs.budget.survey import proficiency_pages
from exec_orchestration.defs.checks import BEFORE_START, rows_before_start
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.judging import Judge, Results
from exec_orchestration.defs.loading import Load
from exec_orchestration.defs.metadata import described, row_count, spec
from exec_orchestration.defs.participants import Block, Finder
from exec_orchestration.defs.partitions import ONE_RUN
from exec_orchestration.defs.previews import preview
from exec_orchestration.defs.resources import ExecResource, WarehouseResource
from exec_orchestration.defs.staging import Staging
from exec_orchestration.defs.table_checks import specs_of
from exec_orchestration.defs.versions import materialization
from exec_orchestration.tables import exec_com as tables
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.history import observations
from exec_orchestration.tables.rows import Day, DayOf

POOL = "exec_api"
LONG_BACKFILL_DAYS = 50
KINDS = {"python", "table"}

Context = dg.AssetExecutionContext
Exec = dg.ResourceParam[ExecResource]
Tables = dg.ResourceParam[WarehouseResource]


@dg.asset(**described(tables.exec_scenarios, kinds=KINDS), pool=POOL)
@told_plainly
def exec_scenarios(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    load = Load(context, tables.exec_scenarios, warehouse, exec_com.api.client)
    with load.staging() as staging:
        staging.read(lambda: iter(exec_com.scenarios))
        staging.publish()
    yield from load.results()


@dg.asset(**described(tables.exec_skills, kinds=KINDS), pool=POOL)
@told_plainly
def exec_skills(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    load = Load(context, tables.exec_skills, warehouse, exec_com.api.client)
    with load.staging() as staging:
        staging.read(lambda: iter(exec_com.skills))
        staging.publish()
    yield from load.results()


@dg.asset(**described(tables.exec_members, kinds=KINDS), pool=POOL)
@told_plainly
def exec_members(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    load = Load(context, tables.exec_members, warehouse, exec_com.api.client, leave_out=system_users(exec_com))
    with load.staging() as staging:
        staging.read(exec_com.api.members)
        staging.publish()
    yield from load.results()


@dg.asset(**described(tables.exec_participant_analytics, kinds=KINDS), pool=POOL)
@told_plainly
def exec_participant_analytics(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    table, api = tables.exec_participant_analytics, exec_com.api
    load = Load(context, table, warehouse, api.client, leave_out=system_users(exec_com))
    finder = Finder(
        api,
        exec_com.scenario_ids,
        context.log,
        strategy=context.run.tags.get(STRATEGY_TAG) or exec_com.participants_strategy,
        remember=lambda strategy: context.instance.add_run_tags(context.run.run_id, {STRATEGY_TAG: strategy}),
        archived=sum(bool(scenario["archived"]) for scenario in exec_com.scenarios),
        newest_first=load.goes_on,
        expect=lambda requests, basis: load.expect(requests + summary_check.REQUESTS, basis),
        cost_of_a_day=load.cost_of_a_day,
    )
    with load.judge.failures([day.day for day in load.days]):
        for block in finder.blocks(load.days):
            load_participants(load, block)
    yield from load.results()


def load_participants(load: Load, block: Block) -> None:
    """Replace each day of a block, and tell how it was found."""
    how = {"strategy": block.strategy, "sample": block.sample, "disagreements": block.disagreements}
    for day, of_scenarios in zip(block.days, block.items, strict=True):
        with load.staging(day) as staging:
            for scenario_id, items in of_scenarios.items():
                staging.read(partial(iter, items), partition=Day(day.day), scenario_id=scenario_id)
            staging.publish(day, **how)


@dg.asset(**described(tables.exec_skill_proficiency, kinds=KINDS), pool=POOL)
@told_plainly
def exec_skill_proficiency(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    table, api = tables.exec_skill_proficiency, exec_com.api
    load = Load(context, table, warehouse, api.client, leave_out=system_users(exec_com))
    skill_ids = exec_com.skill_ids
    expect_proficiency(load, exec_com)
    for day in load.days_in_turn:
        with load.staging_day(
            day, requests=load.cost_of_a_day(len(skill_ids), likely=exec_com.proficiency_pages_now)
        ) as staging:
            for skill_id in skill_ids:
                staging.read(
                    partial(api.proficiency, skill_id, as_of=day.end),
                    partition=Day(day.day),
                    skill_id=skill_id,
                )
            staging.publish(day)
    yield from load.results()


def expect_proficiency(load: Load, exec_com: ExecResource) -> None:
    """Keep what a backfill will cost. A long one asks a few totals first, since listings grow over its days."""
    days, skills = load.days, len(exec_com.skill_ids)
    if not load.is_new_backfill:
        return
    if len(days) < LONG_BACKFILL_DAYS:
        load.expect(
            1 + len(days) * load.cost_of_a_day(skills, likely=exec_com.proficiency_pages_now),
            f"{skills} skills on each day",
        )
        return
    before = exec_com.api.client.traffic.requests
    pages = proficiency_pages(exec_com, days[0].day, days[-1].day, load.warehouse.zone)
    asked = exec_com.api.client.traffic.requests - before
    load.expect(1 + asked + sum(pages), f"{skills} skills on each day, in {min(pages)} to {max(pages)} pages")


@dg.asset(**described(tables.exec_sessions, kinds=KINDS), pool=POOL)
@told_plainly
def exec_sessions(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    table, api = tables.exec_sessions, exec_com.api
    load = Load(context, table, warehouse, api.client, leave_out=system_users(exec_com))
    days = load.days
    with load.staging(*days) as staging:
        staging.read_days(
            lambda start, end: api.sessions(start=start, end=end, setting_aside=load.setting_aside),
            days,
            cut=DayOf("created_at", warehouse.zone),
        )
        for day in days:
            staging.publish(day)
    yield from load.results()


@dg.multi_asset(
    name="exec_assignments",
    specs=[spec(tables.exec_assignments, kinds=KINDS), spec(tables.exec_assignment_history, kinds=KINDS)],
    check_specs=[*specs_of(tables.exec_assignments), *specs_of(tables.exec_assignment_history), BEFORE_START],
    can_subset=True,
    backfill_policy=ONE_RUN,
    pool=POOL,
)
@told_plainly
def exec_assignments(context: Context, exec_com: Exec, warehouse: Tables) -> Results:
    """One listing serves every day of the range, and each listing is also an observation for the history."""
    load = Load(context, tables.exec_assignments, warehouse, exec_com.api.client, leave_out=system_users(exec_com))
    history = Judge(context, tables.exec_assignment_history, warehouse.tables)
    days = load.days if load.key in context.selected_asset_keys else []
    with load.staging(*days) as staging:
        listing = partial(exec_com.api.assignments, setting_aside=load.setting_aside)
        staging.read(listing, partition=DayOf("created_at", warehouse.zone))
        staging.record_rejects()
        if not days:
            staging.judge_rejects()
        observed = observe_history(load, staging)
        if len(days) > 1:
            staging.stage.index(PARTITION)
        before_start = rows_before_start(staging.stage.rows_by_day(), warehouse.first_day)
        for day in days:
            staging.publish(day)
    if history.key in context.selected_asset_keys:
        history.judge([None])
        yield observed
        yield from history.outputs()
    if days:
        yield before_start
        yield from load.results()
    history.conclude()


def observe_history(load: Load, staging: Staging) -> dg.MaterializeResult:
    """Write what the listing tells the history; how many states it closed, refreshed and opened."""
    table = tables.exec_assignment_history
    statements = observations(staging.stage.staged, observed_at=load.fetched_at, run_id=load.context.run.run_id)
    closed, refreshed, opened = staging.stage.execute(table, *statements)
    counts: dict[str, Any] = {
        **row_count(load.warehouse.tables.count(table), partitioned=False),
        "states_closed": closed,
        "states_refreshed": refreshed,
        "states_opened": opened,
        "rejected_rows": staging.count_rejects(),
        "preview": preview(load.warehouse.tables, tables.exec_assignment_history, None),
    }
    key = dg.AssetKey(table.name)
    version = str(load.warehouse.tables.newest(table.c.observed_from, table.c.observed_to))
    # Told at once: it stands, whether it was asked for by name or not, and whatever becomes of the days.
    load.context.log_event(materialization(key, None, version, counts))
    return dg.MaterializeResult(asset_key=key, data_version=dg.DataVersion(version), metadata=counts)


def system_users(exec_com: ExecResource) -> Callable[[Item], bool] | None:
    """What tells Exec's own people from learners, where the settings leave them out."""
    return is_system_user if exec_com.exclude_system_users else None
