"""What a run costs beyond fetching: the daily refresh as a process, and each day of a range in one run."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.processes import ROOT, measured, serving, wall_of

REFRESHED_DAY = "2026-01-30"
SANDBOX_UNTIL = "2026-01-31"
RANGE_START, RANGE_DAYS = date(2025, 1, 1), 365

REFRESH_TARGET_SECONDS = 5
DAY_TARGET_MILLISECONDS = 50


@contextmanager
def instance_settings() -> Iterator[dict[str, str]]:
    """The environment of an empty instance, configured as the project's, and of an empty SQLite warehouse."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shutil.copy(ROOT / "dagster.yaml", folder)
        yield {
            "DAGSTER_HOME": folder,
            "WAREHOUSE_URL": f"sqlite:///{Path(folder) / 'warehouse.db'}",
            "EXEC_API_KEY": "exec_live_SandboxKeyThatOpensNothingAnywhere000001",
            "SPARKWISE_API_KEY": "sparkwise-sandbox-key-that-opens-nothing",
            "EXEC_REQUESTS_PER_MINUTE": "0",
            "EXEC_REQUESTS_PER_DAY": "0",
        }


def daily_refresh() -> list[Figure]:
    """One day of everything on the sandbox, from process start to end, less `import dagster` and the fetching."""
    importing = median(wall_of("-c", "import dagster") for _ in range(3))
    sandbox = serving("exec_orchestration.sandbox.app", "--port", 0, "--until", SANDBOX_UNTIL)
    with instance_settings() as settings, sandbox as urls:
        told = measured("bench.whole_run", REFRESHED_DAY, REFRESHED_DAY, environment={**settings, **urls})
    wall, fetching = told["wall_seconds"], told["fetch_seconds"]
    name = "daily_refresh, one day, one process:"
    return [
        Figure(f"{name} wall", wall, "s"),
        Figure(f"{name} import dagster", importing, "s"),
        Figure(f"{name} fetching ({told['requests']} requests)", fetching, "s"),
        Figure(f"{name} beyond both", wall - importing - fetching, "s", at_most=REFRESH_TARGET_SECONDS),
    ]


def range_of_days(base: str) -> list[Figure]:
    """A range of empty days as one run: what each costs beyond fetching."""
    last_day = RANGE_START + timedelta(days=RANGE_DAYS - 1)
    with instance_settings() as settings:
        urls = {"EXEC_API_URL": f"{base}/rows/0/delay/0", "PARTITIONS_START": str(RANGE_START)}
        told = measured(
            "bench.whole_run",
            RANGE_START,
            last_day,
            *("--asset", "exec_participant_analytics"),
            environment={**settings, **urls},
        )
    beyond = told["run_seconds"] - told["fetch_seconds"]
    name = f"{RANGE_DAYS} empty days as one run:"
    return [
        Figure(f"{name} wall of the run", told["run_seconds"], "s"),
        Figure(f"{name} a day beyond fetching", 1_000 * beyond / RANGE_DAYS, "ms", at_most=DAY_TARGET_MILLISECONDS),
    ]
