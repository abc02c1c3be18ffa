"""deploy/grants.sql on a real PostgreSQL: what a run may do, what it may not, and what dashboards see."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from exec_orchestration.definitions import defs
from exec_orchestration.sandbox.roster import roster_rows, write_roster
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import holds_persons
from exec_orchestration.tables.grants import DASHBOARDS, RUN, grants
from exec_orchestration.tables.warehouse import Warehouse
from exec_orchestration_tests.conftest import LAST_DAY, Sandbox
from exec_orchestration_tests.defs.conftest import House

SCRIPT = Path(__file__).parents[2] / "deploy" / "grants.sql"
OWNER, DATABASE = "exec_owner", "granted"


@pytest.fixture(scope="module")
def url_of(postgres_server: str) -> Iterator[Callable[[str], str]]:
    """The URL of a migrated database for each of three roles, after the owner has run the script twice."""
    server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        for role in (OWNER, RUN, DASHBOARDS):
            connection.execute(sa.text(f"CREATE ROLE {role} LOGIN PASSWORD 'x'"))
        connection.execute(sa.text(f"CREATE DATABASE {DATABASE} OWNER {OWNER}"))

    def url(role: str) -> str:
        made = sa.make_url(postgres_server).set(username=role, password="x", database=DATABASE)
        return made.render_as_string(hide_password=False)

    warehouse = Warehouse(url(OWNER))
    warehouse.migrate()
    for _ in range(2):
        with warehouse.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(SCRIPT.read_text().replace("%", "%%"))
    warehouse.close()
    yield url
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {DATABASE} WITH (FORCE)"))
        for role in (OWNER, RUN, DASHBOARDS):
            connection.execute(sa.text(f"DROP ROLE {role}"))
    server.dispose()


def may(url: str, statement: str) -> bool:
    """True where the server lets the role do it; any other trouble is an error."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(statement))
            connection.rollback()
        return True
    except sa.exc.ProgrammingError as error:
        if type(error.orig).__name__ != "InsufficientPrivilege":
            raise
        return False
    finally:
        engine.dispose()


def test_the_script_is_what_the_declarations_say() -> None:
    """`make docs` writes it."""
    assert SCRIPT.read_text() == grants()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """What Dagster remembers, in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_a_run_needs_no_more_than_rows(
    url_of: Callable[[str], str], make_sandbox: Callable[..., Sandbox], instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """It loads, computes, syncs, purges and erases with the role of a run."""
    sandbox, roster, person = make_sandbox(), tmp_path / "roster.csv", tmp_path / "person.toml"
    write_roster(roster, roster_rows(sandbox.world.cast, LAST_DAY))
    settings = {"HR_ROSTER_URL": str(roster), "ERASE_PERSON_FILE": str(person)}
    house = House(sandbox, url_of(RUN), instance, **settings)
    assert house.run("exec_scenarios", "exec_members", "hr_roster").success
    assert house.run("exec_participant_analytics", "exec_sessions", "exec_assignments", first="2026-01-19").success
    assert house.run("scenario_lift", first="2026-01-19").success
    assert house.run("learner_scorecard").success
    assert house.run("hr_roster", "sparkwise_users", "user_sync_plan", "user_sync_outcome").success
    person.write_text(f'employee_ids = ["{house.rows("hr_roster")[0]["employee_id"]}"]')
    for name in ("purge", "erase_person"):
        with house.resources() as resources:
            job = defs.resolve_job_def(name)
            assert job.execute_in_process(instance=instance, raise_on_error=False, resources=resources).success
    assert house.rows("scenario_lift")
    house.warehouse.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE exec_members",
        "ALTER TABLE exec_members ADD COLUMN x INTEGER",
        "TRUNCATE exec_members",
        "CREATE TABLE x (x INTEGER)",
        "CREATE SCHEMA x",
        "CREATE INDEX x ON exec_members (id)",
        "UPDATE alembic_version SET version_num = ''",
        "CREATE ROLE x",
    ],
)
def test_only_the_owner_changes_the_schema(url_of: Callable[[str], str], statement: str) -> None:
    """Neither a run nor a dashboard drops, alters, empties or makes anything that lasts."""
    assert not may(url_of(RUN), statement)
    assert not may(url_of(DASHBOARDS), statement)


def test_a_run_has_temporary_tables(url_of: Callable[[str], str]) -> None:
    """In which it stages rows; dashboards have none."""
    assert may(url_of(RUN), "CREATE TEMPORARY TABLE x (x INTEGER)")
    assert not may(url_of(DASHBOARDS), "CREATE TEMPORARY TABLE x (x INTEGER)")


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_dashboards_see_no_person(url_of: Callable[[str], str], table: sa.Table) -> None:
    """Of a table every column but those in which a person may stand; of the books nothing."""
    is_fact = table.info["group"] in ("exec", "sparkwise", "hr", "analytics")
    hidden = [each.name for each in table.columns if holds_persons(each) or each.info.get("who") == "employee"]
    shown = [each.name for each in table.columns if each.name not in hidden]
    url = url_of(DASHBOARDS)
    assert may(url, f"SELECT {', '.join(shown)} FROM {table.name}") == is_fact
    assert not any(may(url, f"SELECT {name} FROM {table.name}") for name in hidden)
    assert not may(url, f"DELETE FROM {table.name}")
