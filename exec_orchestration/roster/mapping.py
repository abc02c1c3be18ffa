"""HR's words -> ours: which of their columns is which of ours, and what their status values mean.

A TOML file such as

    date_format = "%d.%m.%Y"            # optional; ISO 8601 without it

    [columns]                           # their column = our column
    "Personnel no." = "employee_id"

    [status]                            # their value = our status
    "On sabbatical" = "leave"

Columns and values that already have our names need no line. Capitals and outer spaces do not matter.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from exec_orchestration.errors import BadSetting
from exec_orchestration.roster.person import COLUMNS, STATUSES

SETTING = "HR_ROSTER_MAPPING"
TABLES = ("columns", "status")


@dataclass(frozen=True)
class RosterMapping:
    """Their column and status, both folded, -> ours."""

    columns: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=lambda: {status: status for status in STATUSES})
    date_format: str | None = None

    def our_columns(self, header: tuple[str, ...]) -> tuple[str | None, ...]:
        """Our name of each column, None for those that are not ours to read."""
        return tuple(self.columns.get(folded(name)) or _ours(name) for name in header)

    def their_column(self, ours: str) -> str:
        """How the file should name a column of ours."""
        theirs = [name for name, target in self.columns.items() if target == ours]
        return f"{ours} (by the mapping {theirs[0]!r})" if theirs else ours


def folded(name: str) -> str:
    """A name without capitals and outer spaces, in Unicode's composed form."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def _ours(name: str) -> str | None:
    return folded(name) if folded(name) in COLUMNS else None


def read_mapping(content: bytes, *, name: str) -> RosterMapping:
    """The mapping that a TOML file holds. Raises BadSetting."""
    try:
        told = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{SETTING}: {name} is not a TOML file: {error}.") from error
    unknown = sorted(set(told) - {*TABLES, "date_format"})
    if unknown:
        raise BadSetting(
            f"{SETTING}: {name} has {', '.join(unknown)}, which nobody reads; valid are the tables [columns] and "
            "[status], and date_format above them."
        )
    date_format = told.get("date_format")
    if date_format is not None and not _tells_days(date_format):
        raise BadSetting(
            f"{SETTING}: date_format of {name} must be a text such as '%d.%m.%Y', with day, month and year, "
            f"not {date_format!r}."
        )
    identity = {status: status for status in STATUSES}
    return RosterMapping(
        columns=_words(told, "columns", COLUMNS, name=name),
        statuses={**identity, **_words(told, "status", STATUSES, name=name)},
        date_format=date_format,
    )


def _tells_days(date_format: Any) -> bool:
    """True when a day that is written in the format can be read again; without the year, all would be of 1900."""
    day = datetime(2026, 1, 31, tzinfo=UTC)
    try:
        return datetime.strptime(day.strftime(date_format), date_format).date() == day.date()  # noqa: DTZ007
    except (TypeError, ValueError, re.error):
        return False


def _words(told: Mapping[str, Any], table: str, ours: tuple[str, ...], *, name: str) -> dict[str, str]:
    words = told.get(table, {})
    if not isinstance(words, dict):
        raise BadSetting(f"{SETTING}: {table} of {name} must be a table of theirs = ours.")
    for theirs, target in words.items():
        if target not in ours:
            turned = f"; the lines read theirs = ours, is {theirs!r} ours?" if theirs in ours else ""
            raise BadSetting(
                f"{SETTING}: [{table}] of {name} maps {theirs!r} to {target!r}, which is none of {', '.join(ours)}"
                f"{turned}."
            )
    return {folded(theirs): target for theirs, target in words.items()}
