"""The learning report: what a head of learning asks of a period of days. Groups of people stand in `groups`.

Each figure is made from the vendors' rows by the same queries that fill the marts, so that all of a page agree and are
as fresh as those rows. No row is about a person. Empty periods give null, never 0.
"""

from datetime import date, timedelta

import sqlalchemy as sa

from exec_orchestration.marts.completion import assignment_completion, session_completion
from exec_orchestration.marts.figures import Days, Number, average, count_where, rate
from exec_orchestration.marts.lift import learner_lift
from exec_orchestration.marts.proficiency import skill_tiers
from exec_orchestration.tables import exec_com as exec_tables
from exec_orchestration.tables.declare import is_daily
from exec_orchestration.tables.exec_com import exec_assignments as assignments
from exec_orchestration.tables.exec_com import exec_scenarios as scenarios
from exec_orchestration.tables.exec_com import exec_skill_proficiency as proficiency
from exec_orchestration.tables.exec_com import exec_skills as skills
from exec_orchestration.tables.hr import hr_roster as roster
from exec_orchestration.tables.hr import hr_roster_reads as roster_reads
from exec_orchestration.tables.sparkwise import sparkwise_completions as completions

Query = sa.Select[tuple[object, ...]]


def before(days: Days) -> Days:
    """The period of equal length that ends on the day before."""
    first, last = days
    return first - (last - first) - timedelta(days=1), first - timedelta(days=1)


def practice(days: Days) -> Query:
    """One row: who practised and how often, and their lifts, one for each learner and scenario."""
    lifts = learner_lift(days).cte("lifts")
    return sa.select(
        sa.func.nullif(sa.func.count(sa.distinct(lifts.c.user_id)), 0).label("people"),
        sa.func.sum(lifts.c.session_count).label("sessions"),
        average(lifts.c.lift_points).label("average_lift_points"),
        _improved_share(lifts).label("improved_share"),
    )


def assigned(days: Days) -> Query:
    """One row: the assignments created in the period, as they stand now."""
    cohorts = assignment_completion(days).cte("cohorts")
    total, completed = sa.func.sum(cohorts.c.assigned), sa.func.sum(cohorts.c.completed)
    return sa.select(total.label("assigned"), rate(completed, total).label("completion_rate"))


def attended(days: Days, *, completed_at_steps_pct: float) -> Query:
    """One row: the sessions that people were booked for, all modules together."""
    modules = session_completion(days, completed_at_steps_pct=completed_at_steps_pct).cte("modules")
    total = sa.func.sum(modules.c.participants)
    return sa.select(
        total.label("booked"),
        rate(sa.func.sum(modules.c.attended), total).label("attendance_rate"),
        rate(sa.func.sum(modules.c.completed), total).label("completion_rate"),
    )


def lift_by_scenario(days: Days) -> Query:
    """One row per scenario that somebody practised; its name is null where it is not listed."""
    lifts = learner_lift(days).cte("lifts")
    return (
        sa.select(
            lifts.c.scenario_id,
            scenarios.c.name,
            sa.func.count().label("learners"),
            average(lifts.c.first_score).label("average_first_score"),
            average(lifts.c.best_score).label("average_best_score"),
            average(lifts.c.lift_points).label("average_lift_points"),
            _improved_share(lifts).label("improved_share"),
        )
        .select_from(lifts.outerjoin(scenarios, scenarios.c.id == lifts.c.scenario_id))
        .group_by(lifts.c.scenario_id, scenarios.c.name)
    )


def rank_migration(days: Days) -> Query:
    """One row per first and best rank that occur together: how many learners, one for each scenario."""
    return rank_migration_of(learner_lift(days).cte("lifts"))


def rank_migration_of(lifts: sa.FromClause) -> Query:
    """The same of lifts that are there already."""
    ranks = (lifts.c.first_rank, lifts.c.best_rank)
    has_both = sa.and_(*(rank.is_not(None) for rank in ranks))
    return sa.select(*ranks, sa.func.count().label("learners")).where(has_both).group_by(*ranks)


def last_day_of_skills(up_to: date) -> Query:
    """One row: the last day whose proficiency is loaded, not after `up_to`."""
    day = proficiency.c.partition_date
    return sa.select(sa.func.max(day).label("last_day")).where(day <= up_to)


def tiers_of_skills(day: date) -> Query:
    """One row per skill and tier at the end of a day; a skill's name is null where it is not listed."""
    tiers = skill_tiers((day, day)).cte("tiers")
    return sa.select(tiers.c.skill_id, skills.c.name, tiers.c.tier, tiers.c.learners, tiers.c.share).select_from(
        tiers.outerjoin(skills, skills.c.id == tiers.c.skill_id)
    )


def _improved_share(lifts: sa.CTE) -> Number:
    return rate(count_where(lifts.c.lift_points > 0), sa.func.count(lifts.c.lift_points))


def freshness() -> Query:
    """One row per source: its first and last day with a row, null where it has none, and when it was listed last."""
    no_day = sa.cast(sa.null(), sa.Date())
    listed = [
        sa.select(
            sa.literal(table.name, sa.Text()).label("source"),
            (sa.func.min(table.c.partition_date) if is_daily(table) else no_day).label("first_day"),
            (sa.func.max(table.c.partition_date) if is_daily(table) else no_day).label("last_day"),
            sa.func.max(table.c.fetched_at).label("fetched_at"),
        )
        for table in (exec_tables.exec_participant_analytics, assignments, proficiency, completions, scenarios, skills)
    ]
    read = sa.select(sa.literal(roster.name, sa.Text()), no_day, no_day, sa.func.max(roster_reads.c.read_at))
    return sa.select(sa.union_all(*listed, read).cte("freshness"))
