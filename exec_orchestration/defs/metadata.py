"""What the UI shows of an asset, derived from its table's declaration or its group: nobody types it twice."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.automation import FOLLOWING_GROUPS, follow_all, follow_the_day
from exec_orchestration.defs.clocks import OF_GROUP
from exec_orchestration.defs.lineage import column_lineage, origins
from exec_orchestration.defs.partitions import DAILY, ONE_RUN, DayWindow
from exec_orchestration.defs.resources import asset_owners
from exec_orchestration.defs.table_checks import specs_of
from exec_orchestration.tables.declare import METADATA, description_of, has_personal_data, is_daily

LAYERS = {
    "exec": "raw",
    "sparkwise": "raw",
    "hr": "raw",
    "analytics": "mart",
    "user_sync": "sync",
    "reports": "report",
    "request_budget": "report",
}
VENDORS = ("exec", "sparkwise", "hr")


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
    """The column's meaning, its unit, its known values, its place in the vendor's item, and what it is made of."""
    info, made_of = column.info, origins(column.table).get(column.name, ())
    more = [
        f"Unit: {info['unit']}." if info.get("unit") else "",
        f"Known values: {', '.join(info['accepted'])}." if info.get("accepted") else "",
        f"Source: `{info['source']}`." if info.get("source") else "",
        f"Made of {', '.join(f'`{table}.{name}`' for table, name in made_of)}." if made_of else "",
        "Part of the key." if column.primary_key else "",
    ]
    return " ".join([str(column.comment), *filter(None, more)])


def row_count(rows: int, *, partitioned: bool) -> Mapping[str, int]:
    """The number of rows under the name by which Dagster plots it."""
    return {"dagster/partition_row_count" if partitioned else "dagster/row_count": rows}


def window_told(day: DayWindow) -> Mapping[str, str]:
    """The instants that a partition reaches from and to, its end not included."""
    return {"window": f"{day.start:%Y-%m-%d %H:%M} to {day.end:%Y-%m-%d %H:%M} UTC"}


def _is_whole_key(column: sa.Column[Any]) -> bool:
    return column.primary_key and len(column.table.primary_key.columns) == 1


def described(table: sa.Table, *, kinds: set[str], checks: Sequence[dg.AssetCheckSpec] = ()) -> dict[str, Any]:
    """The arguments that every asset of a table shares: name, place in the graph, grain, source, schema and checks."""
    inputs = table.info["inputs"]
    vendors = sorted(_vendors([table.name]))
    return {
        "name": table.name,
        "description": description_of(table),
        "metadata": {**asset_metadata(table), **column_lineage(table)},
        "partitions_def": DAILY if is_daily(table) else None,
        "backfill_policy": ONE_RUN,
        "check_specs": [*specs_of(table), *checks],
        **({"deps": inputs} if inputs else {}),
        **placed(
            table.info["group"],
            kinds=kinds,
            inputs=inputs,
            vendors=vendors,
            daily=is_daily(table),
            is_personal=has_personal_data(table),
        ),
    }


def report(group: str, *, kinds: set[str], description: str, inputs: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments of an asset that shows what stands in others' tables, and names nobody."""
    place = placed(group, kinds=kinds, inputs=inputs, vendors=sorted(_vendors(inputs)))
    return {"description": description, "deps": inputs, **place}


def placed(
    group: str,
    *,
    kinds: set[str],
    inputs: Sequence[str],
    vendors: Collection[str],
    daily: bool = False,
    is_personal: bool = False,
) -> dict[str, Any]:
    """Where an asset belongs: its group, layer, vendors and owners, when it is due, and whether it follows."""
    return {
        "group_name": group,
        "kinds": kinds,
        "owners": asset_owners(),
        "tags": {
            "layer": LAYERS[group],
            "personal_data": "yes" if is_personal else "no",
            **{f"vendor/{vendor}": "" for vendor in vendors},
        },
        "freshness_policy": OF_GROUP[group].policy,
        "automation_condition": _following(inputs, daily) if group in FOLLOWING_GROUPS else None,
    }


def _following(inputs: Sequence[str], daily: bool) -> dg.AutomationCondition:
    """After the same day of the daily inputs, or after all of them."""
    return follow_the_day([name for name in inputs if is_daily(METADATA.tables[name])]) if daily else follow_all()


def _vendors(names: Sequence[str]) -> set[str]:
    """Whose data it is, directly or through what it is made of."""
    groups = {METADATA.tables[name].info["group"] for name in names}
    below = [each for name in names for each in METADATA.tables[name].info["inputs"]]
    return {*(group for group in groups if group in VENDORS), *(_vendors(below) if below else ())}


def spec(table: sa.Table, *, kinds: set[str]) -> dg.AssetSpec:
    """The same for one asset among several of a function."""
    arguments = described(table, kinds=kinds)
    del arguments["backfill_policy"], arguments["check_specs"]
    return dg.AssetSpec(key=arguments.pop("name"), **arguments)
