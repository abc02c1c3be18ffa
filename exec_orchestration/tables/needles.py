"""What a person is looked for by, and whether it stands in a row. Pure.

An address is found in any text; an id where it is the whole of a value, and within a text where it is no mere number; a
name where first and last name stand together, since each of them alone is many people's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exec_orchestration.errors import HIDDEN

SHORTEST_WORD = 4
Name = tuple[str, str]


@dataclass(frozen=True)
class Needles:
    """All that a person is known by: addresses, ids, first and last names together."""

    emails: frozenset[str]
    ids: frozenset[str]
    names: frozenset[Name] = frozenset()

    @property
    def words(self) -> Iterator[str]:
        """One text of each, by which a database finds every row that may hold it."""
        yield from self.emails
        yield from self.ids
        yield from (last for _, last in self.names)

    def identifies(self, value: Any) -> bool:
        """True where an address or an id stands in a value of a row."""
        return any(text.casefold() in self._whole or bool(self._within.search(text)) for text in texts_in(value))

    def names_somebody(self, values: Iterable[Any]) -> bool:
        """True where a first and a last name stand together: as values of their own, or one after the other."""
        texts = [text.casefold() for value in values for text in texts_in(value)]
        return any(
            (first.casefold() in texts and last.casefold() in texts)
            or any(_together(first, last).search(text) for text in texts)
            for first, last in self.names
        )

    def hidden(self, text: str) -> str:
        """A text without any of it."""
        for first, last in self.names:
            text = _together(first, last).sub(HIDDEN, text)
        return self._within.sub(HIDDEN, text)

    @cached_property
    def _whole(self) -> frozenset[str]:
        return frozenset(each.casefold() for each in (*self.emails, *self.ids))

    @cached_property
    def _within(self) -> re.Pattern[str]:
        told = [*self.emails, *(each for each in self.ids if len(each) >= SHORTEST_WORD and not each.isdigit())]
        either = "|".join(map(re.escape, sorted(told, key=len, reverse=True))) or r"(?!)"
        return re.compile(rf"(?<![\w.+-])(?:{either})(?![\w-])", re.IGNORECASE)


def _together(first: str, last: str) -> re.Pattern[str]:
    one, other = re.escape(first), re.escape(last)
    return re.compile(rf"(?<!\w)(?:{one}\s+{other}|{other},?\s+{one})(?!\w)", re.IGNORECASE)


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a value, within JSON too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from texts_in(pair)
    elif isinstance(value, Sequence):
        for each in value:
            yield from texts_in(each)
