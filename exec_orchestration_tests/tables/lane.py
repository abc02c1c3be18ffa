"""One of several processes that load in blocks, four requests at a time, through a pacer; prints how it ended."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from exec_orchestration.apis.budget import Charge, Quota
from exec_orchestration.apis.pacing import Pacer
from exec_orchestration.errors import RateLimited
from exec_orchestration.tables.request_ledger import RequestLedger
from exec_orchestration.tables.warehouse import Warehouse

THREADS = 4


def main(url: str, lane: str, quota: Quota, *, block: int, total: int) -> str:
    """How many requests it has sent, and whether it was done or stopped."""
    ledger = RequestLedger(Warehouse(url), api="exec")
    pacer = Pacer("Exec", quota, ledger=ledger, sleep=time.sleep, clock=time.time)
    pacer.charge = Charge(lane)

    def send(_: int) -> None:
        with pacer.turn("GET /skills") as turned:
            turned.status = 200

    try:
        with ThreadPoolExecutor(THREADS) as pool:
            while pacer.traffic.requests < total:
                with pacer.setting_aside(block):
                    list(pool.map(send, range(block)))
    except RateLimited:
        return f"{pacer.traffic.requests} stopped"
    return f"{pacer.traffic.requests} done"


if __name__ == "__main__":
    per_day, reserve, block, total = map(int, sys.argv[3:7])
    print(main(sys.argv[1], sys.argv[2], Quota(per_day=per_day, reserve=reserve), block=block, total=total))
