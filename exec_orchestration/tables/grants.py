"""deploy/grants.sql, written from the declarations: `python -m exec_orchestration.tables.grants [--check] FILE`.

Three roles on PostgreSQL: one owns and migrates, one is a run's and changes rows only, one is for dashboards and sees
no column in which a person may stand.
"""

import sys
from collections.abc import Iterator

import sqlalchemy as sa

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import holds_persons
from exec_orchestration.tables.document import written

RUN, DASHBOARDS = "exec_run", "exec_dashboards"
SHOWN_GROUPS = ("exec", "sparkwise", "hr", "analytics")
HEAD = f"""\
-- Written by `make docs` from the declarations in exec_orchestration/tables/; do not edit by hand.
--
-- Least privilege on PostgreSQL. Run it as the role that owns the database and the tables, the one of `make migrate`,
-- once the roles exist and again after each migration:
--
--   CREATE ROLE {RUN} LOGIN PASSWORD '...';         -- WAREHOUSE_URL of the runs: rows, and temporary tables
--   CREATE ROLE {DASHBOARDS} LOGIN PASSWORD '...';  -- reads columns in which no person stands
--
-- {RUN} can neither make, change, empty nor drop a table. With it, a new version is migrated by the owner before its
-- first run. Whatever makes partitions of a table by month is DDL, too: let the owner do it, ahead of time.

BEGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {RUN}, {DASHBOARDS};
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO {RUN}', current_database());
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {RUN}, {DASHBOARDS};
GRANT SELECT ON alembic_version TO {RUN};
"""


def grants() -> str:
    """The whole script."""
    rows = (f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {RUN};" for name in METADATA.tables)
    return "\n".join([HEAD, *rows, "", *_for_dashboards(), "COMMIT;"]) + "\n"


def _for_dashboards() -> Iterator[str]:
    for table in METADATA.tables.values():
        shown = [column.name for column in table.columns if is_shown(column)]
        if shown:
            yield f"GRANT SELECT ({', '.join(shown)})\n    ON {table.name} TO {DASHBOARDS};"


def is_shown(column: sa.Column[object]) -> bool:
    """True for a column that dashboards may read: of facts, and neither about a person nor HR's id of one."""
    is_fact = column.table.info["group"] in SHOWN_GROUPS
    return is_fact and not holds_persons(column) and column.info.get("who") != "employee"


if __name__ == "__main__":
    sys.exit(written(sys.argv[1:], grants(), what="deploy/grants.sql"))
