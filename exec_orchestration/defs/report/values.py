"""What a learning report says, as values: no query and no HTML here.

None is a figure that there is no data for. Shares run from 0 to 1, lifts and scores are points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Literal

from exec_orchestration.marts.figures import Days

Unit = Literal["people", "sessions", "points", "share"]


class Hidden(Enum):
    """In the place of a figure that would tell something about single persons."""

    TOO_FEW_PEOPLE = "too few people"


Shown = float | Hidden | None


@dataclass(frozen=True)
class Headline:
    """One figure of the whole company, in the period and in the one before."""

    name: str
    unit: Unit
    now: float | None
    before: float | None


@dataclass(frozen=True)
class ScenarioLift:
    """How much the learners of one scenario improved in the period."""

    name: str
    learners: int
    first_score: float | None
    best_score: float | None
    lift_points: float | None
    improved_share: float | None


@dataclass(frozen=True)
class RankMigration:
    """How many learners, one for each scenario, went from a first rank to a best one; worst rank first."""

    ranks: tuple[str, ...]
    learners: Mapping[tuple[str, str], int]

    def from_rank(self, first: str) -> int:
        """All learners who began with this rank."""
        return sum(self.learners.get((first, best), 0) for best in self.ranks)


@dataclass(frozen=True)
class GroupFigures:
    """What a group of people made of the period."""

    name: str
    people: int
    practised: float | None
    lift_points: Shown
    improved_share: Shown
    assignment_completion: Shown
    attendance: Shown
    session_completion: Shown


@dataclass(frozen=True)
class LowFigure:
    """A figure of a department that is low beside that of all departments together."""

    name: str
    unit: Unit
    value: float
    of_all: float


@dataclass(frozen=True)
class HelpNeeded:
    """A department with a low figure."""

    name: str
    people: int
    low: tuple[LowFigure, ...]


@dataclass(frozen=True)
class SkillTiers:
    """How many people stand in which tier of a skill."""

    name: str
    learners: Mapping[str, int]

    @property
    def people(self) -> int:
        """Everybody with an observation of the skill."""
        return sum(self.learners.values())


@dataclass(frozen=True)
class Skills:
    """Every skill as of the end of `day`, the last one loaded; None before any is."""

    day: date | None
    tiers: tuple[str, ...]
    skills: tuple[SkillTiers, ...]


@dataclass(frozen=True)
class Freshness:
    """How fresh one source of a figure is; `last_day` is None, too, where the source has no days."""

    figure: str
    source: str
    is_daily: bool
    last_day: date | None
    fetched_at: datetime | None
    first_day: date | None = None


@dataclass(frozen=True)
class Report:
    """Everything that the page shows."""

    period: Days
    before: Days
    made_at: datetime
    headlines: tuple[Headline, ...]
    needs_help: tuple[HelpNeeded, ...]
    scenarios: tuple[ScenarioLift, ...]
    ranks: RankMigration
    departments: tuple[GroupFigures, ...]
    cohorts: tuple[GroupFigures, ...]
    skills: Skills
    freshness: tuple[Freshness, ...]

    @property
    def begins_on(self) -> date | None:
        """The first day with data of any daily source, where the period begins before it; else None."""
        first = min((each.first_day for each in self.freshness if each.first_day), default=None)
        return first if first and first > self.period[0] else None

    @property
    def is_behind(self) -> bool:
        """True where a source's last day with data is before the end of the period."""
        return any(
            each.is_daily and (each.last_day is None or each.last_day < self.period[1]) for each in self.freshness
        )
