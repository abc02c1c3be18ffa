"""A warehouse that holds persons as they are -> one that holds their hashes, in one transaction. There is no way back.

What stands in the tables afterwards is what loads with the same key write, so that the next load finds nothing changed:
no new versions of people, no new data versions, nothing to sync.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import HIDDEN
from exec_orchestration.tables import dialects, privacy_state
from exec_orchestration.tables.declare import METADATA, holds_persons
from exec_orchestration.tables.hr import hr_roster
from exec_orchestration.tables.ledger import rejected_rows
from exec_orchestration.tables.sparkwise import sparkwise_users
from exec_orchestration.tables.sync import user_sync_outcome, user_sync_plan
from exec_orchestration.tables.veil import Veil
from exec_orchestration.tables.warehouse import BATCH_ROWS, Warehouse


def hash_persons(warehouse: Warehouse, *, fingerprints: Mapping[str, str]) -> dict[str, int]:
    """Rewrite every row that holds a person; how many values of each table changed.

    `fingerprints` leads from what the roster's people are told by in the plans until now to what they are told by
    from now on.
    """
    veil = warehouse.veil
    with warehouse.writing("hash persons") as connection:
        dialects.offer(connection).alone_until_commit(connection, "privacy_state")
        tables = [table for table in METADATA.tables.values() if any(map(holds_persons, table.columns))]
        for table in tables:
            dialects.offer(connection).keep_other_writers_out(connection, table)
        _hide_names(connection)
        changed = {table.name: _rewrite(connection, table, veil) for table in tables}
        _rename(connection, user_sync_plan.c.person_fingerprint, fingerprints)
        privacy_state.mark(connection, veil.check)
    return {name: count for name, count in changed.items() if count}


def _rewrite(connection: Connection, table: sa.Table, veil: Veil) -> int:
    if table is rejected_rows:
        return _rewrite_rejects(connection, veil)
    total = 0
    for column in table.columns:
        kind, hide = column.info.get("personal"), veil.hiding(column)
        if hide is None:
            continue
        if kind in ("email", "name"):
            known = connection.scalars(sa.select(column).where(column.is_not(None)).distinct()).all()
            total += _rename(connection, column, {value: hide(value) for value in known})
        else:
            total += _rewrite_each(connection, table, column, hide)
    return total


def _rename(connection: Connection, column: sa.Column[Any], values: Mapping[str, str]) -> int:
    """Change one value of a column into another wherever it stands; a value of many rows is looked up once."""
    pair = [sa.Column("was", sa.Text(), primary_key=True), sa.Column("becomes", sa.Text())]
    names = sa.Table(f"renamed_{column.table.name}_{column.name}"[:60], sa.MetaData(), *pair, prefixes=["TEMPORARY"])
    names.create(connection)
    for batch in _batches([{"was": was, "becomes": becomes} for was, becomes in values.items()]):
        connection.execute(names.insert(), batch)
    becomes = sa.select(names.c.becomes).where(names.c.was == column).scalar_subquery()
    table = column.table
    statement = sa.update(table).where(column.in_(sa.select(names.c.was))).values({column.name: becomes})
    count = connection.execute(statement).rowcount
    names.drop(connection)
    return count


def _rewrite_each(connection: Connection, table: sa.Table, column: sa.Column[Any], hide: Any) -> int:
    """Change a column row by row, by the key."""
    keys = list(table.primary_key.columns)
    found = connection.execute(sa.select(*keys, column.label("was")).where(column.is_not(None))).all()
    rows = [{**{f"k_{key.name}": row[at] for at, key in enumerate(keys)}, "becomes": hide(row.was)} for row in found]
    statement = (
        sa.update(table)
        .where(*(key == sa.bindparam(f"k_{key.name}") for key in keys))
        .values({column.name: sa.bindparam("becomes")})
    )
    for batch in _batches(rows):
        connection.execute(statement, batch)
    return len(rows)


def _hide_names(connection: Connection) -> None:
    """Hide in what Sparkwise has said of people the names that HR or Sparkwise has for them, while these are known."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for table, employee_id in ((hr_roster, hr_roster.c.employee_id), (sparkwise_users, sparkwise_users.c.remote_id)):
        for person in connection.execute(sa.select(employee_id, table.c.first_name, table.c.last_name).distinct()):
            names[person[0]].update(name for name in person[1:] if name and len(name) > 1)
    keys = [*user_sync_outcome.primary_key.columns]
    said = connection.execute(sa.select(*keys, user_sync_outcome.c.error).where(user_sync_outcome.c.error.is_not(None)))
    for row in said.all():
        either = "|".join(map(re.escape, sorted(names[row.employee_id], key=len, reverse=True))) or r"(?!)"
        hidden = re.sub(rf"(?<!\w)(?:{either})(?!\w)", HIDDEN, row.error, flags=re.IGNORECASE)
        if hidden != row.error:
            is_row = [key == value for key, value in zip(keys, row, strict=False)]
            connection.execute(user_sync_outcome.update().where(*is_row).values(error=hidden))


def _rewrite_rejects(connection: Connection, veil: Veil) -> int:
    found = [dict(row) for row in connection.execute(sa.select(rejected_rows)).mappings()]
    connection.execute(rejected_rows.delete())
    for batch in _batches(veil.rejects(found)):
        connection.execute(rejected_rows.insert(), batch)
    return len(found)


def _batches(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [rows[start : start + BATCH_ROWS] for start in range(0, len(rows), BATCH_ROWS)]
