"""What an engine offers: by the portable offer DuckDB loads, locks within a process, and says what it lacks."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables import METADATA, dialects
from exec_orchestration.tables.engines import TESTED, offer_of, portable
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.exec_com import exec_sessions
from exec_orchestration.tables.migrate import migrate
from exec_orchestration.tables.warehouse import BATCH_ROWS, Warehouse, Window

DAY = Window(date(2026, 1, 1), date(2026, 1, 1))
OTHER = date(2026, 1, 2)


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[Warehouse]:
    """A migrated warehouse on DuckDB."""
    warehouse = Warehouse(f"duckdb:///{tmp_path}/warehouse.duckdb")
    warehouse.migrate()
    yield warehouse
    warehouse.close()


def test_every_tested_engine_is_a_module_of_its_own() -> None:
    """Whoever is not among them gets the portable offer."""
    assert sorted(TESTED) == ["postgresql", "sqlite"]
    assert offer_of("duckdb") is portable
    assert {offer_of(name).__name__.rpartition(".")[2] for name in TESTED} == set(TESTED)  # type: ignore[attr-defined]


def test_the_schema_is_migrated_once_and_twice(duck: Warehouse) -> None:
    """DuckDB's package brings its part of Alembic along; keys are kept by the engine."""
    duck.migrate()
    assert set(sa.inspect(duck.engine).get_table_names()) == {*METADATA.tables, "alembic_version"}
    assert all(duck.keeps_key(table) for table in METADATA.tables.values())


def test_what_goes_in_comes_out(duck: Warehouse, row: Any, content: Any) -> None:
    """Every type, more rows than a batch, a window replaced by its like and a row that moves to another day."""
    values = {
        "score": 1 / 3,
        "created_at": datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "is_valid_attempt": False,
        "extra": {"a": [1, None, "ü"], "b": {"c": 0.1}},
        "user_last_name": "O'Brien; \t\n\\ 日本",
    }
    rows = [row(exec_sessions, id=f"{n:05d}", partition_date=DAY.first, **values) for n in range(BATCH_ROWS + 1)]
    for _ in range(2):
        assert duck.replace_window(exec_sessions, DAY, rows) == BATCH_ROWS + 1
    assert content(duck, exec_sessions) == rows
    moved = [row(exec_sessions, id="00000", partition_date=OTHER)]
    duck.replace_window(exec_sessions, Window(OTHER, OTHER), moved)
    assert content(duck, exec_sessions) == [moved[0], *rows[1:]]


def test_a_failure_leaves_the_old_rows(duck: Warehouse, row: Any, content: Any) -> None:
    """The delete is taken back with the insert, and the next load works."""
    old, new = ([row(exec_sessions, id=each, partition_date=DAY.first)] for each in "ab")
    duck.replace_window(exec_sessions, DAY, old)
    with pytest.raises(WarehouseError, match="could not stage rows for exec_sessions"):
        duck.replace_window(exec_sessions, DAY, new * 2)
    assert content(duck, exec_sessions) == old
    assert duck.replace_window(exec_sessions, DAY, new) == 1


def test_threads_take_turns(duck: Warehouse, row: Any, content: Any) -> None:
    """Two loads of one day at once: the later is the whole of it, and neither fails on the other."""
    failed = []

    def load(name: str) -> None:
        rows = [row(exec_sessions, id=f"{name}{n}", partition_date=DAY.first) for n in range(20)]
        try:
            for _ in range(5):
                duck.replace_window(exec_sessions, DAY, rows)
        except WarehouseError as error:
            failed.append(error)

    threads = [threading.Thread(target=load, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len({name[0] for (name,) in content(duck, exec_sessions, "id")}) == 1


def test_one_at_a_time_is_within_a_purpose(duck: Warehouse) -> None:
    """Another purpose may go on; the same one may when the first has ended."""
    refused = pytest.raises(WarehouseError, match="in the middle of user_sync")
    for _ in range(2):
        with duck.alone("user_sync"), duck.alone("something else"), refused, duck.alone("user_sync"):
            pass


def test_what_is_not_tested_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However many warehouses a process opens; the tested engines say nothing."""
    portable.warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        for name in ("duckdb", "duckdb", "sqlite"):
            dialects.engine_for(f"{name}:///{tmp_path}/{name}.db").dispose()
    (told,) = caplog.messages
    assert "duckdb is not among the tested engines" in told
    assert "two processes that write to it at once are not kept apart" in told


def test_without_temporary_tables_the_stage_has_a_name_of_its_own(tmp_path: Path) -> None:
    """An ordinary table, which is dropped when it is done with."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/plain.db")

    @sa.event.listens_for(engine, "before_cursor_execute")
    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "TEMPORARY" in statement:
            raise sa.exc.ProgrammingError(statement, None, Exception("there are no temporary tables"))

    with engine.connect() as connection:
        stages = [portable.make_stage(connection, "stage_x", [sa.Column("a", sa.Integer)]) for _ in range(2)]
        portable.bulk_loader(connection, stages[0], last=7)([()])
        assert connection.execute(sa.select(stages[0])).all() == [(7,)]
        assert sorted(sa.inspect(connection).get_table_names()) == sorted(stage.name for stage in stages)
        for stage in stages:
            portable.forget_stage(connection, stage)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_an_engine_that_alembic_does_not_know_is_named(tmp_path: Path) -> None:
    """Nothing is made by halves: the error says what is missing."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/other.db")
    engine.dialect.name = "otherbase"
    with pytest.raises(WarehouseError, match="Alembic, which makes it, does not know the engine otherbase"):
        migrate(engine)
    engine.dispose()


def limits(warehouse: Warehouse) -> list[str]:
    """What a session of PostgreSQL waits for at most."""
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with warehouse.engine.connect() as connection:
        return [str(connection.scalar(sa.text(f"SHOW {name}"))) for name in names]


@pytest.mark.parametrize(
    ("patience", "more", "expected"),
    [
        (Patience(), "", ["0", "0", "0"]),
        (Patience(60, 5), "", ["1min", "5s", "5s"]),
        (Patience(60, 0), "", ["1min", "0", "0"]),
        (Patience(0, 5), "", ["0", "5s", "5s"]),
        (Patience(60, 5), "?options=-c%20statement_timeout%3D7s", ["7s", "5s", "5s"]),
    ],
)
def test_postgresql_is_told_how_long_to_wait(
    postgres_server: str, patience: Patience, more: str, expected: list[str]
) -> None:
    """Each limit by itself; what the URL says itself wins."""
    url = sa.make_url(postgres_server)
    for name, value in sa.make_url("postgresql://h/d" + more).query.items():
        url = url.update_query_dict({name: value})
    warehouse = Warehouse(url.render_as_string(hide_password=False), patience=patience)
    assert limits(warehouse) == expected
    warehouse.close()


@pytest.mark.parametrize("warehouse_url", ["postgresql"], indirect=True)
def test_a_wait_for_a_lock_ends_with_an_error_of_ours(warehouse_url: str, row: Any, content: Any) -> None:
    """Somebody holds the table for ever: the load gives up, and leaves what was there."""
    holder = Warehouse(warehouse_url)
    holder.migrate()
    hurried = Warehouse(warehouse_url, patience=Patience(lock_seconds=1))
    held = [row(exec_sessions, id="a", partition_date=DAY.first)]
    holder.replace_window(exec_sessions, DAY, held)
    with holder.writing("hold a table") as connection:
        connection.execute(sa.text("LOCK TABLE exec_sessions IN SHARE ROW EXCLUSIVE MODE"))
        with pytest.raises(WarehouseError, match="lock timeout"):
            hurried.replace_window(exec_sessions, DAY, [])
    assert content(holder, exec_sessions) == held
    assert hurried.replace_window(exec_sessions, DAY, []) == 0
    for each in (holder, hurried):
        each.close()


def test_a_process_takes_ten_connections_at_most(postgres_server: str) -> None:
    """So that nine processes fit into the hundred that PostgreSQL has by default, and somebody may still look."""
    pool = Warehouse(postgres_server).engine.pool
    assert isinstance(pool, sa.QueuePool)
    assert pool.size() + pool._max_overflow == 10
