"""Whether a mart agrees with the raw rows that it is made of: the same totals, found on another way. Pure queries.

A figure is summed over the mart's rows and over the raw rows of the same days; the difference has to be nothing. Shares
of one whole have to add up to 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from exec_orchestration.marts.figures import Days, within
from exec_orchestration.tables import marts
from exec_orchestration.tables.declare import PARTITION, is_daily
from exec_orchestration.tables.exec_com import ASSIGNMENT_STATUSES, exec_assignments, exec_skill_proficiency
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice
from exec_orchestration.tables.hr import hr_roster
from exec_orchestration.tables.sparkwise import sparkwise_completions

Value = sa.ColumnElement[Any]
TOLERANCE = 1e-6
STATUS_COLUMNS = (*ASSIGNMENT_STATUSES, "other_status")


@dataclass(frozen=True)
class Agreement:
    """Figures as (value of a mart's row, value of a raw row), and shares with the columns that tell their whole."""

    raw: sa.FromClause
    figures: Mapping[str, tuple[Value, Value]]
    shares: Sequence[str] = ()
    whole: Sequence[str] = ()
    only: Sequence[sa.ColumnElement[bool]] = field(default=())


def _one_if(condition: sa.ColumnElement[bool]) -> Value:
    return sa.case((condition, 1), else_=0)


ONE: Value = sa.literal(1)


def _of_learners(among: sa.FromClause | None = None) -> Agreement:
    """Each scenario and learner with a valid session on any day, of all or of those that are `among`."""
    days = sa.select(
        practice.c.scenario_id,
        practice.c.user_id,
        sa.func.sum(practice.c.session_count).label("session_count"),
        sa.func.sum(practice.c.total_duration_seconds).label("total_duration_seconds"),
    )
    if among is not None:
        same = (practice.c[name] == among.c[name] for name in ("scenario_id", "user_id"))
        days = days.join(among, sa.and_(*same))
    is_valid = practice.c.session_count > 0
    learners = days.where(is_valid).group_by(practice.c.scenario_id, practice.c.user_id).subquery("learners")
    composed = marts.learner_lift.c
    return Agreement(
        learners,
        {
            "learners": (ONE, ONE),
            "session_count": (composed.session_count, learners.c.session_count),
            "total_duration_seconds": (composed.total_duration_seconds, learners.c.total_duration_seconds),
        },
    )


def _of_practice() -> dict[sa.Table, Agreement]:
    lift, ranks = marts.scenario_lift.c, marts.rank_distribution.c
    return {
        marts.scenario_lift: Agreement(
            practice, {"participants": (lift.participants, ONE), "sessions": (lift.sessions, practice.c.session_count)}
        ),
        marts.rank_distribution: Agreement(
            practice,
            {
                "first_participants": (ranks.first_participants, _one_if(practice.c.first_rank.is_not(None))),
                "best_participants": (ranks.best_participants, _one_if(practice.c.best_rank.is_not(None))),
            },
            shares=("first_share", "best_share"),
            whole=("scenario_id",),
        ),
        marts.learner_lift: _of_learners(),
        marts.skill_tiers: Agreement(
            exec_skill_proficiency,
            {"learners": (marts.skill_tiers.c.learners, ONE)},
            shares=("share",),
            whole=("skill_id",),
        ),
    }


def _of_completion() -> dict[sa.Table, Agreement]:
    cohorts, sessions = marts.assignment_completion.c, marts.session_completion.c
    return {
        marts.assignment_completion: Agreement(
            exec_assignments,
            {
                "assigned": (cohorts.assigned, ONE),
                "completed": (cohorts.completed, _one_if(exec_assignments.c.status == "completed")),
                "all_statuses": (sum((cohorts[name] for name in STATUS_COLUMNS), sa.literal(0)), ONE),
            },
        ),
        marts.session_completion: Agreement(
            sparkwise_completions,
            {
                "participants": (sessions.participants, ONE),
                "attended": (sessions.attended, _one_if(sparkwise_completions.c.attended)),
            },
        ),
    }


def _of_people() -> dict[sa.Table, Agreement]:
    is_current = hr_roster.c.valid_to.is_(None)
    return {
        marts.learner_scorecard: Agreement(hr_roster, {"people": (ONE, ONE)}, only=[is_current]),
        marts.department_scorecard: Agreement(
            hr_roster,
            {"people": (marts.department_scorecard.c.people, ONE)},
            only=[is_current, hr_roster.c.status != "terminated"],
        ),
    }


AGREEMENTS: Mapping[sa.Table, Agreement] = {**_of_practice(), **_of_completion(), **_of_people()}


def differences(mart: sa.Table, days: Days | None, *, among: sa.FromClause | None = None) -> sa.Select[Any]:
    """One row per partition (None: one row): for each figure what the mart has more than the raw rows.

    Of learner_lift only the learners that are `among` are compared, where it is given.
    """
    agreement = AGREEMENTS[mart] if among is None else _of_learners(among)
    figures = agreement.figures.items()
    of_mart = (
        sa.select(*_days(mart, mart), *(found.label(name) for name, (found, _) in figures))
        .select_from(mart)
        .where(*_within(mart, mart, days), *_among(mart, among))
    )
    of_raw = (
        sa.select(*_days(mart, agreement.raw), *((-expected).label(name) for name, (_, expected) in figures))
        .select_from(agreement.raw)
        .where(*_within(mart, agreement.raw, days), *agreement.only)
    )
    both = sa.union_all(of_mart, of_raw).subquery("both")
    totals = [sa.func.coalesce(sa.func.sum(both.c[name]), 0).label(name) for name in agreement.figures]
    return sa.select(*_days(mart, both), *totals).group_by(*_days(mart, both))


def odd_shares(mart: sa.Table, share: str, days: Days | None) -> sa.Select[Any]:
    """Per partition the number of wholes (`rows`) whose shares do not add up to 1; partitions without are absent."""
    by = [*_days(mart, mart), *(mart.c[name] for name in AGREEMENTS[mart].whole)]
    total = sa.func.sum(mart.c[share])
    odd = (
        sa.select(*by)
        .where(*_within(mart, mart, days))
        .group_by(*by)
        .having(sa.func.abs(total - 1) > TOLERANCE)
        .subquery("odd")
    )
    return sa.select(*_days(mart, odd), sa.func.count().label("rows")).group_by(*_days(mart, odd))


def _among(mart: sa.Table, among: sa.FromClause | None) -> list[sa.ColumnElement[bool]]:
    """The condition that a row of the mart is of these learners; written so that its key finds them."""
    if among is None:
        return []
    return [sa.tuple_(mart.c.scenario_id, mart.c.user_id).in_(sa.select(among.c.scenario_id, among.c.user_id))]


def _days(mart: sa.Table, rows: sa.FromClause) -> list[Value]:
    return [rows.c[PARTITION]] if is_daily(mart) else []


def _within(mart: sa.Table, rows: sa.FromClause, days: Days | None) -> list[sa.ColumnElement[bool]]:
    return [within(rows.c[PARTITION], days)] if days is not None and is_daily(mart) else []
