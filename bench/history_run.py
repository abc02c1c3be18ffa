"""Three years of practice in PostgreSQL, measured at one size: `days` days of 9,125 participant rows.

The rows are made inside the database and only measured here. Each size is a process of its own on the same database,
so that its peak of memory is that of its own work. Prints the seconds of each measure as JSON.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bench.by_hand import LEARNER_LIFT
from exec_orchestration.marts import lift, ranks
from exec_orchestration.tables import changes, marts
from exec_orchestration.tables.exec_com import RANKS
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice
from exec_orchestration.tables.rows import Row
from exec_orchestration.tables.warehouse import Warehouse, Window

FIRST_DAY = date(2023, 1, 1)
ROWS_A_DAY, PAIRS, SCENARIOS = 9_125, 200_000, 40
NOW = datetime(2026, 1, 1, tzinfo=UTC)

# The n-th row of a day is a pair of scenario and person; which of the 200,000 pairs moves on from day to day.
FILL = f"""
INSERT INTO exec_participant_analytics ({", ".join(practice.columns.keys())})
SELECT day, 'scenario-' || scenario, 'person-' || person, 'person.' || person || '@example.com', 'Ana', 'Berg',
    1 + n % 4, CASE WHEN n % 10 > 0 THEN 40 + (pair + d) % 50 END,
    CASE WHEN n % 10 > 0 THEN (ARRAY['gold', 'silver', 'bronze', 'unranked'])[1 + n % 4] END,
    CASE WHEN n % 10 > 0 THEN 45 + (pair + d) % 50 END,
    CASE WHEN n % 10 > 0 THEN (ARRAY['gold', 'silver', 'bronze', 'unranked'])[1 + d % 4] END,
    CASE WHEN n % 10 > 0 THEN 5 END, 300 + n % 600, NULL, now(), 'made'
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS d, generate_series(1, {ROWS_A_DAY}) AS n,
    LATERAL (SELECT (d * 7919 + n * 21) % {PAIRS} AS pair, date '{FIRST_DAY}' + d AS day) AS cell,
    LATERAL (SELECT pair % {SCENARIOS} AS scenario, pair / {SCENARIOS} AS person) AS ids
"""


def fill(tables: Warehouse, days: int) -> None:
    """Add the days that are missing, with the key and the index built at the end."""
    with tables.engine.begin() as connection:
        held = connection.execute(sa.text("SELECT count(DISTINCT partition_date) FROM exec_participant_analytics"))
        connection.execute(sa.text("SET LOCAL maintenance_work_mem = '256MB'"))
        key = sa.inspect(connection).get_pk_constraint(practice.name)["name"]
        connection.execute(sa.text(f"ALTER TABLE exec_participant_analytics DROP CONSTRAINT {key}"))
        for index in practice.indexes:
            index.drop(connection)
        connection.execute(sa.text(FILL), {"first": held.scalar_one(), "last": days - 1})
        for index in practice.indexes:
            index.create(connection)
        columns = ", ".join(practice.primary_key.columns.keys())
        connection.execute(
            sa.text(f"ALTER TABLE exec_participant_analytics ADD CONSTRAINT {key} PRIMARY KEY ({columns})")
        )
    with tables.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE exec_participant_analytics"))
        connection.execute(sa.text("CHECKPOINT"))


def day_of_rows(day: date, *, better: int = 0) -> list[Row]:
    """A new listing of one day, ready in memory, in the order of the table's columns; scores may be `better`."""
    return list(_day_of_rows(day, better))


def _day_of_rows(day: date, better: int) -> Iterator[Row]:
    for number in range(ROWS_A_DAY):
        pair, score, rank = number * 21 % PAIRS, float(40 + better + number % 60), RANKS[number % len(RANKS)]
        person = f"person-{pair // SCENARIOS}"
        yield (
            *(day, f"scenario-{pair % SCENARIOS}", person, f"{person}@example.com", "Ana", "Berg"),
            *(2, score - 5, rank, score, rank, 5.0, 600.0, None, NOW, "listed again"),
        )


def replace_day(tables: Warehouse, days: int) -> None:
    """Stage and swap in a day in the middle, with the comparison and the data version of every load."""
    _replace(tables, days, LISTED)


def change_day(tables: Warehouse, days: int) -> None:
    """The same day with other scores, so that everybody in it has to be composed anew."""
    _replace(tables, days, LISTED_BETTER)


def _replace(tables: Warehouse, days: int, rows: list[Row]) -> None:
    day = FIRST_DAY + timedelta(days=days // 2)
    tables.replace_window(practice, Window(day, day), rows)


def marts_of_day(tables: Warehouse, days: int) -> None:
    """The two daily marts of that day, by what their assets call."""
    day = FIRST_DAY + timedelta(days=days // 2)
    for table, query in (
        (marts.scenario_lift, lift.scenario_lift((day, day))),
        (marts.rank_distribution, ranks.rank_distribution((day, day))),
    ):
        tables.replace_window_by_query(table, Window(day, day), query)


def whole_learner_lift(tables: Warehouse, days: int) -> None:
    """All days composed, by what its asset calls, from an empty mart."""
    tables.write((marts.learner_lift.delete(), []))
    if _compose(tables).learners is not None:
        raise RuntimeError("not all of learner_lift was composed")


def changed_learner_lift(tables: Warehouse, days: int) -> None:
    """The learners of one changed day composed anew; of sizes at which those are most of all, all."""
    _compose(tables)


def _compose(tables: Warehouse) -> changes.Composed:
    with tables.writing("compute learner_lift") as connection:
        return changes.compose(connection, lambda learners: lift.learner_lift(learners=learners))


def learner_lift_by_hand(tables: Warehouse, days: int) -> None:
    """The same rows by plain SQL, into a table that is like the mart's."""
    with tables.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS by_hand (LIKE learner_lift INCLUDING ALL)"))
        connection.execute(sa.text("DELETE FROM by_hand"))
        connection.execute(sa.text(LEARNER_LIFT))


# What is measured at each size, in turn; what is composed by hand is compared with what the mart holds in the end.
MEASURES: dict[str, Callable[[Warehouse, int], None]] = {
    "replace_day": replace_day,
    "marts_of_day": marts_of_day,
    "learner_lift": whole_learner_lift,
    "change_day": change_day,
    "changed_lift": changed_learner_lift,
    "by_hand": learner_lift_by_hand,
}
AGAIN = ("replace_day", "marts_of_day")
LISTED: list[Row] = []
LISTED_BETTER: list[Row] = []


def measure(tables: Warehouse, days: int) -> dict[str, float]:
    """Seconds of each measure; of the short ones the best of three, since others use the machine as well."""
    seconds = {}
    for name, function in MEASURES.items():
        each = []
        for _ in range(3 if name in AGAIN else 1):
            began = time.perf_counter()
            function(tables, days)
            each.append(time.perf_counter() - began)
        seconds[name] = min(each)
    return seconds


def differing(tables: Warehouse) -> int:
    """Rows of the mart that are not among those by hand, and the other way round."""
    mine, theirs = "SELECT * FROM learner_lift", "SELECT * FROM by_hand"
    query = f"SELECT count(*) FROM (({mine} EXCEPT {theirs}) UNION ALL ({theirs} EXCEPT {mine})) AS differing"
    with tables.engine.connect() as connection:
        return int(connection.execute(sa.text(query)).scalar_one())


def main() -> None:
    """Fill up to so many days, measure, and print."""
    parser = argparse.ArgumentParser(prog="bench.history_run")
    parser.add_argument("warehouse")
    parser.add_argument("days", type=int)
    options = parser.parse_args()
    tables = Warehouse(options.warehouse)
    tables.migrate()
    fill(tables, options.days)
    middle = FIRST_DAY + timedelta(days=options.days // 2)
    LISTED.extend(day_of_rows(middle))
    LISTED_BETTER.extend(day_of_rows(middle, better=7))
    told: dict[str, Any] = measure(tables, options.days)
    told["rows"] = options.days * ROWS_A_DAY
    told["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    told["differing"] = differing(tables)
    tables.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
