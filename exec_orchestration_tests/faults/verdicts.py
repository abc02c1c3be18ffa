"""What may stand after a fault, whatever it was: partitions wholly old or wholly new, errors that are named.

Here: what is asserted of a run that a fault has met. Not here: faults, and moments.
"""

import re
from collections import Counter
from pathlib import Path

import dagster as dg

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.budget import api_reservations
from exec_orchestration_tests.faults.errands import Told
from exec_orchestration_tests.faults.paths import Way
from exec_orchestration_tests.faults.places import Contents, contents, read

WHAT_TO_DO = "Check that WAREHOUSE_URL names a database that is up and may be written, then run this again"
TOLD = re.compile(f"(The transaction was rolled back whole. {WHAT_TO_DO})")


def assert_named(told: Told) -> None:
    """It ended in the warehouse's error, which says that nothing was half-written, and what to do."""
    assert told.error == "WarehouseError", told
    for name, text in told.errors:
        assert name == "WarehouseError", told
        assert TOLD.search(text), text


def whole_partitions(way: Way, now: Contents) -> Counter[str]:
    """How many partitions are old and how many new; there is nothing else."""
    before, after = way.before, way.undisturbed[0]
    found: Counter[str] = Counter()
    for place in before.keys() | after.keys() | now.keys():
        name, _ = place
        if METADATA.tables[name].info["group"] == "ledger":
            continue
        rows = now.get(place, ())
        assert rows in (before.get(place, ()), after.get(place, ())), f"{place} is neither old nor new"
        found["new_partitions" if rows == after.get(place, ()) else "old_partitions"] += 1
    return found


def assert_told_is_true(way: Way, url: str, home: Path) -> None:
    """What the killed run has told Dagster of, stands."""
    now, after = contents(url, way.tables), way.undisturbed[0]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs(limit=1)
        if run.run_id in way.runs_before:
            return
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            event = entry.dagster_event
            assert event is not None
            assert event.asset_key is not None
            place = event.asset_key.to_user_string(), event.partition or ""
            if place[0] in way.tables:
                assert now.get(place, ()) == after.get(place, ()), f"{place} was told, and does not stand"


def assert_no_run_is_stuck(home: Path) -> None:
    """Every run has ended, as far as Dagster knows."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert all(run.is_finished for run in instance.get_runs())


def assert_nothing_is_set_aside(url: str) -> None:
    """No run keeps requests of the day for itself."""
    assert read(url, api_reservations.select()) == []


def outcome(way: Way, told: Told, url: str) -> tuple[str, Counter[str]]:
    """What a run came to: equal tables, or the error that is named; and its partitions, each old or new."""
    now = contents(url, way.tables)
    found = whole_partitions(way, now)
    if told.success:
        assert now == way.undisturbed[0]
        return "tables equal", found
    assert_named(told)
    return "WarehouseError", found
