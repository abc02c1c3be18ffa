"""What a whole listing of assignments tells their history: statements, as values, that a stage executes.

Exec answers only how an assignment stands now. A status that is seen to change closes the current row at the time of
the listing and opens the next one; nothing is ever written about a time before the first listing.
"""

from datetime import datetime

import sqlalchemy as sa

from exec_orchestration.tables.exec_com import exec_assignment_history as history


def observations(
    listed: sa.FromClause, *, observed_at: datetime, run_id: str
) -> tuple[sa.Update, sa.Update, sa.Insert]:
    """Close the rows whose status has changed, bring the others up to date, open a row where none is current.

    `listed` holds assignments as `exec_assignments` does. The three belong into one transaction, in this order.
    """
    return (
        _close_changed(listed, observed_at),
        _refresh_unchanged(listed, observed_at),
        _open_new(listed, observed_at, run_id),
    )


def _close_changed(listed: sa.FromClause, observed_at: datetime) -> sa.Update:
    current = history.alias("current_state")
    changed = (
        sa.select(listed.c.id)
        .join(current, sa.and_(current.c.assignment_id == listed.c.id, current.c.observed_to.is_(None)))
        .where(current.c.status != listed.c.status, current.c.observed_from < observed_at)
    )
    return (
        history.update()
        .where(history.c.observed_to.is_(None), history.c.assignment_id.in_(changed))
        .values(observed_to=observed_at)
    )


def _refresh_unchanged(listed: sa.FromClause, observed_at: datetime) -> sa.Update:
    return (
        history.update()
        .where(
            history.c.assignment_id == listed.c.id,
            history.c.observed_to.is_(None),
            history.c.observed_from <= observed_at,
            history.c.status == listed.c.status,
            sa.or_(
                history.c.attempt_count != listed.c.attempt_count,
                history.c.best_score.is_distinct_from(listed.c.best_score),
            ),
        )
        .values(best_score=listed.c.best_score, attempt_count=listed.c.attempt_count)
    )


def _open_new(listed: sa.FromClause, observed_at: datetime, run_id: str) -> sa.Insert:
    has_current = (
        sa.exists().where(history.c.assignment_id == listed.c.id, history.c.observed_to.is_(None)).correlate(listed)
    )
    states = (
        sa.select(
            listed.c.id,
            sa.literal(observed_at, history.c.observed_from.type),
            listed.c.status,
            listed.c.best_score,
            listed.c.attempt_count,
            sa.literal(run_id),
        )
        .where(sa.not_(has_current))
        # In the order of the key, an index takes a fifth less time to fill.
        .order_by(listed.c.id)
    )
    names = ["assignment_id", "observed_from", "status", "best_score", "attempt_count", "run_id"]
    return history.insert().from_select(names, states)
