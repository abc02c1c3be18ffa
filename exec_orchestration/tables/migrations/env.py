"""Alembic's entry: runs revisions on the connection that `tables.migrate` hands over, or on `-x url=...`.

With `-x partitions=month` (or none), the daily tables are brought into that layout once the schema is the newest.
"""

import sqlalchemy as sa
from alembic import context

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.dialects import engine_for, writing
from exec_orchestration.tables.engines.layout import UNCHANGED
from exec_orchestration.tables.migrate import is_compared, lay_out, refuse_unknown


def run(connection: sa.engine.Connection) -> None:
    """Run the revisions that Alembic asks for inside the connection's transaction."""
    context.configure(connection=connection, target_metadata=METADATA, include_name=is_compared)
    context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    given = context.get_x_argument(as_dictionary=True)
    engine = engine_for(given.get("url", "sqlite:///data/warehouse.db"))
    layout = given.get("partitions", UNCHANGED)
    refuse_unknown(engine, layout)
    with writing(engine) as own:
        run(own)
        is_newest = context.get_context().get_current_revision() == context.get_head_revision()
    if is_newest:
        lay_out(engine, layout)
