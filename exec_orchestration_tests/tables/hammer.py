"""One of several processes that take turns as fast as they can until the day is used up; prints how many it got."""

import sys
import time

from exec_orchestration.apis.budget import BACKFILL, Charge, Quota, turn
from exec_orchestration.tables.request_ledger import RequestLedger
from exec_orchestration.tables.warehouse import Warehouse

REFUSALS = 3


def main(url: str, per_day: int, reserve: int) -> int:
    """How many requests this process was allowed to send before it was refused a few times."""
    ledger, quota = RequestLedger(Warehouse(url), api="exec"), Quota(per_day=per_day, reserve=reserve)
    got = refused = 0
    while refused < REFUSALS:
        with ledger.alone(time.time) as books:
            is_mine = turn(books, quota, Charge(BACKFILL)).wait_seconds <= 0
            key = books.enter(Charge(BACKFILL), "GET /skills") if is_mine else ""
        if is_mine:
            got += 1
            ledger.answered(key, 200, time.time())
        else:
            refused += 1
    return got


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
