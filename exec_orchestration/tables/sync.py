"""User sync's tables: what was planned for whom, and what became of it. Declarations only."""

from exec_orchestration.tables.declare import boolean, instant, integer, json_text, table, text

ACTIONS = ("create", "update", "reactivate", "deactivate", "unchanged", "blocked")
WRITES = ("create", "update", "reactivate", "deactivate")

# What a plan is computed from: HR's row of the person, and the account that has the person's id.
IDS = ("hr_roster.employee_id", "sparkwise_users.remote_id")
PERSON = tuple(f"hr_roster.{name}" for name in ("first_name", "last_name", "status", "start_on", "end_on"))
ACCOUNT = tuple(f"sparkwise_users.{name}" for name in ("first_name", "last_name", "active"))

RESULTS = ("sent", "applied", "refused", "failed", "unknown")

user_sync_plan = table(
    "user_sync_plan",
    "One row per plan and person: what the roster asks Sparkwise for. Of older plans the people without a change are "
    "not kept.",
    text("plan_id", "The plan; ids sort by time.", key=True),
    text(
        "employee_id",
        "HR's id of the person, which is the account's remote id.",
        key=True,
        personal="id",
        who="employee",
        made_of=IDS,
    ),
    text("action", "What is to be done.", required=True, accepted=ACTIONS, made_of=(*PERSON, *ACCOUNT)),
    json_text(
        "changes",
        "The fields that change, as {field: [from, to]}.",
        required=True,
        personal="json",
        made_of=(*PERSON, *ACCOUNT),
    ),
    text("reason", "Why, in words.", required=True, made_of=(*PERSON, *ACCOUNT)),
    boolean(
        "is_held",
        "True while a limit keeps this change from being sent; it waits for approval.",
        required=True,
        made_of=(*IDS, *PERSON, *ACCOUNT),
    ),
    json_text(
        "account", "How the account is to be; null where nothing is to be written.", personal="json", made_of=PERSON
    ),
    text(
        "person_fingerprint",
        "SHA-256 of HR's row of the person; null for people who are not on the roster.",
        made_of=("hr_roster.employee_id", *PERSON),
    ),
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
    text("plan_id", "The plan that asked for it.", key=True, made_of=("user_sync_plan.plan_id",)),
    text(
        "employee_id",
        "HR's id of the person.",
        key=True,
        personal="id",
        who="employee",
        made_of=("user_sync_plan.employee_id",),
    ),
    integer("attempt", "1 for the first time that this plan's change was sent.", key=True),
    text("action", "What was asked for.", required=True, accepted=WRITES, made_of=("user_sync_plan.action",)),
    text(
        "result",
        "sent: no answer yet; applied: done; refused: Sparkwise says no, and it waits until HR's row changes; failed "
        "and unknown: not done, or nobody knows, so the next run looks again.",
        required=True,
        accepted=RESULTS,
    ),
    text("error", "What Sparkwise said, or why the result is not known.", personal="words"),
    instant("sent_at", "When it was sent.", required=True),
    instant("answered_at", "When the result was known."),
    text("run_id", "The Dagster run that sent it.", required=True),
    group="user_sync",
    source="Sparkwise's answers to upserts and deactivations",
    inputs=("user_sync_plan",),
)
