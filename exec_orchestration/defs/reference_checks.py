"""Checks that what rows refer to is known: a step of its own for each table, after the tables that it looks into.

So a listing of people that failed leaves only these checks out, and no load waits for another.
"""

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.judging import Judge, Results
from exec_orchestration.defs.partitions import days_of
from exec_orchestration.defs.resources import WarehouseResource
from exec_orchestration.defs.table_checks import REFERENCES_ARE_KNOWN, spec_of
from exec_orchestration.tables.declare import METADATA
from exec_orchestration.tables.expectations import references


def reference_check(table: sa.Table) -> dg.AssetChecksDefinition:
    """The check of one table's references, day by day."""
    others = sorted({column.info["refers_to"].split(".")[0] for column in references(table)})

    @dg.multi_asset_check(name=f"{table.name}_references", specs=[spec_of(table, REFERENCES_ARE_KNOWN, deps=others)])
    @told_plainly
    def judged(context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]) -> Results:
        judge = Judge(context, table, warehouse.tables)
        judge.judge_references([day.day for day in days_of(context, warehouse)])
        yield from judge.outputs()

    return judged


REFERENCE_CHECKS = [reference_check(table) for table in METADATA.sorted_tables if references(table)]
