"""Daily tables by month on PostgreSQL: same rows, other months left alone, keys kept by the loads, both ways back."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from exec_orchestration.errors import BadSetting, WarehouseError
from exec_orchestration.marts import completion, lift
from exec_orchestration.tables import METADATA, expectations
from exec_orchestration.tables.declare import PARTITION, is_daily
from exec_orchestration.tables.engines.layout import month_of
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.exec_com import exec_assignments, exec_members, exec_participant_analytics, exec_sessions
from exec_orchestration.tables.ledger import data_versions
from exec_orchestration.tables.marts import scenario_lift
from exec_orchestration.tables.purge import month_before, purge_days
from exec_orchestration.tables.warehouse import Warehouse, Window
from exec_orchestration_tests.tables.test_migrations import ROOT, alembic, differences

Make = Callable[..., tuple[Any, ...]]
Content = Callable[..., list[tuple[Any, ...]]]
DAILY = sorted(name for name, table in METADATA.tables.items() if is_daily(table))
JANUARY, FEBRUARY, MARCH = date(2026, 1, 15), date(2026, 2, 15), date(2026, 3, 15)
MAKE_MONTHS = """
import sys
from datetime import date
from exec_orchestration.tables.exec_com import exec_sessions
from exec_orchestration.tables.warehouse import Warehouse, Window
warehouse = Warehouse(sys.argv[1])
for month in range(1, 13):
    day = date(2026, month, int(sys.argv[2]))
    warehouse.replace_window(exec_sessions, Window(day, day), [])
"""


def one(day: date) -> Window:
    return Window(day, day)


def by_month(warehouse: Warehouse) -> list[str]:
    """The tables that lie by month."""
    with warehouse.engine.connect() as connection:
        query = sa.text("SELECT relname FROM pg_class WHERE relkind = 'p' ORDER BY relname COLLATE \"C\"")
        return list(connection.scalars(query))


def months(warehouse: Warehouse, table: sa.Table) -> list[str]:
    """The partitions of a table, without its name."""
    query = sa.text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:name) ORDER BY 1")
    with warehouse.engine.connect() as connection:
        found = connection.scalars(query, {"name": table.name})
        return [name.removeprefix(f"{table.name}_") for name in found]


def plan(warehouse: Warehouse, statement: Any) -> str:
    """What PostgreSQL would do."""
    compiled = statement.compile(warehouse.engine, compile_kwargs={"literal_binds": True})
    with warehouse.engine.connect() as connection:
        return "\n".join(connection.scalars(sa.text(f"EXPLAIN {compiled}")))


def run_together(*doing: Callable[[], object]) -> list[Exception]:
    """Everything at once; what failed."""
    failed: list[Exception] = []

    def guarded(do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001  told by the test
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(do,)) for do in doing]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@pytest.fixture
def parted(by_month_url: str) -> Iterator[Warehouse]:
    """A warehouse whose daily tables lie by month; its setting says nothing of it."""
    made = Warehouse(by_month_url)
    yield made
    made.close()


@pytest.fixture
def whole_url(any_url: Callable[[str], str]) -> str:
    """The URL of an empty database on PostgreSQL."""
    return any_url("postgresql")


def opened(url: str, layout: str) -> Warehouse:
    """A warehouse in this layout."""
    warehouse = Warehouse(url, layout=layout)
    warehouse.migrate()
    return warehouse


def fill(warehouse: Warehouse, row: Make) -> None:
    """Two months of two tables, and one without days."""
    for day in (JANUARY, FEBRUARY):
        rows = [row(exec_sessions, id=f"{day}{n}", partition_date=day, extra={"n": n}) for n in range(3)]
        warehouse.replace_window(exec_sessions, one(day), rows)
        practice = [row(exec_participant_analytics, partition_date=day, scenario_id="s", user_id=u) for u in "ab"]
        warehouse.replace_window(exec_participant_analytics, one(day), practice)
    warehouse.replace_window(exec_members, None, [row(exec_members, id="a")])


# Layouts


def test_from_nothing_every_daily_table_lies_by_month(whole_url: str) -> None:
    """The ledger's and those without days do not; migrated twice is migrated once, and nothing differs."""
    for _ in range(2):
        warehouse = opened(whole_url, "month")
        assert by_month(warehouse) == DAILY
        warehouse.close()
    assert differences(whole_url) == []


def test_the_key_is_the_declared_one_with_the_day(parted: Warehouse) -> None:
    """PostgreSQL demands it; where the day is in the declared key nothing differs, and `keeps_key` is truthful."""
    inspector = sa.inspect(parted.engine)
    for name in DAILY:
        declared = [column.name for column in METADATA.tables[name].primary_key.columns]
        found = inspector.get_pk_constraint(name)["constrained_columns"]
        assert found == (declared if PARTITION in declared else [*declared, PARTITION])
        assert parted.keeps_key(METADATA.tables[name]) == (PARTITION in declared)


def test_a_filled_warehouse_goes_there_and_back(whole_url: str, row: Make, content: Content) -> None:
    """With its rows, indexes, versions and grants; unless it is asked for, a layout stays as it is."""
    before = opened(whole_url, "unchanged")
    assert by_month(before) == []
    fill(before, row)
    tables = (exec_sessions, exec_participant_analytics, exec_members, data_versions)
    rows = [content(before, table) for table in tables]
    with before.engine.begin() as connection:
        for statement in (
            "DROP ROLE IF EXISTS reader",
            "CREATE ROLE reader",
            "GRANT SELECT ON exec_sessions TO reader",
        ):
            connection.execute(sa.text(statement))
        connection.execute(sa.text("CREATE INDEX ours ON exec_sessions (user_email) WHERE score > 1"))
        connection.execute(sa.text("ALTER TABLE exec_sessions ADD COLUMN note text DEFAULT 'kept'"))
    before.close()
    for layout, expected in (("month", DAILY), ("unchanged", DAILY), ("none", []), ("unchanged", []), ("month", DAILY)):
        warehouse = opened(whole_url, layout)
        assert by_month(warehouse) == expected
        assert [content(warehouse, table) for table in tables] == rows
        indexes = {index["name"] for index in sa.inspect(warehouse.engine).get_indexes("exec_sessions")}
        assert indexes == {"ours", "ix_exec_sessions_partition_date"}
        assert warehouse.keeps_key(exec_sessions) == (expected == [])
        with warehouse.engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT has_table_privilege('reader', 'exec_sessions', 'SELECT')"))
            assert set(connection.scalars(sa.text("SELECT note FROM exec_sessions"))) == {"kept"}
        fill(warehouse, row)
        assert [content(warehouse, table) for table in tables] == rows
        warehouse.engine.dispose()
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("DROP OWNED BY reader"))
        connection.execute(sa.text("DROP ROLE reader"))
    warehouse.close()


@pytest.mark.parametrize(
    ("obstacle", "told"),
    [
        ("CREATE VIEW v AS SELECT * FROM exec_sessions", "other objects depend on it"),
        ("ALTER TABLE exec_sessions ENABLE ROW LEVEL SECURITY", "row-level security"),
    ],
)
def test_a_table_that_cannot_be_rearranged_stays_as_it_was(
    whole_url: str, row: Make, content: Content, obstacle: str, told: str
) -> None:
    """Each is a transaction of its own; once the obstacle is gone the rest follows."""
    warehouse = opened(whole_url, "unchanged")
    fill(warehouse, row)
    rows = content(warehouse, exec_sessions)
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text(obstacle))
    asking = Warehouse(whole_url, layout="month")
    with pytest.raises(WarehouseError, match=told):
        asking.migrate()
    assert "exec_sessions" not in by_month(warehouse)
    assert content(warehouse, exec_sessions) == rows
    assert warehouse.keeps_key(exec_sessions)
    assert not [name for name in sa.inspect(warehouse.engine).get_table_names() if name.endswith("_new")]
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("DROP VIEW IF EXISTS v"))
        connection.execute(sa.text("ALTER TABLE exec_sessions DISABLE ROW LEVEL SECURITY"))
    asking.migrate()
    assert by_month(warehouse) == DAILY
    for each in (warehouse, asking):
        each.close()


def test_processes_that_rearrange_at_once_all_succeed(whole_url: str, row: Make, content: Content) -> None:
    """As when several runs begin after the setting has changed, while another one loads."""
    warehouse = opened(whole_url, "unchanged")
    fill(warehouse, row)
    asking = [Warehouse(whole_url, layout="month") for _ in range(3)]
    load = [row(exec_sessions, id="late", partition_date=MARCH)]
    failed = run_together(
        *(each.migrate for each in asking), lambda: warehouse.replace_window(exec_sessions, one(MARCH), load)
    )
    assert failed == []
    assert by_month(warehouse) == DAILY
    assert len(content(warehouse, exec_sessions)) == 7
    for each in (warehouse, *asking):
        each.close()


def test_the_command_line_rearranges(whole_url: str) -> None:
    """As `make migrate` does; a word that is none is refused before anything is done."""
    for layout, expected in (("unchanged", []), ("month", DAILY), ("none", [])):
        done = alembic("-x", f"partitions={layout}", "upgrade", "head", url=whole_url)
        assert done.returncode == 0, done.stderr
        warehouse = Warehouse(whole_url)
        assert by_month(warehouse) == expected
        warehouse.close()
    assert "valid is one of" in alembic("-x", "partitions=weekly", "upgrade", "head", url=whole_url).stderr


@pytest.mark.parametrize("name", ["sqlite", "duckdb"])
def test_other_engines_refuse(tmp_path: Any, name: str) -> None:
    """By name, with what to do, and before anything is made; the way back is no question there."""
    url = f"{name}:///{tmp_path}/warehouse.db"
    warehouse = Warehouse(url, layout="month")
    with pytest.raises(BadSetting, match=f"WAREHOUSE_PARTITIONS=month .*only PostgreSQL.*on {name}.*nothing was"):
        warehouse.migrate()
    assert sa.inspect(warehouse.engine).get_table_names() == []
    warehouse.close()
    opened(url, "none").close()


def test_a_later_migration_changes_every_month(parted: Warehouse, row: Make) -> None:
    """A column, an index, and both away again, as a revision would; months made afterwards have them, too."""
    parted.replace_window(exec_sessions, one(JANUARY), [row(exec_sessions, id="a", partition_date=JANUARY)])
    with parted.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.add_column("exec_sessions", sa.Column("note", sa.Text()))
        op.create_index("ix_note", "exec_sessions", ["note"])
        op.alter_column("exec_sessions", "rank", type_=sa.String())
    parted.replace_window(exec_sessions, one(FEBRUARY), [row(exec_sessions, id="b", partition_date=FEBRUARY)])
    inspector = sa.inspect(parted.engine)
    for name in ("exec_sessions", "exec_sessions_2026_01", "exec_sessions_2026_02"):
        assert "note" in {column["name"] for column in inspector.get_columns(name)}
        assert ["note"] in [index["column_names"] for index in inspector.get_indexes(name)]
    with parted.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.drop_index("ix_note", "exec_sessions")
        op.drop_column("exec_sessions", "note")
    assert [change for change in differences(str(parted.engine.url)) if "rank" not in str(change)] == []


def test_a_downgrade_takes_the_months_along(by_month_url: str, row: Make) -> None:
    """Back to nothing, and from there to the newest again."""
    warehouse = Warehouse(by_month_url)
    fill(warehouse, row)
    for step in (("downgrade", "base"), ("upgrade", "head")):
        done = alembic(*step, url=by_month_url)
        assert done.returncode == 0, done.stderr
    assert (by_month(warehouse), differences(by_month_url)) == ([], [])
    warehouse.close()


# Months come into being


def test_months_are_made_when_they_are_needed(parted: Warehouse, row: Make) -> None:
    """Across a year's end, by a load of days or of whole tables, by a mart's query, and for empty days."""
    assert months(parted, exec_sessions) == []
    parted.replace_window(exec_sessions, Window(date(2025, 12, 31), date(2026, 1, 1)), [])
    assert months(parted, exec_sessions) == ["2025_12", "2026_01"]
    rows = [row(exec_sessions, id=str(day), partition_date=day) for day in (MARCH, date(9999, 12, 31))]
    parted.replace_window(exec_sessions, one(MARCH), rows)
    assert months(parted, exec_sessions) == ["2025_12", "2026_01", "2026_03"]
    parted.replace_window(exec_assignments, None, [row(exec_assignments, id="a", partition_date=date(9999, 12, 31))])
    assert months(parted, exec_assignments) == ["9999_12"]
    window = (JANUARY, MARCH)
    parted.replace_window_by_query(scenario_lift, Window(*window), lift.scenario_lift(window))
    assert months(parted, scenario_lift) == ["2026_01", "2026_02", "2026_03"]


def test_threads_that_need_the_same_month_all_succeed(parted: Warehouse, row: Make, content: Content) -> None:
    """Loads and marts, each day by another thread, of months that nobody has made yet."""
    days = [date(2026, month, day) for month in (1, 2, 3) for day in range(1, 5)]

    def load(mine: list[date]) -> None:
        for day in mine:
            rows = [row(exec_sessions, id=f"{day}{n}", partition_date=day) for n in range(20)]
            parted.replace_window(exec_sessions, one(day), rows)
            parted.replace_window_by_query(scenario_lift, one(day), lift.scenario_lift((day, day)))

    assert run_together(*(lambda at=at: load(days[at::4]) for at in range(4))) == []
    assert months(parted, exec_sessions) == months(parted, scenario_lift) == ["2026_01", "2026_02", "2026_03"]
    assert len(content(parted, exec_sessions)) == 240


def test_processes_that_need_the_same_month_all_succeed(by_month_url: str, parted: Warehouse) -> None:
    """Three at once, a year of months each."""
    commands = [[sys.executable, "-c", MAKE_MONTHS, by_month_url, str(day)] for day in (1, 2, 3)]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for command in commands]
    told = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    assert len(months(parted, exec_sessions)) == 12


def test_a_new_month_waits_for_no_reader(by_month_url: str, parted: Warehouse, row: Make) -> None:
    """Somebody has read the table and is not done: the load goes on, and so does who reads next."""
    fill(parted, row)
    hurried, query = (
        Warehouse(by_month_url, patience=Patience(lock_seconds=2)),
        sa.select(sa.func.count(exec_sessions.c.id)),
    )
    with parted.engine.connect() as reader, hurried.stage(exec_sessions) as stage:
        assert reader.scalar(query) == 6
        stage.fill([row(exec_sessions, id="new", partition_date=MARCH)])
        assert stage.replace(one(MARCH)).rows == 1
        assert reader.scalar(query) == 7
    with parted.writing("make a month") as connection:
        parted._offer.keep_other_writers_out(connection, exec_sessions)
        parted._offer.make_room(connection, exec_sessions, date(2027, 1, 1), date(2027, 1, 1))
        assert len(hurried.read(sa.select(exec_sessions.c.id))) == 7
    hurried.close()


# Keys


def test_a_moved_row_does_not_stand_twice(parted: Warehouse, row: Make, content: Content) -> None:
    """From month to month and back, though the database would take both."""
    for day in (JANUARY, FEBRUARY, JANUARY):
        rows = [row(exec_sessions, id=each, partition_date=day) for each in ("moves", f"stays {day}")]
        parted.replace_window(exec_sessions, one(day), rows)
        found = content(parted, exec_sessions, "id", PARTITION)
        assert [where for name, where in found if name == "moves"] == [day]


def test_loads_at_once_do_not_leave_a_key_twice(by_month_url: str, row: Make, content: Content) -> None:
    """Four listings say that the same row belongs to four months; whichever is last is right."""
    doors = [Warehouse(by_month_url) for _ in range(4)]
    together = threading.Barrier(4)

    def load(at: int) -> None:
        day = date(2026, 1 + at, 1)
        rows = [row(exec_sessions, id=f"{n:03}", partition_date=day) for n in range(100)]
        for _ in range(5):
            with doors[at].stage(exec_sessions) as stage:
                stage.fill(rows)
                together.wait(timeout=20)
                stage.replace(one(day))

    assert run_together(*(lambda at=at: load(at) for at in range(4))) == []
    assert [name for (name,) in content(doors[0], exec_sessions, "id")] == [f"{n:03}" for n in range(100)]
    for door in doors:
        door.close()


def test_a_key_in_two_months_is_counted(parted: Warehouse, row: Make) -> None:
    """Put there by somebody else: each of its days repeats it, and so does a day of its own."""
    table, names = exec_sessions, [column.name for column in exec_sessions.columns]
    for day in (JANUARY, FEBRUARY):
        parted.replace_window(table, one(day), [row(table, id=f"only {day}", partition_date=day)])
    with parted.engine.begin() as connection:
        twice = [
            dict(zip(names, row(table, id="twice", partition_date=day), strict=True)) for day in (JANUARY, FEBRUARY)
        ]
        connection.execute(table.insert(), twice)
    for window in (one(JANUARY), one(FEBRUARY), Window(JANUARY, FEBRUARY), None):
        found = dict(map(tuple, parted.read(expectations.surplus_keys(table, window))))
        assert found == {day: 1 for day in (JANUARY, FEBRUARY) if window is None or window.first <= day <= window.last}


# Other months are left alone


@pytest.fixture
def year(parted: Warehouse, row: Make) -> Warehouse:
    """A row on the 15th of every month, of four tables."""
    for month in range(1, 13):
        day = date(2026, month, 15)
        for table in (exec_sessions, exec_assignments, exec_participant_analytics, scenario_lift):
            key = {column.name: str(day) for column in table.primary_key.columns}
            parted.replace_window(table, one(day), [row(table, **{**key, PARTITION: day})])
    return parted


def touched(plan: str) -> set[str]:
    """The months that stand in a plan."""
    words = {word.strip("():,") for word in plan.replace('"', "").split()}
    return {word[-7:] for word in words if month_of(word) and not word.endswith("_idx")}


def test_a_window_touches_its_own_month_alone(year: Warehouse) -> None:
    """What deletes a day, and what computes one of a mart, looks at no other month's rows; a range at its own two."""
    for table in (exec_sessions, exec_assignments, exec_participant_analytics, scenario_lift):
        delete = table.delete().where(one(JANUARY).holds(table.c[PARTITION]))
        assert touched(plan(year, delete)) == {"2026_01"}
    assert touched(plan(year, lift.scenario_lift((MARCH, MARCH)))) == {"2026_03"}
    assert touched(plan(year, completion.assignment_completion((MARCH, MARCH)))) == {"2026_03"}
    assert touched(plan(year, lift.scenario_lift((FEBRUARY, MARCH)))) == {"2026_02", "2026_03"}
    assert len(touched(plan(year, lift.learner_lift()))) == 12


def test_a_load_reads_rows_of_no_other_month(year: Warehouse, row: Make) -> None:
    """By PostgreSQL's own count of what it has read in a transaction: others are asked for keys, by their index."""
    query = sa.text(
        "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables "
        "WHERE relname ~ '^exec_sessions_2' AND seq_tup_read > 0"
    )
    others = []

    def look(connection: Any, *_: Any) -> None:
        others.extend(tuple(found) for found in connection.exec_driver_sql(str(query)).all())

    with year.stage(exec_sessions) as stage:
        stage.fill([row(exec_sessions, id=f"{n:05}", partition_date=MARCH) for n in range(500)])
        sa.event.listen(stage._connection, "commit", look)
        stage.replace(one(MARCH))
        sa.event.remove(stage._connection, "commit", look)
    assert {name for name, _ in others} <= {"exec_sessions_2026_03"}


# Old months are dropped


@pytest.fixture(params=["sqlite", "postgresql", "by month"])
def any_warehouse(request: pytest.FixtureRequest, any_url: Callable[[str], str]) -> Iterator[Warehouse]:
    """However its daily tables lie."""
    made = Warehouse(any_url(request.param))
    made.migrate()
    yield made
    made.close()


def test_old_days_go_with_their_versions(any_warehouse: Warehouse, row: Make, content: Content) -> None:
    """The last day before the limit goes, the first from it stays, and so does what has no days; twice is once."""
    limit = date(2026, 3, 1)
    days = [date(2025, 12, 31), date(2026, 1, 1), limit - timedelta(days=1), limit, limit + timedelta(days=40)]
    for day in days:
        any_warehouse.replace_window(exec_sessions, one(day), [row(exec_sessions, id=str(day), partition_date=day)])
        key = {"partition_date": day, "scenario_id": "s", "user_id": "u"}
        any_warehouse.replace_window(exec_participant_analytics, one(day), [row(exec_participant_analytics, **key)])
    any_warehouse.replace_window(exec_members, None, [row(exec_members, id="a")])
    lies_by_month = not any_warehouse.keeps_key(exec_sessions)
    gone = purge_days(any_warehouse, before=limit)
    kept = [(day,) for day in days[3:]]
    for table in (exec_sessions, exec_participant_analytics):
        assert content(any_warehouse, table, PARTITION) == kept
        if lies_by_month:
            assert (gone[f"months_of_{table.name}"], gone[table.name]) == (3, 0)
            assert months(any_warehouse, table) == ["2026_03", "2026_04"]
        else:
            assert (gone.get(f"months_of_{table.name}"), gone[table.name]) == (None, 3)
    assert sorted(content(any_warehouse, data_versions, "asset", "partition")) == [
        ("exec_members", ""),
        *((name, str(day)) for name in ("exec_participant_analytics", "exec_sessions") for (day,) in kept),
    ]
    assert content(any_warehouse, exec_members, "id") == [("a",)]
    assert set(purge_days(any_warehouse, before=limit).values()) == {0}
    again = [row(exec_sessions, id="again", partition_date=days[1])]
    assert any_warehouse.replace_window(exec_sessions, one(days[1]), again) == 1


def test_a_drop_does_not_wait_long_for_a_reader(by_month_url: str, year: Warehouse) -> None:
    """Who reads for long keeps the month; everything stands as it did, and the next purge drops it."""
    hurried = Warehouse(by_month_url, patience=Patience(lock_seconds=1))
    with year.engine.connect() as reader:
        reader.execute(sa.select(exec_assignments)).all()
        with pytest.raises(WarehouseError, match=r"drop months of exec_assignments.*lock timeout"):
            purge_days(hurried, before=date(2026, 3, 1))
    hurried.close()
    assert len(months(year, exec_assignments)) == 12
    assert purge_days(year, before=date(2026, 3, 1))["months_of_exec_assignments"] == 2


@pytest.mark.parametrize(
    ("today", "kept", "first"),
    [
        (date(2026, 11, 21), 3, date(2026, 8, 1)),
        (date(2026, 3, 31), 3, date(2025, 12, 1)),
        (date(2026, 1, 1), 1, date(2025, 12, 1)),
        (date(2026, 12, 31), 12, date(2025, 12, 1)),
        (date(2026, 12, 31), 11, date(2026, 1, 1)),
    ],
)
def test_whole_months_are_kept_besides_the_current_one(today: date, kept: int, first: date) -> None:
    """Across the year's end, and of any length."""
    assert month_before(today, kept) == first
