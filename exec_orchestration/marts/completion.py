"""Completion: of what was assigned in Exec, and of the sessions that were booked in Sparkwise.

A rate with no denominator is null. An assignment's cohort is the day it was created; its status is the one last listed.
"""

import sqlalchemy as sa

from exec_orchestration.marts.figures import Days, average, count_where, rate, within
from exec_orchestration.tables.exec_com import ASSIGNMENT_STATUSES
from exec_orchestration.tables.exec_com import exec_assignment_history as history
from exec_orchestration.tables.exec_com import exec_assignments as assignments
from exec_orchestration.tables.marts import assignment_completion as cohort_table
from exec_orchestration.tables.sparkwise import sparkwise_completions as completions

STANDALONE = ""


def assignment_completion(days: Days) -> sa.Select[tuple[object, ...]]:
    """One row per day of creation, scenario and program ('' = standalone)."""
    cohort = (
        sa.select(
            assignments.c.partition_date,
            assignments.c.scenario_id,
            sa.func.coalesce(assignments.c.program_id, STANDALONE).label("program_id"),
            assignments.c.status,
            (assignments.c.due_at <= assignments.c.fetched_at).label("is_due"),
            _seen_open_after_due().label("is_late"),
        )
        .where(within(assignments.c.partition_date, days))
        .cte("cohort")
    )
    assigned = sa.func.count()
    completed = count_where(cohort.c.status == "completed")
    due = count_where(cohort.c.is_due)
    on_time = count_where(sa.and_(cohort.c.is_due, cohort.c.status == "completed", sa.not_(cohort.c.is_late)))
    figures = {
        "partition_date": cohort.c.partition_date,
        "scenario_id": cohort.c.scenario_id,
        "program_id": cohort.c.program_id,
        "assigned": assigned,
        **{status: count_where(cohort.c.status == status) for status in ASSIGNMENT_STATUSES},
        "other_status": count_where(cohort.c.status.not_in(ASSIGNMENT_STATUSES)),
        "completion_rate": rate(completed, assigned),
        "on_time_due": due,
        "on_time_completed": on_time,
        "on_time_rate": rate(on_time, due),
    }
    return sa.select(*(figures[column.name].label(column.name) for column in cohort_table.c)).group_by(
        cohort.c.partition_date, cohort.c.scenario_id, cohort.c.program_id
    )


def _seen_open_after_due() -> sa.ColumnElement[bool]:
    """True when a listing saw the assignment past due, or first saw it in another open state after its due date."""
    return (
        sa.exists()
        .where(
            history.c.assignment_id == assignments.c.id,
            history.c.status != "completed",
            sa.or_(history.c.status == "past_due", history.c.observed_from > assignments.c.due_at),
        )
        .correlate(assignments)
    )


def session_completion(days: Days, *, completed_at_steps_pct: float) -> sa.Select[tuple[object, ...]]:
    """One row per day and module; completed = attended with at least `completed_at_steps_pct` of the steps visited."""
    participants = sa.func.count()
    attended = count_where(completions.c.attended)
    completed = count_where(
        sa.and_(completions.c.attended, completions.c.percentage_steps_visited >= completed_at_steps_pct)
    )
    return (
        sa.select(
            completions.c.partition_date,
            completions.c.module_id,
            sa.func.max(completions.c.module_name).label("module_name"),
            participants.label("participants"),
            attended.label("attended"),
            completed.label("completed"),
            rate(attended, participants).label("attendance_rate"),
            rate(completed, participants).label("completion_rate"),
            average(completions.c.percentage_steps_visited).label("average_steps_visited_pct"),
        )
        .where(within(completions.c.partition_date, days))
        .group_by(completions.c.partition_date, completions.c.module_id)
    )
