"""The first rows of a partition as the UI shows them: without people, without what every row carries, shortened."""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from exec_orchestration.roster.explain import escaped
from exec_orchestration.tables.declare import PARTITION
from exec_orchestration.tables.warehouse import Warehouse, Window

ROWS, CHARACTERS = 5, 30
LEFT_OUT = {PARTITION, "extra", "fetched_at", "run_id"}


def shown_columns(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that a preview shows: none that is personal, none that says the same in every row."""
    return [each for each in table.columns if not each.info.get("personal") and each.name not in LEFT_OUT]


def preview(tables: Warehouse, table: sa.Table, window: Window | None) -> dg.MetadataValue[str]:
    """Five rows of a window (None: of the table), in the order of their key, as a Markdown table."""
    columns = shown_columns(table)
    query = sa.select(*columns).order_by(*table.primary_key.columns).limit(ROWS)
    rows = tables.read(query.where(window.holds(table.c[PARTITION])) if window else query)
    if not rows:
        return dg.MetadataValue.md("No rows.")
    head = [[column.name for column in columns], ["---"] * len(columns)]
    lines = [*head, *([_cell(value) for value in row] for row in rows)]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


def _cell(value: Any) -> str:
    """A value in a few characters, such that Markdown shows it as it is."""
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return escaped(text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 3]}...")
