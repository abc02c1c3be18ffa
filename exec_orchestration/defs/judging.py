"""Judging a partition once it stands: ask the warehouse, tell Dagster day by day, and end the step where it is wrong.

Dagster records a check's partition only for runs of one day, so each verdict is logged with its own day here; a range
run then shows every day, and those that were judged before a failure keep their verdict.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs import table_checks
from exec_orchestration.defs.event_files import hold_open
from exec_orchestration.defs.runbook import RUNBOOK
from exec_orchestration.defs.table_checks import Verdict, severity_of
from exec_orchestration.errors import ChecksFailed, ListingMoved, TooManyRejectedRows
from exec_orchestration.marts import agreement
from exec_orchestration.tables import expectations
from exec_orchestration.tables.declare import METADATA, PARTITION, is_daily
from exec_orchestration.tables.warehouse import Stage, Warehouse, Window

SHOWN_FAILURES = 5
Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext
Results = Iterator[dg.MaterializeResult | dg.AssetCheckResult | dg.Output[None]]
Days = Sequence[date | None]  # the table's partitions; [None] for a table without any


@dataclass(frozen=True)
class Before:
    """What a table held until a load replaced it: its rows, and how many of them came back with another hash."""

    rows: int = 0
    changed_hashes: int = 0


class Judge:
    """The checks of one table in one run: judge partition by partition, then end the step with `results`."""

    def __init__(self, context: Context, table: sa.Table, tables: Warehouse) -> None:
        self.key = dg.AssetKey(table.name)
        self._context = context
        self._table = table
        self._tables = tables
        self._asked = _asked(context, self.key)
        hold_open(self, context.instance, context.run.run_id)
        self._judged: set[date | None] = set()
        self._failed: list[str] = []
        self._told_error: Exception | None = None

    def judge(self, days: Days, *, among: sa.FromClause | None = None) -> None:
        """Judge what the table holds of these days; `among` are the learners whose raw rows it is compared with."""
        if not self._asked:
            return
        verdicts = self._of_declaration(days)
        if table_checks.AGREES_WITH_RAW in self._asked:
            for day, verdict in self._of_mart(days, among).items():
                verdicts[day].append(verdict)
        if table_checks.INPUTS_ARE_LOADED in self._asked:
            for day, verdict in self._of_inputs([day for day in days if day]).items():
                verdicts[day].append(verdict)
        if table_checks.ONE_CURRENT_STATE in self._asked:
            verdicts[None].append(self._of_states())
        for day in days:
            self.tell(day, verdicts[day])

    def judge_load(self, day: date | None, *, brought: int, before: "Before") -> None:
        """Judge one partition that a listing has just replaced, with `brought` rows."""
        if not self._asked:
            return
        verdicts = self._of_declaration([day])[day]
        held = int(verdicts[0].counts["rows"])
        verdicts.append(table_checks.listing_is_whole(brought=brought, held=held))
        if day is None:
            verdicts.append(table_checks.usual_after(held, before.rows))
        else:
            verdicts.append(self._usual(held, day))
        verdicts.append(table_checks.hashes_are_unchanged(before.changed_hashes))
        self.tell(day, verdicts)

    def before(self, stage: Stage, day: date | None) -> "Before":
        """What can only be seen before the staged rows replace what the table holds."""
        rows = changed = 0
        if day is None and table_checks.ROW_COUNT_IS_USUAL in self._asked:
            rows = stage.read(sa.select(sa.func.count()).select_from(self._table))[0][0]
        if day is not None and table_checks.HASHES_ARE_UNCHANGED in self._asked:
            changed = stage.read(expectations.changed_hashes(stage.staged, self._table, day))[0].rows
        return Before(rows, changed)

    def judge_references(self, days: Days) -> None:
        """Judge whether what the rows of these days refer to is known."""
        lost = self._by_day(expectations.unknown_references(self._table, _window(days)))
        for day in days:
            self.tell(day, [table_checks.references_are_known(lost.get(day, {}))])

    def _usual(self, rows: int, day: date) -> Verdict:
        """A day's rows beside its own weekday's history."""
        before = expectations.same_weekdays_before(day)
        found = self._tables.read(expectations.rows_on(self._table, before))
        return table_checks.usual_on_weekday(rows, [row.rows for row in found], weekday=f"{day:%A}")

    def tell(self, day: date | None, verdicts: Sequence[Verdict]) -> None:
        """Tell Dagster what was found of one partition."""
        self._judged.add(day)
        for verdict in verdicts:
            if verdict.check in self._asked:
                evaluation = self._evaluation(day, verdict)
                # Dagster takes it; the signature of an op's context only does not say so.
                self._context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type]
                if not verdict.passed and severity_of(verdict.check) == table_checks.ERROR:
                    self._failed.append(f"{verdict.check}{f' of {day}' if day else ''}: {verdict.told}")

    @contextmanager
    def failures(self, days: Days) -> Iterator[None]:
        """A load of these days, whose failure is some check's as well: it is told before the error goes on.

        Told once, by the innermost: only that knows which day of a range it was.
        """
        try:
            yield
        except (ListingMoved, TooManyRejectedRows) as error:
            if error is self._told_error:
                raise
            self._told_error = error
            verdict = (
                table_checks.listing_was_short(error)
                if isinstance(error, ListingMoved)
                else table_checks.rows_were_rejected()
            )
            for day in days:
                if day not in self._judged:
                    self.tell(day, [verdict])
            raise

    def results(self, results: Iterable[dg.MaterializeResult]) -> Results:
        """What the step yields at its end. Raises ChecksFailed where something is wrong: nothing is built on it."""
        yield from results
        yield from self.outputs()
        self.conclude()

    def conclude(self) -> None:
        """Raise ChecksFailed where a partition is wrong."""
        if self._failed:
            shown = " | ".join(self._failed[:SHOWN_FAILURES])
            raise ChecksFailed(
                f"{self._table.name} stands, but {len(self._failed)} of its checks have failed: {shown} Nothing is "
                f"built on it in this run. What to do stands in {RUNBOOK} under each check's name."
            )

    def outputs(self) -> Results:
        """What Dagster expects of each check, besides its verdicts."""
        for name in sorted(self._asked & table_checks.MEANING.keys()):
            spec = table_checks.spec_of(self._table, name)
            yield dg.Output(None, output_name=spec.get_python_identifier())

    @cached_property
    def _keeps_key(self) -> bool:
        return self._tables.keeps_key(self._table)

    def _evaluation(self, day: date | None, verdict: Verdict) -> dg.AssetCheckEvaluation:
        return dg.AssetCheckEvaluation(
            asset_key=self.key,
            check_name=verdict.check,
            passed=verdict.passed,
            severity=severity_of(verdict.check),
            description=verdict.told,
            metadata={name: value for name, value in verdict.counts.items() if value not in ([], {})},
            partition=str(day) if day else None,
            blocking=severity_of(verdict.check) == table_checks.ERROR,
        )

    def _of_declaration(self, days: Days) -> dict[date | None, list[Verdict]]:
        """Whether each row is what the declaration says, of every day."""
        window = _window(days)
        tallies = self._by_day(expectations.tally(self._table, window))
        surplus = {} if self._keeps_key else self._by_day(expectations.surplus_keys(self._table, window))
        is_broken = any(found["any_rule"] for found in tallies.values())
        broken = self._by_day(expectations.broken_rules(self._table, window)) if is_broken else {}
        verdicts: dict[date | None, list[Verdict]] = {}
        for day in days:
            rows, counts = int(tallies.get(day, {}).get("rows", 0)), broken.get(day, {})
            repeated = int(surplus.get(day, {}).get("rows", 0))
            fits = table_checks.every_row_fits(counts, rows=rows, surplus=repeated)
            verdicts[day] = [fits, table_checks.nothing_is_unknown(counts)]
        return verdicts

    def _of_mart(self, days: Days, among: sa.FromClause | None) -> dict[date | None, Verdict]:
        """Whether the mart agrees with its raw rows, of every day."""
        window = _window(days)
        asked = (window.first, window.last) if window else None
        shares = agreement.AGREEMENTS[self._table].shares
        more = self._by_day(agreement.differences(self._table, asked, among=among))
        odd = {share: self._by_day(agreement.odd_shares(self._table, share, asked)) for share in shares}
        return {
            day: table_checks.agrees_with_raw(
                more.get(day, {}), odd={share: int(found.get(day, {}).get("rows") or 0) for share, found in odd.items()}
            )
            for day in days
        }

    def _of_inputs(self, days: Sequence[date]) -> dict[date, Verdict]:
        """Whether each daily input was loaded, of every day: Dagster knows of it, or there are rows."""
        loaded: dict[str, set[date]] = {}
        for table in map(METADATA.tables.__getitem__, self._table.info["inputs"]):
            if is_daily(table):
                known = self._context.instance.get_materialized_partitions(dg.AssetKey(table.name))
                found = self._tables.read(expectations.rows_on(table, days))
                loaded[table.name] = {*map(date.fromisoformat, known), *(row[0] for row in found)}
        return {
            day: table_checks.inputs_are_loaded([name for name, there in loaded.items() if day not in there])
            for day in days
        }

    def _of_states(self) -> Verdict:
        of, begins, ends = table_checks.STATES[self._table]
        (twice,) = self._tables.read(expectations.open_twice(self._table, of=of, ends=ends))
        (early,) = self._tables.read(expectations.ended_early(self._table, begins=begins, ends=ends))
        return table_checks.one_current_state(twice=twice.rows, early=early.rows)

    def _by_day(self, query: sa.Select[Any]) -> dict[date | None, Mapping[str, Any]]:
        """The rows of a query as mappings without their partition, by partition."""
        found: dict[date | None, Mapping[str, Any]] = {}
        for row in self._tables.read(query):
            counts = dict(row._mapping)
            found[counts.pop(PARTITION) if is_daily(self._table) else None] = counts
        return found


def _asked(context: Context, key: dg.AssetKey) -> set[str]:
    """The checks of an asset that this run is to judge; none in a step that only has an op's context."""
    keys = getattr(context, "selected_asset_check_keys", ())
    return {each.name for each in keys if each.asset_key == key}


def _window(days: Days) -> Window | None:
    """The days as one window; None for a table without partitions."""
    known = [day for day in days if day is not None]
    return Window(min(known), max(known)) if known else None
