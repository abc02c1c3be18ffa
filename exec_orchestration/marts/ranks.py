"""Ranks: with which rank people begin and end a day of practice. A rank is what Exec reports, never computed."""

import sqlalchemy as sa

from exec_orchestration.marts.figures import Days, count_where, rate, within
from exec_orchestration.marts.shares import labels
from exec_orchestration.tables.exec_com import RANKS
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice


def rank_distribution(days: Days) -> sa.Select[tuple[object, ...]]:
    """One row per day, scenario that somebody practised, and rank; people without a rank are in no share."""
    cells = sa.select(practice).where(within(practice.c.partition_date, days)).cte("cells")
    every_rank = labels(RANKS, cells.c.first_rank, cells.c.best_rank, name="rank")
    ranked = {
        "first": sa.func.count(cells.c.first_rank),
        "best": sa.func.count(cells.c.best_rank),
    }
    first_here = count_where(cells.c.first_rank == every_rank.c.rank)
    best_here = count_where(cells.c.best_rank == every_rank.c.rank)
    is_known = every_rank.c.rank.in_(RANKS)
    return (
        sa.select(
            cells.c.partition_date,
            cells.c.scenario_id,
            every_rank.c.rank,
            first_here.label("first_participants"),
            rate(first_here, ranked["first"]).label("first_share"),
            best_here.label("best_participants"),
            rate(best_here, ranked["best"]).label("best_share"),
        )
        .select_from(cells.join(every_rank, sa.true()))
        .group_by(cells.c.partition_date, cells.c.scenario_id, every_rank.c.rank)
        # A rank that is new to us appears where somebody has it; the known ones always do.
        .having(sa.or_(is_known, first_here + best_here > 0))
    )
