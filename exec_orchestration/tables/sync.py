"""User sync's tables: what was planned for whom, and what became of it. Declarations only."""

from exec_orchestration.tables.declare import boolean, instant, integer, json_text, table, text

ACTIONS = ("create", "update", "reactivate", "deactivate", "unchanged", "blocked")
WRITES = ("create", "update", "reactivate", "deactivate")
RESULTS = ("sent", "applied", "refused", "failed", "unknown")

user_sync_plan = table(
    "user_sync_plan",
    "One row per plan and person: what the roster asks Sparkwise for. Of older plans the people without a change are "
    "not kept.",
    text("plan_id", "The plan; ids sort by time.", key=True),
    text("employee_id", "HR's id of the person, which is the account's remote id.", key=True, personal=True),
    text("action", "What is to be done.", required=True, accepted=ACTIONS),
    json_text("changes", "The fields that change, as {field: [from, to]}.", required=True, personal=True),
    text("reason", "Why, in words.", required=True),
    boolean("is_held", "True while a limit keeps this change from being sent; it waits for approval.", required=True),
    json_text("account", "How the account is to be; null where nothing is to be written.", personal=True),
    text("person_fingerprint", "SHA-256 of HR's row of the person; null for people who are not on the roster."),
    text("plan_fingerprint", "SHA-256 of all held changes of the plan, by which they are approved; null without any."),
    instant("planned_at", "When the plan was made.", required=True),
    instant("expires_at", "Until when the held changes may be approved.", required=True),
    instant("carried_out_at", "When a sync of everybody had sent all that was not held; null until then."),
    text("run_id", "The Dagster run that made the plan.", required=True),
    group="user_sync",
    inputs=("hr_roster", "sparkwise_users"),
)

user_sync_outcome = table(
    "user_sync_outcome",
    "One row per plan, person and attempt: what was sent to Sparkwise and what came back. Written before it is sent.",
    text("plan_id", "The plan that asked for it.", key=True),
    text("employee_id", "HR's id of the person.", key=True, personal=True),
    integer("attempt", "1 for the first time that this plan's change was sent.", key=True),
    text("action", "What was asked for.", required=True, accepted=WRITES),
    text(
        "result",
        "sent: no answer yet; applied: done; refused: Sparkwise says no, and it waits until HR's row changes; failed "
        "and unknown: not done, or nobody knows, so the next run looks again.",
        required=True,
        accepted=RESULTS,
    ),
    text("error", "What Sparkwise said, or why the result is not known.", personal=True),
    instant("sent_at", "When it was sent.", required=True),
    instant("answered_at", "When the result was known."),
    text("run_id", "The Dagster run that sent it.", required=True),
    group="user_sync",
    source="Sparkwise's answers to upserts and deactivations",
    inputs=("user_sync_plan",),
)
