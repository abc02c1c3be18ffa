"""Everything that a person is known by, from what somebody has named: addresses, ids and names, as they are stored.

Rows in which one identifier stands beside another lead on: HR's row from the employee id to every address that the
person ever had, and from these to the user in Exec.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import NotErased
from exec_orchestration.tables.declare import METADATA
from exec_orchestration.tables.erased import ANY_WHO, is_own
from exec_orchestration.tables.needles import Name, Needles
from exec_orchestration.tables.veil import Veil

Ids = Mapping[str, frozenset[str]]
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Sought:
    """Who is to be erased, as somebody has named them; with `only`, nothing else that leads to them is followed."""

    ids: Ids
    names: frozenset[Name] = frozenset()
    only: bool = False


@dataclass(frozen=True)
class Known:
    """The person's identifiers by who gave them out, and names, as the tables hold them."""

    ids: Ids
    names: frozenset[Name]

    def needles(self, sought: Sought) -> Needles:
        """What to search for: as it is stored, and as it was named."""
        ids = frozenset(each for who, values in self.ids.items() if who != "email" for each in values)
        emails = self.ids["email"] | sought.ids.get("email", frozenset())
        return Needles(emails=emails, ids=ids, names=self.names | sought.names)


def known(connection: Connection, sought: Sought, veil: Veil) -> Known:
    """Everything that a person is known by. Raises NotErased where it leads to several people."""
    ids = {who: frozenset(sought.ids.get(who, ())) for who in ANY_WHO}
    ids["email"] = frozenset(veil.email(each).strip().lower() for each in ids["email"])
    before: Mapping[str, Any] = {}
    while ids != before and not sought.only:
        before, ids = ids, _further(connection, ids)
    people = len(ids["employee"])
    if people > 1 and not ids["employee"] <= sought.ids.get("employee", frozenset()):
        raise NotErased(
            f"What the file names leads to {people} people of HR's roster: an address has been that of several. Name "
            "the employee_ids, emails, exec_user_ids and sparkwise_ids that are to be erased, and write only = true, "
            "so that nothing else is followed. Nothing was erased."
        )
    return Known(ids, frozenset(_names(connection, ids)))


def is_about(table: sa.Table, ids: Ids, *, mentioned: bool = False) -> Condition | None:
    """The condition that a row is the person's, or mentions them; None where a table's rows never do."""
    columns = [each for each in table.columns if (each.info.get("is_mention") if mentioned else is_own(each))]
    found = [_is_one_of(each, ids[each.info["who"]]) for each in columns if each.info.get("who")]
    return sa.or_(*found) if found else None


def _is_one_of(column: sa.Column[Any], ids: Iterable[str]) -> Condition:
    compared = sa.func.lower(sa.func.trim(column)) if column.info["who"] == "email" else column
    return compared.in_(sorted(ids))


def _further(connection: Connection, ids: Ids) -> dict[str, frozenset[str]]:
    """The identifiers, and those that stand beside one of them."""
    found = {who: set(values) for who, values in ids.items()}
    for table in METADATA.tables.values():
        columns, condition = [each for each in table.columns if is_own(each)], is_about(table, ids)
        if len(columns) < 2 or condition is None:
            continue
        for row in connection.execute(sa.select(*columns).where(condition).distinct()):
            for column, value in zip(columns, row, strict=True):
                who = column.info["who"]
                found[who].update([value.strip().lower() if who == "email" else value] if value else [])
    return {who: frozenset(values) for who, values in found.items()}


def _names(connection: Connection, ids: Ids) -> set[Name]:
    """Every first and last name that stand together in a row of the person's."""
    names: set[Name] = set()
    for table in METADATA.tables.values():
        pair = [each for each in table.columns if each.info.get("personal") == "name"]
        condition = is_about(table, ids)
        if len(pair) == 2 and condition is not None and not pair[0].info["is_mention"]:
            found = connection.execute(sa.select(*pair).where(condition).distinct())
            names.update((first, last) for first, last in found if first and last)
    return names
