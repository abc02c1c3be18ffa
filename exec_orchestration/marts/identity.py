"""Who is who: whose an e-mail address is, who an Exec user is, and whom the vendors know at all.

Sparkwise knows a person by HR's id, Exec by an e-mail address: letter case does not matter, and every address that the
person ever had counts.
"""

import sqlalchemy as sa

from exec_orchestration.marts.figures import count_where
from exec_orchestration.tables.exec_com import exec_assignments as assignments
from exec_orchestration.tables.exec_com import exec_members as members
from exec_orchestration.tables.exec_com import exec_participant_analytics as analytics
from exec_orchestration.tables.hr import hr_roster as roster
from exec_orchestration.tables.sparkwise import sparkwise_users as accounts


def person_of_email() -> sa.CTE:
    """Whose an address is: its holder's today, else that of its last one. One that several share is nobody's."""
    email = sa.func.lower(roster.c.email)
    is_current = sa.func.max(sa.case((roster.c.valid_to.is_(None), 1), else_=0))
    held = (
        sa.select(
            email.label("email"),
            roster.c.employee_id,
            is_current.label("is_current"),
            sa.func.max(roster.c.valid_from).label("held_from"),
        )
        .where(roster.c.email != "")
        .group_by(email, roster.c.employee_id)
        .cte("held_emails")
    )
    # Holders of today share the first place, whichever of them has had a new version last.
    held_before = sa.case((held.c.is_current == 0, held.c.held_from))
    place = sa.func.rank().over(partition_by=held.c.email, order_by=(held.c.is_current.desc(), held_before.desc()))
    holders = sa.select(held.c.email, held.c.employee_id, place.label("place")).cte("holders")
    return (
        sa.select(holders.c.email, _in_first_place(holders))
        .group_by(holders.c.email)
        .having(count_where(holders.c.place == 1) == 1)
        .cte("person_of_email")
    )


def _exec_emails() -> sa.CTE:
    """Every address that Exec listed a user with, and when last: as a member, with practice or with an assignment."""
    of_members = sa.select(
        members.c.id.label("user_id"),
        sa.func.lower(members.c.email).label("email"),
        sa.true().label("is_member"),
        members.c.fetched_at.label("listed_at"),
        sa.null().label("listed_for"),
    ).where(members.c.email != "")
    of_learners = (
        sa.select(
            listed.c.user_id,
            sa.func.lower(listed.c.user_email),
            sa.false(),
            sa.func.max(listed.c.fetched_at),
            sa.func.max(listed.c.partition_date),
        )
        .where(listed.c.user_email != "")
        .group_by(listed.c.user_id, sa.func.lower(listed.c.user_email))
        for listed in (analytics, assignments)
    )
    return sa.union_all(of_members, *of_learners).cte("exec_emails")


def exec_users(person_of_email: sa.CTE) -> sa.CTE:
    """Exec users by address, with whose it is. The one in place 1 counts: a member's, or else the newest."""
    known = _exec_emails()
    what_counts_first = (known.c.is_member.desc(), known.c.listed_at.desc(), known.c.listed_for.desc(), known.c.email)
    place = sa.func.row_number().over(partition_by=known.c.user_id, order_by=what_counts_first)
    # Placed before they are joined: PostgreSQL would keep the order through the join, and compare all with all for it.
    placed = sa.select(known.c.user_id, known.c.email, place.label("place")).cte("placed_emails")
    return (
        sa.select(placed.c.user_id, person_of_email.c.employee_id, placed.c.place)
        .select_from(placed.outerjoin(person_of_email, person_of_email.c.email == placed.c.email))
        .cte("exec_users")
    )


def person_of_exec_user(exec_users: sa.CTE) -> sa.CTE:
    """Who an Exec user is; null for somebody whom the roster does not know."""
    user = exec_users.c.user_id
    return sa.select(user, _in_first_place(exec_users)).group_by(user).cte("person_of_exec_user")


def _in_first_place(people: sa.CTE) -> sa.Label[str]:
    """The person of the group who has place 1, as text even where SQLite computes it."""
    person = sa.func.min(sa.case((people.c.place == 1, people.c.employee_id)))
    return sa.cast(person, sa.Text()).label("employee_id")


def known_to_exec(exec_users: sa.CTE) -> sa.CTE:
    """People of whom Exec knows an address, be it an old one."""
    return sa.select(exec_users.c.employee_id).group_by(exec_users.c.employee_id).cte("known_to_exec")


def known_to_sparkwise() -> sa.CTE:
    """People who have an account, and whether one of theirs is active."""
    return (
        sa.select(accounts.c.remote_id.label("employee_id"), (count_where(accounts.c.active) > 0).label("is_active"))
        .group_by(accounts.c.remote_id)
        .cte("known_to_sparkwise")
    )
