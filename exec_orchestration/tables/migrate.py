"""The schema's way to its newest revision: one command, one transaction, one process at a time.

`python -m alembic -x url=... upgrade head` and every run of a job come through here or through `migrations/env.py`.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables import dialects

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, unless it is there; a revision is applied whole or not at all."""
    with engine.connect() as connection:
        if _is_current(connection):
            return
    with dialects.writing(engine) as connection:
        dialects.offer(connection).alone_until_commit(connection, "the schema")
        if not _is_current(connection):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    found = _context(connection).get_current_revision()
    if found is not None and found not in _revisions():
        raise WarehouseError(
            f"The warehouse's schema is of revision {found}, which this version of exec_orchestration does not know: "
            "a newer version has been here. Install that version, or use another WAREHOUSE_URL; nothing was changed."
        )
    return found == _head()


def _context(connection: Connection) -> MigrationContext:
    try:
        return MigrationContext.configure(connection)
    except KeyError as error:
        raise WarehouseError(
            f"The warehouse's schema cannot be made: Alembic, which makes it, does not know the engine "
            f"{connection.dialect.name}. Install a package of that engine that brings its part of Alembic along, or "
            "use another WAREHOUSE_URL; SQLite and PostgreSQL are tested. Nothing was changed."
        ) from error


@cache
def _revisions() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


@cache
def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
