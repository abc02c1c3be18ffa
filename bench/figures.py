"""A measured figure next to its target, and the table of them."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Figure:
    """One figure. Without a bound it is told for comparison only."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        if self.at_least is not None and self.at_least == self.at_most:
            return f"= {shown(self.at_least)}"
        if self.at_least is not None:
            return f">= {shown(self.at_least)}"
        return f"<= {shown(self.at_most)}" if self.at_most is not None else ""

    @property
    def met(self) -> str:
        if self.at_least is None and self.at_most is None:
            return ""
        low = self.at_least is not None and self.value < self.at_least
        high = self.at_most is not None and self.value > self.at_most
        return "no" if low or high else "yes"


def shown(value: float) -> str:
    """Thousands with separators, small numbers with two decimals."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.2f}"


def machine() -> str:
    """What the figures depend on, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("dagster", "httpx", "sqlalchemy"))
    load = os.getloadavg()[0]
    return (
        f"machine: {os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the start, "
        f"Python {platform.python_version()}, {versions}"
    )


def table(figures: Iterable[Figure]) -> str:
    """The figures as aligned text."""
    rows = [("figure", "value", "target", "met")]
    rows += [(each.name, f"{shown(each.value)} {each.unit}".strip(), each.target, each.met) for each in figures]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}" for row in rows
    )
