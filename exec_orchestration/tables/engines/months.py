"""PostgreSQL: daily tables as native partitions, one for each month of `partition_date` (`exec_sessions_2026_01`).

Every function here is a part of its caller's transaction. A month comes into being when rows of it are to be written,
under the lock that keeps other writers out, so that two loads never make it twice; it is made empty and attached then,
which waits for no reader and keeps none waiting. Only rearranging a table and dropping months do.
"""

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.engines.layout import month_of, name_of_month

# At most: a statement that waits for a table's readers has everybody who comes later wait behind it.
DROP_LOCK_SECONDS = 10

_BY_MONTH = sa.text("SELECT relname FROM pg_class WHERE relkind = 'p' AND pg_table_is_visible(oid)")
_PARTS = sa.text(
    "SELECT whole.relkind = 'p' AS is_by_month, part.relname AS name FROM pg_class AS whole "
    "LEFT JOIN pg_inherits ON inhparent = whole.oid LEFT JOIN pg_class AS part ON part.oid = inhrelid "
    "WHERE whole.oid = to_regclass(:whole)"
)
_HURRY = sa.text(
    "SELECT set_config('lock_timeout', least(nullif(setting::int, 0), :most)::text, true) "
    "FROM pg_settings WHERE name = 'lock_timeout'"
)
_GUARDED = sa.text("SELECT relhastriggers OR relrowsecurity FROM pg_class WHERE oid = to_regclass(:whole)")
_INDEXES = sa.text(
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = to_regclass(:whole) AND NOT indisprimary"
)
_GRANTS = sa.text(
    "SELECT privilege_type AS what, is_grantable AS further, "
    "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who "
    "FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass(:whole) AND grantee <> relowner"
)


def knows_months() -> bool:
    """It does."""
    return True


def standing_by_month(connection: Connection) -> frozenset[str]:
    """The names of the tables that are partitioned."""
    return frozenset(connection.scalars(_BY_MONTH))


def make_room(connection: Connection, table: sa.Table, first: date, last: date) -> None:
    """Make the months from `first` to `last` that a partitioned table lacks."""
    there = _parts(connection, table)
    if there is not None:
        for month in _months(first, last):
            if name_of_month(table.name, month) not in there:
                _make(connection, table, month, of=_quoted(connection, table.name))


def drop_months_before(connection: Connection, table: sa.Table, before: date) -> int:
    """Drop the months of a partitioned table that end before the month of `before`; how many."""
    whole, ours = _quoted(connection, table.name), sorted(_parts(connection, table) or ())
    old = [name for name in ours if (month := month_of(name)) and month < before.replace(day=1)]
    if old:
        connection.execute(_HURRY, {"most": DROP_LOCK_SECONDS * 1000})
        connection.execute(sa.text(f"LOCK TABLE ONLY {whole} IN ACCESS EXCLUSIVE MODE"))
        connection.execute(sa.text("DROP TABLE " + ", ".join(_quoted(connection, name) for name in old)))
    return len(old)


def rearrange(connection: Connection, table: sa.Table, *, by_month: bool) -> None:
    """Put a table with its rows, indexes and grants into months, or make it whole again; everybody waits meanwhile.

    Raises WarehouseError where it has triggers or row-level security, which would be lost.
    """
    old, new = _quoted(connection, table.name), _quoted(connection, f"{table.name}_new")
    connection.execute(sa.text(f"LOCK TABLE {old} IN ACCESS EXCLUSIVE MODE"))
    if connection.scalar(_GUARDED, {"whole": old}):
        raise WarehouseError(
            f"{table.name} cannot be rearranged as WAREHOUSE_PARTITIONS asks: it has triggers or row-level security, "
            "which would be lost. Remove them and set them up again afterwards, or leave WAREHOUSE_PARTITIONS at "
            "unchanged; nothing was changed."
        )
    indexes, grants = (connection.execute(query, {"whole": old}).all() for query in (_INDEXES, _GRANTS))
    _copy(connection, table, old=old, new=new, by_month=by_month)
    connection.execute(sa.text(f"DROP TABLE {old}"))
    connection.execute(sa.text(f"ALTER TABLE {new} RENAME TO {old}"))
    key = ", ".join(_quoted(connection, name) for name in _key(table, by_month=by_month))
    connection.execute(sa.text(f"ALTER TABLE {old} ADD PRIMARY KEY ({key})"))
    for (made_by,) in indexes:
        connection.execute(sa.text(made_by.replace(" ON ONLY ", " ON ", 1)))
    for each in grants:
        further = " WITH GRANT OPTION" if each.further else ""
        connection.execute(sa.text(f"GRANT {each.what} ON {old} TO {each.who}{further}"))
    connection.execute(sa.text(f"ANALYZE {old}"))


def _copy(connection: Connection, table: sa.Table, *, old: str, new: str, by_month: bool) -> None:
    """All rows of `old` in a table `new` without a key: that is made faster when they are there."""
    like = f"CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)"
    connection.execute(sa.text(f"{like} PARTITION BY RANGE ({PARTITION})" if by_month else like))
    # Those that are there, not those that are declared: somebody may have added one.
    names = [str(each["name"]) for each in sa.inspect(connection).get_columns(table.name)]
    standing, made = (sa.table(name, *map(sa.column, names)) for name in (table.name, f"{table.name}_new"))
    if by_month:
        month = sa.cast(sa.func.date_trunc("month", standing.c[PARTITION]), sa.Date)
        for found in connection.scalars(sa.select(month).distinct()).all():
            _make(connection, table, found, of=new)
    connection.execute(made.insert().from_select(names, sa.select(*standing.columns)))


def _make(connection: Connection, table: sa.Table, month: date, *, of: str) -> None:
    # CREATE TABLE ... PARTITION OF would wait for every reader of the table, and so would who comes after it.
    name, after = _quoted(connection, name_of_month(table.name, month)), _after(month)
    ends = f"'{after}'" if after else "MAXVALUE"
    connection.execute(sa.text(f"CREATE TABLE {name} (LIKE {of} INCLUDING ALL)"))
    connection.execute(sa.text(f"ALTER TABLE {of} ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ({ends})"))


def _parts(connection: Connection, table: sa.Table) -> frozenset[str] | None:
    """The names of a table's partitions; None where it is whole."""
    found = connection.execute(_PARTS, {"whole": _quoted(connection, table.name)}).all()
    is_by_month = bool(found) and found[0].is_by_month
    return frozenset(each.name for each in found if each.name) if is_by_month else None


def _key(table: sa.Table, *, by_month: bool) -> list[str]:
    """PostgreSQL keeps a key within one partition only, so that the day has to be a part of it."""
    declared = [column.name for column in table.primary_key.columns]
    return [*declared, PARTITION] if by_month and PARTITION not in declared else declared


def _months(first: date, last: date) -> Iterator[date]:
    month: date | None = first.replace(day=1)
    while month is not None and month <= last:
        yield month
        month = _after(month)


def _after(month: date) -> date | None:
    """The first day of the next month; None after the last that there is."""
    if (month.year, month.month) == (date.max.year, 12):
        return None
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
