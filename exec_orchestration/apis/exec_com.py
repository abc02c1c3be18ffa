"""Exec: one method per resource, each an iterator of plain dicts over any number of pages.

Nothing here shapes a row or stores one. Paths, parameters and what identifies an item are told once, here; the wire is
`http`, the pages are `paging`. Windows are half-open `[start, end)` in any zone; Exec gets its inclusive end.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime, timedelta
from math import ceil
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from exec_orchestration.apis.answers import Answer, other_shape
from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.instants import utc_text
from exec_orchestration.apis.paging import Item, Page, SettingAside, read_pages, read_settled
from exec_orchestration.errors import BadAnswer, BadSetting

PAGE_SIZE = 100
SYSTEM_DOMAIN = "@exec.com"
KEY_FORMAT = re.compile(r"exec_live_[A-Za-z0-9]{40}")


def check_key(key: str, *, setting: str) -> str:
    """`key` itself when it has Exec's form; raises BadSetting, which never repeats the key."""
    if not KEY_FORMAT.fullmatch(key):
        raise BadSetting(
            f"{setting} is not an Exec key: it has {len(key)} characters and "
            f"{'begins' if key.startswith('exec_live_') else 'does not begin'} with exec_live_; "
            "valid is exec_live_ followed by exactly 40 letters or digits. No request was sent."
        )
    return key


class ExecApi:
    """The Exec workspace that the client's key opens. Listings are lazy: no request is sent before the first item.

    One pass over a listing yields each row once or raises ListingMoved; wrap it in `paging.read_settled` to have it
    read again. `end_step` is the finest step that Exec's inclusive `end_date` resolves.
    """

    def __init__(
        self,
        client: JsonClient,
        *,
        concurrency: int = 4,
        exclude_system_users: bool = True,
        end_step: timedelta = timedelta(microseconds=1),
    ) -> None:
        self.client = client
        self._concurrency = concurrency
        self._exclude_system_users = exclude_system_users
        self._end_step = end_step

    def scenarios(self) -> Iterator[Item]:
        """Every scenario with `archived`: true for those that only `include_archived=true` lists."""
        # All first, then the active ones: a scenario made in between is left to the next load, not called archived.
        everything = read_settled(lambda: self._list("/scenarios", {"include_archived": "true"}), list)
        active = {_id(item) for item in read_settled(lambda: self._list("/scenarios"), list)}
        for item in everything:
            yield {**item, "archived": _id(item) not in active} if isinstance(item, dict) else item

    def skills(self) -> Iterator[Item]:
        """Every skill, with its proficiency summary."""
        return self._list("/skills", {"include": "proficiency"})

    def members(self) -> Iterator[Item]:
        """Every member of the workspace, flat, whether Exec nests the person under `user` or not."""
        return map(_flat_member, self._list("/workspace/members", key=lambda item: _id(_flat_member(item))))

    def groups(self) -> Iterator[Item]:
        """Every group of the workspace."""
        return self._list("/workspace/groups")

    def participants(self, scenario_id: str, *, start: datetime, end: datetime) -> Iterator[Item]:
        """One aggregate per person who practised the scenario in the window."""
        return self._list(
            f"/scenarios/{_segment(scenario_id)}/analytics/participants",
            # Of all sortings this one moves least: late grading changes scores, not time spent.
            {"sorting": "total_duration_seconds", **self._window(start, end), **self._people()},
            key=_user_id,
        )

    def scenario_summary(self, scenario_id: str, *, start: datetime, end: datetime) -> Item:
        """The scenario's totals over the window, as Exec computes them."""
        path = f"/scenarios/{_segment(scenario_id)}/analytics/summary"
        summary: Item = self.client.get(path, {**self._window(start, end), **self._people()}, read=_summary)
        return summary

    def assignments(self, *, setting_aside: SettingAside | None = None) -> Iterator[Item]:
        """Every assignment as it stands now; Exec keeps no history and takes no dates."""
        return self._list("/scenarios/assignments", setting_aside=setting_aside)

    def proficiency(self, skill_id: str, *, as_of: datetime) -> Iterator[Item]:
        """Each person's proficiency in the skill, counting everything before the instant `as_of`."""
        return self._list(
            f"/skills/{_segment(skill_id)}/proficiency",
            {"end_date": utc_text(as_of - self._end_step), **self._people()},
            key=_user_id,
        )

    def sessions(self, *, start: datetime, end: datetime, setting_aside: SettingAside | None = None) -> Iterator[Item]:
        """Every session created in the window, oldest first; those of people who have left are among them.

        `setting_aside` is asked instead of the client's own whether the pages after the first may be fetched.
        """
        parameters = {"sorting": "created_at", **self._window(start, end), **self._people()}
        return self._list("/sessions", parameters, setting_aside=setting_aside)

    def total(self, resource: str, parameters: Mapping[str, str] | None = None) -> int:
        """How many rows a listing such as `/sessions` has, for one request."""
        query = {**(parameters or {}), "page": 1, "page_size": PAGE_SIZE}
        page: Page = self.client.get(resource, query, read=_page)
        return page.total_count

    def sessions_total(self, *, start: datetime, end: datetime) -> int:
        """How many sessions were created in the window, for one request."""
        return self.total("/sessions", {**self._window(start, end), **self._people()})

    def proficiency_total(self, skill_id: str, *, as_of: datetime) -> int:
        """How many people have practised the skill before `as_of`, for one request."""
        until = {"end_date": utc_text(as_of - self._end_step)}
        return self.total(f"/skills/{_segment(skill_id)}/proficiency", {**until, **self._people()})

    def _window(self, start: datetime, end: datetime) -> dict[str, str]:
        return {"start_date": utc_text(start), "end_date": utc_text(end - self._end_step)}

    def _people(self) -> dict[str, str]:
        return {"exclude_system_users": "true"} if self._exclude_system_users else {}

    def _list(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        key: Callable[[Item], Hashable] = itemgetter("id"),
        setting_aside: SettingAside | None = None,
    ) -> Iterator[Item]:
        def fetch(number: int) -> Page:
            query = {**(parameters or {}), "page": number + 1, "page_size": PAGE_SIZE}
            page: Page = self.client.get(path, query, read=_page)
            return page

        return read_pages(
            fetch,
            key=key,
            what=f"Exec: GET {path}",
            concurrency=self._concurrency,
            setting_aside=setting_aside or self.client.pacer.setting_aside,
        )


def pages(rows: int) -> int:
    """How many pages, and so requests, a listing of so many rows takes; an empty one has a page too."""
    return max(1, ceil(rows / PAGE_SIZE))


def ids_of(items: list[Item], what: str) -> list[str]:
    """The id of each item, in order; raises BadAnswer where one has none, since its rows would be missing."""
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    wrong = [item for item, found in zip(items, ids, strict=True) if not isinstance(found, str) or not found]
    if wrong:
        raise BadAnswer(
            f"Exec lists {len(wrong)} of {len(items)} {what}s without an id, the first {_fields_of(wrong[0])}; "
            "their rows would be missing without notice, so nothing was loaded. Report it to Exec."
        )
    return [str(found) for found in ids]


def _fields_of(item: Any) -> str:
    """What an item has, without a value of it."""
    return f"having {', '.join(map(str, item)) or 'no field'}" if isinstance(item, dict) else f"a {type(item).__name__}"


def _page(payload: Any, answer: Answer) -> Page:
    """The page that an answer holds; raises BadAnswer where it is not a list with its pagination."""
    try:
        items, told = payload["data"], payload["pagination"]
        page = Page(items, told.get("page_size") or PAGE_SIZE, told["total_pages"], told["total_count"])
    except (TypeError, KeyError, AttributeError) as error:
        raise other_shape("Exec", answer, "it has no `data` with its `pagination`", setting="EXEC_API_URL") from error
    numbers = (page.size, page.total_pages, page.total_count)
    if not isinstance(items, list) or not all(type(number) is int and number >= 0 for number in numbers):
        types = {name: type(value).__name__ for name, value in {"data": items, **told}.items()}
        raise other_shape("Exec", answer, f"`data` or `pagination` hold other types: {types}", setting="EXEC_API_URL")
    return page


def _summary(payload: Any, answer: Answer) -> Item:
    """The one object that an answer holds, bare or as `data`."""
    summary = payload.get("data", payload) if isinstance(payload, dict) else payload
    if not isinstance(summary, dict):
        raise other_shape("Exec", answer, f"{type(payload).__name__} where one object belongs", setting="EXEC_API_URL")
    return summary


def _segment(identifier: str) -> str:
    """An id as one segment of a path, whatever it contains."""
    # A segment of dots alone would be folded away, and lead to another operation.
    return quote(identifier, safe="") if identifier.strip(".") else identifier.replace(".", "%2E")


def _id(item: Any) -> Any:
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) else None


def _user_id(item: Item) -> Any:
    return item["user"]["id"]


def _flat_member(item: Any) -> Any:
    """The member with the person's fields on top; a membership's own id, where there is one, becomes `member_id`."""
    if not isinstance(item, dict) or not isinstance(item.get("user"), dict):
        return item
    outer = {name: value for name, value in item.items() if name not in ("user", "id")}
    membership = {"member_id": item["id"]} if "id" in item and item["id"] != item["user"].get("id") else {}
    return {**outer, **membership, **item["user"]}


def is_system_user(item: Any) -> bool:
    """True for an item about one of Exec's own people, by the e-mail on it or on its user."""
    if not isinstance(item, dict):
        return False
    person = item.get("user")
    email = (person if isinstance(person, dict) else item).get("email")
    return isinstance(email, str) and email[-len(SYSTEM_DOMAIN) :].casefold() == SYSTEM_DOMAIN
