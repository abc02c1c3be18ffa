"""The request budget's tables: every request of every process, what a 429 has taught, what was estimated."""

import sqlalchemy as sa

from exec_orchestration.tables.declare import day, instant, integer, table, text

LANES = ("scheduled", "sync", "backfill")

api_requests = table(
    "api_requests",
    "One row per request to a vendor, retries too: written before it is sent, and again when it is answered.",
    text("id", "Our id of the request.", key=True),
    text("api", "The vendor: exec or sparkwise.", required=True),
    text("lane", "On whose account it goes.", required=True, accepted=LANES),
    text("asset", "The asset that asked."),
    day("partition_date", "The partition that it was asked for; null for listings of a range or of no partition."),
    text("path", "What was asked, without host and key.", required=True),
    integer("status", "The HTTP status; null while there is no answer, or where the connection broke."),
    instant("sent_at", "When it was sent.", required=True),
    instant("answered_at", "When it was answered or given up; null until then."),
    text("run_id", "The Dagster run that asked; null outside of one."),
    text("backfill", "What all runs of one backfill share, stopped and resumed ones; null for other lanes."),
    group="ledger",
)
sa.Index("ix_api_requests_window", api_requests.c.api, api_requests.c.sent_at)

sa.Index("ix_api_requests_backfill", api_requests.c.backfill, api_requests.c.asset)

api_holds = table(
    "api_holds",
    "One row per vendor that has asked us to wait: nobody sends before then.",
    text("api", "The vendor.", key=True),
    instant("ends_at", "Until when nothing is sent.", required=True),
    text("reason", "What came back.", required=True),
    instant("learned_at", "When it came back.", required=True),
    group="ledger",
)

api_reservations = table(
    "api_reservations",
    "One row per run that has set requests of the day aside, so that what it has begun it can end.",
    text("id", "Our id of the reservation.", key=True),
    text("api", "The vendor.", required=True),
    text("lane", "On whose account they go.", required=True, accepted=LANES),
    integer("requests", "How many of them are not sent yet.", required=True, unit="requests"),
    instant("expires_at", "When they are free again, should nobody give them back.", required=True),
    text("run_id", "The Dagster run that reserved them; null outside of one."),
    group="ledger",
)

api_estimates = table(
    "api_estimates",
    "One row per backfill and asset: how many requests it was thought to cost before it began.",
    text("backfill", "What all runs of the backfill share.", key=True),
    text("asset", "The asset.", key=True),
    text("api", "The vendor.", required=True),
    day("begins_on", "The first day that was asked for.", required=True),
    day("ends_on", "The last day that was asked for.", required=True),
    integer("requests", "The estimate.", required=True, unit="requests"),
    text("basis", "What it was made of.", required=True),
    instant("made_at", "When it was made.", required=True),
    group="ledger",
)
