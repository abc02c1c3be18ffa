"""The warehouse on both engines: windows replaced whole or not at all, every value back as it went in."""

import json
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exec_orchestration.errors import BadSetting, WarehouseError
from exec_orchestration.tables import dialects
from exec_orchestration.tables.exec_com import (
    exec_assignments,
    exec_members,
    exec_participant_analytics,
    exec_sessions,
    exec_skills,
)
from exec_orchestration.tables.ledger import rejected_rows
from exec_orchestration.tables.rows import RejectedRow, rejected_row_values
from exec_orchestration.tables.warehouse import BATCH_ROWS, Warehouse, Window

Make = Callable[..., tuple[Any, ...]]
Content = Callable[..., list[tuple[Any, ...]]]

D1, D2, D3 = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
NOW = datetime(2026, 2, 1, 6, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql", "by month"])
def warehouse_url(request: pytest.FixtureRequest, any_url: Callable[[str], str]) -> str:
    """Everything here holds where daily tables lie by month, too."""
    return any_url(request.param)


def one(day: date) -> Window:
    return Window(day, day)


@pytest.fixture
def sessions(row: Make) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of `exec_sessions` of one day, by their ids."""
    return lambda day, *ids, **values: [row(exec_sessions, id=each, partition_date=day, **values) for each in ids]


@pytest.fixture
def kept(content: Content) -> Callable[[Warehouse], list[tuple[Any, ...]]]:
    """Id and day of every session in the warehouse."""
    return lambda warehouse: content(warehouse, exec_sessions, "id", "partition_date")


# Windows


def test_a_window_reads_as_its_days() -> None:
    """One day, or the first and the last."""
    assert str(one(D1)) == "2026-01-01"
    assert str(Window(D1, D3)) == "2026-01-01...2026-01-03"


def test_the_same_load_twice_gives_the_same_table(warehouse: Warehouse, sessions: Any, content: Content) -> None:
    """Idempotent, and the count is that of the window."""
    rows = sessions(D1, "a", "b", "c")
    assert warehouse.replace_window(exec_sessions, one(D1), rows) == 3
    first = content(warehouse, exec_sessions)
    assert warehouse.replace_window(exec_sessions, one(D1), rows) == 3
    assert content(warehouse, exec_sessions) == first == rows


def test_only_the_window_is_replaced(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """The days before and after stay as they are; both ends belong to the window."""
    warehouse.replace_window(
        exec_sessions, Window(D1, D3), [*sessions(D1, "a"), *sessions(D2, "b"), *sessions(D3, "c")]
    )
    assert warehouse.replace_window(exec_sessions, one(D2), sessions(D2, "x", "y")) == 2
    assert kept(warehouse) == [("a", D1), ("c", D3), ("x", D2), ("y", D2)]
    assert warehouse.replace_window(exec_sessions, Window(D2, D3), sessions(D3, "z")) == 1
    assert kept(warehouse) == [("a", D1), ("z", D3)]


def test_an_empty_day_empties_the_window(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """No rows is a result too: stale ones do not stay."""
    warehouse.replace_window(exec_sessions, Window(D1, D2), [*sessions(D1, "a"), *sessions(D2, "b")])
    assert warehouse.replace_window(exec_sessions, one(D1), []) == 0
    assert kept(warehouse) == [("b", D2)]


def test_without_a_window_the_whole_table_is_replaced(warehouse: Warehouse, row: Make, content: Content) -> None:
    """As for tables without partitions; empty rows empty it."""
    warehouse.replace_window(exec_members, None, [row(exec_members, id="a"), row(exec_members, id="b")])
    assert warehouse.replace_window(exec_members, None, [row(exec_members, id="c")]) == 1
    assert content(warehouse, exec_members, "id") == [("c",)]
    assert warehouse.replace_window(exec_members, None, []) == 0
    assert content(warehouse, exec_members) == []


def test_a_row_moves_to_the_partition_of_the_newest_listing(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """An id that stands in another day leaves it, instead of a duplicate key."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a", "b"))
    warehouse.replace_window(exec_sessions, one(D2), sessions(D2, "b", "c"))
    assert kept(warehouse) == [("a", D1), ("b", D2), ("c", D2)]


def test_where_the_day_is_part_of_the_key_nothing_moves(warehouse: Warehouse, row: Make, content: Content) -> None:
    """The same person may practise on two days."""
    for day in (D1, D2):
        rows = [row(exec_participant_analytics, partition_date=day, scenario_id="s", user_id="u")]
        warehouse.replace_window(exec_participant_analytics, one(day), rows)
    assert content(warehouse, exec_participant_analytics, "partition_date") == [(D1,), (D2,)]


@pytest.mark.parametrize("count", [BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1])
def test_more_rows_than_a_batch_are_all_loaded(warehouse: Warehouse, sessions: Any, kept: Any, count: int) -> None:
    """One under, at and one over the batch; the rows are drawn, not held."""
    rows = (sessions(D1, f"{number:05d}")[0] for number in range(count))
    assert warehouse.replace_window(exec_sessions, one(D1), rows) == count
    assert len(kept(warehouse)) == count


# Failures


def test_a_failure_while_rows_are_drawn_leaves_the_old_ones(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """As when page 30 of a listing fails, batches later; the error comes as it is and the next load works."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a"))

    def rows() -> Iterator[Any]:
        yield from sessions(D1, *(f"{number:05d}" for number in range(BATCH_ROWS + 5)))
        raise RuntimeError("page 30")

    with pytest.raises(RuntimeError, match="page 30"):
        warehouse.replace_window(exec_sessions, one(D1), rows())
    assert kept(warehouse) == [("a", D1)]
    assert warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "b")) == 1


def test_a_failure_in_the_swap_leaves_the_old_rows(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """A key that comes twice: the delete is taken back with the insert."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a", "b"))
    with pytest.raises(WarehouseError, match="could not stage rows for exec_sessions") as caught:
        warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "x", "x"))
    assert "rolled back whole" in str(caught.value)
    assert kept(warehouse) == [("a", D1), ("b", D1)]
    assert warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "x")) == 1


def test_a_missing_value_leaves_the_old_rows(warehouse: Warehouse, row: Make, kept: Any, sessions: Any) -> None:
    """What must not be null is not stored as null."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a"))
    bad = tuple(None if value == "x" else value for value in row(exec_sessions, id="b", partition_date=D1))
    with pytest.raises(WarehouseError):
        warehouse.replace_window(exec_sessions, one(D1), [bad])
    assert kept(warehouse) == [("a", D1)]


def test_another_connection_sees_old_or_new_and_never_half(
    warehouse: Warehouse, warehouse_url: str, sessions: Any, kept: Any
) -> None:
    """Looked at from outside after each statement of the swap, and from before it to after it."""
    old, new = sessions(D1, "a", "b", "c"), sessions(D1, "x", "y")
    warehouse.replace_window(exec_sessions, one(D1), old)
    reader, seen = Warehouse(warehouse_url), []

    def look(*_: Any) -> None:
        seen.append([name for name, _ in kept(reader)])

    with warehouse.stage(exec_sessions) as stage:
        stage.fill(new)
        sa.event.listen(warehouse.engine, "after_cursor_execute", look)
        try:
            stage.replace(one(D1))
        finally:
            sa.event.remove(warehouse.engine, "after_cursor_execute", look)
    look()
    reader.close()
    assert len(seen) >= 4  # delete, moved, insert; and after the commit
    assert seen[:-1] == [["a", "b", "c"]] * (len(seen) - 1)
    assert seen[-1] == ["x", "y"]


def test_a_write_on_sqlite_takes_its_lock_at_the_beginning(tmp_path: Path) -> None:
    """A transaction that reads before it writes cannot be overtaken in between; mere reading holds nobody up."""
    warehouse = Warehouse(f"sqlite:///{tmp_path}/warehouse.db")
    warehouse.migrate()
    other = sqlite3.connect(tmp_path / "warehouse.db", timeout=0, isolation_level=None)
    with dialects.writing(warehouse.engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with warehouse.engine.connect() as connection:
        connection.execute(sa.select(exec_skills.c.id)).all()
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    other.close()
    warehouse.close()


def test_two_loads_of_different_days_do_not_disturb_each_other(
    warehouse: Warehouse, warehouse_url: str, sessions: Any, kept: Any
) -> None:
    """Several runs write at once: one waits for the other, none fails."""
    other, days, failed = Warehouse(warehouse_url), [D1 + timedelta(days=n) for n in range(6)], []

    def load(door: Warehouse, mine: list[date]) -> None:
        try:
            for day in mine:
                door.replace_window(exec_sessions, one(day), sessions(day, *(f"{day}-{n}" for n in range(50))))
        except WarehouseError as error:
            failed.append(error)

    threads = [
        threading.Thread(target=load, args=(door, days[at::3])) for at, door in enumerate((warehouse, other, warehouse))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failed == []
    assert len(kept(warehouse)) == 300


def test_two_loads_of_the_same_day_do_not_collide(
    warehouse: Warehouse, warehouse_url: str, sessions: Any, kept: Any
) -> None:
    """Whichever comes last is the whole of the day; neither fails on the other's keys."""
    other, together, failed = Warehouse(warehouse_url), threading.Barrier(2), []
    wholes = [sessions(D1, *(f"{n:03d}" for n in numbers)) for numbers in (range(300), range(200, 400))]

    def load(door: Warehouse, rows: list[Any]) -> None:
        try:
            for _ in range(5):
                with door.stage(exec_sessions) as stage:
                    stage.fill(rows)
                    together.wait(timeout=10)
                    stage.replace(one(D1))
        except WarehouseError as error:
            together.abort()
            failed.append(error)

    pairs = zip((warehouse, other), wholes, strict=True)
    threads = [threading.Thread(target=load, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failed == []
    assert kept(warehouse) in [[(row[0], D1) for row in whole] for whole in wholes]


# What is stored is what was typed


ROUND_TRIP: list[dict[str, Any]] = [
    {},
    {"score": 0.1, "duration_seconds": -0.0, "is_valid_attempt": False},
    {"score": 5e-324, "duration_seconds": 1.7976931348623157e308},
    {"score": 1 / 3, "duration_seconds": 2.0**63},
    {"rank": "", "user_email": " ", "scenario_name": "Löwe 日本 😀 \u0301"},
    {"user_first_name": "tab\there", "user_last_name": "line\nbreak\r\n", "scenario_slug": "back\\slash \\N \\t \\."},
    {"user_first_name": "O'Brien; DROP TABLE x --", "user_last_name": '"quoted"', "rank": "\\N"},
    {"user_first_name": "%s %(a)s :b ? {}", "user_last_name": "\x01\x1f\x7f", "rank": "NULL"},
    {"created_at": datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)},
    {"created_at": datetime(1970, 1, 1, tzinfo=UTC)},
    {"created_at": datetime(9999, 12, 31, 12, tzinfo=UTC), "fetched_at": datetime(1000, 1, 1, tzinfo=UTC)},
    {"partition_date": date(9999, 12, 31)},
    {"partition_date": date(1, 1, 1)},
    {"extra": {"a": [1, None, True, 1.5, {"b": "ä\n\t\\\"'"}], "user.team": {}, "nul": "a\0b", "half": "\ud800"}},
    {"extra": {"big": 10**400, "": "", "%s": "\\N"}},
    {"extra": {}},
]


@pytest.mark.parametrize("values", ROUND_TRIP, ids=lambda values: ",".join(values) or "nulls")
def test_each_value_comes_back_as_it_went_in(
    warehouse: Warehouse, row: Make, content: Content, values: dict[str, Any]
) -> None:
    """Every type, on both engines, with all that breaks formats: quotes, tabs, line ends, backslashes, Unicode."""
    typed = row(exec_sessions, **{"id": "a", "partition_date": D1, **values})
    warehouse.replace_window(exec_sessions, None, [typed])
    (found,) = content(warehouse, exec_sessions)
    assert found == typed
    assert [type(value) for value in found] == [type(value) for value in typed]
    assert all(value.tzinfo is UTC for value in found if isinstance(value, datetime))


def test_integers_come_back(warehouse: Warehouse, row: Make, content: Content) -> None:
    """64 bits, both ends."""
    typed = row(
        exec_assignments, id="a", partition_date=D1, attempt_count=2**63 - 1, attempt_min=-(2**63), attempt_max=0
    )
    warehouse.replace_window(exec_assignments, one(D1), [typed])
    assert content(warehouse, exec_assignments) == [typed]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), max_size=20),
    moments=st.lists(
        st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 2 < moment.year < 9999), min_size=20, max_size=20
    ),
)
def test_any_text_and_instant_comes_back(
    warehouse: Warehouse, row: Make, content: Content, texts: list[str], moments: list[datetime]
) -> None:
    """Whatever a vendor calls its people."""
    rows = [
        row(exec_sessions, id=f"{at:03d}", partition_date=D1, user_email=text, created_at=moments[at], extra={text: at})
        for at, text in enumerate(texts)
    ]
    warehouse.replace_window(exec_sessions, None, rows)
    assert content(warehouse, exec_sessions) == rows


def test_null_json_is_null_in_sql(warehouse: Warehouse, sessions: Any) -> None:
    """So that `extra IS NULL` finds the rows without news."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a"))
    with warehouse.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM exec_sessions WHERE extra IS NULL")) == 1


def test_bulk_loading_stores_what_sqlalchemy_would(warehouse: Warehouse, row: Make, content: Content) -> None:
    """The fast way and the portable way fill the same cells, so that queries treat both alike."""
    values = {
        "partition_date": D1,
        "created_at": datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC),
        "extra": {"ä": [1]},
        "score": 1.5,
    }
    warehouse.replace_window(exec_sessions, None, [row(exec_sessions, id="fast", **values)])
    names = [column.name for column in exec_sessions.columns]
    portable = dict(zip(names, row(exec_sessions, id="portable", **values), strict=True))
    with warehouse.engine.begin() as connection:
        connection.execute(exec_sessions.insert(), portable)
    stored = [sa.cast(sa.column(name), sa.Text) for name in names if name != "id"]
    with warehouse.engine.connect() as connection:
        fast, slow = connection.execute(sa.select(*stored).select_from(sa.text("exec_sessions")))
    different = [
        name
        for name, one_cell, other in zip([name for name in names if name != "id"], fast, slow, strict=True)
        if one_cell != other
    ]
    assert different == []


def test_an_instant_of_another_zone_is_the_same_moment(
    request: pytest.FixtureRequest, warehouse: Warehouse, row: Make, content: Content
) -> None:
    """An aware time need not be in UTC."""
    moment = datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    warehouse.replace_window(exec_sessions, None, [row(exec_sessions, id="a", partition_date=D1, created_at=moment)])
    assert content(warehouse, exec_sessions, "created_at") == [(moment,)]


def test_an_instant_of_another_zone_is_the_same_moment_in_a_statement(warehouse: Warehouse, row: Make) -> None:
    """Written by a statement, and compared with in one."""
    moment = datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    warehouse.replace_window(exec_sessions, one(D1), [])
    names = [column.name for column in exec_sessions.columns]
    values = dict(zip(names, row(exec_sessions, id="a", partition_date=D1, created_at=moment), strict=True))
    created_at = exec_sessions.c.created_at
    with warehouse.engine.begin() as connection:
        connection.execute(exec_sessions.insert(), values)
        for other in (moment, moment.astimezone(UTC)):
            assert connection.scalars(sa.select(created_at).where(created_at == other)).all() == [moment]


@pytest.mark.parametrize("number", [float("inf"), -float("inf"), float("nan")])
def test_an_unknown_field_without_a_finite_number_does_not_stop_the_load(
    request: pytest.FixtureRequest, warehouse: Warehouse, row: Make, kept: Any, number: float
) -> None:
    """1e400 is valid JSON; in a field that nobody asked for it must not cost the day."""
    warehouse.replace_window(
        exec_sessions, one(D1), [row(exec_sessions, id="a", partition_date=D1, extra={"x": number})]
    )
    assert kept(warehouse) == [("a", D1)]


# The stage


def test_a_part_that_is_filled_again_starts_afresh(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """A listing that moved is read again into its own part; the others stay."""
    with warehouse.stage(exec_sessions) as stage:
        assert stage.fill(sessions(D1, "a", "b"), part=0) == 2
        assert stage.fill(sessions(D1, "c"), part=1) == 1
        assert stage.fill(sessions(D1, "x"), part=0) == 1
        assert stage.fill([], part=2) == 0
        assert stage.rows_by_day() == {D1: 2}
        assert stage.replace(one(D1)).rows == 2
    assert kept(warehouse) == [("c", D1), ("x", D1)]


def test_a_part_that_broke_off_starts_afresh(warehouse: Warehouse, sessions: Any) -> None:
    """What was staged before the failure is gone with the next filling."""

    def broken() -> Iterator[Any]:
        yield from sessions(D1, *(f"{number:05d}" for number in range(BATCH_ROWS + 1)))
        raise RuntimeError

    with warehouse.stage(exec_sessions) as stage:
        with pytest.raises(RuntimeError):
            stage.fill(broken())
        assert stage.fill(sessions(D1, "a")) == 1
        assert stage.rows_by_day() == {D1: 1}


def test_a_stage_gives_each_day_its_rows(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """One listing, published day by day: each day alone, also with an index on the days."""
    with warehouse.stage(exec_sessions) as stage:
        stage.fill([*sessions(D1, "a"), *sessions(D2, "b", "c"), *sessions(D3, "d")])
        stage.index("partition_date")
        assert stage.rows_by_day() == {D1: 1, D2: 2, D3: 1}
        assert stage.replace(one(D2)).rows == 2
        assert kept(warehouse) == [("b", D2), ("c", D2)]
        assert stage.replace(Window(D1, D2)).rows == 3
    assert kept(warehouse) == [("a", D1), ("b", D2), ("c", D2)]


def test_nobody_else_sees_a_stage(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """Two at once for one table do not meet, and nothing is left of them."""
    with warehouse.stage(exec_sessions) as first, warehouse.stage(exec_sessions) as second:
        first.fill(sessions(D1, "a"))
        second.fill(sessions(D1, "b", "c"))
        assert (first.rows_by_day(), second.rows_by_day()) == ({D1: 1}, {D1: 2})
        assert kept(warehouse) == []
        assert "stage_exec_sessions" not in sa.inspect(warehouse.engine).get_table_names()
    with warehouse.stage(exec_sessions) as third:
        assert third.rows_by_day() == {}


def test_statements_of_a_stage_are_one_transaction(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """If one fails, none was done; if all pass, each tells how many rows it changed."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a", "b"))
    fine = exec_sessions.delete().where(exec_sessions.c.id == "a")
    bad = exec_sessions.update().values(id="same")
    with pytest.raises(WarehouseError), warehouse.stage(exec_sessions) as stage:
        stage.execute(exec_sessions, fine, exec_sessions.insert().values(id="a"), bad)
    assert kept(warehouse) == [("a", D1), ("b", D1)]
    with warehouse.stage(exec_sessions) as stage:
        assert stage.execute(exec_sessions, fine, exec_sessions.delete()) == [1, 1]
    assert kept(warehouse) == []


def test_a_value_that_the_database_refuses_is_an_error_of_ours(warehouse: Warehouse, sessions: Any, kept: Any) -> None:
    """Also while rows are staged, past SQLAlchemy; the old rows stay. SQLite keeps what PostgreSQL refuses."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a"))
    bad = sessions(D1, "b", user_email="nul\0")
    if warehouse.engine.dialect.name == "sqlite":
        assert warehouse.replace_window(exec_sessions, one(D1), bad) == 1
        return
    with pytest.raises(WarehouseError, match="could not stage rows for exec_sessions"):
        warehouse.replace_window(exec_sessions, one(D1), bad)
    assert kept(warehouse) == [("a", D1)]


def test_a_load_in_progress_holds_nobody_up(warehouse: Warehouse, warehouse_url: str, sessions: Any, kept: Any) -> None:
    """While pages are fetched and staged no lock is held: another run writes, and both are there in the end."""
    other = Warehouse(warehouse_url)

    def rows() -> Iterator[Any]:
        yield from sessions(D1, *(f"{number:05d}" for number in range(BATCH_ROWS + 1)))
        other.replace_window(exec_sessions, one(D2), sessions(D2, "other"))
        yield from sessions(D1, "last")

    assert warehouse.replace_window(exec_sessions, one(D1), rows()) == BATCH_ROWS + 2
    other.close()
    assert ("other", D2) in kept(warehouse)
    assert len(kept(warehouse)) == BATCH_ROWS + 3


# Queries inside the warehouse


def test_a_query_fills_a_window_by_column_name(
    warehouse: Warehouse, sessions: Any, row: Make, content: Content
) -> None:
    """In one transaction and in any order of columns; only its window is replaced, twice is once."""
    table = exec_participant_analytics
    for day in (D1, D2):
        rows = [row(table, partition_date=day, scenario_id="old", user_id="u")]
        warehouse.replace_window(table, one(day), rows)
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a", "b", scenario_id="s", user_id="u"))
    query = sa.select(
        exec_sessions.c.user_id,
        sa.func.count().label("session_count"),
        exec_sessions.c.scenario_id,
        exec_sessions.c.partition_date,
        sa.literal(5.0).label("total_duration_seconds"),
        sa.func.max(exec_sessions.c.fetched_at).label("fetched_at"),
        sa.literal("r").label("run_id"),
    ).group_by(exec_sessions.c.user_id, exec_sessions.c.scenario_id, exec_sessions.c.partition_date)
    for _ in range(2):
        assert warehouse.replace_window_by_query(table, one(D1), query) == 1
        found = content(warehouse, table, "partition_date", "scenario_id", "session_count")
        assert found == [(D1, "s", 2), (D2, "old", 1)]


def test_a_query_that_fails_leaves_the_old_rows(warehouse: Warehouse, row: Make, content: Content) -> None:
    """The delete before it is taken back."""
    warehouse.replace_window(exec_skills, None, [row(exec_skills, id="a")])
    with pytest.raises(WarehouseError, match="could not compute exec_skills"):
        warehouse.replace_window_by_query(exec_skills, None, sa.select(sa.literal("b").label("id")))
    with pytest.raises(WarehouseError):
        warehouse.replace_window_by_query(exec_skills, None, sa.select(sa.table("nowhere", sa.column("id")).c.id))
    assert content(warehouse, exec_skills, "id") == [("a",)]


def test_rows_are_counted_by_day(warehouse: Warehouse, sessions: Any) -> None:
    """Within the window, both ends included; empty days are absent."""
    warehouse.replace_window(exec_sessions, Window(D1, D3), [*sessions(D1, "a", "b"), *sessions(D3, "c")])
    assert warehouse.rows_by_day(exec_sessions, Window(D1, D3)) == {D1: 2, D3: 1}
    assert warehouse.rows_by_day(exec_sessions, Window(D2, D3)) == {D3: 1}
    assert warehouse.rows_by_day(exec_sessions, one(D2)) == {}


def test_a_query_is_read_as_a_frame(warehouse: Warehouse, sessions: Any) -> None:
    """Named columns, typed values; an empty result has its columns too."""
    warehouse.replace_window(exec_sessions, one(D1), sessions(D1, "a", "b", score=1.5))
    query = sa.select(exec_sessions.c.id, exec_sessions.c.score, exec_sessions.c.partition_date)
    frame = warehouse.frame(query.order_by(exec_sessions.c.id))
    assert frame.to_dict("list") == {"id": ["a", "b"], "score": [1.5, 1.5], "partition_date": [D1, D1]}
    empty = warehouse.frame(query.where(exec_sessions.c.id == "none"))
    assert list(empty.columns) == ["id", "score", "partition_date"]
    assert len(empty) == 0


# Rejected rows


def rejects(day: date | None, *payloads: Any, asset: str = "exec_sessions") -> list[dict[str, Any]]:
    made = [RejectedRow("why", payload, day) for payload in payloads]
    return rejected_row_values(asset, made, fetched_at=NOW, run_id="r")


def rejected(warehouse: Warehouse, content: Content) -> list[tuple[str, date | None, str]]:
    found = content(warehouse, rejected_rows, "asset", "partition_date", "payload")
    return sorted(
        ((asset, day, json.dumps(payload)) for asset, day, payload in found), key=lambda each: (each[0], str(each[1]))
    )


def test_rejected_rows_are_replaced_by_asset_and_day(warehouse: Warehouse, content: Content) -> None:
    """What an earlier load of the same partition left goes; other days, assets and rows without a day stay."""
    warehouse.replace_rejects("exec_sessions", [D1], rejects(D1, {"a": 1}, {"a": 1}))
    warehouse.replace_rejects("exec_sessions", [D2], rejects(D2, "two"))
    warehouse.replace_rejects("exec_sessions", [None], rejects(None, {}))
    warehouse.replace_rejects("exec_skills", [D1], rejects(D1, 7, asset="exec_skills"))
    warehouse.replace_rejects("exec_sessions", [D1], rejects(D1, {"b": 2}))
    left = [("exec_sessions", D2, '"two"'), ("exec_sessions", None, "{}"), ("exec_skills", D1, "7")]
    assert rejected(warehouse, content) == [("exec_sessions", D1, '{"b": 2}'), *left]
    warehouse.replace_rejects("exec_sessions", [D1], [])
    assert rejected(warehouse, content) == left
    warehouse.replace_rejects("exec_sessions", [D2, None], [])
    assert rejected(warehouse, content) == left[2:]
    warehouse.replace_rejects("exec_skills", [], [])
    assert rejected(warehouse, content) == left[2:]


def test_the_same_rejects_twice_are_the_same_rows(warehouse: Warehouse, content: Content) -> None:
    """A second load of a bad day changes nothing."""
    values = rejects(D1, {"a": 1}, {"a": 1}, {"half": "\ud800", "nul": "\0"})
    warehouse.replace_rejects("exec_sessions", [D1], values)
    first = content(warehouse, rejected_rows)
    warehouse.replace_rejects("exec_sessions", [D1], values)
    assert content(warehouse, rejected_rows) == first
    assert len(first) == 3


def test_a_rejected_null_is_recorded(warehouse: Warehouse, content: Content) -> None:
    """An item that is null is a rejected row like any other."""
    warehouse.replace_rejects("exec_sessions", [D1], rejects(D1, None))
    assert content(warehouse, rejected_rows, "payload") == [(None,)]


def test_a_rejected_row_without_a_finite_number_is_recorded(
    request: pytest.FixtureRequest, warehouse: Warehouse, content: Content
) -> None:
    """1e400 where a score belongs is exactly what `rejected_rows` is for."""
    warehouse.replace_rejects("exec_sessions", [D1], rejects(D1, {"score": float("inf")}))
    assert len(content(warehouse, rejected_rows)) == 1


# Errors


@pytest.mark.parametrize(
    "doing",
    [
        lambda warehouse: warehouse.frame(sa.select(sa.table("nowhere", sa.column("x")))),
        lambda warehouse: warehouse.rows_by_day(sa.table("nowhere", sa.column("partition_date")), one(D1)),
        lambda warehouse: warehouse.replace_rejects("x", [D1], [{"id": "a"}]),
    ],
    ids=["frame", "rows_by_day", "replace_rejects"],
)
def test_every_database_error_is_one_of_ours(warehouse: Warehouse, doing: Any) -> None:
    """It says what was tried, on which database, and what to do."""
    with pytest.raises(WarehouseError, match=r"could not .* WAREHOUSE_URL") as caught:
        doing(warehouse)
    assert warehouse.name in str(caught.value)


def test_an_unreachable_database_is_a_warehouse_error() -> None:
    """Whatever is asked of it: host and port are named, the password is nowhere, not even in the traceback."""
    warehouse = Warehouse("postgresql://loader:s3cret@127.0.0.1:9/db")

    def stage() -> None:
        with warehouse.stage(exec_skills):
            pass

    asked = [
        warehouse.migrate,
        stage,
        lambda: warehouse.replace_window(exec_skills, None, []),
        lambda: warehouse.frame(sa.select(exec_skills)),
        lambda: warehouse.rows_by_day(exec_sessions, one(D1)),
        lambda: warehouse.replace_rejects("x", [D1], []),
    ]
    for ask in asked:
        with pytest.raises(WarehouseError, match=r"127\.0\.0\.1:9") as caught:
            ask()
        assert "s3cret" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert warehouse.name == "postgresql+psycopg://loader:***@127.0.0.1:9/db"


def test_a_password_in_the_urls_query_is_hidden_too() -> None:
    """libpq and SQLAlchemy both take `?user=...&password=...`."""
    assert "s3cret" not in Warehouse("postgresql://127.0.0.1:9/db?user=loader&password=s3cret").name


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "warehouse.db", "://", "postgresql://loader:s3cret@host:port/db"],
)
def test_a_url_that_does_not_parse_is_a_bad_setting(url: str) -> None:
    """The setting is named with what would be valid; the text, which may hold a password, is not repeated."""
    with pytest.raises(BadSetting, match="WAREHOUSE_URL") as caught:
        Warehouse(url)
    assert "sqlite:///data/warehouse.db" in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s3cret@h/d",
        "postgresql+pg8000://u:s3cret@h/d",
        "http://u:s3cret@h",
        "snowflake://u:s3cret@h/d",
        "postgresql+nothing://u:s3cret@h/d",
    ],
)
def test_a_missing_driver_is_a_bad_setting(url: str) -> None:
    """It is named, with how to get the one for PostgreSQL."""
    with pytest.raises(BadSetting) as caught:
        Warehouse(url)
    assert "whose driver is not installed" in str(caught.value)
    assert "exec_orchestration[postgres]" in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_means_psycopg_3(name: str) -> None:
    """Without a driver in the URL; also by the name that some providers use."""
    assert Warehouse(f"{name}://u:p@127.0.0.1:9/db").engine.driver == "psycopg"


def test_a_sqlite_file_makes_its_folder(tmp_path: Path) -> None:
    """A first run needs no preparation; where the folder cannot be made, the setting is named."""
    warehouse = Warehouse(f"sqlite:///{tmp_path}/new/folder/warehouse.db")
    warehouse.migrate()
    warehouse.close()
    assert (tmp_path / "new" / "folder" / "warehouse.db").exists()
    with pytest.raises(BadSetting, match="folder cannot be made"):
        Warehouse(f"sqlite:///{tmp_path}/new/folder/warehouse.db/inside/x.db")


def test_sqlite_in_memory_keeps_what_was_loaded(row: Make, content: Content) -> None:
    """`sqlite://` is a URL that `engine_for` takes."""
    warehouse = Warehouse("sqlite://")
    warehouse.migrate()
    try:
        warehouse.replace_window(exec_skills, None, [row(exec_skills, id="a")])
        assert content(warehouse, exec_skills, "id") == [("a",)]
    finally:
        warehouse.close()


def test_a_sqlite_file_is_read_while_it_is_written(tmp_path: Path) -> None:
    """Write-ahead logging and a patient writer: the settings that make that true."""
    warehouse = Warehouse(f"sqlite:///{tmp_path}/warehouse.db")
    with warehouse.engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA busy_timeout")) == 60_000
    warehouse.close()


def test_a_new_sqlite_file_without_room_is_told_at_once(tmp_path: Path) -> None:
    """Only another writer is waited for: a file without write-ahead logging that may not be written will not change."""
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE any_table (id TEXT)")
    warehouse = Warehouse(f"sqlite:///file:{path}?mode=ro&uri=true")
    began = time.monotonic()
    with pytest.raises(WarehouseError, match="readonly"):
        warehouse.migrate()
    assert time.monotonic() - began < 10
    warehouse.close()


def test_a_lock_file_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    """As on a full disk, or in a folder that may only be read."""
    (tmp_path / "warehouse.db.user_sync.lock").mkdir()
    warehouse = Warehouse(f"sqlite:///{tmp_path}/warehouse.db")
    with pytest.raises(WarehouseError, match="lock file"), warehouse.alone("user_sync"):
        raise AssertionError
    warehouse.close()


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (
            sa.exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("not null\nDETAIL: Failing row (Ada)")),
            "not null",
        ),
        (sa.exc.DataError("INSERT", {}, sqlite3.DataError('no number: "Ada"')), "DataError"),
        (sqlite3.DataError('no number: "Ada"'), "DataError"),
        (sqlite3.OperationalError("disk is full\n"), "disk is full"),
    ],
)
def test_a_databases_error_is_told_without_its_rows(cause: Exception, told: str) -> None:
    """They stand below its first line, or in the first where a value does not fit."""
    assert dialects.cause_of(cause) == told
