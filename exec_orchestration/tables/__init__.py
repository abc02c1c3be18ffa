"""The ground floor: the one truth about every table, and the warehouse that holds them.

A column is declared once (`exec_com`, `sparkwise`, `marts`, `ledger`, in the words of `declare`); DDL, typed rows,
Dagster's column schema and docs/tables.md all derive from it. `rows` types what comes by the door, `warehouse` replaces
windows, `migrations` changes the schema. No HTTP and no Dagster here.
"""

from exec_orchestration.tables import exec_com, ledger, marts, sparkwise
from exec_orchestration.tables.declare import METADATA

__all__ = ["METADATA", "exec_com", "ledger", "marts", "sparkwise"]
