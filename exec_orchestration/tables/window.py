"""Which days of a daily table are meant, and what has become of them. Values; `warehouse` works with them."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa


@dataclass(frozen=True)
class Window:
    """Consecutive days of a daily table, both ends included."""

    first: date
    last: date

    def holds(self, column: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
        """The condition that `column` lies in the window."""
        return column == self.first if self.first == self.last else column.between(self.first, self.last)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}...{self.last}"


@dataclass(frozen=True)
class Replaced:
    """What became of a window: how many rows it has, the name of its content, and whether that is new."""

    rows: int
    version: str
    changed: bool
