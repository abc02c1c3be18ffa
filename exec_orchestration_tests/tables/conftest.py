"""What the ground floor's tests share: typed rows of any table from a few values, and reading a table back."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.tables.declare import UtcInstant

MOMENT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def _filler(column: sa.Column[Any]) -> Any:
    if column.nullable:
        return None
    kinds = ((UtcInstant, MOMENT), (sa.Date, date(2026, 1, 31)), (sa.Boolean, True), (sa.Integer, 1), (sa.Float, 1.0))
    return next((value for kind, value in kinds if isinstance(column.type, kind)), "x")


@pytest.fixture
def row() -> Callable[..., tuple[Any, ...]]:
    """A typed row of a table: what is not given is null, or something where it must not be."""

    def build(table: sa.Table, **values: Any) -> tuple[Any, ...]:
        unknown = set(values) - {column.name for column in table.columns}
        assert not unknown, unknown
        return tuple(values.get(column.name, _filler(column)) for column in table.columns)

    return build


@pytest.fixture
def content() -> Callable[..., list[tuple[Any, ...]]]:
    """All rows of a table, or some of its columns, in order."""

    def read(warehouse: Any, table: sa.Table, *names: str) -> list[tuple[Any, ...]]:
        columns = [table.c[name] for name in names] or list(table.columns)
        with warehouse.engine.connect() as connection:
            return [tuple(found) for found in connection.execute(sa.select(*columns).order_by(*table.primary_key))]

    return read
