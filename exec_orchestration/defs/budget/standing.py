"""Where the request budget stands, as values: used, left, the next opening, who spent it, and estimates come true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from exec_orchestration.apis.budget import BACKFILL, SCHEDULED, Charge, Quota, day_start, free_today, turn
from exec_orchestration.tables.budget_queries import backfills, spent_by_day
from exec_orchestration.tables.request_ledger import RequestLedger
from exec_orchestration.tables.warehouse import Warehouse

SHOWN_DAYS = 30


@dataclass(frozen=True)
class Standing:
    """One vendor's budget at a moment. Without a daily limit `left` is None; `opens_at` is None where it is open."""

    api: str
    used: int
    set_aside: int
    per_day: int
    reserve: int
    left: int | None
    left_for_backfills: int | None
    opens_at: datetime | None
    why: str


@dataclass(frozen=True)
class Spending:
    """Requests of one day (UTC), vendor, lane and asset."""

    day: str
    api: str
    lane: str
    asset: str
    requests: int


@dataclass(frozen=True)
class Estimated:
    """One asset of one backfill: what it was thought to cost, and what it has cost until now."""

    backfill: str
    asset: str
    days: str
    estimate: int
    spent: int
    basis: str

    @property
    def off(self) -> str:
        """How far the spending is from the estimate, such as `+4 %`."""
        return f"{self.spent / self.estimate - 1:+.0%}".replace("%", " %") if self.estimate else ""


def standing(warehouse: Warehouse, api: str, quota: Quota, *, now: datetime) -> Standing:
    """Where a vendor's budget stands; `opens_at` is for a backfill's next request."""
    ledger = RequestLedger(warehouse, api=api)
    with ledger.alone(now.timestamp) as books:
        since = day_start(quota, books.now)
        used = books.count(since, reserved=False)[0]
        all_of_it = books.count(since, reserved=True)[0]
        next_turn = turn(books, quota, Charge(BACKFILL))
        left, for_backfills = (free_today(books, quota, lane) for lane in (SCHEDULED, BACKFILL))
    is_open = next_turn.wait_seconds <= 0
    return Standing(
        api=api,
        used=used,
        set_aside=all_of_it - used,
        per_day=quota.per_day,
        reserve=quota.reserve,
        left=max(0, left) if quota.per_day else None,
        left_for_backfills=max(0, for_backfills) if quota.per_day else None,
        opens_at=None if is_open else now + timedelta(seconds=next_turn.wait_seconds),
        why=next_turn.why,
    )


def spending(warehouse: Warehouse, *, now: datetime) -> list[Spending]:
    """The last 30 days' requests, oldest first."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = warehouse.read(spent_by_day(midnight - timedelta(days=SHOWN_DAYS - 1)))
    return [Spending(str(row.day), row.api, row.lane, row.asset, int(row.requests)) for row in rows]


def estimates(warehouse: Warehouse) -> list[Estimated]:
    """The last backfills, newest first."""
    return [
        Estimated(row.backfill, row.asset, f"{row.begins_on}...{row.ends_on}", row.requests, int(row.spent), row.basis)
        for row in warehouse.read(backfills())
    ]


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as aligned text, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    is_number = [bool(rows) and all(isinstance(row[at], int) for row in rows) for at in range(len(header))]
    aligned = [
        [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        for row in cells
    ]
    return "\n".join("  ".join(row).rstrip() for row in aligned)
