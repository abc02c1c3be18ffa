"""The marts' plots: what `marts.trends` selects, drawn, and told in words beside it. No person is named in any of them.

Each is read from the last twelve weeks, or from a table without days, and drawn once a run.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.plots.kinds import (
    in_markdown,
    in_words,
    lines,
    matrix,
    row_bars,
    stacked_bars,
    stacked_shares,
)
from exec_orchestration.defs.report.figures import NO_DEPARTMENT, migration, ranks
from exec_orchestration.defs.report.values import RankMigration
from exec_orchestration.marts import report, trends
from exec_orchestration.marts.groups import MINIMUM_PEOPLE
from exec_orchestration.marts.weeks import span, weeks_until
from exec_orchestration.tables import marts as tables
from exec_orchestration.tables.exec_com import TIERS
from exec_orchestration.tables.warehouse import Warehouse

MOST_DEPARTMENTS = 15
NOTHING = "There is nothing to draw yet"
WEEKS = "The date below a week is the last of its seven days"

Draw = Callable[[Warehouse, date], str]


def plots_of(table: sa.Table, warehouse: Warehouse, until: date) -> Mapping[str, dg.MetadataValue]:
    """The plots that stand beside a mart, by the name of their line in the metadata; none for a table without any."""
    return {name: dg.MetadataValue.md(draw(warehouse, until)) for name, draw in PLOTS.get(table.name, {}).items()}


def lift_over_time(warehouse: Warehouse, until: date) -> str:
    """The average lift of each week."""
    weeks = _by_week(warehouse.read(trends.lift_by_week(until)))
    if not weeks:
        return f"{NOTHING}: nobody practised in the twelve weeks up to {until}."
    ends, lift = _ends(until, weeks), "average_lift_points"
    picture = lines(_labels(ends, weeks, "people"), {"average lift": _values(weeks, ends, lift)}, unit="points")
    told = [f"{_short(week)} {in_words(row[lift], 'points')} (n={row['people']})" for week, row in weeks.items()]
    note = (
        f"Best minus first score within each week, one lift for each person and scenario; n people practised. {WEEKS}."
    )
    return _shown(picture, "Average lift by week, in points", told, note)


def ranks_of_all_time(warehouse: Warehouse, _: date) -> str:
    """First and best ranks of everything that is loaded."""
    found = migration(warehouse.read(report.rank_migration_of(tables.learner_lift)))
    return _rank_migration(found, "From first to best rank, all loaded days")


def ranks_of_weeks(warehouse: Warehouse, until: date) -> str:
    """First and best ranks of the last weeks."""
    first, last = span(weeks_until(until))
    return _rank_migration(ranks(warehouse, (first, last)), f"From first to best rank, {first} to {last}")


def _rank_migration(found: RankMigration, title: str) -> str:
    total = sum(found.learners.values())
    if not total:
        return f"{NOTHING}: nobody has a rank."
    picture = matrix(found.ranks, found.learners, down="first rank", across="best rank")
    place = {rank: at for at, rank in enumerate(found.ranks)}
    rose = sum(count for (first, best), count in found.learners.items() if place[best] > place[first])
    told = [
        f"{first} to {best} {found.learners[first, best]} ({found.learners[first, best] / found.from_rank(first):.0%})"
        for first in found.ranks
        for best in found.ranks
        if found.learners.get((first, best))
    ]
    note = f"{rose} of {total} rose. One count for each person and scenario; percentages are of the row."
    return _shown(picture, title, told, note)


def completion_by_cohort(warehouse: Warehouse, until: date) -> str:
    """How the assignments stand, by the week in which they were created."""
    weeks = _by_week(warehouse.read(trends.assignments_by_week(until)))
    if not weeks:
        return f"{NOTHING}: no assignment was created in the twelve weeks up to {until}."
    ends = _ends(until, weeks)
    series = {name.replace("_", " "): _values(weeks, ends, name, missing=0) for name in trends.STATUSES}
    used = {name: values for name, values in series.items() if name != "other status" or any(values)}
    picture = stacked_bars([_short(end) for end in ends], used, unit="assignments")
    told = [
        f"{_short(week)} {row['completed']} of {row['assigned']} completed "
        f"({row['completed'] / row['assigned']:.0%}), {row['past_due']} past due"
        for week, row in weeks.items()
    ]
    note = f"Assignments by the week they were created in, as they stood when their day was computed last. {WEEKS}."
    return _shown(picture, "Assignments by week of creation and status", told, note)


def sessions_over_time(warehouse: Warehouse, until: date) -> str:
    """Which share of the sessions' participations were attended, and completed."""
    weeks = _by_week(warehouse.read(trends.sessions_by_week(until)))
    if not weeks:
        return f"{NOTHING}: no session took place in the twelve weeks up to {until}."
    ends, names = _ends(until, weeks), ("attended", "completed")
    rates = {week: {name: row[name] / row["participants"] for name in names} for week, row in weeks.items()}
    series = {name: _values(rates, ends, name) for name in names}
    picture = lines(_labels(ends, weeks, "participants"), series, unit="share")
    told = [
        f"{_short(week)} {rates[week]['attended']:.0%} attended, {rates[week]['completed']:.0%} completed "
        f"(n={row['participants']})"
        for week, row in weeks.items()
    ]
    return _shown(picture, "Sessions attended and completed by week", told, f"Shares of n participations. {WEEKS}.")


def tiers_over_time(warehouse: Warehouse, until: date) -> str:
    """Which share of people stands in which tier at the end of each week, all skills together."""
    learners: dict[date, dict[str, int]] = {}
    for row in warehouse.read(trends.tiers_by_week(until)):
        learners.setdefault(row.week, {})[row.tier] = int(row.learners)
    counted = {week: sum(tiers.values()) for week, tiers in learners.items()}
    shares = {
        week: {tier: count / counted[week] for tier, count in learners[week].items()}
        for week in sorted(learners)
        if counted[week]
    }
    if not shares:
        return f"{NOTHING}: no proficiency is loaded of the twelve weeks up to {until}."
    ends, tiers = (
        _ends(until, shares),
        [*TIERS, *sorted({each for found in shares.values() for each in found} - {*TIERS})],
    )
    series = {tier.replace("_", " "): _values(shares, ends, tier, missing=0) for tier in tiers}
    totals = {week: {"learners": count} for week, count in counted.items()}
    picture = stacked_shares(_labels(ends, totals, "learners"), series)
    told = [
        f"{_short(week)} " + ", ".join(f"{found.get(tier, 0):.0%} {tier.replace('_', ' ')}" for tier in tiers)
        for week, found in shares.items()
    ]
    note = f"On the last loaded day of each week; n counts each person once for each skill. {WEEKS}."
    return _shown(picture, "Tiers at the end of each week, all skills together", told, note)


def people_by_lift(warehouse: Warehouse, _: date) -> str:
    """How many people improved by how much."""
    people = {row.band: row.people for row in warehouse.read(trends.people_by_lift())}
    bands = [band for band in trends.BAND_NAMES if people.get(band) is not None]
    if not bands:
        return f"{NOTHING}: no {MINIMUM_PEOPLE} people of the roster are alike in their lift."
    picture = row_bars(bands, {"people": {"people on the roster": [people[band] for band in bands]}})
    told = [f"{band} {people[band]}" for band in bands]
    note = f"Average lift of a person in points. Bands of fewer than {MINIMUM_PEOPLE} people are left out."
    return _shown(picture, "People by their average lift", told, note)


def departments(warehouse: Warehouse, _: date) -> str:
    """Completion and lift of each department that is large enough."""
    found = warehouse.read(trends.departments())
    rows = found[:MOST_DEPARTMENTS]
    if not rows:
        return f"{NOTHING}: no department has {MINIMUM_PEOPLE} people or more."
    names = [row.department or NO_DEPARTMENT for row in rows]
    assigned, sessions = ([row._mapping[name] for row in rows] for name in trends.DEPARTMENT_RATES)
    lift = [row.average_lift_points for row in rows]
    shares = {"assignments completed": assigned, "sessions completed": sessions}
    picture = row_bars(names, {"share": shares, "points": {"average lift": lift}})
    told = [
        f"{name} {in_words(given, 'share')} of assignments, {in_words(booked, 'share')} of sessions, "
        f"lift {in_words(points, 'points')}"
        for name, given, booked, points in zip(names, assigned, sessions, lift, strict=True)
    ]
    few = f"Departments and figures of fewer than {MINIMUM_PEOPLE} are left out."
    more = f" The {MOST_DEPARTMENTS} largest of {len(found)} are shown." if len(found) > len(rows) else ""
    return _shown(picture, "Completion and lift by department", told, few + more)


PLOTS: Mapping[str, Mapping[str, Draw]] = {
    "scenario_lift": {"lift_over_time": lift_over_time},
    "learner_lift": {"rank_migration": ranks_of_all_time},
    "rank_distribution": {"rank_migration": ranks_of_weeks},
    "assignment_completion": {"completion_by_cohort": completion_by_cohort},
    "session_completion": {"completion_over_time": sessions_over_time},
    "skill_tiers": {"tiers_over_time": tiers_over_time},
    "learner_scorecard": {"people_by_lift": people_by_lift},
    "department_scorecard": {"departments": departments},
}


def _shown(picture: str, title: str, told: Sequence[str], note: str) -> str:
    """A picture whose alternative text tells every figure of it, and a note below that everybody reads."""
    alt = f"{title}: {'; '.join(told)}."
    return f"{in_markdown(picture, title=title, alt=alt)}\n\n{note}"


def _ends(until: date, weeks: Mapping[date, Any]) -> list[date]:
    """The last days of the weeks, from the first one with data on."""
    return [last for _, last in weeks_until(until) if last >= min(weeks)]


def _by_week(rows: Sequence[sa.Row[Any]]) -> dict[date, Mapping[str, Any]]:
    """The rows by their weeks, earliest first."""
    return {row.week: row._asdict() for row in sorted(rows, key=lambda row: row.week)}


def _values(
    weeks: Mapping[date, Mapping[str, Any]], ends: Sequence[date], name: str, *, missing: float | None = None
) -> list[float | None]:
    """One figure of each week; `missing` where the week or the figure is not there."""
    found = (weeks.get(end, {}).get(name) for end in ends)
    return [missing if value is None else float(value) for value in found]


def _labels(ends: Sequence[date], weeks: Mapping[date, Mapping[str, Any]], size: str) -> list[str]:
    """The last day of each week, and below it how many stand behind its figures."""
    return [f"{_short(end)}\nn={weeks[end][size] if end in weeks else 0:,}" for end in ends]


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"
