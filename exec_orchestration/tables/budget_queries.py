"""What the ledger tells about spending: queries, as values, and the statement that keeps an estimate."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exec_orchestration.tables.budget import api_estimates, api_requests, api_reservations

LAST_BACKFILLS = 10
# When a request whose process has died has reached its vendor, or never will.
ARRIVED_SECONDS = 75


def spent_by_day(since: datetime) -> sa.Select[Any]:
    """Requests of each day (UTC), vendor, lane and asset since an instant, oldest first."""
    day = sa.func.date(api_requests.c.sent_at).label("day")
    keys = (day, api_requests.c.api, api_requests.c.lane, sa.func.coalesce(api_requests.c.asset, "").label("asset"))
    return (
        sa.select(*keys, sa.func.count().label("requests"))
        .where(api_requests.c.sent_at >= since)
        .group_by(*keys)
        .order_by(*keys)
    )


def backfills() -> sa.Select[Any]:
    """The last backfills, newest first: what each asset was thought to cost, and what it has cost until now."""
    spent = (
        sa.select(api_requests.c.backfill, api_requests.c.asset, sa.func.count().label("spent"))
        .where(api_requests.c.backfill.is_not(None))
        .group_by(api_requests.c.backfill, api_requests.c.asset)
        .subquery()
    )
    same = sa.and_(spent.c.backfill == api_estimates.c.backfill, spent.c.asset == api_estimates.c.asset)
    return (
        sa.select(api_estimates, sa.func.coalesce(spent.c.spent, 0).label("spent"))
        .select_from(api_estimates.outerjoin(spent, same))
        .order_by(api_estimates.c.made_at.desc(), api_estimates.c.asset)
        .limit(LAST_BACKFILLS)
    )


def last_day_cost(asset: str, since: datetime) -> sa.Select[Any]:
    """How many requests the partition that an asset asked for last has taken, but for those that were in vain."""
    return (
        sa.select(sa.func.count().label("requests"))
        .where(
            api_requests.c.sent_at >= since,
            api_requests.c.asset == asset,
            api_requests.c.partition_date.is_not(None),
            api_requests.c.status == 200,
        )
        .group_by(api_requests.c.partition_date, api_requests.c.run_id)
        .order_by(sa.func.max(api_requests.c.sent_at).desc())
        .limit(1)
    )


def reserving_runs() -> sa.Select[Any]:
    """The runs that have requests set aside."""
    return sa.select(api_reservations.c.run_id).where(api_reservations.c.run_id.is_not(None)).distinct()


def free_reservations(run_ids: Collection[str]) -> sa.Delete:
    """Give back what these runs have set aside."""
    return api_reservations.delete().where(api_reservations.c.run_id.in_(run_ids))


def unanswered(api: str, since: datetime) -> sa.Select[Any]:
    """The requests of runs to a vendor that were sent since an instant and have no answer yet, or never will."""
    columns = (api_requests.c.id, api_requests.c.run_id, api_requests.c.sent_at)
    still_open = (api_requests.c.answered_at.is_(None), api_requests.c.run_id.is_not(None))
    return sa.select(*columns).where(api_requests.c.api == api, api_requests.c.sent_at >= since, *still_open)


def give_up(requests: Iterable[sa.Row[Any]], now: datetime) -> tuple[sa.Update, list[dict[str, Any]]]:
    """Let requests whose process has died count from when they have reached their vendor at the latest."""
    # An answer that came meanwhile says better when it ended.
    is_lost = (api_requests.c.id == sa.bindparam("b_id"), api_requests.c.answered_at.is_(None))
    statement = api_requests.update().where(*is_lost)
    ends = [(row.id, min(now, row.sent_at + timedelta(seconds=ARRIVED_SECONDS))) for row in requests]
    return statement, [{"b_id": request, "answered_at": end} for request, end in ends]


def keep_estimate(row: dict[str, Any]) -> sa.Insert:
    """Keep an estimate, unless the backfill and asset have one."""
    there = sa.exists().where(api_estimates.c.backfill == row["backfill"], api_estimates.c.asset == row["asset"])
    values = sa.select(*(sa.literal(value, api_estimates.c[name].type).label(name) for name, value in row.items()))
    return api_estimates.insert().from_select(list(row), values.where(~there))
