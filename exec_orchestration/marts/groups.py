"""Groups of people, by department or by the month they began, and which of them need help. No row is about a person.

A group of fewer than MINIMUM_PEOPLE is merged into one of small groups, and a figure that fewer people of a group stand
behind is null. People count for the department that they have today; whoever is terminated is in no group.

Facts are joined to people from the left and end in a GROUP BY, for the reason that `people` gives.
"""

from typing import Any, Literal

import sqlalchemy as sa

from exec_orchestration.marts import identity
from exec_orchestration.marts.figures import Days, Number, count_where, rate, within
from exec_orchestration.marts.lift import learner_lift
from exec_orchestration.tables.exec_com import exec_assignments as assignments
from exec_orchestration.tables.hr import hr_roster as roster
from exec_orchestration.tables.sparkwise import sparkwise_completions as completions

MINIMUM_PEOPLE = 5
UNKNOWN = "unknown"
LOW_SHARE = 0.2
# The figures by which help is found, and how far below that of all a figure is at least: in shares, or in points.
HELPED = {"assignment_completion_rate": 0.05, "session_completion_rate": 0.05, "average_lift_points": 1.0}

Group = Literal["department", "cohort"]
Query = sa.Select[tuple[object, ...]]


def departments(days: Days, *, completed_at_steps_pct: float, low_share: float = LOW_SHARE) -> Query:
    """One row per department of `by_group`, and which of its figures are below that of all by more than a share of it.

    `is_low_` and the figure's name say so; a figure that is null is not low, nor one that is hardly below that of all.
    """
    found = by_group("department", days, completed_at_steps_pct=completed_at_steps_pct).cte("departments")
    is_low = []
    for name, least in HELPED.items():
        below = found.c[f"all_{name}"] - found.c[name]
        far_below = sa.and_(below > low_share * sa.func.abs(found.c[f"all_{name}"]), below >= least)
        is_low.append(sa.func.coalesce(far_below, sa.false()).label(f"is_low_{name}"))
    return sa.select(found, *is_low)


def by_group(group: Group, days: Days, *, completed_at_steps_pct: float) -> Query:
    """One row per group of today's people; `name` is null for the merged small ones, '' for no department.

    Beside each figure stands that of all groups together, as `all_` and its name.
    """
    people, person_of_email = _people_in_groups(group), identity.person_of_email()
    lifts = _lifts_of_people(days, identity.person_of_exec_user(identity.exec_users(person_of_email)))
    given = _assignments_of_people(days, person_of_email)
    sessions = _sessions_of_people(days, completed_at_steps_pct)
    sources: sa.FromClause = people
    for facts in (lifts, given, sessions):
        sources = sources.outerjoin(facts, facts.c.employee_id == people.c.employee_id)
    return (
        sa.select(
            people.c.name,
            sa.func.count().label("people"),
            *_lift_figures(lifts),
            *_assignment_figures(given),
            *_session_figures(sessions),
        )
        .select_from(sources)
        .group_by(people.c.name)
        .having(sa.func.count() >= MINIMUM_PEOPLE)
    )


def _people_in_groups(group: Group) -> sa.CTE:
    """Who works here today, in groups that are large enough.

    Where the small groups have too few people together, the smallest of the others joins them: otherwise they could
    be told from the total.
    """
    sized = _sized(group)
    is_small = sized.c.size < MINIMUM_PEOPLE
    placed = sa.select(
        sized.c.employee_id,
        sized.c.name,
        is_small.label("is_small"),
        sa.func.dense_rank().over(order_by=(is_small, sized.c.size, sized.c.name)).label("place"),
        sa.func.sum(sa.case((is_small, 1), else_=0)).over().label("in_small_groups"),
    ).cte("placed")
    has_to_join = sa.and_(placed.c.place == 1, placed.c.in_small_groups.between(1, MINIMUM_PEOPLE - 1))
    is_merged = sa.or_(placed.c.is_small, has_to_join)
    return sa.select(placed.c.employee_id, sa.case((is_merged, None), else_=placed.c.name).label("name")).cte("people")


def _sized(group: Group) -> sa.CTE:
    """Everybody on the roster today who is not terminated, with their group and its size."""
    name = _department() if group == "department" else _cohort()
    size = sa.func.count().over(partition_by=name)
    return (
        sa.select(roster.c.employee_id, name.label("name"), size.label("size"))
        .where(roster.c.valid_to.is_(None), roster.c.status != "terminated")
        .cte("sized")
    )


def _department() -> Number:
    return sa.func.coalesce(sa.func.trim(roster.c.department), "")


def _cohort() -> Number:
    """The month of the first day of employment as text, such as 202601."""
    year, month = (sa.cast(sa.extract(part, roster.c.start_on), sa.Integer()) for part in ("year", "month"))
    return sa.func.coalesce(sa.cast(year * 100 + month, sa.Text()), UNKNOWN)


def _lifts_of_people(days: Days, person_of_exec_user: sa.CTE) -> sa.CTE:
    """Each person's lifts of the period, over all Exec users that the person is."""
    lifts, person = learner_lift(days).cte("lifts"), person_of_exec_user.c.employee_id
    return (
        sa.select(
            person,
            sa.func.nullif(sa.func.count(lifts.c.lift_points), 0).label("lifts"),
            sa.func.sum(lifts.c.lift_points).label("sum_of_lifts"),
            count_where(lifts.c.lift_points > 0).label("lifts_above_0"),
        )
        .select_from(lifts.outerjoin(person_of_exec_user, person_of_exec_user.c.user_id == lifts.c.user_id))
        .group_by(person)
        .cte("lifts_of_people")
    )


def _assignments_of_people(days: Days, person_of_email: sa.CTE) -> sa.CTE:
    """Each person's assignments that were created in the period."""
    same_email = person_of_email.c.email == sa.func.lower(assignments.c.user_email)
    return (
        sa.select(
            person_of_email.c.employee_id,
            sa.func.count().label("assigned"),
            count_where(assignments.c.status == "completed").label("completed"),
        )
        .select_from(assignments.outerjoin(person_of_email, same_email))
        .where(within(assignments.c.partition_date, days))
        .group_by(person_of_email.c.employee_id)
        .cte("assignments_of_people")
    )


def _sessions_of_people(days: Days, completed_at_steps_pct: float) -> sa.CTE:
    """Each person's sessions of the period."""
    has_enough_steps = completions.c.percentage_steps_visited >= completed_at_steps_pct
    return (
        sa.select(
            completions.c.remote_user_id.label("employee_id"),
            sa.func.count().label("booked"),
            count_where(completions.c.attended).label("attended"),
            count_where(sa.and_(completions.c.attended, has_enough_steps)).label("completed"),
        )
        .where(within(completions.c.partition_date, days))
        .group_by(completions.c.remote_user_id)
        .cte("sessions_of_people")
    )


def _lift_figures(lifts: sa.CTE) -> list[sa.Label[Any]]:
    practised, people = sa.func.count(lifts.c.employee_id), sa.func.count(lifts.c.lifts)
    anybody = sa.func.sum(practised).over() > 0
    return [
        # Where nobody of any group has practised, there is no data rather than 0 people.
        sa.case((anybody, practised)).label("people_practised"),
        people.label("people_with_lift"),
        *_rates("average_lift_points", lifts.c.sum_of_lifts, lifts.c.lifts, people),
        *_rates("improved_share", lifts.c.lifts_above_0, lifts.c.lifts, people),
    ]


def _assignment_figures(given: sa.CTE) -> list[sa.Label[Any]]:
    people = sa.func.count(given.c.employee_id)
    return [
        people.label("people_assigned"),
        *_rates("assignment_completion_rate", given.c.completed, given.c.assigned, people),
    ]


def _session_figures(sessions: sa.CTE) -> list[sa.Label[Any]]:
    people = sa.func.count(sessions.c.employee_id)
    return [
        people.label("people_booked"),
        *_rates("attendance_rate", sessions.c.attended, sessions.c.booked, people),
        *_rates("session_completion_rate", sessions.c.completed, sessions.c.booked, people),
    ]


def _rates(name: str, part: Number, whole: Number, people: Number) -> list[sa.Label[Any]]:
    """`part / whole` of the group and of all groups, each null where too few people stand behind it."""
    parts, wholes = sa.func.sum(part), sa.func.sum(whole)
    of_all = rate(sa.func.sum(parts).over(), sa.func.sum(wholes).over())
    return [
        sa.case((people >= MINIMUM_PEOPLE, rate(parts, wholes))).label(name),
        sa.case((sa.func.sum(people).over() >= MINIMUM_PEOPLE, of_all)).label(f"all_{name}"),
    ]
