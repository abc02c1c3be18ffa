"""A day's mart touches that day alone: what both engines would do, told by their plans."""

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.marts import agreement, completion, lift, proficiency, ranks
from exec_orchestration.tables import METADATA, marts
from exec_orchestration.tables.exec_com import exec_participant_analytics
from exec_orchestration.tables.warehouse import Warehouse

DAYS = (date(2026, 1, 5), date(2026, 1, 6))
QUERIES: dict[sa.Table, sa.Select[Any]] = {
    marts.scenario_lift: lift.scenario_lift(DAYS),
    marts.rank_distribution: ranks.rank_distribution(DAYS),
    marts.skill_tiers: proficiency.skill_tiers(DAYS),
    marts.assignment_completion: completion.assignment_completion(DAYS),
    marts.session_completion: completion.session_completion(DAYS, completed_at_steps_pct=80),
}


def scanned(warehouse: Warehouse, statement: sa.Select[Any] | sa.Delete) -> list[str]:
    """The tables that the engine would read from end to end, though PostgreSQL is told to shun that where it can."""
    text = str(statement.compile(warehouse.engine, compile_kwargs={"literal_binds": True}))
    with warehouse.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}")]
            words = "Seq Scan on "
        else:
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
            words = "SCAN "
    read = [line.partition(words)[2].split()[0] for line in plan if words in line]
    return [name for name in read if name in METADATA.tables]


@pytest.mark.parametrize("mart", QUERIES, ids=lambda mart: mart.name)
def test_a_daily_mart_reads_and_writes_its_window_only(warehouse: Warehouse, mart: sa.Table) -> None:
    """Its query, the rows that it replaces, and the check that compares both."""
    assert scanned(warehouse, QUERIES[mart]) == []
    assert scanned(warehouse, mart.delete().where(mart.c.partition_date.between(*DAYS))) == []
    assert scanned(warehouse, agreement.differences(mart, DAYS)) == []


def test_a_scan_is_seen(warehouse: Warehouse) -> None:
    """What reads all days is told apart from what reads one."""
    assert scanned(warehouse, sa.select(exec_participant_analytics)) == ["exec_participant_analytics"]
