"""Which columns a mart's columns are made of, as Dagster's UI draws it: read off the queries, never typed.

A raw table has none: where its values come from in the vendor's items stands in each column's description.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.marts import completion, lift, people, proficiency, ranks
from exec_orchestration.marts.lineage import Base, lineage
from exec_orchestration.tables import marts as tables

# No column depends on which days or which percentage; a query needs some to be written down.
SOME_DAYS = (date(2026, 1, 1), date(2026, 1, 1))
SOME_PCT = 80.0

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


def column_lineage(table: sa.Table) -> dict[str, dg.TableColumnLineage]:
    """The metadata that tells a mart's columns' origin; empty for every other table."""
    if table not in QUERIES:
        return {}
    found = lineage(QUERIES[table](), target=table)
    return {"dagster/column_lineage": dg.TableColumnLineage({name: _deps(bases) for name, bases in found.items()})}


def _deps(bases: set[Base]) -> list[dg.TableColumnDep]:
    return [dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=column) for table, column in sorted(bases)]
