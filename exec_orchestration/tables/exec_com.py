"""Exec's tables: one per resource, one row per item of its listing. Declarations only.

Nested objects are flattened (`user.id` -> `user_id`); times are instants in UTC; ranks and tiers are what Exec reports.
"""

from exec_orchestration.tables.declare import (
    boolean,
    indexed,
    instant,
    integer,
    number,
    partition_date,
    raw_table,
    table,
    text,
)

RANKS = ("gold", "silver", "bronze", "unranked")
TIERS = ("excellent", "proficient", "developing", "needs_work", "insufficient_data")
ASSIGNMENT_STATUSES = ("not_started", "in_progress", "completed", "past_due", "did_not_pass")
ROLES = ("admin", "staff", "member")

exec_scenarios = raw_table(
    "exec_scenarios",
    "One row per scenario of the workspace, archived ones too, as of the last listing.",
    text("id", "Exec's id of the scenario.", source="id", key=True),
    text("name", "The scenario's name.", source="name", required=True),
    text("description", "What the scenario is about.", source="description"),
    text("slug", "The scenario's name in addresses.", source="slug"),
    text("url", "The scenario's page.", source="url"),
    text("difficulty", "Exec's difficulty label.", source="difficulty"),
    text("context", "The situation that the learner is told.", source="context"),
    text("objective", "What the learner is to reach.", source="objective"),
    text("language", "The scenario's language.", source="language"),
    text("visibility", "Who may see the scenario.", source="visibility"),
    text("owner_id", "Exec's id of the owner.", source="owner.id", who="exec_user", is_mention=True),
    text("owner_email", "The owner's e-mail.", source="owner.email", personal="email", is_mention=True),
    text("owner_first_name", "The owner's first name.", source="owner.first_name", personal="name", is_mention=True),
    text("owner_last_name", "The owner's last name.", source="owner.last_name", personal="name", is_mention=True),
    instant("created_at", "When the scenario was made.", source="created_at"),
    instant("updated_at", "When the scenario was last changed.", source="updated_at"),
    boolean("archived", "True when only `include_archived=true` lists it.", source="archived", required=True),
    group="exec",
    source="Exec's `GET /scenarios`, once with and once without `include_archived`",
)

exec_skills = raw_table(
    "exec_skills",
    "One row per skill of the workspace, as of the last listing.",
    text("id", "Exec's id of the skill.", source="id", key=True),
    text("name", "The skill's name.", source="name", required=True),
    text("slug", "The skill's name in addresses.", source="slug"),
    text("description", "What the skill is.", source="description"),
    instant("created_at", "When the skill was made.", source="created_at"),
    integer(
        "participant_count",
        "People with an observation now.",
        source="proficiency_summary.participant_count",
        unit="people",
    ),
    integer(
        "scored_participant_count",
        "People with a score now.",
        source="proficiency_summary.scored_participant_count",
        unit="people",
    ),
    number(
        "pct_proficient_plus",
        "Of those scored, how many are proficient or better now.",
        source="proficiency_summary.pct_proficient_plus",
        unit="as reported",
    ),
    number("avg_score", "Average score now.", source="proficiency_summary.avg_score", unit="points"),
    group="exec",
    source="Exec's `GET /skills?include=proficiency`",
)

exec_members = raw_table(
    "exec_members",
    "One row per member of the workspace, as of the last listing.",
    text("id", "Exec's id of the person.", source="id", key=True, who="exec_user"),
    text("email", "The person's e-mail.", source="email", personal="email"),
    text("first_name", "The person's first name.", source="first_name", personal="name"),
    text("last_name", "The person's last name.", source="last_name", personal="name"),
    text("role", "The person's role in the workspace.", source="role", accepted=ROLES),
    instant("created_at", "When the person joined the workspace.", source="created_at"),
    group="exec",
    source="Exec's `GET /workspace/members`",
)

exec_participant_analytics = raw_table(
    "exec_participant_analytics",
    "One row per day, scenario and person who practised it that day: the day's sessions, first and best score.",
    partition_date("the day whose sessions are aggregated"),
    text("scenario_id", "The scenario that was asked for.", key=True, refers_to="exec_scenarios.id"),
    text(
        "user_id", "Exec's id of the person.", source="user.id", key=True, who="exec_user", refers_to="exec_members.id"
    ),
    text("user_email", "The person's e-mail.", source="user.email", personal="email"),
    text("user_first_name", "The person's first name.", source="user.first_name", personal="name"),
    text("user_last_name", "The person's last name.", source="user.last_name", personal="name"),
    integer("session_count", "Valid sessions of the day.", source="session_count", required=True, unit="sessions"),
    number("first_score", "Score of the day's first scored session.", source="first_score", unit="points"),
    text("first_rank", "Rank of the day's first scored session.", source="first_rank", accepted=RANKS),
    number("best_score", "Best score of the day.", source="best_score", unit="points"),
    text("best_rank", "Rank of the day's best score.", source="best_rank", accepted=RANKS),
    number(
        "lift_percentage",
        "Best minus first score of the day, in points. Never sum or average it over days.",
        source="lift_percentage",
        unit="points",
    ),
    number(
        "total_duration_seconds",
        "Time spent in the day's sessions.",
        source="total_duration_seconds",
        required=True,
        unit="seconds",
    ),
    group="exec",
    source="Exec's `GET /scenarios/{id}/analytics/participants`",
)
# The key is led by the day; of a learner that has changed all days are read.
indexed(exec_participant_analytics, "scenario_id", "user_id")

exec_assignments = raw_table(
    "exec_assignments",
    "One row per assignment as it stood at the last listing, in the partition of the day it was created.",
    text("id", "Exec's id of the assignment.", source="id", key=True),
    partition_date("the day the assignment was created", key=False),
    text(
        "user_id",
        "Exec's id of the person.",
        source="user.id",
        required=True,
        who="exec_user",
        refers_to="exec_members.id",
    ),
    text("user_email", "The person's e-mail.", source="user.email", personal="email"),
    text("user_first_name", "The person's first name.", source="user.first_name", personal="name"),
    text("user_last_name", "The person's last name.", source="user.last_name", personal="name"),
    text(
        "scenario_id",
        "The scenario that is to be practised.",
        source="scenario.id",
        required=True,
        refers_to="exec_scenarios.id",
    ),
    text("scenario_name", "The scenario's name.", source="scenario.name"),
    text("scenario_slug", "The scenario's name in addresses.", source="scenario.slug"),
    text("status", "Where the assignment stands.", source="status", required=True, accepted=ASSIGNMENT_STATUSES),
    instant("due_at", "When it is due.", source="due_date"),
    number("best_score", "Best score so far.", source="best_score", unit="points"),
    text("best_rank", "Rank of the best score.", source="best_rank", accepted=RANKS),
    integer("attempt_count", "Attempts so far.", source="attempt_count", required=True, unit="attempts"),
    integer("attempt_min", "Attempts that are asked for at least.", source="attempt_min", unit="attempts"),
    integer("attempt_max", "Attempts that are allowed at most.", source="attempt_max", unit="attempts"),
    text("rank_min", "Rank that is asked for at least.", source="rank_min", accepted=RANKS),
    text("program_id", "The program it belongs to; null when it stands alone.", source="program.id"),
    text("program_name", "The program's name.", source="program.name"),
    instant("created_at", "When it was assigned.", source="created_at", required=True),
    group="exec",
    source="Exec's `GET /scenarios/assignments`",
)

exec_assignment_history = table(
    "exec_assignment_history",
    "One row per assignment and state that a listing has seen. Exec keeps no history: this is ours, from the first "
    "listing on, and never reaches further back.",
    text("assignment_id", "The assignment.", source="id", key=True, belongs_to="exec_assignments.id"),
    instant("observed_from", "The listing that first saw this state (UTC).", key=True),
    instant("observed_to", "The listing that first saw the next state; null while no other was seen (UTC)."),
    text("status", "The status that was seen.", source="status", required=True, accepted=ASSIGNMENT_STATUSES),
    number("best_score", "Best score when it was last listed in this state.", source="best_score", unit="points"),
    integer(
        "attempt_count",
        "Attempts when it was last listed in this state.",
        source="attempt_count",
        required=True,
        unit="attempts",
    ),
    text("run_id", "The Dagster run that first saw this state.", required=True),
    group="exec",
    source="Exec's `GET /scenarios/assignments`, each listing compared with the last",
)

exec_skill_proficiency = raw_table(
    "exec_skill_proficiency",
    "One row per day, skill and person: the proficiency as of the end of that day.",
    partition_date("the day at whose end the proficiency is taken"),
    text("skill_id", "The skill that was asked for.", key=True, refers_to="exec_skills.id"),
    text("user_id", "Exec's id of the person.", source="user.id", key=True, who="exec_user"),
    text("user_email", "The person's e-mail.", source="user.email", personal="email"),
    text("user_first_name", "The person's first name.", source="user.first_name", personal="name"),
    text("user_last_name", "The person's last name.", source="user.last_name", personal="name"),
    number("score", "The score; null under three observations, never 0 for that.", source="score", unit="points"),
    text("tier", "The tier that Exec reports.", source="tier", required=True, accepted=TIERS),
    integer("observation_count", "Observations so far.", source="observation_count", required=True, unit="sessions"),
    instant("last_practiced_at", "The last observation.", source="last_practiced_at"),
    group="exec",
    source="Exec's `GET /skills/{id}/proficiency`",
)

exec_sessions = raw_table(
    "exec_sessions",
    "One row per session, in the partition of the day it was created; people who have left are among them.",
    text("id", "Exec's id of the session.", source="id", key=True),
    partition_date("the day the session was created", key=False),
    text("user_id", "Exec's id of the person.", source="user.id", required=True, who="exec_user"),
    text("user_email", "The person's e-mail.", source="user.email", personal="email"),
    text("user_first_name", "The person's first name.", source="user.first_name", personal="name"),
    text("user_last_name", "The person's last name.", source="user.last_name", personal="name"),
    text(
        "scenario_id",
        "The scenario that was practised.",
        source="scenario.id",
        required=True,
        refers_to="exec_scenarios.id",
    ),
    text("scenario_name", "The scenario's name.", source="scenario.name"),
    text("scenario_slug", "The scenario's name in addresses.", source="scenario.slug"),
    number("score", "The score; null where there is none, or none yet.", source="score", unit="points"),
    text("rank", "The rank that Exec reports.", source="rank", accepted=RANKS),
    number("duration_seconds", "How long the session took.", source="duration_seconds", unit="seconds"),
    boolean(
        "is_valid_attempt",
        "True once graded as valid, with or without a score; only these count in analytics.",
        source="is_valid_attempt",
        required=True,
    ),
    instant("created_at", "When the session began.", source="created_at", required=True),
    group="exec",
    source="Exec's `GET /sessions`",
)
