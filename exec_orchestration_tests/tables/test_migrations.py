"""The schema's history: from nothing to what the declarations say, on both engines, by any way and by many at once."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from exec_orchestration.errors import ExecOrchestrationError
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.migrate import MIGRATIONS, is_compared
from exec_orchestration.tables.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
MIGRATE = "import sys; from exec_orchestration.tables.warehouse import Warehouse; Warehouse(sys.argv[1]).migrate()"


def differences(url: str) -> list[Any]:
    """What Alembic would still have to change, comments aside."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_compared})
        found = compare_metadata(context, METADATA)
    engine.dispose()
    return [
        change
        for change in found
        if not (isinstance(change, tuple) and "comment" in change[0]) and not all_comments(change)
    ]


def all_comments(change: Any) -> bool:
    return isinstance(change, list) and all(each[0] == "modify_comment" for each in change)


def revision(url: str) -> str | None:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return found


def head() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_an_empty_database_becomes_what_the_declarations_say(warehouse_url: str) -> None:
    """Tables, columns, types, nullability and indexes; once and twice."""
    assert differences(warehouse_url)
    warehouse = Warehouse(warehouse_url)
    for _ in range(2):
        warehouse.migrate()
        assert differences(warehouse_url) == []
        assert revision(warehouse_url) == head()
    warehouse.close()


def test_keys_are_those_of_the_declarations(warehouse: Warehouse) -> None:
    """Alembic does not compare primary keys, so we do."""
    inspector = sa.inspect(warehouse.engine)
    for table in METADATA.tables.values():
        found = inspector.get_pk_constraint(table.name)["constrained_columns"]
        assert found == [column.name for column in table.primary_key.columns], table.name


def test_a_migration_keeps_the_rows(warehouse: Warehouse) -> None:
    """What is up to date is left alone."""
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO skill_tiers VALUES ('2026-01-01', 'skill', 'excellent', 1, 1.0)"))
    warehouse.migrate()
    with warehouse.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM skill_tiers")) == 1


def open_once(url: str) -> None:
    """Bring a SQLite file into its journal mode; what happens before that is a test of its own."""
    warehouse = Warehouse(url)
    warehouse.engine.connect().close()
    warehouse.close()


def test_a_new_sqlite_file_is_migrated_while_somebody_else_writes(tmp_path: Path) -> None:
    """As when several runs begin on a file that is not there yet: the later ones wait for the first."""
    path = tmp_path / "warehouse.db"
    first = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    first.execute("CREATE TABLE somebody (x)")
    first.execute("BEGIN IMMEDIATE")
    first.execute("INSERT INTO somebody VALUES (1)")
    done = threading.Timer(0.3, first.execute, ["COMMIT"])
    done.start()
    warehouse = Warehouse(f"sqlite:///{path}")
    try:
        warehouse.migrate()
    finally:
        done.join()
        first.close()
        warehouse.close()


def test_threads_that_migrate_at_once_all_succeed(warehouse_url: str) -> None:
    """One does it, the others wait and find it done."""
    open_once(warehouse_url)
    ready, failed = threading.Barrier(4), []

    def migrate() -> None:
        warehouse = Warehouse(warehouse_url)
        ready.wait(timeout=10)
        try:
            warehouse.migrate()
        except ExecOrchestrationError as error:
            failed.append(error)
        warehouse.close()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert differences(warehouse_url) == []


def test_processes_that_migrate_at_once_all_succeed(warehouse_url: str) -> None:
    """As when several runs begin on a new database."""
    open_once(warehouse_url)
    command = [sys.executable, "-c", MIGRATE, warehouse_url]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert differences(warehouse_url) == []


def alembic(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"url={url}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_migrates(warehouse_url: str) -> None:
    """`alembic -x url=... upgrade head`, once and twice, and `alembic check` finds nothing to add but comments."""
    for _ in range(2):
        done = alembic("upgrade", "head", url=warehouse_url)
        assert done.returncode == 0, done.stderr
        assert revision(warehouse_url) == head()
        assert differences(warehouse_url) == []
    warehouse = Warehouse(warehouse_url)
    warehouse.migrate()
    warehouse.close()


def test_a_migration_that_fails_leaves_nothing_behind(warehouse_url: str) -> None:
    """A revision is applied whole or not at all: here its last table stands in the way."""
    engine = sa.create_engine(warehouse_url)
    in_the_way = max(METADATA.tables)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {in_the_way} (x INTEGER)"))
    warehouse = Warehouse(warehouse_url)
    with pytest.raises(ExecOrchestrationError, match="bring the schema up to date"):
        warehouse.migrate()
    warehouse.close()
    assert sa.inspect(engine).get_table_names() == [in_the_way]
    engine.dispose()


def test_a_database_from_the_future_is_an_error_of_ours(warehouse: Warehouse) -> None:
    """Older code on a newer schema stops with a message that says so, not with Alembic's own error."""
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ExecOrchestrationError):
        warehouse.migrate()
