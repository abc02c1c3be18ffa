"""What the UI shows of a table, derived from its declaration: nobody types it twice."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.lineage import column_lineage
from exec_orchestration.defs.partitions import DAILY, ONE_RUN, DayWindow
from exec_orchestration.defs.table_checks import specs_of
from exec_orchestration.tables.declare import is_daily


def asset_metadata(table: sa.Table) -> dict[str, Any]:
    """The table's name and column schema, with units and meanings, as Dagster's UI reads them."""
    columns = [
        dg.TableColumn(
            name=column.name,
            type=str(column.type),
            description=column_description(column),
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=_is_whole_key(column)),
            tags={"personal": ""} if column.info.get("personal") else {},
        )
        for column in table.columns
    ]
    return {"dagster/table_name": table.name, "dagster/column_schema": dg.TableSchema(columns=columns)}


def column_description(column: sa.Column[Any]) -> str:
    """The column's meaning, its unit, its known values and its place in the vendor's item."""
    info = column.info
    more = [
        f"Unit: {info['unit']}." if info.get("unit") else "",
        f"Known values: {', '.join(info['accepted'])}." if info.get("accepted") else "",
        f"Source: `{info['source']}`." if info.get("source") else "",
        "Part of the key." if column.primary_key else "",
    ]
    return " ".join([str(column.comment), *filter(None, more)])


def row_count(rows: int, *, partitioned: bool) -> Mapping[str, int]:
    """The number of rows under the name by which Dagster plots it."""
    return {"dagster/partition_row_count" if partitioned else "dagster/row_count": rows}


def window_told(day: DayWindow) -> Mapping[str, str]:
    """The instants that a partition reaches from and to, its end not included."""
    return {"window": f"{day.start.isoformat()} to {day.end.isoformat()}"}


def _is_whole_key(column: sa.Column[Any]) -> bool:
    return column.primary_key and len(column.table.primary_key.columns) == 1


def described(table: sa.Table, *, kinds: set[str], checks: Sequence[dg.AssetCheckSpec] = ()) -> dict[str, Any]:
    """The arguments that every asset of a table shares: its name, place in the graph, grain, schema and checks."""
    daily = is_daily(table)
    return {
        "name": table.name,
        "group_name": table.info["group"],
        "description": table.comment,
        "metadata": {**asset_metadata(table), **column_lineage(table)},
        "kinds": kinds,
        "partitions_def": DAILY if daily else None,
        "backfill_policy": ONE_RUN,
        "check_specs": [*specs_of(table), *checks],
    }


def spec(table: sa.Table, *, kinds: set[str], deps: Sequence[str] = ()) -> dg.AssetSpec:
    """The same for one asset among several of a function."""
    arguments = described(table, kinds=kinds)
    del arguments["backfill_policy"], arguments["check_specs"]
    return dg.AssetSpec(key=arguments.pop("name"), deps=deps, **arguments)
