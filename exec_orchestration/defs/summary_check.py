"""The check of participants against what Exec itself sums up: one scenario and day a run, another one each day.

It costs one request, and where the two differ one more listing, which tells whether only the table is old. Where it
cannot be asked (no budget, no answer) nothing is known, and nothing is held up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.apis.exec_com import ExecApi
from exec_orchestration.apis.paging import Item
from exec_orchestration.defs.budget.lanes import charge_of
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.partitions import DayWindow, days_of
from exec_orchestration.defs.resources import ExecResource, WarehouseResource
from exec_orchestration.defs.table_checks import ERROR, WARN, check_description
from exec_orchestration.errors import BudgetTooSmall, RateLimited, VendorError
from exec_orchestration.marts.figures import average
from exec_orchestration.tables.erased import guard_of
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice

NAME = "agrees_with_summary"
MEANING = (
    "For one scenario and day, another one each day, people, sessions and the average best score are what Exec's own "
    "summary says."
)
SCORE_TOLERANCE = 0.5  # points; a summary may be rounded
REQUESTS = 1
NOT_ASKED = "Not compared, since Exec could not be asked: {}. The load itself stands."


@dataclass(frozen=True)
class Figures:
    """What both ways of asking tell of one scenario and day."""

    people: int
    sessions: int
    average_best_score: float | None

    def same_as(self, other: "Figures") -> bool:
        """True where people and sessions are equal, and the scores but for rounding."""
        if (self.people, self.sessions) != (other.people, other.sessions):
            return False
        if self.average_best_score is None or other.average_best_score is None:
            return self.average_best_score == other.average_best_score
        return abs(self.average_best_score - other.average_best_score) <= SCORE_TOLERANCE

    def __str__(self) -> str:
        score = "none" if self.average_best_score is None else f"{self.average_best_score:.1f}"
        return f"{self.people} people, {self.sessions} sessions, average best score {score}"


def sampled(days: Sequence[DayWindow], scenario_ids: Sequence[str]) -> tuple[DayWindow, str]:
    """The last day and a scenario: on consecutive days each of them in its turn."""
    day = days[-1]
    return day, sorted(scenario_ids)[day.day.toordinal() % len(scenario_ids)]


def verdict(held: Figures, summary: Figures, listed: Figures | None) -> dg.AssetCheckResult:
    """What the comparison means; `listed` is what participants say now, asked where the first two differ."""
    if held.same_as(summary):
        return _result(passed=True, told=f"The table and Exec's summary agree: {held}.")
    if listed is not None and not listed.same_as(held):
        told = f"The table holds {held}; Exec now lists {listed}: it has changed since. Load the day again."
        return _result(passed=False, told=told, severity=WARN)
    return _result(passed=False, told=f"The table holds {held}, as Exec lists it, but its summary says {summary}.")


def _result(*, passed: bool, told: str, severity: dg.AssetCheckSeverity = ERROR) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=NAME, asset_key=practice.name, passed=passed, severity=severity, description=told
    )


@dg.asset_check(
    name=NAME,
    asset=practice.name,
    description=check_description(MEANING, NAME),
    blocking=True,
    pool="exec_api",
)
@told_plainly
def participants_agree_with_summary(
    context: dg.AssetCheckExecutionContext,
    exec_com: dg.ResourceParam[ExecResource],
    warehouse: dg.ResourceParam[WarehouseResource],
) -> dg.AssetCheckResult:
    """One evaluation a run."""
    pacer = exec_com.api.client.pacer
    pacer.charge = charge_of(context.run, practice.name)
    days = days_of(context, warehouse)
    try:
        if not exec_com.scenario_ids:
            return _result(passed=True, told="There is no scenario to compare.")
        day, scenario_id = sampled(days, exec_com.scenario_ids)
        with pacer.charged(day.day), pacer.setting_aside(REQUESTS):
            found = compared(exec_com.api, warehouse, day, scenario_id)
    except (RateLimited, BudgetTooSmall) as error:
        return _result(passed=True, told=NOT_ASKED.format(type(error).__name__))
    except VendorError as error:
        return _result(passed=False, told=NOT_ASKED.format(error), severity=WARN)
    return found.with_metadata({"day": day.key, "scenario_id": scenario_id})


def compared(api: ExecApi, warehouse: WarehouseResource, day: DayWindow, scenario_id: str) -> dg.AssetCheckResult:
    """The table's figures of a scenario and day beside Exec's."""
    (row,) = warehouse.tables.read(_held(day, scenario_id))
    held = Figures(row.people, row.sessions or 0, row.average_best_score)
    summary = _of_summary(api.scenario_summary(scenario_id, start=day.start, end=day.end))
    if held.same_as(summary):
        return verdict(held, summary, None)
    listed = list(api.participants(scenario_id, start=day.start, end=day.end))
    guard = guard_of(warehouse.tables)
    kept = [item for item in listed if not guard.knows(item.get("user"))]
    if len(kept) < len(listed) and _of_items(kept).same_as(held):
        return _result(passed=True, told=f"The table holds {held}; Exec also counts people who were erased here.")
    return verdict(held, summary, _of_items(listed))


def _held(day: DayWindow, scenario_id: str) -> sa.Select[Any]:
    figures: list[sa.ColumnElement[Any]] = [
        sa.func.count().label("people"),
        sa.func.sum(practice.c.session_count).label("sessions"),
        average(practice.c.best_score).label("average_best_score"),
    ]
    return sa.select(*figures).where(practice.c.partition_date == day.day, practice.c.scenario_id == scenario_id)


def _of_summary(summary: Item) -> Figures:
    return Figures(
        int(summary.get("participant_count") or 0),
        int(summary.get("total_sessions") or 0),
        summary.get("average_best_score"),
    )


def _of_items(items: Sequence[Item]) -> Figures:
    scores = [item["best_score"] for item in items if item.get("best_score") is not None]
    return Figures(
        len(items),
        sum(item["session_count"] for item in items),
        sum(scores) / len(scores) if scores else None,
    )
