"""What the marts' plots show: the last weeks or days, for the whole company, and departments that hide single people.

Rates and averages are those of everything that a week holds, never averages of days. Where a mart's table has what is
needed, it is read from there, so that a plot agrees with the table that it stands beside; lifts and ranks of a longer
time are composed anew, since those of days cannot be put together. No row is about a person.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from exec_orchestration.marts.figures import Number, average, within
from exec_orchestration.marts.groups import MINIMUM_PEOPLE
from exec_orchestration.marts.lift import weekly_lift
from exec_orchestration.marts.weeks import day_of, span, week_of, weeks_until
from exec_orchestration.tables import marts as tables
from exec_orchestration.tables import sync

Query = sa.Select[tuple[object, ...]]

STATUSES = ("completed", "in_progress", "not_started", "past_due", "did_not_pass", "other_status")
BANDS = (("below 0", 0), ("0 to 5", 5), ("5 to 10", 10), ("10 to 20", 20))
HIGHEST_BAND, NO_LIFT = "20 and more", "no lift yet"
BAND_NAMES = (*(name for name, _ in BANDS), HIGHEST_BAND, NO_LIFT)
DEPARTMENT_RATES = ("assignment_completion_rate", "session_completion_rate")


def lift_by_week(last: date) -> Query:
    """One row per week in which somebody practised: how many people, and the average of their lifts in that week."""
    lifts = weekly_lift(weeks_until(last)).cte("lifts")
    people, points = sa.func.count(sa.distinct(lifts.c.user_id)), average(lifts.c.lift_points)
    return sa.select(lifts.c.week, people.label("people"), points.label("average_lift_points")).group_by(lifts.c.week)


def assignments_by_week(last: date) -> Query:
    """One row per week in which assignments were created: how many, and how many of them are in which status."""
    return _sums_by_week(tables.assignment_completion, ("assigned", *STATUSES), last)


def sessions_by_week(last: date) -> Query:
    """One row per week with sessions: participations, how many were attended, and how many completed."""
    return _sums_by_week(tables.session_completion, ("participants", "attended", "completed"), last)


def tiers_by_week(last: date) -> Query:
    """One row per week and tier: the people in it on the last day of the week that is there, all skills together."""
    weeks, tiers = weeks_until(last), tables.skill_tiers
    days = (
        sa.select(tiers.c.partition_date, week_of(tiers.c.partition_date, weeks).label("week"))
        .where(within(tiers.c.partition_date, span(weeks)))
        .distinct()
        .cte("days")
    )
    ends = sa.select(days.c.week, sa.func.max(days.c.partition_date).label("day")).group_by(days.c.week).cte("ends")
    return (
        sa.select(ends.c.week, tiers.c.tier, sa.func.sum(tiers.c.learners).label("learners"))
        .select_from(ends.join(tiers, tiers.c.partition_date == ends.c.day))
        .group_by(ends.c.week, tiers.c.tier)
    )


def people_by_lift() -> Query:
    """One row per band of average lift: the people of today's roster in it; null where they are one to four."""
    people = tables.learner_scorecard
    banded = sa.select(_band(people.c.average_lift_points).label("band")).where(people.c.status != "terminated")
    bands = banded.cte("bands")
    count = sa.func.count()
    return sa.select(bands.c.band, sa.case((count >= MINIMUM_PEOPLE, count)).label("people")).group_by(bands.c.band)


def departments() -> Query:
    """One row per department of enough people, largest first; figures that too little stands behind are null."""
    found = tables.department_scorecard.c
    enough = {
        "average_lift_points": found.people_practised,
        "assignment_completion_rate": found.assigned,
        "session_completion_rate": found.participations,
    }
    figures = [sa.case((behind >= MINIMUM_PEOPLE, found[name])).label(name) for name, behind in enough.items()]
    is_shown = found.people >= MINIMUM_PEOPLE
    return (
        sa.select(found.department, found.people, *figures).where(is_shown).order_by(found.people.desc(), "department")
    )


def planned_changes(midnights: Mapping[date, datetime]) -> Query:
    """One row per day, action and whether it was held: people, each as a day's last plan with a change says."""
    plans = sync.user_sync_plan
    is_change = plans.c.action != "unchanged"
    last = _last_of_day(plans, plans.c.planned_at, midnights, is_change, then_by=plans.c.plan_id)
    return _people_by(last, "day", "action", "is_held")


def sent_changes(midnights: Mapping[date, datetime]) -> Query:
    """One row per day, action and result: people, each as a day's last attempt for them ended."""
    outcomes = sync.user_sync_outcome
    last = _last_of_day(outcomes, outcomes.c.sent_at, midnights, sa.true(), then_by=outcomes.c.attempt)
    return _people_by(last, "day", "action", "result")


def _sums_by_week(table: sa.Table, columns: tuple[str, ...], last: date) -> Query:
    weeks, day = weeks_until(last), table.c.partition_date
    rows = sa.select(week_of(day, weeks).label("week"), table).where(within(day, span(weeks))).cte("rows_of_weeks")
    return sa.select(rows.c.week, *(sa.func.sum(rows.c[name]).label(name) for name in columns)).group_by(rows.c.week)


def _band(lift: Number) -> Number:
    return sa.case((lift.is_(None), NO_LIFT), *((lift < end, name) for name, end in BANDS), else_=HIGHEST_BAND)


def _last_of_day(
    table: sa.Table,
    moment: sa.Column[datetime],
    midnights: Mapping[date, datetime],
    wanted: sa.ColumnElement[bool],
    *,
    then_by: sa.Column[Any],
) -> sa.CTE:
    """The newest wanted row of each person and day."""
    in_time = sa.and_(wanted, moment >= min(midnights.values()))
    dated = sa.select(table, day_of(moment, midnights).label("day")).where(in_time).cte("dated")
    newest_first = (dated.c[moment.key].desc(), dated.c[then_by.key].desc())
    place = sa.func.row_number().over(partition_by=(dated.c.employee_id, dated.c.day), order_by=newest_first)
    placed = sa.select(dated, place.label("place")).cte("placed")
    return sa.select(placed).where(placed.c.place == 1, placed.c.day.is_not(None)).cte("last_of_day")


def _people_by(rows: sa.CTE, *names: str) -> Query:
    keys = [rows.c[name] for name in names]
    return sa.select(*keys, sa.func.count().label("people")).group_by(*keys)
