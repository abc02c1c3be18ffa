"""What the machine itself can do: the same pages fetched and decoded with no database, ready rows written with no HTTP.

Rows are ready before the clock starts, and go into the very table that the asset fills, with its key and index: by
`executemany` on SQLite's driver, by COPY of bytes on PostgreSQL's.
"""

import argparse
import json
import sqlite3
import time
from typing import Any

import psycopg
import sqlalchemy as sa

from bench.bare_load import pages
from bench.pages import DAY, assignment
from exec_orchestration.tables.exec_com import exec_assignments as table
from exec_orchestration.tables.rows import Day, Reading, read_rows
from exec_orchestration.tables.warehouse import Warehouse

COLUMNS = [column.name for column in table.columns]


def fetched(url: str, concurrency: int) -> tuple[int, float]:
    """Rows and seconds of the listing, decoded and flattened."""
    began = time.perf_counter()
    return sum(map(len, pages(url, concurrency))), time.perf_counter() - began


def ready_rows(count: int) -> list[tuple[Any, ...]]:
    """Rows of the table in the order of its columns."""
    given = {"fetched_at": "2026-01-02 00:00:00+00:00", "run_id": "0" * 36}
    rows = read_rows(table, map(assignment, range(count)), Reading(keep=0), given=given, partition=Day(DAY))
    return [tuple(value if isinstance(value, int | float | None) else str(value) for value in row) for row in rows]


def into_sqlite(path: str, rows: list[tuple[Any, ...]]) -> float:
    """Seconds of one transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    began = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def into_postgresql(url: sa.URL, rows: list[tuple[Any, ...]]) -> float:
    """Seconds of one COPY of text that is ready, with its commit."""
    lines = ("\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in rows)
    text = "".join(lines).encode()
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(f"COPY {table.name} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            copy.write(text)
        connection.commit()
        return time.perf_counter() - began


def written(warehouse: str, count: int) -> tuple[int, float]:
    """Rows and seconds of writing ready rows into an empty table."""
    tables = Warehouse(warehouse)
    tables.migrate()
    url, rows = tables.engine.url, ready_rows(count)
    tables.close()
    seconds = into_sqlite(url.database or "", rows) if url.drivername == "sqlite" else into_postgresql(url, rows)
    return len(rows), seconds


def main() -> None:
    """Measure one of the two and print rows and seconds."""
    parser = argparse.ArgumentParser(prog="bench.limits")
    parser.add_argument("what", choices=("fetch", "write"))
    parser.add_argument("where", help="the server's URL, or the warehouse's")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=4)
    options = parser.parse_args()
    is_fetch = options.what == "fetch"
    rows, seconds = fetched(options.where, options.concurrency) if is_fetch else written(options.where, options.rows)
    print(json.dumps({"rows": rows, "seconds": seconds}))


if __name__ == "__main__":
    main()
