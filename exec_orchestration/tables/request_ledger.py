"""The ledger of requests in the warehouse: one for all processes, each change in one short transaction.

While somebody is alone with the books nobody else may look: `BEGIN IMMEDIATE` on SQLite, one advisory lock a vendor on
PostgreSQL. A request whose process died counts as ended `longest_flight_seconds` after it was sent, by when no live one
can still be under way; what a dead process had reserved is free again RESERVED_SECONDS after it last drew on it. Times
go in and out as epoch seconds.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables import dialects
from exec_orchestration.tables.budget import api_holds, api_requests, api_reservations
from exec_orchestration.tables.declare import UtcInstant
from exec_orchestration.tables.warehouse import Warehouse

log = logging.getLogger(__name__)

LONGEST_FLIGHT_SECONDS = 600.0
RESERVED_SECONDS = 900.0
BUFFERED_ROWS = 200

_REQUESTS, _SET_ASIDE = api_requests.c, api_reservations.c


class Account(Protocol):
    """On whose account a request goes."""

    @property
    def lane(self) -> str: ...
    @property
    def asset(self) -> str | None: ...
    @property
    def partition_date(self) -> date | None: ...
    @property
    def run_id(self) -> str | None: ...
    @property
    def backfill(self) -> str | None: ...


class WarehouseBooks:
    """The books of one vendor inside one transaction."""

    def __init__(self, connection: Connection, api: str, now: float, *, longest_flight_seconds: float) -> None:
        self._connection = connection
        self._api = api
        self._longest_flight_seconds = longest_flight_seconds
        self.now = now

    def count(self, since: float, *, reserved: bool) -> tuple[int, int]:
        """Requests, all and those of backfills, that ended after `since` or are under way."""
        total, by_backfills = self._connection.execute(_COUNT, self._window(since)).one()
        if reserved:
            aside = self._connection.execute(_ASIDE, {"api": self._api, "now": _instant(self.now)}).one()
            total, by_backfills = total + aside[0], by_backfills + aside[1]
        return int(total), int(by_backfills)

    def ended(self, since: float, place: int) -> float | None:
        """When the `place`-th of them ended, from 1; None while it is under way or only reserved."""
        found = self._connection.execute(_ENDED, {**self._window(since), "skipped": place - 1}).one_or_none()
        if found is None:
            return None
        answered_at, sent_at = found
        ended = answered_at.timestamp() if answered_at else sent_at.timestamp() + self._longest_flight_seconds
        return ended if ended <= self.now else None

    def next_expiry(self) -> float | None:
        """When the first of what is set aside is free again, should nobody draw on it; None where nothing is."""
        found = self._connection.execute(_EXPIRY, {"api": self._api, "now": _instant(self.now)}).scalar()
        return found.timestamp() if isinstance(found, datetime) else None

    def held_until(self) -> float:
        """Until when the vendor has asked us not to send; 0.0 for never."""
        found = self._connection.execute(_HELD, {"api": self._api}).scalar()
        return found.timestamp() if isinstance(found, datetime) else 0.0

    def enter(self, account: Account, what: str) -> str:
        """Write that a request is about to be sent; its id."""
        request_id = uuid4().hex
        row = {"id": request_id, "api": self._api, "path": what, "sent_at": _instant(self.now), **_account(account)}
        self._connection.execute(_ENTER, row)
        return request_id

    def reserve(self, account: Account, requests: int) -> str:
        """Set requests aside; the reservation's id."""
        reservation_id = uuid4().hex
        row = {
            "id": reservation_id,
            "api": self._api,
            "lane": account.lane,
            "requests": requests,
            "expires_at": _instant(self.now + RESERVED_SECONDS),
            "run_id": account.run_id,
        }
        self._connection.execute(api_reservations.insert(), row)
        return reservation_id

    def draw(self, reservation_id: str) -> bool:
        """Take one request out of a reservation; False where nothing is left of it."""
        times = {"b_now": _instant(self.now), "b_expires_at": _instant(self.now + RESERVED_SECONDS)}
        found = self._connection.execute(_DRAW, {"b_id": reservation_id, **times})
        return found.rowcount == 1

    def _window(self, since: float) -> dict[str, Any]:
        return {
            "api": self._api,
            "since": _instant(since),
            "sent_since": _instant(since - self._longest_flight_seconds),
        }


class RequestLedger:
    """The ledger of one vendor. Requests without any limit are written in batches, since nobody waits for them."""

    def __init__(
        self, warehouse: Warehouse, *, api: str, longest_flight_seconds: float = LONGEST_FLIGHT_SECONDS
    ) -> None:
        self._warehouse = warehouse
        self._api = api
        self._longest_flight_seconds = longest_flight_seconds
        self._buffer: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @contextmanager
    def alone(self, clock: Callable[[], float]) -> Iterator[WarehouseBooks]:
        """The books, for as long as nobody else may look at them; the clock is read once everybody else is out."""
        with self._warehouse.writing("take a request's turn") as connection:
            dialects.offer(connection).alone_until_commit(connection, f"api_requests:{self._api}")
            flight = self._longest_flight_seconds
            yield WarehouseBooks(connection, self._api, clock(), longest_flight_seconds=flight)

    def held_until(self) -> float:
        """Until when the vendor has asked us not to send; 0.0 for never."""
        found = self._warehouse.read(_HELD.params(api=self._api))
        return float(found[0].ends_at.timestamp()) if found else 0.0

    def answered(self, request_id: str, status: int | None, now: float) -> None:
        """Write how a request ended; without a status the connection broke.

        An answer that has been paid for is not thrown away because this cannot be written: without it the request
        counts for longer, never for less.
        """
        row = {"b_id": request_id, "status": status, "answered_at": _instant(now)}
        try:
            self._warehouse.write((_ANSWERED, [row]))
        except WarehouseError as error:
            log.warning("The answer of request %s was not written down: %s", request_id, error)

    def record(self, account: Account, what: str, status: int | None, *, sent_at: float, answered_at: float) -> None:
        """Write a whole request afterwards, with others: for vendors without a limit."""
        row = {
            "id": uuid4().hex,
            "api": self._api,
            "path": what,
            "status": status,
            "sent_at": _instant(sent_at),
            "answered_at": _instant(answered_at),
            **_account(account),
        }
        with self._lock:
            self._buffer.append(row)
            is_full = len(self._buffer) >= BUFFERED_ROWS
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Write what is still buffered; where that cannot be, keep it for the next time: no answer is lost over it."""
        with self._lock:
            rows, self._buffer = self._buffer, []
        if not rows:
            return
        try:
            self._warehouse.write((api_requests.insert(), rows))
        except WarehouseError as error:
            log.warning("%d requests were not written down yet: %s", len(rows), error)
            with self._lock:
                self._buffer = rows + self._buffer

    def hold(self, until: float, reason: str, now: float) -> None:
        """Write that the vendor asks everybody to wait; an earlier, longer hold stays."""
        row = {"api": self._api, "ends_at": _instant(until), "reason": reason, "learned_at": _instant(now)}
        earlier = api_holds.delete().where(api_holds.c.api == self._api, api_holds.c.ends_at <= _instant(until))
        absent = sa.select(*(sa.literal(value, api_holds.c[name].type) for name, value in row.items())).where(
            ~sa.exists().where(api_holds.c.api == self._api)
        )
        later = api_holds.insert().from_select(list(row), absent)
        self._warehouse.write_alone(f"api_holds:{self._api}", earlier, later)

    def release(self, reservation_id: str) -> None:
        """Give back what is left of a reservation."""
        self._warehouse.write((api_reservations.delete().where(api_reservations.c.id == reservation_id), [{}]))


def _account(account: Account) -> dict[str, Any]:
    names = ("lane", "asset", "partition_date", "run_id", "backfill")
    return {name: getattr(account, name) for name in names}


def _instant(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _is_counted() -> sa.ColumnElement[bool]:
    """The condition that a request ended after `since`, is under way, or died less than a flight before `since`."""
    moment = UtcInstant()
    return sa.and_(
        _REQUESTS.api == sa.bindparam("api"),
        _REQUESTS.sent_at > sa.bindparam("sent_since", type_=moment),
        sa.or_(_REQUESTS.answered_at.is_(None), _REQUESTS.answered_at > sa.bindparam("since", type_=moment)),
    )


_BACKFILLS = sa.func.coalesce(sa.func.sum(sa.case((_REQUESTS.lane == "backfill", 1), else_=0)), 0)
_COUNT = sa.select(sa.func.count(), _BACKFILLS).where(_is_counted())
_ENDED = (
    sa.select(_REQUESTS.answered_at, _REQUESTS.sent_at)
    .where(_is_counted())
    .order_by(_REQUESTS.answered_at.is_(None), _REQUESTS.answered_at)
    .offset(sa.bindparam("skipped"))
    .limit(1)
)
_ASIDE = sa.select(
    sa.func.coalesce(sa.func.sum(_SET_ASIDE.requests), 0),
    sa.func.coalesce(sa.func.sum(sa.case((_SET_ASIDE.lane == "backfill", _SET_ASIDE.requests), else_=0)), 0),
).where(
    _SET_ASIDE.api == sa.bindparam("api"),
    _SET_ASIDE.expires_at > sa.bindparam("now", type_=UtcInstant()),
)
_HELD = sa.select(api_holds.c.ends_at).where(api_holds.c.api == sa.bindparam("api"))
_EXPIRY = sa.select(sa.func.min(_SET_ASIDE.expires_at, type_=UtcInstant())).where(
    _SET_ASIDE.api == sa.bindparam("api"),
    _SET_ASIDE.requests > 0,
    _SET_ASIDE.expires_at > sa.bindparam("now", type_=UtcInstant()),
)
_ENTER = api_requests.insert()
_ANSWERED = api_requests.update().where(_REQUESTS.id == sa.bindparam("b_id"))
_DRAW = (
    api_reservations.update()
    .where(
        _SET_ASIDE.id == sa.bindparam("b_id"),
        _SET_ASIDE.requests > 0,
        _SET_ASIDE.expires_at > sa.bindparam("b_now", type_=UtcInstant()),
    )
    .values(requests=_SET_ASIDE.requests - 1, expires_at=sa.bindparam("b_expires_at", type_=UtcInstant()))
)
