"""Which columns a column is made of, as Dagster keeps it: read off the marts' queries, and for raw tables off the
declared path of each value in the vendor's item. Never typed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.marts import completion, lift, people, proficiency, ranks
from exec_orchestration.marts.lineage import Base, lineage
from exec_orchestration.tables import marts as tables

# No column depends on which days or which percentage; a query needs some to be written down.
SOME_DAYS = (date(2026, 1, 1), date(2026, 1, 1))
SOME_PCT = 80.0

# The operation as a table's source names it, such as GET /sessions: no asset of ours, but where values come from.
OPERATION = re.compile(r"`([^`?]+)")

QUERIES: Mapping[sa.Table, Callable[[], sa.Select[Any]]] = {
    tables.scenario_lift: lambda: lift.scenario_lift(SOME_DAYS),
    tables.learner_lift: lift.learner_lift,
    tables.rank_distribution: lambda: ranks.rank_distribution(SOME_DAYS),
    tables.assignment_completion: lambda: completion.assignment_completion(SOME_DAYS),
    tables.session_completion: lambda: completion.session_completion(SOME_DAYS, completed_at_steps_pct=SOME_PCT),
    tables.skill_tiers: lambda: proficiency.skill_tiers(SOME_DAYS),
    tables.learner_scorecard: lambda: people.learner_scorecard(completed_at_steps_pct=SOME_PCT),
    tables.department_scorecard: lambda: people.department_scorecard(completed_at_steps_pct=SOME_PCT),
}


@cache
def origins(table: sa.Table) -> Mapping[str, Sequence[Base]]:
    """For each column of a mart, and of what code computes, the columns that it is made of; else empty."""
    if table in QUERIES:
        return {name: sorted(bases) for name, bases in lineage(QUERIES[table](), target=table).items()}
    declared = {column.name: column.info["made_of"] for column in table.columns if column.info["made_of"]}
    return {name: [(base.split(".")[0], base.split(".")[1]) for base in bases] for name, bases in declared.items()}


def column_lineage(table: sa.Table) -> dict[str, dg.TableColumnLineage]:
    """The metadata that tells the columns' origin: other columns, or a path in what the vendor or HR sends."""
    deps = {name: _deps(bases) for name, bases in origins(table).items()} or _paths(table)
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)} if deps else {}


def _paths(table: sa.Table) -> dict[str, list[dg.TableColumnDep]]:
    """For each column that a vendor's item fills, its path in the items of the operation that lists them."""
    operation = OPERATION.search(table.info["source"] or "")
    sources = {column.name: column.info["source"] for column in table.columns if column.info.get("source")}
    if not operation:
        return {}
    key = dg.AssetKey([table.info["group"], operation[1]])
    return {name: [dg.TableColumnDep(asset_key=key, column_name=path)] for name, path in sources.items()}


def _deps(bases: Sequence[Base]) -> list[dg.TableColumnDep]:
    return [dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=column) for table, column in bases]
