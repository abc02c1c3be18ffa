"""The journal of the user sync: what is asked of it and written to it, as statements.

The last outcome of a person is that of the plan and attempt sent last, whatever plan it belongs to.
"""

import sqlalchemy as sa

from exec_orchestration.tables.sync import user_sync_outcome as outcomes
from exec_orchestration.tables.sync import user_sync_plan as plans

Rows = sa.Select[tuple[object, ...]]
NEWEST_FIRST = (outcomes.c.sent_at.desc(), outcomes.c.plan_id.desc(), outcomes.c.attempt.desc())


def last_outcomes(result: str | None) -> Rows:
    """The last outcome of each person, or the last with this result, with how the account was to be, for which row."""
    place = sa.func.row_number().over(partition_by=outcomes.c.employee_id, order_by=NEWEST_FIRST)
    chosen = sa.true() if result is None else outcomes.c.result == result
    ranked = sa.select(outcomes, place.label("place")).where(chosen).cte("ranked")
    return (
        sa.select(ranked, plans.c.account, plans.c.person_fingerprint)
        .join(plans, sa.and_(plans.c.plan_id == ranked.c.plan_id, plans.c.employee_id == ranked.c.employee_id))
        .where(ranked.c.place == 1)
    )


def outcomes_of(employee_id: str) -> Rows:
    """Every outcome of one person, newest first."""
    return sa.select(outcomes).where(outcomes.c.employee_id == employee_id).order_by(*NEWEST_FIRST)


def carried_out() -> Rows:
    """One row where any plan was ever carried out."""
    return sa.select(plans.c.plan_id).where(plans.c.carried_out_at.is_not(None)).limit(1)


def last_sent() -> Rows:
    """When anything was sent last, by whichever run."""
    return sa.select(sa.func.max(outcomes.c.sent_at).label("sent_at"))


def held_as(fingerprint: str) -> Rows:
    """What plans held back under this fingerprint, the newest plan first."""
    return (
        sa.select(plans.c.plan_id, plans.c.employee_id, plans.c.action, plans.c.expires_at)
        .where(plans.c.plan_fingerprint == fingerprint, plans.c.is_held)
        .order_by(plans.c.plan_id.desc(), plans.c.employee_id)
    )


def applied_by(plan_id: str) -> Rows:
    """The changes of a plan that Sparkwise has carried out."""
    last = (
        sa.select(outcomes.c.employee_id)
        .where(outcomes.c.plan_id == plan_id, outcomes.c.result == "applied")
        .distinct()
        .cte("applied")
    )
    return (
        sa.select(plans.c.employee_id, plans.c.action, plans.c.reason, plans.c.changes, plans.c.account)
        .join(last, last.c.employee_id == plans.c.employee_id)
        .where(plans.c.plan_id == plan_id)
        .order_by(plans.c.employee_id)
    )


def forget_unchanged() -> sa.Delete:
    """People without a change are kept for the newest plan only, and for the first that was ever carried out."""
    first = sa.select(sa.func.min(plans.c.plan_id)).where(plans.c.carried_out_at.is_not(None)).scalar_subquery()
    return plans.delete().where(plans.c.action == "unchanged", plans.c.plan_id != sa.func.coalesce(first, ""))


def mark_carried_out(plan_id: str, moment: object) -> sa.Update:
    """All that was not held has been sent and answered."""
    return plans.update().where(plans.c.plan_id == plan_id).values(carried_out_at=moment)


def answer() -> sa.Update:
    """The result of one attempt; to be executed with the keys under `b_...`."""
    return outcomes.update().where(
        outcomes.c.plan_id == sa.bindparam("b_plan_id"),
        outcomes.c.employee_id == sa.bindparam("b_employee_id"),
        outcomes.c.attempt == sa.bindparam("b_attempt"),
    )
