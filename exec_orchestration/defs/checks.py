"""Checks that a load can judge by itself, as values. What is out of order is named, with numbers."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

import dagster as dg

from exec_orchestration.defs.table_checks import check_description

BEFORE_START = dg.AssetCheckSpec(
    "no_rows_before_partitions_start",
    asset="exec_assignments",
    description=check_description(
        "Every assignment was created since PARTITIONS_START; older ones belong to no partition and are in no cohort.",
        "no_rows_before_partitions_start",
    ),
)

NO_MISSING_DAYS = dg.AssetCheckSpec(
    "no_missing_days",
    asset="learner_lift",
    description=check_description(
        "Every day between the first and the last loaded one is loaded; a first score may hide in another.",
        "no_missing_days",
    ),
)

SHOWN_DAYS = 20


def rows_before_start(rows_by_day: Mapping[date, int], first_day: date) -> dg.AssetCheckResult:
    """WARN when a listing holds rows that belong to no partition, with their number and earliest day."""
    early = {day: rows for day, rows in rows_by_day.items() if day < first_day}
    told = (
        f"{sum(early.values())} assignments were created before {first_day} (PARTITIONS_START), the earliest on "
        f"{min(early)}. They are in exec_assignment_history, but in no partition; set it earlier to load them."
        if early
        else f"Every assignment was created on or after {first_day}."
    )
    return dg.AssetCheckResult(
        check_name=BEFORE_START.name,
        asset_key=BEFORE_START.asset_key,
        passed=not early,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={"rows_before_start": sum(early.values()), "rows_listed": sum(rows_by_day.values())},
    )


def missing_days(every: Collection[date], *, kept_from: date | None = None) -> dg.AssetCheckResult:
    """WARN when days are missing between the first and the last loaded one, naming them.

    Days before `kept_from` count neither as loaded nor as missing: they are forgotten.
    """
    loaded = [day for day in every if kept_from is None or day >= kept_from]
    first, last = min(loaded, default=None), max(loaded, default=None)
    expected = [] if first is None or last is None else [first + timedelta(n) for n in range((last - first).days + 1)]
    missing = sorted(set(expected) - set(loaded))
    if not expected:
        told = "This Dagster instance knows of no loaded day, so what learner_lift covers is not known."
    elif missing:
        named = ", ".join(map(str, missing[:SHOWN_DAYS])) + (" ..." if len(missing) > SHOWN_DAYS else "")
        told = (
            f"{len(missing)} of {len(expected)} days from {first} to {last} are not loaded, and a first score may hide "
            f"in one: {named}. Backfill exec_participant_analytics for them, then materialize learner_lift."
        )
    else:
        told = f"All {len(expected)} days from {first} to {last} are loaded."
    if len(loaded) < len(every):
        told += f" Days before {kept_from} are forgotten (KEEP_FACTS_MONTHS), and first scores with them."
    return dg.AssetCheckResult(
        check_name=NO_MISSING_DAYS.name,
        asset_key=NO_MISSING_DAYS.asset_key,
        passed=bool(expected) and not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={"days_covered": len(expected) - len(missing), "days_missing": len(missing)},
    )
