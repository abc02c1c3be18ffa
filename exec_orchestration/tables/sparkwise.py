"""Sparkwise's tables: one per resource, one row per item. Declarations only.

camelCase becomes snake_case with the unit as suffix; times are instants in UTC.
"""

from exec_orchestration.tables.declare import boolean, instant, number, partition_date, raw_table, text

sparkwise_clusters = raw_table(
    "sparkwise_clusters",
    "One row per cluster (a group booked for one module), in the partition of the day it was created.",
    text("cluster_id", "Sparkwise's id of the cluster.", source="clusterId", key=True),
    partition_date("the day the cluster was created", key=False),
    text("module_id", "The module that the cluster learns.", source="moduleId", required=True),
    text("module_name", "The module's name.", source="moduleName"),
    text("module_category", "The module's category.", source="moduleCategory"),
    text("module_thumbnail_url", "The module's picture.", source="moduleThumbnailUrl"),
    text("module_description", "What the module is about.", source="moduleDescription"),
    number("duration_minutes", "Planned length of the session.", source="duration", unit="minutes"),
    text("iframe_code", "Embed code, only where self-registration is on.", source="iframeCode"),
    group="sparkwise",
    source="Sparkwise's clusters (`SPARKWISE_CLUSTERS_REQUEST`)",
)

sparkwise_completions = raw_table(
    "sparkwise_completions",
    "One row per person and session that took place, in the partition of the session's day.",
    text("id", "Sparkwise's id of the participation.", source="id", key=True),
    partition_date("the day the session took place", key=False),
    text(
        "remote_user_id",
        "The HR system's id of the person.",
        source="remoteUserId",
        personal="id",
        who="employee",
        refers_to="sparkwise_users.remote_id",
    ),
    text("cluster_id", "The cluster of the session.", source="clusterId", required=True),
    text("module_id", "The module of the session.", source="moduleId", required=True),
    text("module_name", "The module's name.", source="moduleName"),
    text("module_category", "The module's category.", source="moduleCategory"),
    text("module_thumbnail_url", "The module's picture.", source="moduleThumbnailUrl"),
    text("module_description", "What the module is about.", source="moduleDescription"),
    number("duration_minutes", "Planned length of the session.", source="duration", unit="minutes"),
    boolean("attended", "True when the person came.", source="attended", required=True),
    instant("session_scheduled_start_at", "When the session was to begin.", source="sessionScheduledStartAt"),
    instant("session_scheduled_end_at", "When the session was to end.", source="sessionScheduledEndAt"),
    instant("participant_first_visited_at", "The person's first visit.", source="participantFirstVisitedAt"),
    instant("participant_last_visited_at", "The person's last visit.", source="participantLastVisitedAt"),
    number("time_in_session_minutes", "Time the person spent in it.", source="timeInSessionMins", unit="minutes"),
    number("steps_visited", "Steps that the person visited.", source="stepsVisited", unit="steps"),
    number("total_steps", "Steps that the module has.", source="totalSteps", unit="steps"),
    number(
        "percentage_steps_visited",
        "Steps visited of all steps, 0 to 100.",
        source="percentageStepsVisited",
        unit="percent",
    ),
    text("hash", "Sparkwise's fingerprint of the row; a new one means that it was changed.", source="hash"),
    group="sparkwise",
    source="Sparkwise's completions (`SPARKWISE_COMPLETIONS_REQUEST`)",
)

sparkwise_users = raw_table(
    "sparkwise_users",
    "One row per Sparkwise account, active or not, as of the last listing.",
    text("id", "Sparkwise's id of the account.", source="id", key=True, who="account"),
    text("first_name", "The person's first name.", source="firstName", personal="name"),
    text("last_name", "The person's last name.", source="lastName", personal="name"),
    boolean("active", "False once the account is switched off.", source="active", required=True),
    text(
        "remote_id",
        "The HR system's id of the person; null for accounts that are not ours.",
        source="remoteId",
        personal="id",
        who="employee",
    ),
    group="sparkwise",
    source="Sparkwise's users (`SPARKWISE_USERS_REQUEST`)",
)
