"""The checks that every table has, and their verdicts as values. What is out of order is counted and named.

Which checks a table has follows from its declaration. No verdict quotes a row: counts, columns and days only.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.partitions import DAILY
from exec_orchestration.defs.runbook import entry
from exec_orchestration.errors import ListingMoved
from exec_orchestration.marts.agreement import AGREEMENTS
from exec_orchestration.tables import expectations
from exec_orchestration.tables.declare import is_daily, is_raw
from exec_orchestration.tables.exec_com import exec_assignment_history
from exec_orchestration.tables.hr import hr_roster
from exec_orchestration.tables.sparkwise import sparkwise_completions

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN

EVERY_ROW_FITS = "every_row_fits"
NOTHING_IS_UNKNOWN = "nothing_is_unknown"
LISTING_IS_WHOLE = "listing_is_whole"
ROW_COUNT_IS_USUAL = "row_count_is_usual"
HASHES_ARE_UNCHANGED = "hashes_are_unchanged"
REFERENCES_ARE_KNOWN = "references_are_known"
ONE_CURRENT_STATE = "one_current_state"
AGREES_WITH_RAW = "agrees_with_raw"
INPUTS_ARE_LOADED = "inputs_are_loaded"

MEANING: Mapping[str, str] = {
    EVERY_ROW_FITS: "Every row fits its declaration: its key is there once, required values are present, and numbers "
    "lie within the range of their unit.",
    NOTHING_IS_UNKNOWN: "The vendor sends no field and no value of an enumeration that the declaration does not know. "
    "What is unknown is kept as it came.",
    LISTING_IS_WHOLE: "The table holds as many rows as the listing brought, and its pages brought as many as the "
    "vendor's total_count said.",
    ROW_COUNT_IS_USUAL: "The number of rows is what it usually is: a day beside its own weekday in the eight weeks "
    "before, another table beside its last load.",
    HASHES_ARE_UNCHANGED: "No participation that was loaded before came back with another hash.",
    REFERENCES_ARE_KNOWN: "Every scenario, skill and person that the rows name is found in its own table.",
    ONE_CURRENT_STATE: "Nothing has two current states, and no state ends before it begins.",
    INPUTS_ARE_LOADED: "What the mart is made of was loaded for the day: without it, no rows means that nobody looked, "
    "and not that nobody came.",
    AGREES_WITH_RAW: "The mart's totals are those of the raw rows that it is made of, and shares add up to 1.",
}
# What only asks for a look. Everything else guards the tables that are built on this one, and stops them.
ONLY_WARNS = {NOTHING_IS_UNKNOWN, ROW_COUNT_IS_USUAL, HASHES_ARE_UNCHANGED, REFERENCES_ARE_KNOWN, INPUTS_ARE_LOADED}

FEWEST_WEEKS, FEWEST_ROWS, TIMES = 3, 10, 3
# What is listed as a whole has no weekdays: half of it gone, or twice as much, is unusual.
TIMES_AS_A_WHOLE = 2
# Sums of seconds are floating-point numbers; everything else is counted.
SAME = 1e-3
# Tables of states: what a state is of, and when it begins and ends.
STATES: Mapping[sa.Table, tuple[str, str, str]] = {
    exec_assignment_history: ("assignment_id", "observed_from", "observed_to"),
    hr_roster: ("employee_id", "valid_from", "valid_to"),
}


@dataclass(frozen=True)
class Verdict:
    """What a check has found of one partition, or of a table."""

    check: str
    passed: bool
    told: str
    counts: Mapping[str, Any] = field(default_factory=dict)


def names_of(table: sa.Table) -> list[str]:
    """The checks that the load of a table, or its query, judges by itself."""
    kinds = {rule.kind for rule in expectations.rules(table)}
    has = {
        EVERY_ROW_FITS: True,
        NOTHING_IS_UNKNOWN: bool(kinds & {expectations.UNKNOWN_VALUE, expectations.UNKNOWN_FIELD}),
        LISTING_IS_WHOLE: is_raw(table),
        ROW_COUNT_IS_USUAL: is_raw(table),
        HASHES_ARE_UNCHANGED: table is sparkwise_completions,
        ONE_CURRENT_STATE: table in STATES,
        AGREES_WITH_RAW: table in AGREEMENTS,
        INPUTS_ARE_LOADED: table in AGREEMENTS and is_daily(table),
    }
    return [name for name, is_there in has.items() if is_there]


def specs_of(table: sa.Table) -> list[dg.AssetCheckSpec]:
    """The same, as Dagster knows them."""
    return [spec_of(table, name) for name in names_of(table)]


def spec_of(table: sa.Table, name: str, *, deps: Sequence[str] = ()) -> dg.AssetCheckSpec:
    """One check of a table. Of a daily table each day is judged for itself."""
    return dg.AssetCheckSpec(
        name,
        asset=table.name,
        description=check_description(MEANING[name], name),
        additional_deps=deps,
        blocking=name not in ONLY_WARNS,
        partitions_def=DAILY if is_daily(table) else None,
    )


def check_description(meaning: str, name: str) -> str:
    """A check's description: what it means that it passes, and where to read what to do when it does not."""
    return f"{meaning} Runbook: {entry(name)}"


def severity_of(name: str) -> dg.AssetCheckSeverity:
    """How bad it is where the check fails."""
    return WARN if name in ONLY_WARNS else ERROR


def every_row_fits(counts: Mapping[str, int], *, rows: int, surplus: int) -> Verdict:
    """From the number of rows that break each rule, by label, and of those that repeat a key."""
    broken = _of_kinds(counts, {expectations.MISSING, expectations.OUT_OF_RANGE})
    found = [*([f"{surplus} repeat a key"] if surplus else []), *broken]
    told = f"Of {rows} rows {', '.join(found)}." if found else f"All {rows} rows fit."
    return Verdict(EVERY_ROW_FITS, not found, told, {"rows": rows, "surplus_keys": surplus, "broken": broken})


def rows_were_rejected() -> Verdict:
    """For a load that has stopped because rows did not fit. They are in rejected_rows."""
    told = "Rows that do not fit were rejected, more than the limit allows; what the partition held stands untouched."
    return Verdict(EVERY_ROW_FITS, False, f"{told} They are in rejected_rows with their reasons.")


def nothing_is_unknown(counts: Mapping[str, int]) -> Verdict:
    """From the same counts."""
    found = _of_kinds(counts, {expectations.UNKNOWN_VALUE, expectations.UNKNOWN_FIELD})
    told = f"New to us: {', '.join(found)}." if found else "Every field and every value is known."
    return Verdict(NOTHING_IS_UNKNOWN, not found, told, {"unknown": found})


def _of_kinds(counts: Mapping[str, int], kinds: Collection[str]) -> list[str]:
    """What broke, in words: `3 out of range in best_score`."""
    broken = [(label.split(":"), count) for label, count in counts.items() if count]
    return [f"{count} {kind.replace('_', ' ')} in {column}" for (kind, column), count in broken if kind in kinds]


def listing_is_whole(*, brought: int, held: int) -> Verdict:
    """From the number of rows that were staged, and of those that the table holds now."""
    counts = {"rows_brought": brought, "rows_held": held}
    if brought == held:
        return Verdict(LISTING_IS_WHOLE, True, f"All {held} rows of the listing are in the table.", counts)
    told = f"The listing brought {brought} rows, and the table holds {held}: somebody else writes to it. Load it again."
    return Verdict(LISTING_IS_WHOLE, False, told, counts)


def listing_was_short(error: ListingMoved) -> Verdict:
    """For a listing whose pages never agreed with its total."""
    return Verdict(LISTING_IS_WHOLE, False, str(error))


def usual_on_weekday(rows: int, before: Sequence[int], *, weekday: str) -> Verdict:
    """A day's rows beside those of the same weekdays before; weeks without rows may not be loaded, and say nothing."""
    loaded = [count for count in before if count]
    usual = median(loaded) if loaded else 0
    counts = {"rows": rows, "usual": float(usual), "weeks": len(loaded)}
    if len(loaded) < FEWEST_WEEKS or usual < FEWEST_ROWS:
        told = f"{rows} rows. Too little is known of earlier {weekday}s to say whether that is usual."
        return Verdict(ROW_COUNT_IS_USUAL, True, told, counts)
    passed = usual / TIMES <= rows <= usual * TIMES
    told = f"{rows} rows; the median of {len(loaded)} {weekday}s before is {usual:g}."
    return Verdict(ROW_COUNT_IS_USUAL, passed, told, counts)


def usual_after(rows: int, before: int) -> Verdict:
    """A table's rows beside those that it held until now."""
    passed = before < FEWEST_ROWS or before / TIMES_AS_A_WHOLE <= rows <= before * TIMES_AS_A_WHOLE
    told = f"{rows} rows; the load before had {before}."
    return Verdict(ROW_COUNT_IS_USUAL, passed, told, {"rows": rows, "usual": float(before)})


def hashes_are_unchanged(changed: int) -> Verdict:
    """From the number of participations that came back with another hash."""
    told = (
        f"{changed} participations that were loaded before were changed since; the table holds them as they are now."
        if changed
        else "No participation was changed after it was loaded."
    )
    return Verdict(HASHES_ARE_UNCHANGED, not changed, told, {"changed": changed})


def references_are_known(lost: Mapping[str, int]) -> Verdict:
    """From the number of rows whose reference is not found, by column."""
    found = [f"{count} rows by their {column}" for column, count in lost.items() if count]
    told = f"Not found where they should be: {', '.join(found)}." if found else "Every reference is known."
    return Verdict(REFERENCES_ARE_KNOWN, not found, told, dict(lost))


def one_current_state(*, twice: int, early: int) -> Verdict:
    """From the number of things with two current states, and of states that end before they begin."""
    counts = {"with_two_current_states": twice, "ended_before_they_began": early}
    found = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    told = f"{', '.join(found)}." if found else "One current state each."
    return Verdict(ONE_CURRENT_STATE, not found, told, counts)


def inputs_are_loaded(missing: Sequence[str]) -> Verdict:
    """From the names of the inputs that were never loaded for the day."""
    told = f"Never loaded for this day: {', '.join(missing)}." if missing else "Every input was loaded for this day."
    return Verdict(INPUTS_ARE_LOADED, not missing, told, {"missing": list(missing)})


def agrees_with_raw(more: Mapping[str, float], *, odd: Mapping[str, int]) -> Verdict:
    """From what the mart has more than the raw rows, by figure, and the wholes whose shares do not add up, by share."""
    off = {name: float(count) for name, count in more.items() if abs(count) > SAME}
    found = [
        *(f"{name} is {count:+g} beside the raw rows" for name, count in off.items()),
        *(f"{name} does not add up to 1 in {count} cases" for name, count in odd.items() if count),
    ]
    told = f"{'; '.join(found)}." if found else f"{', '.join([*more, *odd])}: the same as in the raw rows."
    return Verdict(AGREES_WITH_RAW, not found, told, {"off": off, "odd_shares": dict(odd)})
