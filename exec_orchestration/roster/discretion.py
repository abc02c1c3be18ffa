"""What may be told of people outside of the warehouse: words without their names and e-mail addresses. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exec_orchestration.errors import HIDDEN, without_e_mails

# Whatever else may ever change of a person is named, and its values are not.
TOLD_FIELDS = frozenset({"active", "status", "department", "location", "start_on", "end_on"})
NAMES = ("first_name", "last_name")
SHORTEST_NAME = 2


def fields_in_words(changes: Mapping[str, Sequence[Any]], *, names: bool = False) -> str:
    """`active: True -> False, last_name changes`, for each field; with `names`, values of names too."""
    return ", ".join(
        f"{name}: {_word(was)} -> {_word(to)}" if names or name in TOLD_FIELDS else f"{name} changes"
        for name, (was, to) in changes.items()
    )


def discreet(text: str, of: Iterable[Any] = (), *, names: bool = False) -> str:
    """A text that somebody else wrote, without e-mail addresses and without the names `of` those it speaks of."""
    if names:
        return text
    told = without_e_mails(text)
    hidden = {name for name in of if isinstance(name, str) and len(name) >= SHORTEST_NAME}
    if not hidden:
        return told
    either = "|".join(map(re.escape, sorted(hidden, key=len, reverse=True)))
    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", HIDDEN, told, flags=re.IGNORECASE)


def names_in(changes: Mapping[str, Sequence[Any]], account: Mapping[str, Any] | None) -> list[Any]:
    """The names that a change knows of its person, the old ones too."""
    return [*((account or {}).get(name) for name in NAMES), *(each for name in NAMES for each in changes.get(name, ()))]


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
