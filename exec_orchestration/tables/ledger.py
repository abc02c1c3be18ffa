"""The ledger's tables: what the loads remember about themselves. Declarations only."""

from exec_orchestration.tables.declare import PARTITION, day, instant, json_text, table, text

rejected_rows = table(
    "rejected_rows",
    "One row per vendor row that did not fit its declaration, with the reason and what came. A load of a partition "
    "replaces what an earlier load of it left here.",
    text("id", "Fingerprint of asset, partition, payload and occurrence.", key=True),
    text("asset", "The table that it was meant for.", required=True),
    day(PARTITION, "The partition that it belongs to; null where the row does not say."),
    text("reason", "Each value that does not fit, and why.", required=True),
    json_text("payload", "The row as it came.", required=True, personal="json"),
    instant("fetched_at", "When the listing that brought it was begun (UTC).", required=True),
    text("run_id", "The Dagster run that brought it.", required=True),
    group="ledger",
)

data_versions = table(
    "data_versions",
    "One row per raw table and partition: the name of its content. It changes only when the rows do, whatever "
    "fetched_at and run_id say, and is what Dagster is told as the data version. And one row for learner_lift, which "
    "changes whenever it is computed.",
    text("asset", "The table.", key=True),
    text("partition", "The partition's day; '' for a table without partitions.", key=True),
    text("version", "The run that brought this content.", required=True),
    group="ledger",
)

changed_learners = table(
    "changed_learners",
    "One row per scenario and person whose rows in exec_participant_analytics have changed since learner_lift was "
    "computed, or had changed when it was computed last.",
    text("since", "The version of learner_lift, in data_versions, that lacks the change.", key=True),
    text("scenario_id", "The scenario.", key=True),
    text("user_id", "Exec's id of the person.", key=True, who="exec_user"),
    group="ledger",
)

privacy_state = table(
    "privacy_state",
    "One row per fact about how persons are stored here: a check of the key that their hashes were made with (no row "
    "while they are stored as they are), and the salt of erased_people.",
    text("name", "The fact.", key=True),
    text("value", "What holds.", required=True),
    group="ledger",
)

erased_people = table(
    "erased_people",
    "One row per identifier of somebody who was erased, as a salted hash: loads leave out whoever has it.",
    text("token", "HMAC-SHA256 of the identifier, by the salt of this warehouse.", key=True),
    instant("erased_at", "When the person was erased (UTC).", required=True),
    text("run_id", "The Dagster run that did it.", required=True),
    group="ledger",
)
