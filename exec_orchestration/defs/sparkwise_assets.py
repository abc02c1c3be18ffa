"""Sparkwise's assets: each fetches one resource into the table of its name. Bodies only call rooms."""

from functools import partial

import dagster as dg

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.judging import Results
from exec_orchestration.defs.loading import Load
from exec_orchestration.defs.metadata import described
from exec_orchestration.defs.resources import SparkwiseResource, WarehouseResource
from exec_orchestration.tables import sparkwise as tables
from exec_orchestration.tables.rows import Day, DayOf

POOL = "sparkwise_api"
KINDS = {"python", "table"}

Context = dg.AssetExecutionContext
Sparkwise = dg.ResourceParam[SparkwiseResource]
Tables = dg.ResourceParam[WarehouseResource]


@dg.asset(**described(tables.sparkwise_clusters, kinds=KINDS), pool=POOL)
@told_plainly
def sparkwise_clusters(context: Context, sparkwise: Sparkwise, warehouse: Tables) -> Results:
    api = sparkwise.api
    load = Load(context, tables.sparkwise_clusters, warehouse, api.client)
    for day in load.days:
        # A cluster does not say when it was created, so each day has to be asked for by itself.
        with load.staging_day(day, requests=1) as staging:
            staging.read(partial(api.clusters, start=day.start, end=day.end), partition=Day(day.day))
            staging.publish(day)
    yield from load.results()


@dg.asset(**described(tables.sparkwise_completions, kinds=KINDS), pool=POOL)
@told_plainly
def sparkwise_completions(context: Context, sparkwise: Sparkwise, warehouse: Tables) -> Results:
    api = sparkwise.api
    load = Load(context, tables.sparkwise_completions, warehouse, api.client)
    days = load.days
    with load.staging(*days) as staging:
        staging.read_days(
            lambda start, end: api.completions(start=start, end=end),
            days,
            cut=None if sparkwise.completions_by_day else DayOf("session_scheduled_start_at", warehouse.zone),
        )
        for day in days:
            staging.publish(day)
    yield from load.results()


# Listed after the roster was accepted: a roster that is refused costs no request.
@dg.asset(**described(tables.sparkwise_users, kinds=KINDS), deps=["hr_roster"], pool=POOL)
@told_plainly
def sparkwise_users(context: Context, sparkwise: Sparkwise, warehouse: Tables) -> Results:
    load = Load(context, tables.sparkwise_users, warehouse, sparkwise.api.client)
    with load.staging() as staging:
        staging.read(sparkwise.users)
        staging.publish()
    yield from load.results()
