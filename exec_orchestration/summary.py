"""What stands in a warehouse, in words: rows and partitions of each table, and the headline figures of the marts.

Plain SQL on the finished tables, for somebody who has just run the demo; it writes nothing and imports no room.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# Averages over people, never over days: each person's lift is composed over all days first.
LIFT = """
SELECT COUNT(lift_points), AVG(lift_points), AVG(CASE WHEN lift_points > 0 THEN 1.0 ELSE 0.0 END), AVG(first_score),
       AVG(best_score)
FROM learner_lift WHERE lift_points IS NOT NULL
"""
RANKS = """
SELECT rank, SUM(first_rank = rank), SUM(best_rank = rank) FROM learner_lift
JOIN (SELECT 1 AS place, 'gold' AS rank UNION SELECT 2, 'silver' UNION SELECT 3, 'bronze' UNION SELECT 4, 'unranked')
GROUP BY rank ORDER BY place
"""
ASSIGNMENTS = "SELECT SUM(assigned), SUM(completed), SUM(past_due) FROM assignment_completion"
SESSIONS = "SELECT SUM(participants), SUM(attended), SUM(completed) FROM session_completion"

PLANS = """
SELECT plan_id, action, is_held, COUNT(*),
       (SELECT COUNT(DISTINCT employee_id) FROM user_sync_outcome AS done
        WHERE done.plan_id = plan.plan_id AND done.action = plan.action AND done.result = 'applied')
FROM user_sync_plan AS plan WHERE action <> 'unchanged' GROUP BY plan_id, action, is_held ORDER BY plan_id, action
"""
LAST_CHANGES = """
SELECT plan.employee_id, plan.action, plan.changes, plan.reason, outcome.result
FROM user_sync_plan AS plan JOIN user_sync_outcome AS outcome USING (plan_id, employee_id)
WHERE plan_id = (SELECT MAX(plan_id) FROM user_sync_outcome) ORDER BY plan.action, plan.employee_id
"""
HELD = "SELECT plan_fingerprint FROM user_sync_plan WHERE is_held ORDER BY plan_id DESC LIMIT 1"
CARRIED_OUT = "SELECT COUNT(DISTINCT plan_id) FROM user_sync_plan WHERE carried_out_at IS NOT NULL"


def held_fingerprint(url: str) -> str | None:
    """The fingerprint of what the newest plan with held changes holds back."""
    found: str | None = _scalar(url, HELD)
    return found


def carried_out_plans(url: str) -> int:
    """How many plans were carried out."""
    return int(_scalar(url, CARRIED_OUT) or 0)


def _scalar(url: str, query: str) -> Any:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(query).scalar()
    engine.dispose()
    return found


def summary(url: str) -> Iterator[str]:
    """The lines of the summary."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        yield from _tables(connection)
        yield ""
        yield from _lift(connection)
        yield from _ranks(connection)
        yield from _completion(connection)
        yield ""
        yield from _plans(connection)
        yield from _last_changes(connection)
    engine.dispose()


def _tables(connection: Connection) -> Iterator[str]:
    """One line a table; the alembic table is bookkeeping."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    yield f"{'table':<28}{'rows':>9}{'partitions':>12}"
    for table in metadata.sorted_tables:
        if table.name == "alembic_version":
            continue
        rows = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        day = table.c.get("partition_date")
        days = "-" if day is None else connection.scalar(sa.select(sa.func.count(sa.distinct(day))))
        yield f"{table.name:<28}{rows:>9,}{days:>12}"
    yield "(partitions that hold rows; the days without any are loaded, too, and materialized in the UI)"


def _lift(connection: Connection) -> Iterator[str]:
    people, lift, improved, first, best = connection.exec_driver_sql(LIFT).one()
    if not people:
        yield "Lift         nobody has a score yet"
        return
    yield (
        f"Lift         {lift:+.1f} points on average, from {first:.1f} to {best:.1f}; {improved:.0%} of {people:,} "
        "learner-scenario pairs improved"
    )


def _ranks(connection: Connection) -> Iterator[str]:
    rows = connection.exec_driver_sql(RANKS).all()
    firsts, bests = sum(row[1] or 0 for row in rows), sum(row[2] or 0 for row in rows)
    if firsts and bests:
        shares = ", ".join(f"{rank} {first / firsts:.0%} -> {best / bests:.0%}" for rank, first, best in rows)
        yield f"Ranks        first to best: {shares}"


def _completion(connection: Connection) -> Iterator[str]:
    assigned, completed, past_due = connection.exec_driver_sql(ASSIGNMENTS).one()
    if assigned:
        yield f"Assignments  {completed / assigned:.0%} of {assigned:,} completed, {past_due / assigned:.0%} past due"
    participants, attended, finished = connection.exec_driver_sql(SESSIONS).one()
    if participants:
        rates = f"{attended / participants:.0%} of {participants:,} attended, {finished / participants:.0%} completed"
        yield f"Sessions     {rates}"


def _plans(connection: Connection) -> Iterator[str]:
    """One line a plan: what was asked for, what waited, what was done."""
    rows = connection.exec_driver_sql(PLANS).all()
    for plan_id, actions in groupby(rows, key=lambda row: row[0]):
        told = [
            f"{count} {action}" + (" (waiting for approval)" if held else f" ({done} done)" if done else "")
            for _, action, held, count, done in actions
        ]
        yield f"User sync    plan {plan_id}: {', '.join(told)}"


def _last_changes(connection: Connection) -> Iterator[str]:
    """The last plan person by person, by ids and fields: names stand in the tables."""
    for employee_id, action, changes, reason, result in connection.exec_driver_sql(LAST_CHANGES):
        fields = ", ".join(json.loads(changes))
        yield f"             {employee_id}  {action:<10}  {result:<8}  {reason} ({fields})"
