"""roster and user sync

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "department_scorecard",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("people_practised", sa.BigInteger(), nullable=False),
        sa.Column("average_lift_points", sa.Double(), nullable=True),
        sa.Column("improved_share", sa.Double(), nullable=True),
        sa.Column("assigned", sa.BigInteger(), nullable=False),
        sa.Column("assignments_completed", sa.BigInteger(), nullable=False),
        sa.Column("assignment_completion_rate", sa.Double(), nullable=True),
        sa.Column("participations", sa.BigInteger(), nullable=False),
        sa.Column("attended", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("attendance_rate", sa.Double(), nullable=True),
        sa.Column("session_completion_rate", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("department"),
    )
    op.create_table(
        "hr_roster",
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("manager_id", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("start_on", sa.Date(), nullable=True),
        sa.Column("end_on", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("employee_id", "valid_from"),
    )
    op.create_table(
        "hr_roster_reads",
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("read_at"),
    )
    op.create_table(
        "learner_scorecard",
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_in_exec", sa.Boolean(), nullable=False),
        sa.Column("is_in_sparkwise", sa.Boolean(), nullable=False),
        sa.Column("is_active_in_sparkwise", sa.Boolean(), nullable=True),
        sa.Column("scenarios_practised", sa.BigInteger(), nullable=False),
        sa.Column("practice_sessions", sa.BigInteger(), nullable=False),
        sa.Column("last_practised_on", sa.Date(), nullable=True),
        sa.Column("average_lift_points", sa.Double(), nullable=True),
        sa.Column("scenarios_improved", sa.BigInteger(), nullable=False),
        sa.Column("gold_scenarios", sa.BigInteger(), nullable=False),
        sa.Column("skills_observed", sa.BigInteger(), nullable=False),
        sa.Column("skills_proficient", sa.BigInteger(), nullable=False),
        sa.Column("assigned", sa.BigInteger(), nullable=False),
        sa.Column("assignments_completed", sa.BigInteger(), nullable=False),
        sa.Column("assignments_past_due", sa.BigInteger(), nullable=False),
        sa.Column("assignment_completion_rate", sa.Double(), nullable=True),
        sa.Column("participations", sa.BigInteger(), nullable=False),
        sa.Column("attended", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("attendance_rate", sa.Double(), nullable=True),
        sa.Column("session_completion_rate", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("employee_id"),
    )
    op.create_table(
        "user_sync_outcome",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "employee_id", "attempt"),
    )
    op.create_table(
        "user_sync_plan",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("account", sa.JSON(), nullable=True),
        sa.Column("person_fingerprint", sa.Text(), nullable=True),
        sa.Column("plan_fingerprint", sa.Text(), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carried_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "employee_id"),
    )


def downgrade() -> None:
    op.drop_table("user_sync_plan")
    op.drop_table("user_sync_outcome")
    op.drop_table("learner_scorecard")
    op.drop_table("hr_roster_reads")
    op.drop_table("hr_roster")
    op.drop_table("department_scorecard")
