"""The declarations: every column explained, named by the rules, and every table that others rely on there."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import UtcInstant, is_daily

COLUMNS = [column for table in METADATA.tables.values() for column in table.columns]

# Table: group, daily, key, columns that others read. From the page of fixed names.
PROMISED: dict[str, tuple[str, bool, str, str]] = {
    "exec_scenarios": ("exec", False, "id", "name slug archived"),
    "exec_skills": ("exec", False, "id", "name slug"),
    "exec_members": ("exec", False, "id", "email first_name last_name role"),
    "exec_participant_analytics": (
        "exec",
        True,
        "partition_date scenario_id user_id",
        "user_email session_count first_score first_rank best_score best_rank lift_percentage total_duration_seconds",
    ),
    "exec_assignments": (
        "exec",
        True,
        "id",
        "partition_date user_id user_email scenario_id status due_at best_score best_rank attempt_count attempt_min "
        "attempt_max rank_min program_id program_name created_at",
    ),
    "exec_assignment_history": (
        "exec",
        False,
        "assignment_id observed_from",
        "observed_to status best_score attempt_count",
    ),
    "exec_skill_proficiency": (
        "exec",
        True,
        "partition_date skill_id user_id",
        "score tier observation_count last_practiced_at",
    ),
    "exec_sessions": (
        "exec",
        True,
        "id",
        "partition_date user_id scenario_id score rank duration_seconds is_valid_attempt",
    ),
    "sparkwise_clusters": (
        "sparkwise",
        True,
        "cluster_id",
        "partition_date module_id module_name module_category duration_minutes",
    ),
    "sparkwise_completions": (
        "sparkwise",
        True,
        "id",
        "partition_date remote_user_id cluster_id module_id attended percentage_steps_visited "
        "time_in_session_minutes hash",
    ),
    "sparkwise_users": ("sparkwise", False, "id", "first_name last_name active remote_id"),
    "hr_roster": (
        "hr",
        False,
        "employee_id valid_from",
        "valid_to email first_name last_name status department manager_id start_on end_on",
    ),
    "learner_scorecard": ("analytics", False, "employee_id", ""),
    "department_scorecard": ("analytics", False, "department", ""),
    "user_sync_plan": ("user_sync", False, "plan_id employee_id", "action changes reason"),
    "user_sync_outcome": (
        "user_sync",
        False,
        "plan_id employee_id attempt",
        "action result error sent_at answered_at",
    ),
    "scenario_lift": (
        "analytics",
        True,
        "partition_date scenario_id",
        "participants sessions average_first_score average_best_score average_lift_points median_lift_points "
        "improved_share",
    ),
    "learner_lift": (
        "analytics",
        False,
        "scenario_id user_id",
        "first_practised_on last_practised_on session_count first_score first_rank best_score best_rank lift_points "
        "total_duration_seconds",
    ),
    "rank_distribution": (
        "analytics",
        True,
        "partition_date scenario_id rank",
        "first_participants first_share best_participants best_share",
    ),
    "assignment_completion": (
        "analytics",
        True,
        "partition_date scenario_id program_id",
        "assigned completed in_progress not_started past_due did_not_pass completion_rate on_time_due",
    ),
    "session_completion": (
        "analytics",
        True,
        "partition_date module_id",
        "participants attended completed attendance_rate completion_rate average_steps_visited_pct",
    ),
    "skill_tiers": ("analytics", True, "partition_date skill_id tier", "learners share"),
    "rejected_rows": ("ledger", False, "id", "asset partition_date reason payload"),
}

# Names that the page of fixed names gives, or the vendor, although the rules would have others.
FIXED_INSTANTS = {"observed_from", "observed_to", "valid_from", "valid_to"}
FIXED_DATES = {"partition_date"}
FIXED_BOOLEANS = {"archived", "attended", "active"}
FIXED_PERCENTS = {"percentage_steps_visited"}
FIXED_POINTS = {"lift_percentage"}


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_table_is_there(name: str) -> None:
    """With its group, partitions, key and the columns that others read."""
    group, daily, key, columns = PROMISED[name]
    table = METADATA.tables[name]
    assert table.info["group"] == group
    assert is_daily(table) is daily
    assert [column.name for column in table.primary_key.columns] == key.split()
    assert set(columns.split()) <= {column.name for column in table.columns}


@pytest.mark.parametrize("name", [name for name, promised in PROMISED.items() if promised[0] in ("exec", "sparkwise")])
def test_raw_rows_say_when_and_by_which_run_they_came(name: str) -> None:
    """And have a place for what is new; only the history, which is ours, has no such place."""
    columns = METADATA.tables[name].c
    assert not columns.run_id.nullable
    if name != "exec_assignment_history":
        assert not columns.fetched_at.nullable
        assert columns.extra.nullable


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_every_table_is_explained(table: sa.Table) -> None:
    """A sentence that says what one row is."""
    assert table.comment
    assert table.comment.startswith("One row per ")
    assert table.comment.endswith(".")


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_every_column_is_explained(table: sa.Table) -> None:
    """A comment that is a sentence, and a type."""
    for column in table.columns:
        assert column.comment
        assert column.comment.endswith((".", ")."))
        assert not isinstance(column.type, sa.types.NullType)


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_every_column_is_named_by_the_rules(table: sa.Table) -> None:
    """The unit as suffix; `_at` an instant, `_on` a date, `is_` or `has_` a boolean. And the other way round."""
    for column in table.columns:
        name, unit = column.name, column.info["unit"]
        assert name == name.lower()
        suffix = {"seconds": ("_seconds",), "minutes": ("_minutes",), "percent": ("_pct",)}.get(unit or "")
        if suffix and name not in FIXED_PERCENTS:
            assert name.endswith(suffix)
        if unit == "points":
            assert name.endswith(("_points", "score")) or name in FIXED_POINTS
        if unit == "share":
            assert name.endswith(("share", "_rate"))
        if name.endswith(("_seconds", "_minutes")):
            assert unit == name.rpartition("_")[2]
        if name.endswith(("_share", "_rate")):
            assert unit == "share"
        if name.endswith("_points"):
            assert unit == "points"
        assert isinstance(column.type, UtcInstant) == (name.endswith("_at") or name in FIXED_INSTANTS)
        assert isinstance(column.type, sa.Date) == (name.endswith("_on") or name in FIXED_DATES)
        if isinstance(column.type, sa.Boolean) or name.startswith(("is_", "has_")):
            assert isinstance(column.type, sa.Boolean)
            assert name.startswith(("is_", "has_")) or name in FIXED_BOOLEANS


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_every_daily_table_finds_its_day(table: sa.Table) -> None:
    """The day leads the key, or has an index of its own; it is never null."""
    if not is_daily(table):
        return
    assert not table.c.partition_date.nullable
    indexed = [next(iter(index.columns)).name for index in table.indexes]
    assert (next(iter(table.primary_key.columns)).name == "partition_date") != ("partition_date" in indexed)


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_a_source_is_one_or_two_steps_long_and_read_once(table: sa.Table) -> None:
    """What `rows` can follow; a key of a raw table comes from the vendor or is given."""
    for column in table.columns:
        source = column.info["source"]
        if source is None:
            continue
        assert 1 <= len(source.split(".")) <= 2
        assert [other.info["source"] for other in column.table.columns].count(source) == 1


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_personal_data_is_marked(table: sa.Table) -> None:
    """Names, e-mails and HR ids."""
    for column in table.columns:
        if column.name.endswith(("email", "first_name", "last_name")) or column.name in ("remote_id", "remote_user_id"):
            assert column.info["personal"]


def test_enumerations_are_those_of_the_contract() -> None:
    """Ranks, tiers, statuses and roles."""
    ranks = ("gold", "silver", "bronze", "unranked")
    tiers = ("excellent", "proficient", "developing", "needs_work", "insufficient_data")
    statuses = ("not_started", "in_progress", "completed", "past_due", "did_not_pass")
    tables = METADATA.tables
    assert tables["exec_members"].c.role.info["accepted"] == ("admin", "staff", "member")
    assert tables["exec_assignments"].c.status.info["accepted"] == statuses
    assert tables["exec_assignment_history"].c.status.info["accepted"] == statuses
    assert tables["exec_skill_proficiency"].c.tier.info["accepted"] == tiers
    assert tables["skill_tiers"].c.tier.info["accepted"] == tiers
    for column in COLUMNS:
        if column.name.endswith("rank") or column.name == "rank_min":
            assert column.info["accepted"] == ranks, column


def test_the_declarations_hold_no_code_for_one_database() -> None:
    """DDL is portable: what differs between dialects stands in `dialects`."""
    folder = Path(__file__).parents[2] / "exec_orchestration" / "tables"
    for name in ("exec_com", "sparkwise", "marts", "ledger"):
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert "sqlalchemy" not in source, name
