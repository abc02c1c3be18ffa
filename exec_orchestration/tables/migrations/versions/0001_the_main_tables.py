"""the main tables

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment_completion",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("program_id", sa.Text(), nullable=False),
        sa.Column("assigned", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("in_progress", sa.BigInteger(), nullable=False),
        sa.Column("not_started", sa.BigInteger(), nullable=False),
        sa.Column("past_due", sa.BigInteger(), nullable=False),
        sa.Column("did_not_pass", sa.BigInteger(), nullable=False),
        sa.Column("other_status", sa.BigInteger(), nullable=False),
        sa.Column("completion_rate", sa.Double(), nullable=True),
        sa.Column("on_time_due", sa.BigInteger(), nullable=False),
        sa.Column("on_time_completed", sa.BigInteger(), nullable=False),
        sa.Column("on_time_rate", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("partition_date", "scenario_id", "program_id"),
    )
    op.create_table(
        "exec_assignment_history",
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("observed_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("best_score", sa.Double(), nullable=True),
        sa.Column("attempt_count", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("assignment_id", "observed_from"),
    )
    op.create_table(
        "exec_assignments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("user_email", sa.Text(), nullable=True),
        sa.Column("user_first_name", sa.Text(), nullable=True),
        sa.Column("user_last_name", sa.Text(), nullable=True),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("scenario_name", sa.Text(), nullable=True),
        sa.Column("scenario_slug", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("best_score", sa.Double(), nullable=True),
        sa.Column("best_rank", sa.Text(), nullable=True),
        sa.Column("attempt_count", sa.BigInteger(), nullable=False),
        sa.Column("attempt_min", sa.BigInteger(), nullable=True),
        sa.Column("attempt_max", sa.BigInteger(), nullable=True),
        sa.Column("rank_min", sa.Text(), nullable=True),
        sa.Column("program_id", sa.Text(), nullable=True),
        sa.Column("program_name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_exec_assignments_partition_date", "exec_assignments", ["partition_date"], unique=False)
    op.create_table(
        "exec_members",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exec_participant_analytics",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("user_email", sa.Text(), nullable=True),
        sa.Column("user_first_name", sa.Text(), nullable=True),
        sa.Column("user_last_name", sa.Text(), nullable=True),
        sa.Column("session_count", sa.BigInteger(), nullable=False),
        sa.Column("first_score", sa.Double(), nullable=True),
        sa.Column("first_rank", sa.Text(), nullable=True),
        sa.Column("best_score", sa.Double(), nullable=True),
        sa.Column("best_rank", sa.Text(), nullable=True),
        sa.Column("lift_percentage", sa.Double(), nullable=True),
        sa.Column("total_duration_seconds", sa.Double(), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("partition_date", "scenario_id", "user_id"),
    )
    op.create_table(
        "exec_scenarios",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("difficulty", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("objective", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("owner_email", sa.Text(), nullable=True),
        sa.Column("owner_first_name", sa.Text(), nullable=True),
        sa.Column("owner_last_name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exec_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("user_email", sa.Text(), nullable=True),
        sa.Column("user_first_name", sa.Text(), nullable=True),
        sa.Column("user_last_name", sa.Text(), nullable=True),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("scenario_name", sa.Text(), nullable=True),
        sa.Column("scenario_slug", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("rank", sa.Text(), nullable=True),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("is_valid_attempt", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_exec_sessions_partition_date", "exec_sessions", ["partition_date"], unique=False)
    op.create_table(
        "exec_skill_proficiency",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("skill_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("user_email", sa.Text(), nullable=True),
        sa.Column("user_first_name", sa.Text(), nullable=True),
        sa.Column("user_last_name", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("observation_count", sa.BigInteger(), nullable=False),
        sa.Column("last_practiced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("partition_date", "skill_id", "user_id"),
    )
    op.create_table(
        "exec_skills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("participant_count", sa.BigInteger(), nullable=True),
        sa.Column("scored_participant_count", sa.BigInteger(), nullable=True),
        sa.Column("pct_proficient_plus", sa.Double(), nullable=True),
        sa.Column("avg_score", sa.Double(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "learner_lift",
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("first_practised_on", sa.Date(), nullable=False),
        sa.Column("last_practised_on", sa.Date(), nullable=False),
        sa.Column("session_count", sa.BigInteger(), nullable=False),
        sa.Column("first_score", sa.Double(), nullable=True),
        sa.Column("first_rank", sa.Text(), nullable=True),
        sa.Column("best_score", sa.Double(), nullable=True),
        sa.Column("best_rank", sa.Text(), nullable=True),
        sa.Column("lift_points", sa.Double(), nullable=True),
        sa.Column("total_duration_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("scenario_id", "user_id"),
    )
    op.create_table(
        "rank_distribution",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.Text(), nullable=False),
        sa.Column("first_participants", sa.BigInteger(), nullable=False),
        sa.Column("first_share", sa.Double(), nullable=True),
        sa.Column("best_participants", sa.BigInteger(), nullable=False),
        sa.Column("best_share", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("partition_date", "scenario_id", "rank"),
    )
    op.create_table(
        "rejected_rows",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("partition_date", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "scenario_lift",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("scenario_id", sa.Text(), nullable=False),
        sa.Column("participants", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("average_first_score", sa.Double(), nullable=True),
        sa.Column("average_best_score", sa.Double(), nullable=True),
        sa.Column("average_lift_points", sa.Double(), nullable=True),
        sa.Column("median_lift_points", sa.Double(), nullable=True),
        sa.Column("improved_share", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("partition_date", "scenario_id"),
    )
    op.create_table(
        "session_completion",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("module_id", sa.Text(), nullable=False),
        sa.Column("module_name", sa.Text(), nullable=True),
        sa.Column("participants", sa.BigInteger(), nullable=False),
        sa.Column("attended", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("attendance_rate", sa.Double(), nullable=True),
        sa.Column("completion_rate", sa.Double(), nullable=True),
        sa.Column("average_steps_visited_pct", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("partition_date", "module_id"),
    )
    op.create_table(
        "skill_tiers",
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("skill_id", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("learners", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("partition_date", "skill_id", "tier"),
    )
    op.create_table(
        "sparkwise_clusters",
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("module_id", sa.Text(), nullable=False),
        sa.Column("module_name", sa.Text(), nullable=True),
        sa.Column("module_category", sa.Text(), nullable=True),
        sa.Column("module_thumbnail_url", sa.Text(), nullable=True),
        sa.Column("module_description", sa.Text(), nullable=True),
        sa.Column("duration_minutes", sa.Double(), nullable=True),
        sa.Column("iframe_code", sa.Text(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id"),
    )
    op.create_index("ix_sparkwise_clusters_partition_date", "sparkwise_clusters", ["partition_date"], unique=False)
    op.create_table(
        "sparkwise_completions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partition_date", sa.Date(), nullable=False),
        sa.Column("remote_user_id", sa.Text(), nullable=True),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("module_id", sa.Text(), nullable=False),
        sa.Column("module_name", sa.Text(), nullable=True),
        sa.Column("module_category", sa.Text(), nullable=True),
        sa.Column("module_thumbnail_url", sa.Text(), nullable=True),
        sa.Column("module_description", sa.Text(), nullable=True),
        sa.Column("duration_minutes", sa.Double(), nullable=True),
        sa.Column("attended", sa.Boolean(), nullable=False),
        sa.Column("session_scheduled_start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_scheduled_end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("participant_first_visited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("participant_last_visited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_in_session_minutes", sa.Double(), nullable=True),
        sa.Column("steps_visited", sa.Double(), nullable=True),
        sa.Column("total_steps", sa.Double(), nullable=True),
        sa.Column("percentage_steps_visited", sa.Double(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_sparkwise_completions_partition_date", "sparkwise_completions", ["partition_date"], unique=False
    )
    op.create_table(
        "sparkwise_users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("sparkwise_users")
    op.drop_index("ix_sparkwise_completions_partition_date", table_name="sparkwise_completions")
    op.drop_table("sparkwise_completions")
    op.drop_index("ix_sparkwise_clusters_partition_date", table_name="sparkwise_clusters")
    op.drop_table("sparkwise_clusters")
    op.drop_table("skill_tiers")
    op.drop_table("session_completion")
    op.drop_table("scenario_lift")
    op.drop_table("rejected_rows")
    op.drop_table("rank_distribution")
    op.drop_table("learner_lift")
    op.drop_table("exec_skills")
    op.drop_table("exec_skill_proficiency")
    op.drop_index("ix_exec_sessions_partition_date", table_name="exec_sessions")
    op.drop_table("exec_sessions")
    op.drop_table("exec_scenarios")
    op.drop_table("exec_participant_analytics")
    op.drop_table("exec_members")
    op.drop_index("ix_exec_assignments_partition_date", table_name="exec_assignments")
    op.drop_table("exec_assignments")
    op.drop_table("exec_assignment_history")
    op.drop_table("assignment_completion")
