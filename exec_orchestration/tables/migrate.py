"""The schema's way to its newest revision, and then to the layout that is asked for; one process at a time.

`python -m alembic -x url=... upgrade head` and every run of a job come through here or through `migrations/env.py`.
"""

import logging
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from exec_orchestration.errors import BadSetting, WarehouseError
from exec_orchestration.tables import dialects
from exec_orchestration.tables.declare import METADATA, is_daily
from exec_orchestration.tables.engines.layout import LAYOUTS, MONTH, UNCHANGED, month_of

MIGRATIONS = Path(__file__).with_name("migrations")

log = logging.getLogger(__name__)


def migrate(engine: Engine, *, layout: str = UNCHANGED) -> None:
    """Bring the schema to the newest revision, and the daily tables into `layout`, unless they are there."""
    refuse_unknown(engine, layout)
    _upgrade(engine)
    lay_out(engine, layout)


def refuse_unknown(engine: Engine, layout: str) -> None:
    """Raise BadSetting where the engine has no such layout."""
    if layout not in LAYOUTS:
        raise BadSetting(f"WAREHOUSE_PARTITIONS cannot be {layout!r}; valid is one of {', '.join(LAYOUTS)}.")
    if layout == MONTH and not dialects.offer(engine).knows_months():
        raise BadSetting(
            "WAREHOUSE_PARTITIONS=month asks for a native partition for each month, which only PostgreSQL gets, and "
            f"WAREHOUSE_URL names a database on {engine.dialect.name}. Remove WAREHOUSE_PARTITIONS, or let "
            "WAREHOUSE_URL name a postgresql://... database; nothing was changed."
        )


def lay_out(engine: Engine, layout: str) -> None:
    """Bring each daily table of a schema of the newest revision into a layout, in a transaction of its own."""
    if layout == UNCHANGED:
        return
    with engine.connect() as connection:
        other = _laid_out_otherwise(connection, layout)
    for name in other:
        with dialects.writing(engine) as connection:
            dialects.offer(connection).alone_until_commit(connection, "the schema")
            # Another process may have done it meanwhile.
            if name in _laid_out_otherwise(connection, layout):
                log.info("Putting %s into the layout that WAREHOUSE_PARTITIONS=%s asks for.", name, layout)
                dialects.offer(connection).rearrange(connection, METADATA.tables[name], by_month=layout == MONTH)


def is_compared(name: str | None, kind: str, _parents: object) -> bool:
    """False for the partitions of a table that lies by month, which Alembic would take for tables to be removed."""
    return not (kind == "table" and month_of(name or ""))


def _laid_out_otherwise(connection: Connection, layout: str) -> list[str]:
    by_month = dialects.offer(connection).standing_by_month(connection)
    daily = [name for name, table in METADATA.tables.items() if is_daily(table)]
    return [name for name in daily if (name in by_month) != (layout == MONTH)]


def _upgrade(engine: Engine) -> None:
    """A revision is applied whole or not at all."""
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
