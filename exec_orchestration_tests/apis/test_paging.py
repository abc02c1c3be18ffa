"""Pages -> items: the order kept, the requests bounded, and no short or doubled listing passed on as whole."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from math import ceil
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exec_orchestration.apis.paging import PAGES_AHEAD_PER_WORKER, PASSES, Page, read_pages, read_settled
from exec_orchestration.errors import ListingMoved, Unreachable

Fetch = Callable[[int], Page]


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}"} for number in range(count)]


def pages_of(listed: list[Any], size: int) -> list[Page]:
    total = ceil(len(listed) / size)
    return [Page(listed[at * size : (at + 1) * size], size, total, len(listed)) for at in range(max(total, 1))]


def read(fetch: Fetch | list[Page], *, concurrency: int = 1) -> Iterator[Any]:
    found = fetch if callable(fetch) else fetch.__getitem__
    return read_pages(found, key=itemgetter("id"), what="Exec: GET /skills", concurrency=concurrency)


# A quiet listing


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 60), size=st.integers(1, 11), concurrency=st.integers(1, 6))
def test_each_row_comes_once_and_in_order(count: int, size: int, concurrency: int) -> None:
    """Any number of rows, pages and threads."""
    listed = rows(count)
    assert list(read(pages_of(listed, size), concurrency=concurrency)) == listed


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (19, 2), (20, 2), (21, 3)])
def test_as_many_pages_are_fetched_as_there_are(count: int, pages: int, concurrency: int) -> None:
    """One for an empty listing, and none more where the last page is exactly full."""
    made, fetched = pages_of(rows(count), 10), []

    def fetch(number: int) -> Page:
        fetched.append(number)
        return made[number]

    assert len(list(read(fetch, concurrency=concurrency))) == count
    assert sorted(fetched) == list(range(pages))


def test_order_is_kept_though_later_pages_come_earlier() -> None:
    """Each page's time is its own; the rows do not show it."""
    made, delays = pages_of(rows(120), 10), random.Random(3)
    waits = [delays.uniform(0, 0.01) for _ in made]

    def fetch(number: int) -> Page:
        time.sleep(waits[number])
        return made[number]

    assert list(read(fetch, concurrency=4)) == rows(120)


@pytest.mark.parametrize("concurrency", [2, 4])
def test_as_many_requests_are_in_flight_as_allowed(concurrency: int) -> None:
    """After the first page, that many requests meet each other; with fewer this would not end."""
    made, meeting = pages_of(rows(10 + 10 * 3 * concurrency), 10), threading.Barrier(concurrency)

    def fetch(number: int) -> Page:
        if number:
            meeting.wait(timeout=5)
        return made[number]

    assert len(list(read(fetch, concurrency=concurrency))) == 10 + 10 * 3 * concurrency


@pytest.mark.parametrize("concurrency", [1, 2, 4])
def test_no_more_requests_are_in_flight_than_allowed(concurrency: int) -> None:
    """The bound holds throughout."""
    made, lock, in_flight, most = pages_of(rows(300), 10), threading.Lock(), 0, 0

    def fetch(number: int) -> Page:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        time.sleep(0.001)
        with lock:
            in_flight -= 1
        return made[number]

    assert len(list(read(fetch, concurrency=concurrency))) == 300
    assert most <= concurrency


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_slow_reader_is_not_run_away_from(concurrency: int) -> None:
    """Few pages are held in memory; and once the reader leaves, no further page is fetched."""
    made, fetched = pages_of(rows(1000), 10), []

    def fetch(number: int) -> Page:
        fetched.append(number)
        return made[number]

    items = read(fetch, concurrency=concurrency)
    assert fetched == []  # lazy: nothing is asked before the first row
    taken = [next(items) for _ in range(11)]
    items.close()
    after_closing = len(fetched)
    time.sleep(0.02)
    assert taken == rows(11)
    assert len(fetched) == after_closing <= 1 + concurrency * PAGES_AHEAD_PER_WORKER
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("page")]


def test_a_reader_who_leaves_takes_back_what_was_not_yet_asked() -> None:
    """Requests in flight come to their end; those that only wait for a thread are never sent."""
    made, fetched, answers = pages_of(rows(1000), 10), [], threading.Event()

    def fetch(number: int) -> Page:
        fetched.append(number)
        if number > 1:
            answers.wait(timeout=5)
        return made[number]

    items = read(fetch, concurrency=2)
    for _ in range(11):
        next(items)
    later = threading.Timer(0.1, answers.set)
    later.start()
    items.close()
    later.join()
    assert max(fetched) <= 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_error_of_one_page_is_the_error_of_the_listing(concurrency: int) -> None:
    """It comes as it is, at its place, and stops the fetching."""
    made, fetched = pages_of(rows(1000), 10), []

    def fetch(number: int) -> Page:
        fetched.append(number)
        if number == 2:
            raise Unreachable("down")
        return made[number]

    items = read(fetch, concurrency=concurrency)
    with pytest.raises(Unreachable, match=r"^down$"):
        list(items)
    assert len(fetched) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("page")]


# A listing that moved


def moved(made: list[Page], *, concurrency: int = 1) -> str:
    with pytest.raises(ListingMoved) as caught:
        list(read(made, concurrency=concurrency))
    assert str(caught.value).startswith("Exec: GET /skills: the listing moved while it was read: ")
    return str(caught.value).partition("read: ")[2]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_repeated_page_is_noticed(concurrency: int) -> None:
    """A vendor that ignores `page` would otherwise be read for ever."""
    made = pages_of(rows(40), 10)
    made[2] = made[1]
    assert moved(made, concurrency=concurrency) == "page 3 is a page that was already read (10 of 10)."


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_short_page_in_the_middle_is_noticed(at: int) -> None:
    """Only the last page may be short: one row under is too few."""
    made = pages_of(rows(40), 10)
    made[at] = Page(made[at].items[:-1], 10, 4, 40)
    assert moved(made) == f"page {at + 1} of 4 holds 9 rows where 10 belong."


def test_an_empty_page_in_the_middle_is_noticed() -> None:
    """Nor may it be empty."""
    made = pages_of(rows(40), 10)
    made[1] = Page([], 10, 4, 40)
    assert moved(made) == "page 2 of 4 holds 0 rows where 10 belong."


def test_an_overfull_page_in_the_middle_is_noticed() -> None:
    """Nor one row over."""
    made = pages_of(rows(40), 10)
    made[1] = Page([*made[1].items, {"id": "more"}], 10, 4, 40)
    assert moved(made) == "page 2 of 4 holds 11 rows where 10 belong."


@pytest.mark.parametrize("last", [[], rows(40)[30:39], [*rows(40)[30:], {"id": "more"}]])
def test_a_last_page_that_does_not_fill_the_promise_is_noticed(last: list[Any]) -> None:
    """In the end there are as many distinct rows as page 1 promised: not one under, not one over."""
    made = pages_of(rows(40), 10)
    made[3] = Page(last, 10, 4, 40)
    assert moved(made) == f"{30 + len(last)} distinct rows came where 40 were promised."


def test_a_listing_that_is_empty_though_rows_were_promised_is_noticed() -> None:
    """Zero of forty is not an empty listing."""
    assert moved([Page([], 10, 1, 40)]) == "0 distinct rows came where 40 were promised."


@pytest.mark.parametrize("total", [39, 41])
def test_a_total_that_moved_is_noticed(total: int) -> None:
    """A row came or went: the pages no longer fit together."""
    made = pages_of(rows(40), 10)
    made[2] = Page(made[2].items, 10, 4, total)
    assert moved(made) == f"page 1 promised 40 rows, page 3 says {total}."


def test_a_row_of_an_earlier_page_is_noticed() -> None:
    """A new row at the front pushes an old one onto the next page."""
    made = pages_of(rows(40), 10)
    made[1] = Page([made[0].items[-1], *made[1].items[:-1]], 10, 4, 40)
    assert moved(made) == "page 2 repeats rows of earlier pages (1 of 10)."


def test_a_row_twice_within_a_page_is_noticed() -> None:
    """Also on the first page, also at the end of one."""
    made = pages_of(rows(10), 10)
    made[0] = Page([*made[0].items[:9], made[0].items[0]], 10, 1, 10)
    assert moved(made) == "page 1 repeats rows of earlier pages (1 of 10)."


@pytest.mark.parametrize("odd", [{}, {"id": None}, {"id": ["x"]}, {"id": {}}, None, 7, "row", []])
def test_rows_without_a_key_are_counted_and_passed_on(odd: Any) -> None:
    """They are rejected downstairs, where the reason can be told; here they only count."""
    listed = [*rows(9), odd, odd, odd]
    assert list(read(pages_of(listed, 5))) == listed


def test_a_missing_row_is_noticed_among_unkeyed_ones() -> None:
    """They count towards the promise, one each."""
    assert moved([Page([{}, {}, {"id": 1}], 5, 1, 4)]) == "3 distinct rows came where 4 were promised."


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(0, 30),
    size=st.integers(1, 7),
    moves=st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3), st.integers(0, 30)), max_size=3),
)
def test_a_pass_over_a_moving_listing_is_whole_or_raises(
    count: int, size: int, moves: list[tuple[int, int, int]]
) -> None:
    """Rows come and go at any place between any pages: never a row twice, never fewer than promised."""
    listed, fresh = rows(count), iter(range(1000))

    def fetch(number: int) -> Page:
        for at, change, place in moves:
            if at == number and change > 0:
                listed[place:place] = [{"id": f"new{next(fresh)}"} for _ in range(change)]
            elif at == number:
                del listed[place : place - change]
        return Page(listed[number * size : (number + 1) * size], size, ceil(len(listed) / size), len(listed))

    try:
        found = list(read(fetch))
    except ListingMoved:
        return
    assert len({item["id"] for item in found}) == len(found) == len(listed)


@settings(max_examples=300, deadline=None)
@given(
    count=st.integers(0, 30),
    size=st.integers(1, 7),
    concurrency=st.integers(1, 4),
    moves=st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 30)), max_size=4),
)
def test_only_a_deletion_made_up_for_by_an_addition_can_hide_a_row(
    count: int, size: int, concurrency: int, moves: list[tuple[int, bool, int]]
) -> None:
    """Of the rows that are there all the while each comes exactly once, or the pass raises; but for what no count can
    see: at most one of them slips through for each row that is deleted while another is added.
    """
    listed, fresh, lock, fetched = rows(count), iter(range(1000)), threading.Lock(), itertools.count()
    made_up_for = min(sum(at > 0 and adds for at, adds, _ in moves), sum(at > 0 and not adds for at, adds, _ in moves))
    always = {item["id"] for item in listed}

    def fetch(number: int) -> Page:
        with lock:
            turn = next(fetched)
            for at, adds, place in moves:
                if at == turn and adds:
                    listed.insert(place, {"id": f"new{next(fresh)}"})
                elif at == turn:
                    always.difference_update(item["id"] for item in listed[place : place + 1])
                    del listed[place : place + 1]
            return Page(listed[number * size : (number + 1) * size], size, ceil(len(listed) / size), len(listed))

    try:
        found = [item["id"] for item in read(fetch, concurrency=concurrency)]
    except ListingMoved:
        return
    assert len(set(found)) == len(found)
    assert len(always - set(found)) <= made_up_for


# Reading again


class Restless:
    """A listing that moves in its first passes."""

    def __init__(self, moving: int) -> None:
        self.passes = 0
        self._moving = moving

    def __call__(self) -> Iterator[dict[str, Any]]:
        self.passes += 1
        yield {"id": f"pass {self.passes}"}
        if self.passes <= self._moving:
            raise ListingMoved("Exec: GET /skills: it moved.")


@pytest.mark.parametrize("moving", [0, 1, PASSES - 1])
def test_a_listing_that_moved_is_read_again(moving: int) -> None:
    """Up to three passes; what an earlier pass brought is thrown away."""
    listing = Restless(moving)
    assert read_settled(listing, list) == [{"id": f"pass {moving + 1}"}]
    assert listing.passes == moving + 1


def test_a_listing_that_never_settles_fails() -> None:
    """After three passes the error says what moved, how often, and that nothing was replaced."""
    listing = Restless(PASSES)
    with pytest.raises(ListingMoved, match=r"it moved.*each of 3 passes.*nothing was replaced") as caught:
        read_settled(listing, list)
    assert listing.passes == PASSES == 3
    assert isinstance(caught.value.__cause__, ListingMoved)


def test_other_errors_are_not_read_again() -> None:
    """Only a moved listing settles by itself."""
    tries = []

    def listing() -> Iterator[dict[str, Any]]:
        tries.append(1)
        raise Unreachable("down")
        yield {}

    with pytest.raises(Unreachable):
        read_settled(listing, list)
    assert tries == [1]


# What vendors get wrong about their own pages


def test_pages_smaller_than_they_claim_are_read() -> None:
    """A vendor that caps pages at 50 and still says 100: page 1 and the number of pages tell the truth."""
    listed = rows(120)
    made = [Page(page.items, 100, page.total_pages, page.total_count) for page in pages_of(listed, 50)]
    assert list(read(made)) == listed


def test_rows_with_an_empty_id_do_not_move_a_listing() -> None:
    """Two of them are no row twice: they are passed on, to be rejected downstairs."""
    listed = [{"id": ""}, {"id": "a"}, {"id": ""}]
    assert list(read(pages_of(listed, 2))) == listed
