"""The yardstick: the fastest loop that httpx allows, without any of the project's promises.

Pages in threads, `json.loads`, columns by hand, one transaction into a table without key, guards or history. On
PostgreSQL its columns have the asset's types, since text alone is no table that anybody could query.
"""

import argparse
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

COLUMNS = (
    *("id", "user_id", "user_email", "user_first_name", "user_last_name"),
    *("scenario_id", "scenario_name", "scenario_slug", "status", "due_at", "best_score", "best_rank"),
    *("attempt_count", "attempt_min", "attempt_max", "rank_min", "program_id", "program_name", "created_at"),
)
NOTHING: dict[str, Any] = {}
TYPES = {
    **dict.fromkeys(("due_at", "created_at"), "timestamptz"),
    **dict.fromkeys(("attempt_count", "attempt_min", "attempt_max"), "bigint"),
    "best_score": "double precision",
}

Row = tuple[Any, ...]


def flattened(item: dict[str, Any]) -> Row:
    """The item's values in the order of COLUMNS."""
    user, scenario, program = item["user"], item["scenario"], item["program"] or NOTHING
    return (
        item["id"],
        user["id"],
        user["email"],
        user["first_name"],
        user["last_name"],
        scenario["id"],
        scenario["name"],
        scenario["slug"],
        item["status"],
        item["due_date"],
        item["best_score"],
        item["best_rank"],
        item["attempt_count"],
        item["attempt_min"],
        item["attempt_max"],
        item["rank_min"],
        program.get("id"),
        program.get("name"),
        item["created_at"],
    )


def pages(url: str, concurrency: int) -> Iterator[list[Row]]:
    """The rows of each page, in order."""
    with httpx.Client(trust_env=False) as client, ThreadPoolExecutor(concurrency) as pool:

        def fetch(number: int) -> dict[str, Any]:
            answer = client.get(f"{url}/scenarios/assignments?page={number}&page_size=100")
            return json.loads(answer.content)

        first = fetch(1)
        yield [flattened(item) for item in first["data"]]
        for page in pool.map(fetch, range(2, first["pagination"]["total_pages"] + 1)):
            yield [flattened(item) for item in page["data"]]


def into_sqlite(path: str, pages: Iterable[list[Row]]) -> None:
    """Write the rows by `executemany`, in one transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"CREATE TABLE bare ({', '.join(COLUMNS)})")
    connection.execute("BEGIN")
    for rows in pages:
        connection.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    connection.execute("COMMIT")
    connection.close()


def into_postgresql(url: str, pages: Iterable[list[Row]]) -> None:
    """Write the rows by COPY, in one transaction."""
    with psycopg.connect(url) as connection:
        columns = ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in COLUMNS)
        connection.execute(f"CREATE TABLE bare ({columns})")
        with connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
            for rows in pages:
                for row in rows:
                    copy.write_row(row)


def loader(warehouse: str) -> Callable[[Iterable[list[Row]]], None]:
    """The loader for a SQLAlchemy URL."""
    if warehouse.startswith("sqlite:///"):
        return lambda pages: into_sqlite(warehouse.removeprefix("sqlite:///"), pages)
    return lambda pages: into_postgresql(warehouse.replace("postgresql+psycopg://", "postgresql://"), pages)


def main() -> None:
    """Load once and print how long that took."""
    parser = argparse.ArgumentParser(prog="bench.bare_load")
    parser.add_argument("url")
    parser.add_argument("warehouse")
    parser.add_argument("--concurrency", type=int, default=4)
    options = parser.parse_args()
    load = loader(options.warehouse)
    began = time.perf_counter()
    load(pages(options.url, options.concurrency))
    print(json.dumps({"load_seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
