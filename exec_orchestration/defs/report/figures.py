"""The figures of a learning report, read from the warehouse into values. Queries stand in `marts`, HTML in the page."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from exec_orchestration.defs.report.values import (
    Freshness,
    GroupFigures,
    Headline,
    HelpNeeded,
    Hidden,
    LowFigure,
    RankMigration,
    Report,
    ScenarioLift,
    Shown,
    Skills,
    SkillTiers,
    Unit,
)
from exec_orchestration.marts import groups, report
from exec_orchestration.marts.figures import Days
from exec_orchestration.marts.groups import UNKNOWN, Group
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import is_daily
from exec_orchestration.tables.exec_com import RANKS, TIERS
from exec_orchestration.tables.warehouse import Warehouse

OTHERS = {"department": "other (small departments)", "cohort": "other (small cohorts)"}
NO_DEPARTMENT = "no department"

HEADLINES: dict[str, Unit] = {
    "People who practised": "people",
    "Practice sessions": "sessions",
    "Average lift": "points",
    "Learners who improved": "share",
    "Assignments completed": "share",
    "Sessions attended": "share",
    "Sessions completed": "share",
}

HELPED: dict[str, tuple[str, Unit]] = {
    "assignment_completion_rate": ("Assignments completed", "share"),
    "session_completion_rate": ("Sessions completed", "share"),
    "average_lift_points": ("Average lift", "points"),
}

SOURCES = {
    "exec_participant_analytics": "Exec: practice",
    "exec_assignments": "Exec: assignments",
    "exec_skill_proficiency": "Exec: skill proficiency",
    "exec_scenarios": "Exec: list of scenarios",
    "exec_skills": "Exec: list of skills",
    "sparkwise_completions": "Sparkwise: sessions",
    "hr_roster": "HR: roster",
}
SOURCES_OF_FIGURES = {
    "People who practised, lift, ranks": ("exec_participant_analytics", "exec_scenarios"),
    "Assignments completed": ("exec_assignments",),
    "Sessions attended and completed": ("sparkwise_completions",),
    "Departments and cohorts": ("hr_roster", "exec_participant_analytics", "exec_assignments", "sparkwise_completions"),
    "Skills": ("exec_skill_proficiency", "exec_skills"),
}


class Office(NamedTuple):
    """What every reading needs: the warehouse, and from which percentage of steps on a session is completed."""

    warehouse: Warehouse
    completed_at_steps_pct: float


def read_report(office: Office, period: Days, *, made_at: datetime) -> Report:
    """The report of a period, both ends included, beside the period of equal length before it."""
    previous, warehouse, enough = report.before(period), office.warehouse, office.completed_at_steps_pct
    departments = by_name(warehouse.read(groups.departments(period, completed_at_steps_pct=enough)))
    cohorts = by_name(warehouse.read(groups.by_group("cohort", period, completed_at_steps_pct=enough)))
    return Report(
        period=period,
        before=previous,
        made_at=made_at,
        headlines=headlines(office, period, previous),
        needs_help=needs_help(departments),
        scenarios=scenarios(warehouse, period),
        ranks=ranks(warehouse, period),
        departments=tuple(_group(row, _name(row, "department")) for row in departments),
        cohorts=tuple(_group(row, _name(row, "cohort")) for row in cohorts),
        skills=skills(warehouse, up_to=period[1]),
        freshness=freshness(warehouse),
    )


def headlines(office: Office, period: Days, previous: Days) -> tuple[Headline, ...]:
    """The figures of the whole company, each beside that of the period before."""
    now, before = _company(office, period), _company(office, previous)
    return tuple(Headline(name, unit, now[name], before[name]) for name, unit in HEADLINES.items())


def _company(office: Office, days: Days) -> dict[str, float | None]:
    """The figures of one period by their names."""
    read, enough = office.warehouse.read, office.completed_at_steps_pct
    (practice,), (assigned,) = read(report.practice(days)), read(report.assigned(days))
    (attended,) = read(report.attended(days, completed_at_steps_pct=enough))
    lift = (practice.average_lift_points, practice.improved_share)
    rates = (assigned.completion_rate, attended.attendance_rate, attended.completion_rate)
    found = (practice.people, practice.sessions, *lift, *rates)
    return {name: _number(value) for name, value in zip(HEADLINES, found, strict=True)}


def scenarios(warehouse: Warehouse, period: Days) -> tuple[ScenarioLift, ...]:
    """The scenarios of the period, most learners first; one that is not listed goes by its id."""
    found = [
        ScenarioLift(
            name=row.name or row.scenario_id,
            learners=int(row.learners),
            first_score=_number(row.average_first_score),
            best_score=_number(row.average_best_score),
            lift_points=_number(row.average_lift_points),
            improved_share=_number(row.improved_share),
        )
        for row in warehouse.read(report.lift_by_scenario(period))
    ]
    return tuple(sorted(found, key=lambda each: (-each.learners, each.name.casefold(), each.name)))


def ranks(warehouse: Warehouse, period: Days) -> RankMigration:
    """The migration of ranks in the period."""
    return migration(warehouse.read(report.rank_migration(period)))


def migration(rows: Sequence[sa.Row[Any]]) -> RankMigration:
    """Ranks, worst first; a rank that is new to us stands behind the known ones."""
    learners = {(row.first_rank, row.best_rank): int(row.learners) for row in rows}
    return RankMigration(_labels(RANKS[::-1], [rank for pair in learners for rank in pair]), learners)


def skills(warehouse: Warehouse, *, up_to: date) -> Skills:
    """The skills on the last loaded day, by name; one that is not listed goes by its id."""
    ((day,),) = warehouse.read(report.last_day_of_skills(up_to))
    rows = warehouse.read(report.tiers_of_skills(day)) if day else []
    learners: dict[str, dict[str, int]] = {}
    for row in rows:
        learners.setdefault(row.skill_id, {})[row.tier] = int(row.learners)
    names = {row.skill_id: row.name or row.skill_id for row in rows}
    found = [SkillTiers(names[skill], tiers) for skill, tiers in learners.items()]
    named = sorted(found, key=lambda each: (each.name.casefold(), each.name))
    return Skills(day, _labels(TIERS, [row.tier for row in rows]), tuple(named))


def by_name(rows: Sequence[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """Groups by name, cohorts by month; the merged small ones last."""
    return sorted(rows, key=lambda row: (row.name is None, row.name or ""))


def needs_help(departments: Sequence[sa.Row[Any]]) -> tuple[HelpNeeded, ...]:
    """The departments with a low figure, in their order."""
    found = (HelpNeeded(_name(row, "department"), int(row.people), _low_figures(row._mapping)) for row in departments)
    return tuple(each for each in found if each.low)


def _low_figures(row: Mapping[Any, Any]) -> tuple[LowFigure, ...]:
    return tuple(
        LowFigure(name, unit, float(row[column]), float(row[f"all_{column}"]))
        for column, (name, unit) in HELPED.items()
        if row[f"is_low_{column}"]
    )


def _name(row: Any, group: Group) -> str:
    """What a group is called: its department, the month of its cohort, or the others."""
    if row.name is None:
        return OTHERS[group]
    if group == "cohort" and row.name != UNKNOWN:
        return f"{date(int(row.name[:-2]), int(row.name[-2:]), 1):%B %Y}"
    return row.name or NO_DEPARTMENT


def _group(row: Any, name: str) -> GroupFigures:
    return GroupFigures(
        name=name,
        people=int(row.people),
        practised=_number(row.people_practised),
        lift_points=_shown(row.average_lift_points, row.people_with_lift),
        improved_share=_shown(row.improved_share, row.people_with_lift),
        assignment_completion=_shown(row.assignment_completion_rate, row.people_assigned),
        attendance=_shown(row.attendance_rate, row.people_booked),
        session_completion=_shown(row.session_completion_rate, row.people_booked),
    )


def freshness(warehouse: Warehouse) -> tuple[Freshness, ...]:
    """How fresh the sources of each figure are."""
    found = {row.source: row for row in warehouse.read(report.freshness())}
    return tuple(
        Freshness(
            figure=figure,
            source=SOURCES[source],
            is_daily=is_daily(METADATA.tables[source]),
            first_day=found[source].first_day,
            last_day=found[source].last_day,
            fetched_at=found[source].fetched_at,
        )
        for figure, sources in SOURCES_OF_FIGURES.items()
        for source in sources
    )


def _labels(known: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    """The known labels, and behind them whatever else the vendor has sent."""
    return (*known, *sorted(set(found) - set(known)))


def _shown(value: Any, people: int) -> Shown:
    """The figure of `people`; hidden where they are too few, None where they are none."""
    if 0 < people < groups.MINIMUM_PEOPLE:
        return Hidden.TOO_FEW_PEOPLE
    return _number(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
