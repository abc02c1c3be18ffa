"""What of the books is old enough to go, as conditions, and how it goes: some thousand rows, a day or a month at once.

Purged is only what nothing decides by any more. HR's roster and the assignments' history are versions in time and stay;
so do the last reading of the roster, the last outcome of each person and result, and what the last listing of a whole
table has rejected: the next sync is judged by these.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime

import sqlalchemy as sa

from exec_orchestration.tables import changes, dialects, versions
from exec_orchestration.tables.budget import api_estimates, api_requests
from exec_orchestration.tables.declare import METADATA, PARTITION, is_daily
from exec_orchestration.tables.hr import hr_roster_reads
from exec_orchestration.tables.ledger import rejected_rows
from exec_orchestration.tables.sync import user_sync_outcome, user_sync_plan
from exec_orchestration.tables.warehouse import Warehouse

CHUNK_ROWS = 5_000

Condition = sa.ColumnElement[bool]
IsOld = Callable[[sa.FromClause, datetime], Condition]


def purge(warehouse: Warehouse, tables: Mapping[sa.Table, IsOld], *, before: datetime) -> dict[str, int]:
    """Delete what is old in these tables, in their order; how many rows went from each.

    Each chunk is a transaction of its own, so that nobody waits long for a lock, and what is done stays done.
    """
    return {table.name: _purge(warehouse, table, is_old, before) for table, is_old in tables.items()}


def _purge(warehouse: Warehouse, table: sa.Table, is_old: IsOld, before: datetime) -> int:
    old = table.alias("old")
    keys = [column.name for column in table.primary_key]
    chosen = sa.select(*(old.c[name] for name in keys)).where(is_old(old, before)).limit(CHUNK_ROWS)
    key = sa.tuple_(*(table.c[name] for name in keys)) if len(keys) > 1 else table.c[keys[0]]
    total = 0
    while True:
        with warehouse.writing(f"purge {table.name}") as connection:
            gone = connection.execute(table.delete().where(key.in_(chosen))).rowcount
        total += gone
        if gone < CHUNK_ROWS:
            return total


def month_before(today: date, months: int) -> date:
    """The first day of the month that lies so many months before today's."""
    past = today.year * 12 + today.month - 1 - months
    return date(past // 12, past % 12 + 1, 1)


def purge_days(warehouse: Warehouse, *, before: date) -> dict[str, int]:
    """Let every daily table forget the days before the first one of a month; what went from each.

    Native months are dropped, whatever they hold, and counted as such; other rows are deleted, a day a transaction.
    """
    gone: dict[str, int] = {}
    for table in filter(is_daily, METADATA.sorted_tables):
        with warehouse.writing(f"drop months of {table.name}") as connection:
            months = dialects.offer(connection).drop_months_before(connection, table, before)
            if months:
                changes.forget(connection, table)
                versions.forget_days(connection, table.name, before=before)
        gone |= {f"months_of_{table.name}": months} if months else {}
        gone[table.name] = _purge_days(warehouse, table, before)
    return gone


def _purge_days(warehouse: Warehouse, table: sa.Table, before: date) -> int:
    day, total = table.c[PARTITION], 0
    for (old,) in warehouse.read(sa.select(day).where(day < before).distinct().order_by(day)):
        with warehouse.writing(f"purge {table.name}") as connection:
            total += connection.execute(table.delete().where(day == old)).rowcount
            changes.forget(connection, table)
    with warehouse.writing(f"purge versions of {table.name}") as connection:
        versions.forget_days(connection, table.name, before=before)
    return total


def _old_request(old: sa.FromClause, before: datetime) -> Condition:
    """Sent before; of a backfill, when the whole of it was, since its spending is told as one sum."""
    newer = api_requests.alias("newer").c
    go_on = sa.select(newer.backfill).where(newer.sent_at >= before, newer.backfill.is_not(None))
    return sa.and_(old.c.sent_at < before, sa.or_(old.c.backfill.is_(None), old.c.backfill.not_in(go_on)))


def _old_estimate(old: sa.FromClause, before: datetime) -> Condition:
    """Made before, of a backfill whose requests are gone."""
    spent = sa.exists().where(api_requests.c.backfill == old.c.backfill)
    return sa.and_(old.c.made_at < before, ~spent)


def _old_reading(old: sa.FromClause, before: datetime) -> Condition:
    """Read before, and not the last: the next reading is judged against that."""
    last = sa.select(sa.func.max(hr_roster_reads.alias("reads").c.read_at)).scalar_subquery()
    return sa.and_(old.c.read_at < before, old.c.read_at < last)


def _old_reject(old: sa.FromClause, before: datetime) -> Condition:
    """Of a day, and listed before: those of a whole table say who must not be taken for new or gone."""
    return sa.and_(old.c[PARTITION].is_not(None), old.c.fetched_at < before)


def _old_outcome(old: sa.FromClause, before: datetime) -> Condition:
    """Sent before, and not the person's last with this result: by that the next plan decides."""
    of = user_sync_outcome.alias("every").c
    last = sa.select(of.employee_id, of.result, sa.func.max(of.sent_at)).group_by(of.employee_id, of.result)
    this = sa.tuple_(old.c.employee_id, old.c.result, old.c.sent_at)
    return sa.and_(old.c.sent_at < before, this.not_in(last))


def _old_plan(old: sa.FromClause, before: datetime) -> Condition:
    """Made before, without an outcome that is kept; the newest plan and the first that was carried out stay."""
    plans = user_sync_plan.alias("plans")
    newest = sa.select(sa.func.max(plans.c.plan_id)).scalar_subquery()
    first = sa.select(sa.func.min(plans.c.plan_id)).where(plans.c.carried_out_at.is_not(None)).scalar_subquery()
    sent = sa.exists().where(
        user_sync_outcome.c.plan_id == old.c.plan_id, user_sync_outcome.c.employee_id == old.c.employee_id
    )
    kept = sa.or_(old.c.plan_id == newest, old.c.plan_id == sa.func.coalesce(first, ""))
    return sa.and_(old.c.planned_at < before, ~kept, ~sent)


REQUESTS: Mapping[sa.Table, IsOld] = {api_requests: _old_request, api_estimates: _old_estimate}
JOURNALS: Mapping[sa.Table, IsOld] = {
    rejected_rows: _old_reject,
    hr_roster_reads: _old_reading,
    user_sync_outcome: _old_outcome,
    user_sync_plan: _old_plan,
}
