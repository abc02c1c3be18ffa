"""Alembic's entry: runs revisions on the connection that `tables.migrate` hands over, or on `-x url=...`."""

import sqlalchemy as sa
from alembic import context

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.dialects import engine_for, writing


def run(connection: sa.engine.Connection) -> None:
    """Run the revisions that Alembic asks for inside the connection's transaction."""
    context.configure(connection=connection, target_metadata=METADATA)
    context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    url = context.get_x_argument(as_dictionary=True).get("url", "sqlite:///data/warehouse.db")
    with writing(engine_for(url)) as own:
        run(own)
