"""The lineage that the UI shows of the real marts."""

import dagster as dg
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.defs.lineage import QUERIES, column_lineage
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import is_raw

MARTS = [table for table in METADATA.tables.values() if table.info["group"] == "analytics"]
SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def bases(table: str, column: str) -> set[str]:
    """What the UI shows of a column, as `asset.column`."""
    found = column_lineage(METADATA.tables[table])["dagster/column_lineage"].deps_by_column[column]
    return {f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in found}


def test_every_mart_has_a_query_and_nothing_else_has() -> None:
    """A raw table's values come from the vendor: see below."""
    assert set(QUERIES) == set(MARTS)


@pytest.mark.parametrize("table", [each for each in METADATA.tables.values() if is_raw(each)], ids=str)
def test_a_raw_column_comes_from_its_path_in_the_vendors_items(table: sa.Table) -> None:
    """Under the operation that lists them; what the loader adds comes from nowhere else."""
    shown = column_lineage(table)["dagster/column_lineage"].deps_by_column
    assert set(shown) == {column.name for column in table.columns if column.info["source"]}
    for name, (dep,) in shown.items():
        assert dep.asset_key.path[0] == table.info["group"]
        assert f"`{dep.asset_key.path[1]}" in table.info["source"]
        assert dep.column_name == table.c[name].info["source"]


@pytest.mark.parametrize("name", ["hr_roster", "exec_assignment_history", "user_sync_plan", "user_sync_outcome"])
def test_what_code_computes_says_what_it_is_made_of(name: str) -> None:
    """HR's columns, an assignment's field, or columns of a table that is there."""
    shown = column_lineage(METADATA.tables[name])["dagster/column_lineage"].deps_by_column
    assert shown
    for column, deps in shown.items():
        assert column in METADATA.tables[name].c
        for dep in deps:
            known = METADATA.tables.get(dep.asset_key.to_user_string())
            assert known is None or dep.column_name in known.c
            assert known is not None or dep.asset_key.path[0] == METADATA.tables[name].info["group"]


@pytest.mark.parametrize("mart", MARTS, ids=str)
def test_every_column_comes_from_a_column_of_an_upstream_asset(mart: sa.Table) -> None:
    """No mart has a constant column; each base is declared, and its table is one of the asset's dependencies."""
    shown = column_lineage(mart)["dagster/column_lineage"]
    assert isinstance(shown, dg.TableColumnLineage)
    assert set(shown.deps_by_column) == set(mart.c.keys())
    upstream = {dep.asset_key for dep in SPECS[mart.name].deps}
    for column, deps in shown.deps_by_column.items():
        assert deps, column
        assert {dep.asset_key for dep in deps} <= upstream
        assert all(dep.column_name in METADATA.tables[dep.asset_key.to_user_string()].c for dep in deps)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("scenario_lift.average_lift_points", {"exec_participant_analytics.lift_percentage"}),
        ("scenario_lift.median_lift_points", {"exec_participant_analytics.lift_percentage"}),
        ("scenario_lift.sessions", {"exec_participant_analytics.session_count"}),
        (
            "learner_lift.lift_points",
            {"exec_participant_analytics.best_score", "exec_participant_analytics.first_score"},
        ),
        ("learner_lift.first_rank", {"exec_participant_analytics.first_rank"}),
        ("rank_distribution.rank", {"exec_participant_analytics.best_rank", "exec_participant_analytics.first_rank"}),
        ("assignment_completion.on_time_due", {"exec_assignments.due_at", "exec_assignments.fetched_at"}),
        ("session_completion.participants", {"sparkwise_completions.id"}),
        ("learner_scorecard.average_lift_points", {"learner_lift.lift_points"}),
        ("learner_scorecard.is_in_sparkwise", {"sparkwise_users.remote_id"}),
        ("department_scorecard.department", {"hr_roster.department"}),
    ],
)
def test_columns_whose_origin_was_looked_up_by_hand(column: str, expected: set[str]) -> None:
    """By reading the queries."""
    assert bases(*column.split(".")) == expected


def test_lateness_comes_from_the_history() -> None:
    """The EXISTS over the listings is part of what on_time_rate is made of."""
    assert "exec_assignment_history.observed_from" in bases("assignment_completion", "on_time_rate")
