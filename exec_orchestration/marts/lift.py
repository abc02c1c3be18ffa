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
    return _composed(cells.cte("cells"), learner_lift_table.c.keys(), by=LEARNER)


def weekly_lift(weeks: Sequence[Days]) -> sa.Select[tuple[object, ...]]:
    """One row per week, scenario and learner, composed over the days of the week, which is named by its last one."""
    week = week_of(practice.c.partition_date, weeks).label("week")
    cells = sa.select(practice, week).where(within(practice.c.partition_date, span(weeks))).cte("cells")
    return _composed(cells, ("week", *learner_lift_table.c.keys()), by=("week", *LEARNER))


def _composed(cells: sa.CTE, columns: Sequence[str], *, by: Sequence[str]) -> sa.Select[tuple[object, ...]]:
    """One row per value of the columns `by`, the days of its cells composed into one lift."""
    scored = _scored(cells, by)
    key = [cells.c[name] for name in by]
    totals = (
        sa.select(
            *key,
            sa.func.min(cells.c.partition_date).label("first_practised_on"),
            sa.func.max(cells.c.partition_date).label("last_practised_on"),
            sa.func.sum(cells.c.session_count).label("session_count"),
            sa.func.sum(cells.c.total_duration_seconds).label("total_duration_seconds"),
        )
        .where(cells.c.session_count > 0)
        .group_by(*key)
        .cte("totals")
    )
    first = sa.select(*_named(scored, *by, "first_score", "first_rank")).where(scored.c.from_first == 1).cte("first")
    best = sa.select(*_named(scored, *by, "best_score", "best_rank")).where(scored.c.from_best == 1).cte("best")
    # One below the other and not side by side: a join of thousands that the planner takes for few would go through
    # all of one for each of the other.
    parts = _stacked(totals, first, best)
    found: dict[str, sa.ColumnElement[Any]] = {
        name: column if name in by else sa.func.max(column) for name, column in parts.c.items()
    }
    found["lift_points"] = found["best_score"] - found["first_score"]
    return (
        sa.select(*(found[name].label(name) for name in columns))
        .group_by(*(parts.c[name] for name in by))
        .having(found["session_count"].is_not(None))
    )


def _stacked(*parts: sa.CTE) -> sa.CTE:
    """The rows of all parts; what a part has no column for is null in its rows."""
    every = {column.name: column for part in parts for column in part.c}
    rows = [
        sa.select(*(part.c.get(name, sa.cast(sa.null(), column.type)).label(name) for name, column in every.items()))
        for part in parts
    ]
    return sa.union_all(*rows).cte("parts")


def _named(rows: sa.CTE, *names: str) -> list[sa.ColumnElement[Any]]:
    return [rows.c[name] for name in names]


def _scored(cells: sa.CTE, by: Sequence[str]) -> sa.CTE:
    """The cells in which a score was reached, numbered per learner from the earliest and from the best."""
    learner = [cells.c[name] for name in by]
    earliest = (cells.c.first_score.is_(None), cells.c.partition_date)
    # The highest score first; the earlier day where two are equal, so that the rank is always the same one.
    highest = (cells.c.best_score.is_(None), cells.c.best_score.desc(), cells.c.partition_date)
    return (
        sa.select(
            *learner,
            cells.c.first_score,
            cells.c.first_rank,
            cells.c.best_score,
            cells.c.best_rank,
            sa.func.row_number().over(partition_by=learner, order_by=earliest).label("from_first"),
            sa.func.row_number().over(partition_by=learner, order_by=highest).label("from_best"),
        )
        .where(sa.or_(cells.c.first_score.is_not(None), cells.c.best_score.is_not(None)))
        .cte("scored")
    )


def _same(left: sa.FromClause, right: sa.FromClause, by: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(left.c[name] == right.c[name] for name in by))
