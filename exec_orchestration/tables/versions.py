"""Data versions: the content of a partition has a name, which stays the same for as long as the content does.

The name stands beside the rows and is written in their transaction, so that a run that dies between its commit and what
it tells Dagster loses no change. When rows were fetched, and by which run, is no content.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.tables.ledger import data_versions

NO_CONTENT = ("fetched_at", "run_id")
WHOLE_TABLE = ""


def is_same(connection: Connection, table: sa.Table, staged: sa.Table, held: list[Any], chosen: list[Any]) -> bool:
    """True where the rows of `table` that fulfil `held` are the staged ones that fulfil `chosen`.

    Keys are unique on both sides, so equal numbers, and no staged row without its like, are the same rows.
    """
    before = connection.scalar(sa.select(sa.func.count()).select_from(table).where(*held))
    now = connection.scalar(sa.select(sa.func.count()).select_from(staged).where(*chosen))
    if before != now or not before:
        return before == now
    like = sa.exists().where(*held, *(_alike(column, staged.c[column.name]) for column in table.columns))
    return connection.scalar(sa.select(sa.literal(1)).select_from(staged).where(*chosen, ~like).limit(1)) is None


def _alike(column: sa.Column[Any], other: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Equal, where null equals null; JSON by its text, since PostgreSQL compares it in no other way."""
    if column.name in NO_CONTENT:
        return sa.true()
    if column.primary_key:
        return column == other
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text).is_not_distinct_from(sa.cast(other, sa.Text))
    return column.is_not_distinct_from(other)


def known(connection: Connection, asset: str, partition: str) -> str | None:
    """The version that a partition has; None where it is not known."""
    return connection.scalar(sa.select(data_versions.c.version).where(*_place(asset, partition)))


def _place(asset: str, partition: str) -> list[sa.ColumnElement[bool]]:
    return [data_versions.c.asset == asset, data_versions.c.partition == partition]


def settle(connection: Connection, asset: str, partition: str, version: str, *, changed: bool) -> str:
    """The version that a partition has from now on: `version`, unless it has one and its content is the same."""
    before = known(connection, asset, partition)
    if before is not None and not changed:
        return before
    connection.execute(data_versions.delete().where(*_place(asset, partition)))
    connection.execute(data_versions.insert().values(asset=asset, partition=partition, version=version))
    return version


def forget_days(connection: Connection, asset: str, *, before: date) -> None:
    """Let the partitions before a day have no version: their rows are gone."""
    is_day = data_versions.c.partition != WHOLE_TABLE
    old = (data_versions.c.asset == asset, is_day, data_versions.c.partition < str(before))
    connection.execute(data_versions.delete().where(*old))


def forget(connection: Connection, asset: str) -> None:
    """Let every partition of an asset count as changed when it is loaded next."""
    connection.execute(data_versions.delete().where(data_versions.c.asset == asset))
