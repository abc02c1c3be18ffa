"""So many participant rows staged and swapped in at once, as a load would with rows that come one by one.

Prints the seconds; nothing is fetched, and no row is held longer than its batch.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import timedelta

from bench.history_run import FIRST_DAY, ROWS_A_DAY, day_of_rows
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice
from exec_orchestration.tables.rows import Row
from exec_orchestration.tables.warehouse import Warehouse, Window


def rows_of(days: int) -> Iterator[Row]:
    """Consecutive days of rows."""
    for number in range(days):
        yield from day_of_rows(FIRST_DAY + timedelta(days=number))


def main() -> None:
    """Load once and print rows and seconds."""
    parser = argparse.ArgumentParser(prog="bench.ingest_run")
    parser.add_argument("warehouse")
    parser.add_argument("days", type=int)
    options = parser.parse_args()
    tables = Warehouse(options.warehouse)
    tables.migrate()
    window = Window(FIRST_DAY, FIRST_DAY + timedelta(days=options.days - 1))
    began = time.perf_counter()
    rows = tables.replace_window(practice, window, rows_of(options.days))
    seconds = time.perf_counter() - began
    tables.close()
    if rows != options.days * ROWS_A_DAY:
        raise RuntimeError(f"the window holds {rows} rows")
    print(json.dumps({"rows": rows, "seconds": seconds}))


if __name__ == "__main__":
    main()
