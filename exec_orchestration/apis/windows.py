"""Pruned windows: participants per (scenario, day) from few requests, on the participants endpoint alone.

A window [first, end) of days is asked at once. An empty answer settles its days; of any other a part is asked, and
the totals left over tell what the rest holds. Each day is asked where they do not agree or windows do not pay.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, log2

from exec_orchestration.apis.exec_com import pages
from exec_orchestration.apis.paging import Item

Ask = Callable[[str, int, int], list[Item]]


class DoesNotAddUp(Exception):
    """The parts of a window do not sum up to it, or an answer has rows that cannot be summed up."""


@dataclass(frozen=True)
class Window:
    """What is known of the days [first, end): a row per user. Of `vague` users only the row's totals are true."""

    first: int
    end: int
    rows: Mapping[str, Item]
    vague: frozenset[str] = frozenset()

    @property
    def days(self) -> int:
        return self.end - self.first

    @property
    def sessions(self) -> int:
        return sum(row["session_count"] for row in self.rows.values())

    @property
    def is_known(self) -> bool:
        """True where no request is needed any more."""
        return not self.rows or (self.days == 1 and not self.vague)


def window_of(first: int, end: int, items: list[Item]) -> Window:
    """The answer for [first, end); raises DoesNotAddUp where a user or a total cannot be read."""
    try:
        rows = {item["user"]["id"]: item for item in items}
        totals = [(item["session_count"], item["total_duration_seconds"]) for item in items]
    except (KeyError, TypeError) as error:
        raise DoesNotAddUp from error
    readable = all(type(count) is int and count > 0 and type(seconds) in (int, float) for count, seconds in totals)
    if not readable or len(rows) < len(items) or not all(isinstance(user, str) for user in rows):
        raise DoesNotAddUp
    return Window(first, end, rows)


def rest_of(window: Window, part: Window) -> Window:
    """The other days of `window`, when its first or its last days are known to be `part`.

    A user absent from the part has the window's row; of one with sessions in both only the totals are known. Raises
    DoesNotAddUp where the part is no part of the window.
    """
    first, end = (part.end, window.end) if part.first == window.first else (window.first, part.first)
    rows = {user: _less(row, part.rows[user]) if user in part.rows else row for user, row in window.rows.items()}
    left = {user: row for user, row in rows.items() if row["session_count"]}
    if part.rows.keys() - window.rows.keys() or (left and first == end):
        raise DoesNotAddUp
    return Window(first, end, left, frozenset(left.keys() & (window.vague | part.rows.keys())))


def _less(row: Item, part: Item) -> Item:
    """The row with the part's totals taken off."""
    sessions = row["session_count"] - part["session_count"]
    seconds = row["total_duration_seconds"] - part["total_duration_seconds"]
    if sessions < 0 or seconds < 0 or (not sessions and seconds):
        raise DoesNotAddUp
    return {**row, "session_count": sessions, "total_duration_seconds": seconds}


def counts_of(windows: Sequence[Window]) -> Counter[str]:
    """Sessions of each user in all of the windows."""
    counts: Counter[str] = Counter()
    for window in windows:
        counts.update({user: row["session_count"] for user, row in window.rows.items()})
    return counts


@dataclass
class Purse:
    """Counts the requests sent, next to those that asking each day alone would have taken for the days settled."""

    ask: Ask
    spare: int
    asked: int = 0
    naive: int = 0
    most_pages: int = 1

    def told(self, scenario_id: str, first: int, end: int) -> list[Item]:
        items = self.ask(scenario_id, first, end)
        self.most_pages = max(self.most_pages, pages(len(items)))
        self.asked += pages(len(items))
        return items

    def may_spend(self, extra: int) -> bool:
        """Whether, after so many requests more, each day that is not settled could still be asked alone."""
        return self.asked + extra - self.naive <= self.spare


class Experience:
    """What the scenarios so far were like. Of each kind of window it starts as if one of two had had an empty half."""

    def __init__(self) -> None:
        self._tried: Counter[tuple[int, int | None]] = Counter()
        self._empty: Counter[tuple[int, int | None]] = Counter()
        self.filled: Counter[int] = Counter()  # by day: scenarios that were practised
        self._crossed: Counter[int] = Counter()  # by day: those that were practised on the day before, too

    def chance(self, days: int, sessions: int | None) -> float:
        """The chance of an empty half; with None for `sessions`, that of a whole range nobody has asked."""
        kind = _kind(days, sessions)
        return 1.0 if sessions == 1 else (1 + self._empty[kind]) / (2 + self._tried[kind])

    def cut(self, window: Window) -> int:
        """Where to halve it: in its middle third, where the fewest spells of practice are cut in two."""
        third, middle = window.days // 3, (window.first + window.end) / 2
        cuts = range(window.first + max(1, third), window.end - max(1, third) + 1)
        return min(cuts, key=lambda cut: (self._crossed[cut], abs(cut - middle)))

    def learn(self, sessions: Sequence[int]) -> None:
        """Remember a scenario by its sessions on each day."""
        self.filled.update(day for day, count in enumerate(sessions) if count)
        self._crossed.update(day for day, (before, count) in enumerate(pairwise(sessions), 1) if before and count)
        self._count(sessions, None)
        windows = [sessions]
        while windows:
            window = windows.pop()
            if len(window) > 1 and any(window):
                windows += self._count(window, sum(window))

    def _count(self, sessions: Sequence[int], told: int | None) -> list[Sequence[int]]:
        """Remember whether a window had an empty half; its halves."""
        middle = len(sessions) // 2
        halves = [sessions[:middle], sessions[middle:]]
        kind = _kind(len(sessions), told)
        self._tried[kind] += 1
        self._empty[kind] += not all(map(any, halves))
        return halves


def _kind(days: int, sessions: int | None) -> tuple[int, int | None]:
    """Windows of one kind have about as many days, and about as many sessions a day, in powers of two."""
    return ceil(log2(days)), round(log2(sessions / days)) if sessions else None


class PrunedWindows:
    """The non-empty cells of `scenario_ids` x `days`, from fewer requests than there are cells.

    `ask` answers with a scenario's items of the days [first, end); `asked` counts the pages: at most those that asking
    each day takes, `spare` of the number of cells, and the pages by which a range's answer exceeds any before it.
    `disagreements` counts answers that did not add up. An inferred row is as true as the answers it follows from.
    """

    def __init__(self, ask: Ask, scenario_ids: Sequence[str], days: int, *, spare: float = 0.05) -> None:
        self._scenario_ids = scenario_ids
        self._days = days
        self._purse = Purse(ask, int(spare * len(scenario_ids) * days))
        self.disagreements = 0

    @property
    def asked(self) -> int:
        return self._purse.asked

    def cells(self) -> Iterator[tuple[str, int, list[Item]]]:
        """Each non-empty (scenario id, day, items), scenario by scenario and in order of days."""
        experience = Experience()
        for scenario_id in self._scenario_ids if self._days else ():
            search = Search(self._purse, experience, scenario_id)
            cells = search.cells(self._days)
            self.disagreements += search.disagreements
            yield from ((scenario_id, day, items) for day, items in cells.items())


@dataclass
class Search:
    """One scenario's days: what is known of them, and the request that tells most of the rest."""

    purse: Purse
    experience: Experience
    scenario_id: str
    windows: list[Window] = field(default_factory=list)  # those that are not empty; no two share a day
    alone: dict[int, list[Item]] = field(default_factory=dict)  # the answers for single days
    disagreements: int = 0

    def cells(self, days: int) -> dict[int, list[Item]]:
        """The items of every day that is not empty, in order of days."""
        self._begin(days)
        while unknown := sorted((each for each in self.windows if not each.is_known), key=lambda each: -each.days):
            pairs = (sorted((unknown[0], other), key=lambda each: each.first) for other in unknown[1:])
            if pair := next((pair for pair in pairs if self._is_pair(*pair)), None):
                self._split_both(*pair)
            else:
                self._split(unknown[0])
        counts = {window.first: window.sessions for window in self.windows}
        self.experience.learn([counts.get(day, len(self.alone.get(day, ()))) for day in range(days)])
        items = {window.first: list(window.rows.values()) for window in self.windows} | self.alone
        return {day: items[day] for day in sorted(items) if items[day]}

    def _begin(self, days: int) -> None:
        """Ask all days at once where that promises more than it costs, else each."""
        cost, chance = self.purse.most_pages, self.experience.chance(days, None)
        if days == 1 or chance * days <= cost or not self.purse.may_spend(cost):
            self._ask_days(0, days)
            return
        try:
            self._replace([], [window_of(0, days, self._ask(0, days))])
        except DoesNotAddUp:
            self._distrust([Window(0, days, {})])

    def _is_pair(self, left: Window, right: Window) -> bool:
        """True where one answer splits both: nobody practised in two of left, right and what is between them."""
        inner = counts_of(self._between(left, right)).keys()
        apart = left.rows.keys().isdisjoint(right.rows) and inner.isdisjoint([*left.rows, *right.rows])
        users = len(left.rows) + len(inner) + len(right.rows)
        return apart and min(left.days, right.days) > 1 and self.purse.may_spend(pages(users))

    def _split(self, window: Window) -> None:
        """Ask days at one end of the window, and infer the others. A single day is asked itself."""
        late = self.experience.filled[window.end - 1] > self.experience.filled[window.first]
        cut = self._cut(window, late=late)
        first, end = (cut, window.end) if late else (window.first, cut)
        try:
            part = window_of(first, end, self._ask(first, end))
            self._replace([window], [part, rest_of(window, part)])
        except DoesNotAddUp:
            self._distrust([window])

    def _split_both(self, left: Window, right: Window) -> None:
        """Ask from within one window to within another: whose row it is tells where the sessions were."""
        first, end = self._cut(left, late=True), self._cut(right, late=False)
        try:
            told = window_of(first, end, self._ask(first, end))
            of_left = {user: row for user, row in told.rows.items() if user in left.rows}
            of_right = {user: row for user, row in told.rows.items() if user in right.rows}
            parts = [Window(first, left.end, of_left), Window(right.first, end, of_right)]
            if counts_of([told]) != counts_of([*parts, *self._between(left, right)]):
                raise DoesNotAddUp
            self._replace([left, right], [*parts, rest_of(left, parts[0]), rest_of(right, parts[1])])
        except DoesNotAddUp:
            self._distrust([left, right])

    def _cut(self, window: Window, *, late: bool) -> int:
        """Where to split: about in the middle where an extra request is worth it, else one day off the end."""
        cost = pages(len(window.rows))
        worth = self.experience.chance(window.days, window.sessions) * window.days / 2 > cost
        if worth and window.days > 1 and self.purse.may_spend(cost):
            return self.experience.cut(window)
        return window.end - 1 if late else window.first + 1

    def _between(self, left: Window, right: Window) -> list[Window]:
        return [window for window in self.windows if left.end <= window.first and window.end <= right.first]

    def _ask(self, first: int, end: int) -> list[Item]:
        """The answer for [first, end); a day alone is asked only once."""
        if end - first > 1:
            return self.purse.told(self.scenario_id, first, end)
        if first not in self.alone:
            self.alone[first] = self.purse.told(self.scenario_id, first, end)
        return self.alone[first]

    def _ask_days(self, first: int, end: int) -> None:
        """Ask each day; what an answer for one day says is never doubted."""
        for day in range(first, end):
            items = self._ask(day, day + 1)
            try:
                self._replace([], [window_of(day, day + 1, items)])
            except DoesNotAddUp:
                self.purse.naive += pages(len(items))

    def _distrust(self, windows: Sequence[Window]) -> None:
        """Ask the days of windows that did not add up."""
        self.disagreements += 1
        self._replace(windows, [])
        for window in windows:
            self._ask_days(window.first, window.end)

    def _replace(self, windows: Sequence[Window], parts: Sequence[Window]) -> None:
        """Know `parts` from now on where `windows` were known, and settle those that need no request any more."""
        gone = {window.first for window in windows}
        kept = [window for window in self.windows if window.first not in gone]
        self.windows = kept + [part for part in parts if part.rows]
        for part in parts:
            if part.is_known:
                self.purse.naive += pages(len(part.rows)) if part.rows else part.days
