"""changed learners

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEX = "ix_exec_participant_analytics_scenario_id_user_id"


def upgrade() -> None:
    op.create_table(
        "changed_learners",
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("since", "scenario_id", "user_id"),
    )
    op.create_index(INDEX, "exec_participant_analytics", ["scenario_id", "user_id"])


def downgrade() -> None:
    op.drop_index(INDEX, table_name="exec_participant_analytics")
    op.drop_table("changed_learners")
