"""People: what HR, Exec and Sparkwise together know of a person's learning, and of a department's.

Who is who stands in `identity`. Assignments and sessions count for the department that the person had at that moment.

SQLite cannot know how large a CTE is. So that it joins by index and never row by row, facts are joined to people from
the left, what they are joined to ends in a GROUP BY, and a person's id stays text to it. A test watches its plan.
"""

import sqlalchemy as sa

from exec_orchestration.marts import identity
from exec_orchestration.marts.figures import Number, average, count_where, rate
from exec_orchestration.tables.declare import UtcInstant
from exec_orchestration.tables.exec_com import exec_assignments as assignments
from exec_orchestration.tables.exec_com import exec_skill_proficiency as proficiency
from exec_orchestration.tables.hr import hr_roster as roster
from exec_orchestration.tables.marts import department_scorecard as department_table
from exec_orchestration.tables.marts import learner_lift as lift
from exec_orchestration.tables.marts import learner_scorecard as learner_table
from exec_orchestration.tables.sparkwise import sparkwise_completions as completions

PROFICIENT = ("proficient", "excellent")

# SQLite keeps an instant as text, and would make a number of whatever is cast to its own type of instant.
INSTANT = UtcInstant().with_variant(sa.Text(), "sqlite")


def learner_scorecard(*, completed_at_steps_pct: float) -> sa.Select[tuple[object, ...]]:
    """One row per person on the roster today."""
    people, person_of_email = _people_today(), identity.person_of_email()
    exec_users = identity.exec_users(person_of_email)
    person_of_exec_user = identity.person_of_exec_user(exec_users)
    known_to_exec, known_to_sparkwise = identity.known_to_exec(exec_users), identity.known_to_sparkwise()
    figures = (
        _practice_figures(person_of_exec_user),
        _skill_figures(person_of_exec_user),
        _assignment_figures(_assigned(person_of_email), by="employee_id"),
        _session_figures(_participations(completed_at_steps_pct), by="employee_id"),
    )
    found = {
        **_columns(*figures, people),
        "is_in_exec": known_to_exec.c.employee_id.is_not(None),
        "is_in_sparkwise": known_to_sparkwise.c.employee_id.is_not(None),
        "is_active_in_sparkwise": known_to_sparkwise.c.is_active,
    }
    sources = _each(people, known_to_exec, known_to_sparkwise, *figures, by="employee_id")
    return _scorecard(learner_table, found).select_from(sources)


def department_scorecard(*, completed_at_steps_pct: float) -> sa.Select[tuple[object, ...]]:
    """One row per department that has people today, or had assignments or sessions."""
    person_of_email, department_at = identity.person_of_email(), _department_at()
    person_of_exec_user = identity.person_of_exec_user(identity.exec_users(person_of_email))
    assigned = _in_department(_assigned(person_of_email), department_at)
    participations = _in_department(_participations(completed_at_steps_pct), department_at)
    figures = (
        _people_figures(_people_today(), _practice_figures(person_of_exec_user)),
        _assignment_figures(assigned, by="department"),
        _session_figures(participations, by="department"),
    )
    departments = sa.union(*(sa.select(each.c.department) for each in figures)).cte("departments")
    sources = _each(departments, *figures, by="department")
    return _scorecard(department_table, _columns(*figures, departments)).select_from(sources)


def _people_today() -> sa.CTE:
    """The version of each person that holds now."""
    columns = [column for column in roster.c if column.name != "department"]
    return sa.select(*columns, _department()).where(roster.c.valid_to.is_(None)).cte("people_today")


def _department() -> sa.Label[str]:
    """The department of a version; '' for none."""
    return sa.func.coalesce(sa.func.trim(roster.c.department), "").label("department")


def _practice_figures(person_of_exec_user: sa.CTE) -> sa.CTE:
    """A person's practice and lifts, over all Exec users that the person is."""
    person, scenario = person_of_exec_user.c.employee_id, lift.c.scenario_id
    return (
        sa.select(
            person,
            _different(scenario).label("scenarios_practised"),
            sa.func.sum(lift.c.session_count).label("practice_sessions"),
            sa.func.max(lift.c.last_practised_on).label("last_practised_on"),
            average(lift.c.lift_points).label("average_lift_points"),
            _different(scenario, where=lift.c.lift_points > 0).label("scenarios_improved"),
            _different(scenario, where=lift.c.best_rank == "gold").label("gold_scenarios"),
            sa.func.count(lift.c.lift_points).label("lifts"),
            sa.func.sum(lift.c.lift_points).label("sum_of_lifts"),
            count_where(lift.c.lift_points > 0).label("lifts_above_0"),
        )
        .select_from(lift.outerjoin(person_of_exec_user, person_of_exec_user.c.user_id == lift.c.user_id))
        .group_by(person)
        .cte("practice_figures")
    )


def _skill_figures(person_of_exec_user: sa.CTE) -> sa.CTE:
    """A person's skills on the last loaded day, over all Exec users that the person is."""
    person, skill = person_of_exec_user.c.employee_id, proficiency.c.skill_id
    last_day = sa.select(sa.func.max(proficiency.c.partition_date)).scalar_subquery()
    return (
        sa.select(
            person,
            _different(skill).label("skills_observed"),
            _different(skill, where=proficiency.c.tier.in_(PROFICIENT)).label("skills_proficient"),
        )
        .select_from(proficiency.outerjoin(person_of_exec_user, person_of_exec_user.c.user_id == proficiency.c.user_id))
        .where(proficiency.c.partition_date == last_day, proficiency.c.observation_count > 0)
        .group_by(person)
        .cte("skill_figures")
    )


def _assigned(person_of_email: sa.CTE) -> sa.CTE:
    """The assignments, each with its person and moment."""
    same_email = person_of_email.c.email == sa.func.lower(assignments.c.user_email)
    return (
        sa.select(person_of_email.c.employee_id, assignments.c.created_at.label("moment"), assignments.c.status)
        .select_from(assignments.outerjoin(person_of_email, same_email))
        .cte("assigned")
    )


def _participations(completed_at_steps_pct: float) -> sa.CTE:
    """The Sparkwise participations, each with its person and moment: the session's start, or else midnight in UTC."""
    midnight = sa.cast(sa.cast(completions.c.partition_date, sa.Text()) + " 00:00:00.000000+00", INSTANT)
    has_enough_steps = completions.c.percentage_steps_visited >= completed_at_steps_pct
    return sa.select(
        completions.c.remote_user_id.label("employee_id"),
        sa.func.coalesce(completions.c.session_scheduled_start_at, midnight).label("moment"),
        completions.c.attended,
        sa.and_(completions.c.attended, has_enough_steps).label("is_completed"),
    ).cte("participations")


def _department_at() -> sa.CTE:
    """A person's departments, each until the next one begins: absences and the time after belong to the one before."""
    person, since = roster.c.employee_id, roster.c.valid_from
    until = sa.func.lead(since).over(partition_by=person, order_by=since)
    place = sa.func.row_number().over(partition_by=person, order_by=since)
    return sa.select(
        person, _department(), since.label("since"), until.label("until"), (place == 1).label("is_first")
    ).cte("department_at")


def _in_department(facts: sa.CTE, department_at: sa.CTE) -> sa.CTE:
    """The facts about people whom the roster knows, each with the person's department at its moment."""
    at_that_moment = sa.and_(
        department_at.c.employee_id == facts.c.employee_id,
        sa.or_(department_at.c.is_first, department_at.c.since <= facts.c.moment),
        sa.or_(department_at.c.until.is_(None), department_at.c.until > facts.c.moment),
    )
    return (
        sa.select(facts, department_at.c.department)
        .select_from(facts.join(department_at, at_that_moment))
        .cte(f"{facts.name}_in_department")
    )


def _people_figures(people: sa.CTE, practice: sa.CTE) -> sa.CTE:
    """A department's people of today, and their lifts."""
    lifts = sa.func.sum(practice.c.lifts)
    return (
        sa.select(
            people.c.department,
            sa.func.count().label("people"),
            sa.func.count(practice.c.employee_id).label("people_practised"),
            rate(sa.func.sum(practice.c.sum_of_lifts), lifts).label("average_lift_points"),
            rate(sa.func.sum(practice.c.lifts_above_0), lifts).label("improved_share"),
        )
        .select_from(_each(people, practice, by="employee_id"))
        .where(people.c.status != "terminated")
        .group_by(people.c.department)
        .cte("people_figures")
    )


def _assignment_figures(assigned: sa.CTE, *, by: str) -> sa.CTE:
    """How many assignments there are, and in which state."""
    count, completed = sa.func.count(), count_where(assigned.c.status == "completed")
    return (
        sa.select(
            assigned.c[by],
            count.label("assigned"),
            completed.label("assignments_completed"),
            count_where(assigned.c.status == "past_due").label("assignments_past_due"),
            rate(completed, count).label("assignment_completion_rate"),
        )
        .group_by(assigned.c[by])
        .cte("assignment_figures")
    )


def _session_figures(participations: sa.CTE, *, by: str) -> sa.CTE:
    """How many participations there are, and what came of them."""
    count = sa.func.count()
    attended, completed = count_where(participations.c.attended), count_where(participations.c.is_completed)
    return (
        sa.select(
            participations.c[by],
            count.label("participations"),
            attended.label("attended"),
            completed.label("completed"),
            rate(attended, count).label("attendance_rate"),
            rate(completed, count).label("session_completion_rate"),
        )
        .group_by(participations.c[by])
        .cte("session_figures")
    )


def _different(value: Number, *, where: sa.ColumnElement[bool] | None = None) -> Number:
    """How many different values there are, in the rows that meet `where`."""
    return sa.func.count(sa.distinct(value if where is None else sa.case((where, value))))


def _each(rows: sa.CTE, *sources: sa.CTE, by: str) -> sa.FromClause:
    """Each of `rows`, with what each source has on it; no source has two rows on one."""
    joined: sa.FromClause = rows
    for source in sources:
        joined = joined.outerjoin(source, source.c[by] == rows.c[by])
    return joined


def _columns(*sources: sa.CTE) -> dict[str, Number]:
    """The columns of the sources by name; where two have one, it is the later one's."""
    return {column.name: column for source in sources for column in source.c}


def _scorecard(table: sa.Table, found: dict[str, Number]) -> sa.Select[tuple[object, ...]]:
    """The columns of `table` as they were found; a count of which no source knows anything is 0."""
    counts = {column.name for column in table.c if isinstance(column.type, sa.BigInteger)}
    filled = {name: sa.func.coalesce(value, 0) if name in counts else value for name, value in found.items()}
    return sa.select(*(filled[column.name].label(column.name) for column in table.c))
