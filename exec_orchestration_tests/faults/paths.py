"""The two ways through the house that are killed over and over, as values: ingest and marts. The sync is `company`.

Here: what a way runs, from which template, and into which tables. Not here: kills and what is expected after them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import dagster as dg

from exec_orchestration_tests.faults.errands import Errand, Step, Told, do
from exec_orchestration_tests.faults.moments import Moment
from exec_orchestration_tests.faults.places import Contents, Databases, Sandbox, contents, home_in

FIRST, LAST = "2026-01-05", "2026-01-07"
NO_LIMITS = {"EXEC_REQUESTS_PER_MINUTE": "0", "EXEC_REQUESTS_PER_DAY": "100000"}
DAILY = (
    "exec_participant_analytics",
    "exec_sessions",
    "exec_assignments",
    "exec_skill_proficiency",
    "sparkwise_completions",
    "sparkwise_clusters",
)
WHOLE = ("exec_scenarios", "exec_skills", "exec_members", "exec_assignment_history", "sparkwise_users")
DAILY_MARTS = ("scenario_lift", "rank_distribution", "skill_tiers", "assignment_completion", "session_completion")
WHOLE_MARTS = ("learner_lift",)
LEDGERS = ("rejected_rows", "data_versions")

INGEST = (Step(WHOLE[:3]), Step(DAILY, FIRST, LAST))
MARTS = (Step(DAILY_MARTS, FIRST, LAST), Step(WHOLE_MARTS))
RAW_TABLES = (*DAILY, *WHOLE[:4], *LEDGERS)
MART_TABLES = (*DAILY_MARTS, *WHOLE_MARTS)


@dataclass(frozen=True)
class Way:
    """One way through the house on one engine, over tables that hold the old rows of `template`."""

    name: str
    steps: tuple[Step, ...]
    tables: tuple[str, ...]
    databases: Databases
    template: str
    home: Path  # of the Dagster instance that has filled the template
    settings: Mapping[str, str]
    folder: Path

    remembers: bool  # whether Dagster's records outlive a process

    def errand(self, url: str, home: Path, *, moment: Moment | None = None, calls: bool = False) -> Errand:
        """The way, over a database and a Dagster instance."""
        settings = {**self.settings, "WAREHOUSE_URL": url}
        return Errand(self.steps, settings, home, moment=moment, calls=calls, remembers=self.remembers)

    def copy(self, name: str) -> tuple[str, Path]:
        """A database and a Dagster instance as they were before."""
        return self.databases.new(like=self.template), home_in(self.folder / name, like=self.home)

    @cached_property
    def runs_before(self) -> set[str]:
        """The runs that have filled the template."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return {run.run_id for run in instance.get_runs()}

    @cached_property
    def before(self) -> Contents:
        """What stood in the tables before."""
        return contents(self.template, self.tables)

    @cached_property
    def undisturbed(self) -> tuple[Contents, Told]:
        """What an undisturbed run makes of the tables, and what it tells of itself."""
        url, home = self.copy(f"{self.name}-undisturbed")
        told = do(self.errand(url, home))
        assert told.success, told
        made = contents(url, self.tables)
        self.databases.drop(url)
        return made, told

    @cached_property
    def calls(self) -> int:
        """How many calls of the house's functions an undisturbed run makes."""
        url, home = self.copy(f"{self.name}-calls")
        told = do(self.errand(url, home, calls=True))
        self.databases.drop(url)
        return told.counts["call"]


def ingest(databases: Databases, folder: Path, old: Sandbox, now: Sandbox, *, remembers: bool) -> Way:
    """The raw tables hold three days of the old vendors; the run loads the same days of the vendors of now."""
    url, home = databases.new(), home_in(folder / "filled")
    _fill((*INGEST, *MARTS), old, url, home, remembers=remembers)
    return Way("ingest", INGEST, RAW_TABLES, databases, url, home, {**now.settings, **NO_LIMITS}, folder, remembers)


def marts(databases: Databases, folder: Path, old: Sandbox, now: Sandbox, *, remembers: bool) -> Way:
    """The raw tables hold what the vendors say now, the marts what they said before."""
    url, home = databases.new(), home_in(folder / "filled")
    _fill((*INGEST, *MARTS), old, url, home, remembers=remembers)
    _fill(INGEST, now, url, home, remembers=remembers)
    return Way("marts", MARTS, MART_TABLES, databases, url, home, {**now.settings, **NO_LIMITS}, folder, remembers)


def _fill(steps: tuple[Step, ...], of: Sandbox, url: str, home: Path, *, remembers: bool) -> None:
    told = do(Errand(steps, {**of.settings, **NO_LIMITS, "WAREHOUSE_URL": url}, home, remembers=remembers))
    assert told.success, told


MAKERS = {"ingest": ingest, "marts": marts}


@dataclass(frozen=True)
class Ways:
    """A way by its name, its engine and whether it remembers, prepared once."""

    databases: Callable[[str], Databases]
    folder: Callable[[str], Path]
    old: Sandbox
    now: Sandbox
    made: dict[tuple[str, str, bool], Way] = field(default_factory=dict)

    def __call__(self, name: str, engine: str, *, remembers: bool) -> Way:
        key = name, engine, remembers
        if key not in self.made:
            folder = self.folder(f"{name}-{engine}")
            self.made[key] = MAKERS[name](self.databases(engine), folder, self.old, self.now, remembers=remembers)
        return self.made[key]
