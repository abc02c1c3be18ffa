"""Pages -> items, and the guards that a moving listing cannot slip through.

Page 1 tells how many there are; the rest are fetched several at a time and yielded in order. One pass either yields
each row of the listing exactly once, or raises ListingMoved. `read_settled` reads again, then fails: a short listing
is never passed on as if it were whole. One thing no count can see: a row of an earlier page that is deleted while
another is added at the end, between two requests, lets a third slip through; the next load brings it.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from exec_orchestration.errors import ListingMoved

Item = dict[str, Any]
Made = TypeVar("Made")
SettingAside = Callable[[int], AbstractContextManager[None]]

PASSES = 3
PAGES_AHEAD_PER_WORKER = 2
NO_KEYS = frozenset({None, ""})


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing, with what the vendor says of the whole: `total_count` rows in `total_pages` pages."""

    items: list[Any]
    size: int
    total_pages: int
    total_count: int


def read_settled(listing: Callable[[], Iterator[Item]], consume: Callable[[Iterator[Item]], Made]) -> Made:
    """What `consume` makes of one whole pass over a listing; a pass that moved is thrown away and read again.

    `consume` must start afresh each time it is called. Raises ListingMoved after PASSES passes.
    """
    for attempt in range(1, PASSES + 1):
        try:
            return consume(listing())
        except ListingMoved as moved:
            if attempt == PASSES:
                raise ListingMoved(
                    f"{moved} This happened in each of {PASSES} passes. Run this again when fewer people are at work; "
                    "nothing was replaced."
                ) from moved
    raise AssertionError("unreachable: the loop above returns or raises")


def read_pages(
    fetch: Callable[[int], Page],
    *,
    key: Callable[[Item], Hashable],
    what: str,
    concurrency: int,
    setting_aside: SettingAside = lambda _: nullcontext(),
) -> Iterator[Item]:
    """Each item of one pass over a listing, in order; `fetch` takes a page's index from 0.

    `key` identifies an item within the listing, `what` names the listing in messages, and at most `concurrency`
    requests are in flight. The pages after the first are read within `setting_aside(how many)`, so that a listing that
    the budget does not allow to end is not begun. Raises ListingMoved when the pages do not fit together.
    """
    first = fetch(0)
    guard = Guard(first, key=key, what=what)
    yield from guard.admit(0, first)
    with setting_aside(first.total_pages - 1):
        for number, page in enumerate(_in_order(fetch, range(1, first.total_pages), concurrency), start=1):
            yield from guard.admit(number, page)
    guard.close()


def _in_order(fetch: Callable[[int], Page], numbers: range, concurrency: int) -> Iterator[Page]:
    """The pages of `numbers`, in order, fetched `concurrency` at a time and never far ahead of the reader."""
    if concurrency == 1 or len(numbers) < 2:
        yield from map(fetch, numbers)
        return
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="page")
    ahead: deque[Future[Page]] = deque()
    try:
        for number in numbers:
            ahead.append(pool.submit(fetch, number))
            if len(ahead) >= concurrency * PAGES_AHEAD_PER_WORKER:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _page_size(first: Page) -> int:
    """Rows on a full page: what page 1 holds, where that explains the number of pages; else what the vendor says."""
    held = len(first.items)
    explains = held > 0 and -(-first.total_count // held) == first.total_pages
    return held if explains else first.size


class Guard:
    """Watches one pass: nothing twice, nothing short in the middle, and in the end as many as were promised."""

    def __init__(self, first: Page, *, key: Callable[[Item], Hashable], what: str) -> None:
        self._first = first
        self._size = _page_size(first)
        self._key = key
        self._what = what
        self._seen: set[Hashable] = set()
        self._unkeyed = 0

    def admit(self, number: int, page: Page) -> list[Any]:
        """The items of page `number` (from 0), once it fits to those before it."""
        if page.total_count != self._first.total_count:
            self._moved(f"page 1 promised {self._first.total_count} rows, page {number + 1} says {page.total_count}")
        if number < self._first.total_pages - 1 and len(page.items) != self._size:
            self._moved(
                f"page {number + 1} of {self._first.total_pages} holds {len(page.items)} rows where {self._size} belong"
            )
        before = len(self._seen)
        keys = self._keys_of(page.items)
        self._seen.update(keys)
        repeated = len(keys) - (len(self._seen) - before)
        if repeated:
            repeats = "repeats rows of earlier pages" if repeated < len(keys) else "is a page that was already read"
            self._moved(f"page {number + 1} {repeats} ({repeated} of {len(keys)})")
        return page.items

    def close(self) -> None:
        """Compare the distinct rows with what was promised."""
        distinct = len(self._seen) + self._unkeyed
        if distinct != self._first.total_count:
            self._moved(f"{distinct} distinct rows came where {self._first.total_count} were promised")

    def _keys_of(self, items: list[Any]) -> list[Hashable]:
        """The items' keys; rows without one are counted here and rejected downstairs."""
        try:
            keys = list(map(self._key, items))
            if not NO_KEYS & set(keys):
                return keys
        except (KeyError, TypeError):
            pass
        keys = [key for key in map(self._key_of, items) if key not in NO_KEYS]
        self._unkeyed += len(items) - len(keys)
        return keys

    def _key_of(self, item: Any) -> Hashable | None:
        """The item's key, or None where it has none that can be compared."""
        try:
            key = self._key(item)
            hash(key)
        except (KeyError, TypeError):
            return None
        return key

    def _moved(self, how: str) -> None:
        raise ListingMoved(f"{self._what}: the listing moved while it was read: {how}.")
