"""Lift: best score minus first score, in points. Within a day per scenario, and composed over all days per learner.

Daily lifts are never summed or averaged into a longer one: over several days the first score is that of the earliest
day that has one and the best is the highest of all, as Exec itself would answer for the whole range.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from exec_orchestration.marts.figures import Days, average, count_where, medians, rate, within
from exec_orchestration.marts.weeks import span, week_of
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice
from exec_orchestration.tables.marts import learner_lift as learner_lift_table

DAY_AND_SCENARIO = ("partition_date", "scenario_id")
LEARNER = ("scenario_id", "user_id")


def scenario_lift(days: Days) -> sa.Select[tuple[object, ...]]:
    """One row per day and scenario that somebody practised."""
    cells = sa.select(practice).where(within(practice.c.partition_date, days)).cte("cells")
    median = medians(cells, "lift_percentage", by=DAY_AND_SCENARIO, name="median_lift_points")
    totals = (
        sa.select(
            cells.c.partition_date,
            cells.c.scenario_id,
            sa.func.count().label("participants"),
            sa.func.sum(cells.c.session_count).label("sessions"),
            average(cells.c.first_score).label("average_first_score"),
            average(cells.c.best_score).label("average_best_score"),
            average(cells.c.lift_percentage).label("average_lift_points"),
            rate(count_where(cells.c.lift_percentage > 0), sa.func.count(cells.c.lift_percentage)).label(
                "improved_share"
            ),
        )
        .group_by(cells.c.partition_date, cells.c.scenario_id)
        .cte("totals")
    )
    return sa.select(
        totals.c.partition_date,
        totals.c.scenario_id,
        totals.c.participants,
        totals.c.sessions,
        totals.c.average_first_score,
        totals.c.average_best_score,
        totals.c.average_lift_points,
        median.c.median_lift_points,
        totals.c.improved_share,
    ).select_from(totals.outerjoin(median, _same(totals, median, DAY_AND_SCENARIO)))


def learner_lift(days: Days | None = None, *, learners: sa.FromClause | None = None) -> sa.Select[tuple[object, ...]]:
    """One row per scenario and learner, composed over `days`, or over every day that is loaded.

    `learners` holds the scenarios and users to be composed, each once; without it everybody is.
    """
    cells = sa.select(practice)
    if days is not None:
        cells = cells.where(within(practice.c.partition_date, days))
    if learners is not None:
        cells = cells.join(learners, _same(practice, learners, LEARNER))
    return _composed(cells, learner_lift_table.c.keys(), by=LEARNER)


def weekly_lift(weeks: Sequence[Days]) -> sa.Select[tuple[object, ...]]:
    """One row per week, scenario and learner, composed over the days of the week, which is named by its last one."""
    week = week_of(practice.c.partition_date, weeks).label("week")
    cells = sa.select(practice, week).where(within(practice.c.partition_date, span(weeks)))
    return _composed(cells, ("week", *learner_lift_table.c.keys()), by=("week", *LEARNER))


def _composed(cells: sa.Select[Any], columns: Sequence[str], *, by: Sequence[str]) -> sa.Select[tuple[object, ...]]:
    """One row per value of the columns `by`, the days of its cells composed into one lift.

    One pass over the cells, without a join: parts that are read twice PostgreSQL would write to disk.
    """
    cell = _numbered(cells.subquery("cells"), by).c
    is_valid, is_first, is_best = cell.session_count > 0, cell.from_first == 1, cell.from_best == 1
    first_score, best_score = _of(is_first, cell.first_score), _of(is_best, cell.best_score)
    found = {
        **{name: cell[name] for name in by},
        "first_practised_on": sa.func.min(_where(is_valid, cell.partition_date)),
        "last_practised_on": sa.func.max(_where(is_valid, cell.partition_date)),
        "session_count": sa.func.sum(_where(is_valid, cell.session_count)),
        "total_duration_seconds": sa.func.sum(_where(is_valid, cell.total_duration_seconds)),
        "first_score": first_score,
        "first_rank": _of(is_first, cell.first_rank),
        "best_score": best_score,
        "best_rank": _of(is_best, cell.best_rank),
        "lift_points": best_score - first_score,
    }
    chosen = sa.select(*(found[name].label(name) for name in columns))
    return chosen.group_by(*(cell[name] for name in by)).having(found["session_count"].is_not(None))


def _numbered(cells: sa.Subquery, by: Sequence[str]) -> sa.Subquery:
    """The cells, numbered per learner from the earliest that has a first score and from that with the best one."""
    learner = [cells.c[name] for name in by]
    earliest = (cells.c.first_score.is_(None), cells.c.partition_date)
    # The highest score first; the earlier day where two are equal, so that the rank is always the same one.
    highest = (cells.c.best_score.is_(None), cells.c.best_score.desc(), cells.c.partition_date)
    return sa.select(
        cells,
        sa.func.row_number().over(partition_by=learner, order_by=earliest).label("from_first"),
        sa.func.row_number().over(partition_by=learner, order_by=highest).label("from_best"),
    ).subquery("numbered")


def _of(is_chosen: sa.ColumnElement[bool], column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The value of the one cell that is chosen."""
    return sa.func.max(_where(is_chosen, column))


def _where(condition: sa.ColumnElement[bool], column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.case((condition, column))


def _same(left: sa.FromClause, right: sa.FromClause, by: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(left.c[name] == right.c[name] for name in by))
