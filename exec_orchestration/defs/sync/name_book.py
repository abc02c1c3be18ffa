"""Names in memory, for a sync over tables that hold hashes: what a hash stands for, and whose names a text may quote.

With PII_MODE=hashed a plan is made, kept and compared in hashes alone. Only the letter to Sparkwise needs the names
themselves: they come from HR's roster and from Sparkwise's listing as this run has read them, and are kept nowhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from exec_orchestration.errors import UnhealthyRoster
from exec_orchestration.roster.diff import BLOCKED, DEACTIVATE, Change
from exec_orchestration.roster.health import ACCEPTABLE, examine
from exec_orchestration.roster.mapping import RosterMapping
from exec_orchestration.roster.sources import Sheet
from exec_orchestration.tables.veil import Veil

NAMES = ("first_name", "last_name")
UNKNOWN = (
    "its name is kept as a hash only (PII_MODE=hashed), and neither HR's roster nor Sparkwise has it now: run "
    "user_sync, which reads the roster first, or write the name in Sparkwise by hand"
)

Named = tuple[str, Iterable[str]]


class NameBook:
    """Hash -> name, and employee id -> names. Where nothing is hidden it is empty, and every name stands for itself."""

    def __init__(self, veil: Veil, people: Iterable[Named] = ()) -> None:
        self._hides = veil.hides
        self._plain: dict[str, str] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        for employee_id, names in people if veil.hides else ():
            self._names[employee_id].update(names)
            self._plain.update((veil.name(name), name) for name in names)

    def plain(self, name: Any) -> Any:
        """What is written to Sparkwise."""
        return self._plain.get(name, name) if isinstance(name, str) else name

    def names_of(self, employee_ids: Iterable[str]) -> list[str]:
        """The names that a text about these people may quote."""
        return [name for each in employee_ids for name in self._names.get(each, ())]

    def sayable(self, changes: Iterable[Change]) -> list[Change]:
        """The changes, of which those are blocked whose names nobody here knows."""
        return [self._blocked(change) if self._is_unsayable(change) else change for change in changes]

    def _is_unsayable(self, change: Change) -> bool:
        is_letter = self._hides and change.is_write and change.action != DEACTIVATE
        names = [(change.account or {}).get(name) for name in NAMES] if is_letter else []
        return any(isinstance(name, str) and name and name not in self._plain for name in names)

    @staticmethod
    def _blocked(change: Change) -> Change:
        return replace(change, action=BLOCKED, reason=f"{change.action}: {UNKNOWN}", changes={}, account=None)


def book_of(veil: Veil, sheet: Sheet, mapping: RosterMapping, listed: Mapping[str, Iterable[str]]) -> NameBook:
    """The book of a roster that was accepted before, and of the accounts that this run has listed."""
    return NameBook(veil, [*_on_the_roster(sheet, mapping), *listed.items()])


def _on_the_roster(sheet: Sheet, mapping: RosterMapping) -> Iterator[Named]:
    """The people whose rows can be read. A roster that is refused by now names nobody."""
    try:
        roster = examine(sheet, mapping, last=None, accept=ACCEPTABLE)
    except UnhealthyRoster:
        return
    for person in roster.people:
        yield person.employee_id, (person.first_name, person.last_name)
