"""Counting people by a label such as a rank or a tier: every known label is present, unknown ones are added."""

from collections.abc import Sequence

import sqlalchemy as sa


def labels(known: Sequence[str], *found: sa.ColumnElement[str], name: str) -> sa.CTE:
    """One row per label: the known ones, and whatever else the vendor has sent in the columns `found`."""
    listed = [sa.select(sa.literal(each, sa.Text()).label(name)) for each in known]
    seen = [sa.select(column.label(name)).where(column.is_not(None)) for column in found]
    return sa.union(*listed, *seen).cte(f"every_{name}")
