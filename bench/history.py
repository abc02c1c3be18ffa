"""Ten million rows, three years of days, in PostgreSQL: what one day costs among them, and how time grows with rows."""

from collections.abc import Sequence
from typing import Any

from bench.figures import Figure
from bench.growth import growing
from bench.processes import FreshWarehouse, measured

DAYS = (1, 11, 110, 1_096)  # of 9,125 rows: 10 thousand, 100 thousand, a million, ten million
INGESTED_DAYS = (1, 11, 110)

REPLACE_TARGET_SECONDS, MARTS_TARGET_SECONDS = 1, 2
BY_HAND_TARGET, MEMORY_TARGET = 1.5, 1.1
GROWING = {
    "replace_day": "replacing a day in a table of as many rows",
    "marts_of_day": "two marts of a day out of as many rows",
    "learner_lift": "learner_lift of as many rows",
}


def three_years(warehouse: FreshWarehouse) -> list[Figure]:
    """Every size on one database that grows, each measured in a process of its own."""
    url = warehouse()
    told = [measured("bench.history_run", url, days) for days in DAYS]
    return [*at_size(told), *growth(told), *ingest_growth(warehouse)]


def at_size(told: Sequence[dict[str, Any]]) -> list[Figure]:
    """What is asked of the largest size."""
    last, small = told[-1], told[1]
    name = f"PostgreSQL, {last['rows']:,} rows:"
    return [
        Figure(f"{name} replace a day", last["replace_day"], "s", at_most=REPLACE_TARGET_SECONDS),
        Figure(
            f"{name} a day's scenario_lift and rank_distribution",
            last["marts_of_day"],
            "s",
            at_most=MARTS_TARGET_SECONDS,
        ),
        Figure(f"{name} replace a day by other scores", last["change_day"], "s", at_most=REPLACE_TARGET_SECONDS),
        Figure(f"{name} learner_lift after that day", last["changed_lift"], "s"),
        Figure(f"{name} learner_lift of all days", last["learner_lift"], "s"),
        Figure(f"{name} the same by hand", last["by_hand"], "s"),
        Figure(f"{name} learner_lift / by hand", last["learner_lift"] / last["by_hand"], at_most=BY_HAND_TARGET),
        Figure(f"{name} rows that differ from those by hand", last["differing"], at_most=0),
        Figure(f"{name} peak memory", last["peak_mib"], "MiB"),
        Figure(
            f"{name} peak memory over that at {small['rows']:,}",
            last["peak_mib"] / small["peak_mib"],
            at_most=MEMORY_TARGET,
        ),
    ]


def growth(told: Sequence[dict[str, Any]]) -> list[Figure]:
    """Seconds at each size, and the exponent of each measure."""
    return [
        figure
        for key, title in GROWING.items()
        for figure in growing(title, [(each["rows"], each[key]) for each in told])
    ]


def ingest_growth(warehouse: FreshWarehouse) -> list[Figure]:
    """The same for staging and swapping in as many rows as there are, up to a million."""
    told = [measured("bench.ingest_run", warehouse(), days) for days in INGESTED_DAYS]
    return growing("staging and swapping in as many rows", [(each["rows"], each["seconds"]) for each in told])
