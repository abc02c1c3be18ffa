"""A user sync of a large company: seconds to compare and plan, memory, and requests against their formula."""

import tempfile
from math import ceil
from pathlib import Path

from bench.figures import Figure
from bench.overhead import instance_settings
from bench.processes import measured, serving

PEOPLE, CHANGED = 100_000, 1_000
BATCH, CANARY, CANARY_PEOPLE, LEAVERS = 200, 1, 5, 20

PLANNING_TARGET_SECONDS = 10
MEMORY_TARGET_MIB = 1_000
TICK_TARGET_SECONDS = 1


def large_company() -> list[Figure]:
    """100,000 people of whom 1 % have changed, on SQLite."""
    joiners = CHANGED * 3 // 10
    pages = ceil(PEOPLE / BATCH) + ceil((PEOPLE + joiners) / BATCH)
    # Upserts and deactivations are operations of their own, so each has its own last, partly filled batch.
    formula = pages + ceil((CHANGED - LEAVERS - CANARY_PEOPLE) / BATCH) + ceil(LEAVERS / BATCH) + CANARY
    sandbox = serving("exec_orchestration.sandbox.app", "--port", 0, "--until", "2026-01-02")
    with instance_settings() as settings, sandbox as urls, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        roster = Path(folder) / "roster.csv"
        told = measured("bench.sync_run", PEOPLE, CHANGED, roster, environment={**settings, **urls})
    name = f"user sync, {PEOPLE:,} people, {CHANGED:,} changed:"
    return [
        Figure(f"{name} compare and plan", told["planning_seconds"], "s", at_most=PLANNING_TARGET_SECONDS),
        Figure(f"{name} a tick of the roster's sensor", told["tick_seconds"], "s", at_most=TICK_TARGET_SECONDS),
        Figure(f"{name} read the roster", told["hr_roster_seconds"], "s"),
        Figure(f"{name} list the accounts", told["sparkwise_users_seconds"], "s"),
        Figure(f"{name} plan, send, list again", told["plan_and_send_seconds"], "s"),
        Figure(f"{name} peak memory", told["peak_mib"], "MiB", at_most=MEMORY_TARGET_MIB),
        Figure(f"{name} requests", told["requests"], at_least=formula, at_most=formula),
    ]
