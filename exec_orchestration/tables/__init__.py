"""The ground floor: the one truth about every table, and the warehouse that holds them.

A column is declared once (`exec_com`, `sparkwise`, `hr`, `marts`, `sync`, `ledger`, `budget`, in the words of
`declare`); DDL, typed rows, Dagster's column schema and docs/tables.md all derive from it. `rows` types what comes by
the door: `fields` knows where a value stands, `convert` types one, `columns` many at once. `warehouse` replaces
windows, `versions` names what they hold, `changes` keeps who has changed, `request_ledger` the requests of all
processes; `migrations` changes the schema, `purge` forgets. `dialects` opens a database, and `engines` is the only
place that knows one from another. Statements that keep a history stand in `history`, `roster_versions` and `journal`.
`veil` hides persons on their way in, `hashing` those who are in already, and `privacy_state` knows which way holds;
`erasure` takes one out, and `erased` keeps them out; `grants` says who may see what. No HTTP and no Dagster here.
"""

from exec_orchestration.tables import budget, exec_com, hr, ledger, marts, sparkwise, sync
from exec_orchestration.tables.declare import METADATA

__all__ = ["METADATA", "budget", "exec_com", "hr", "ledger", "marts", "sparkwise", "sync"]
