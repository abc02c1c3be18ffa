"""What the fault suite shares: databases, sandboxes, and the report of what every fault came to.

A test notes its fault and its outcome by the fixture `note`; the table is printed at the end, with the command that
runs any one of them again.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exec_orchestration_tests.faults.paths import FIRST as FIRST
from exec_orchestration_tests.faults.paths import LAST as LAST
from exec_orchestration_tests.faults.paths import NO_LIMITS as NO_LIMITS
from exec_orchestration_tests.faults.paths import Ways
from exec_orchestration_tests.faults.places import Databases, Sandbox, sandbox

AGAIN = ".venv/bin/python -m pytest -m faults '{}'"
NOTE = "fault"
Note = Callable[..., None]

# The first of the seeds; others by `FAULTS_FROM=1000 make test-faults`.
FIRST_SEED = int(os.environ.get("FAULTS_FROM", "0"))
WORLD = ("--until", "2026-01-08", "--people", "14")


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], Databases]:
    """Where databases of an engine are, by its name; PostgreSQL is started when it is asked for."""

    def found(engine: str) -> Databases:
        server = str(request.getfixturevalue("postgres_server")) if engine == "postgresql" else None
        return Databases(folder, server)

    folder = tmp_path_factory.mktemp("databases")
    return found


@pytest.fixture(scope="session")
def old_vendors() -> Iterator[Sandbox]:
    """The vendors as they were when the tables were filled."""
    with sandbox(*WORLD, "--seed", "7") as made:
        yield made


@pytest.fixture(scope="session")
def vendors() -> Iterator[Sandbox]:
    """The vendors as they are now: every row is another one."""
    with sandbox(*WORLD, "--seed", "12") as made:
        yield made


@pytest.fixture(scope="session")
def ways(
    engines: Callable[[str], Databases],
    tmp_path_factory: pytest.TempPathFactory,
    old_vendors: Sandbox,
    vendors: Sandbox,
) -> Ways:
    """The ways through the house, by name and engine."""
    return Ways(engines, tmp_path_factory.mktemp, old_vendors, vendors)


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Keep what a fault came to: its group and name, the outcome, and counts."""

    def noted(group: str, fault: str, outcome: str, **counts: int) -> None:
        record_property(NOTE, json.dumps({"group": group, "fault": fault, "outcome": outcome, "counts": counts}))

    return noted


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The report: fault, outcome, counts."""
    found = [report for reports in terminalreporter.stats.values() for report in reports]
    reports = [report for report in found if getattr(report, "when", "") == "call"]
    lines = table_of([json.loads(value) for each in reports for name, value in _properties(each) if name == NOTE])
    if lines:
        terminalreporter.section("faults and their outcomes")
        terminalreporter.write("\n".join(lines) + "\n\n")
        example = reports[0].nodeid
        terminalreporter.write_line(f"Any of them again: {AGAIN.format(example)}")
    for report in terminalreporter.stats.get("failed", []):
        terminalreporter.write_line(f"again: {AGAIN.format(report.nodeid)}")


def _properties(report: Any) -> list[tuple[str, str]]:
    return list(getattr(report, "user_properties", []))


def table_of(notes: list[dict[str, Any]]) -> list[str]:
    """The notes as a table, those of one group, fault and outcome added up."""
    times: Counter[tuple[str, str, str]] = Counter()
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for each in notes:
        key = each["group"], each["fault"], each["outcome"]
        times[key] += 1
        counts[key].update(each["counts"])
    if not times:
        return []
    lines = ["| what | fault | outcome | tests | counts |", "|---|---|---|---|---|"]
    for key in sorted(times):
        told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts[key].items())
        lines.append(f"| {' | '.join(key)} | {times[key]} | {told} |")
    return lines
