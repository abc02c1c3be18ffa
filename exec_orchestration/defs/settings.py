"""Every setting, declared once: name, default, what is valid, what it means. Pure: the environment is an argument.

`.env.example` and the README's table are checked against this list. A setting that is missing or malformed stops the
thing that needs it with a BadSetting; the code location still loads.
"""

from datetime import date
from pathlib import Path
from typing import Any

from exec_orchestration.apis.exec_com import check_key
from exec_orchestration.defs import privacy_settings, valid, warehouse_settings
from exec_orchestration.defs.setting import Setting

EXEC_API_URL = Setting(
    "EXEC_API_URL",
    "https://api.exec.com/rest/v1",
    "https://..., or http on loopback",
    "Exec's base URL",
    valid.base_url,
)
EXEC_API_KEY = Setting(
    "EXEC_API_KEY",
    None,
    "exec_live_ followed by 40 letters or digits",
    "the Exec workspace's key",
    lambda text: check_key(text, setting="EXEC_API_KEY"),
    secret=True,
)
EXEC_REQUESTS_PER_MINUTE = Setting(
    "EXEC_REQUESTS_PER_MINUTE",
    "60",
    "a whole number, 0 = no limit",
    "the workspace's limit per minute",
    valid.whole_number(0),
)
EXEC_REQUESTS_PER_DAY = Setting(
    "EXEC_REQUESTS_PER_DAY",
    "1000",
    "a whole number, 0 = no limit",
    "the workspace's limit per day",
    valid.whole_number(0),
)
EXEC_DAILY_RESERVE = Setting(
    "EXEC_DAILY_RESERVE",
    "30%",
    "a whole number of requests, or a share such as 30%",
    "requests of a day that backfills may not touch: a number, or a share of EXEC_REQUESTS_PER_DAY (300 of 1000)",
    valid.number_or_share,
)
EXEC_DAY_WINDOW = Setting(
    "EXEC_DAY_WINDOW",
    "rolling",
    "rolling, or an IANA zone such as UTC or America/New_York",
    "when a day of Exec's limit begins: any 24 hours, or the midnight of a zone",
    valid.day_window,
)
EXEC_PARTICIPANTS_STRATEGY = Setting(
    "EXEC_PARTICIPANTS_STRATEGY",
    "auto",
    "auto, sweep, windows or days",
    "how participant analytics of several days are found: the cheapest way, or always this one",
    valid.one_of("auto", "sweep", "windows", "days"),
)
EXEC_CONCURRENCY = Setting(
    "EXEC_CONCURRENCY", "4", "a whole number from 1 up", "requests in flight at most", valid.whole_number(1)
)
EXEC_EXCLUDE_SYSTEM_USERS = Setting(
    "EXEC_EXCLUDE_SYSTEM_USERS", "true", "true or false", "leave out `@exec.com` people everywhere", valid.yes_or_no
)
EXEC_RETRY_AFTER_UNIT = Setting(
    "EXEC_RETRY_AFTER_UNIT",
    "seconds",
    "seconds or milliseconds",
    "the unit of Exec's `retry_after`",
    valid.unit_seconds,
)
EXEC_END_DATE_STEP_SECONDS = Setting(
    "EXEC_END_DATE_STEP_SECONDS",
    "0.000001",
    "seconds, such as 0.000001 or 1",
    "the finest step of Exec's inclusive `end_date`",
    valid.step,
)
SPARKWISE_API_URL = Setting(
    "SPARKWISE_API_URL",
    "https://account-api.sparkwise.co",
    "https://..., or http on loopback",
    "Sparkwise's base URL",
    valid.base_url,
)
SPARKWISE_API_KEY = Setting(
    "SPARKWISE_API_KEY",
    None,
    "the key as Sparkwise gave it",
    "the Sparkwise account's key",
    valid.printable_key,
    secret=True,
)
SPARKWISE_API_KEY_HEADER = Setting(
    "SPARKWISE_API_KEY_HEADER",
    "x-api-key",
    "a header's name",
    "the header that carries the Sparkwise key",
    valid.header_name,
)
SPARKWISE_REQUESTS_PER_MINUTE = Setting(
    "SPARKWISE_REQUESTS_PER_MINUTE",
    "0",
    "a whole number, 0 = no limit",
    "Sparkwise's limit per minute",
    valid.whole_number(0),
)
SPARKWISE_REQUESTS_PER_DAY = Setting(
    "SPARKWISE_REQUESTS_PER_DAY",
    "0",
    "a whole number, 0 = no limit",
    "Sparkwise's limit per day",
    valid.whole_number(0),
)
SPARKWISE_CLUSTERS_REQUEST = Setting(
    "SPARKWISE_CLUSTERS_REQUEST", "GET /clusters", "a verb and a path", "how clusters are listed", valid.operation
)
SPARKWISE_COMPLETIONS_REQUEST = Setting(
    "SPARKWISE_COMPLETIONS_REQUEST",
    "GET /completions",
    "a verb and a path",
    "how completions are listed",
    valid.operation,
)
SPARKWISE_USERS_REQUEST = Setting(
    "SPARKWISE_USERS_REQUEST", "GET /users", "a verb and a path", "how users are listed", valid.operation
)
SPARKWISE_UPSERT_REQUEST = Setting(
    "SPARKWISE_UPSERT_REQUEST", "PUT /users", "a verb and a path", "how users are upserted", valid.operation
)
SPARKWISE_DEACTIVATE_REQUEST = Setting(
    "SPARKWISE_DEACTIVATE_REQUEST", "DELETE /users", "a verb and a path", "how users are deactivated", valid.operation
)
SPARKWISE_COMPLETIONS_BY_DAY = Setting(
    "SPARKWISE_COMPLETIONS_BY_DAY",
    "false",
    "true or false",
    "ask for completions one day at a time, where Sparkwise does not filter them by their scheduled start",
    valid.yes_or_no,
)
SPARKWISE_COMPLETED_STEPS_PCT = Setting(
    "SPARKWISE_COMPLETED_STEPS_PCT",
    "80",
    "a number from 0 to 100",
    "from which percentage of steps on an attended session counts as completed",
    valid.percentage,
)
SPARKWISE_DEACTIVATE_BY = Setting(
    "SPARKWISE_DEACTIVATE_BY",
    "remoteId",
    "remoteId or id",
    "the field by which an account is referred to when it is switched off",
    valid.reference,
)
WAREHOUSE_URL = Setting(
    "WAREHOUSE_URL", "sqlite:///data/warehouse.db", "any SQLAlchemy URL", "the warehouse", str, secret=True
)
MAX_RESPONSE_MB = Setting(
    "MAX_RESPONSE_MB", "200", "a whole number from 1 up", "the longest answer of a vendor, in MB", valid.whole_number(1)
)
MAX_RESPONSE_SECONDS = Setting(
    "MAX_RESPONSE_SECONDS", "300", "a whole number from 1 up", "how long one answer may take", valid.whole_number(1)
)
MAX_REJECTED_ROWS = Setting(
    "MAX_REJECTED_ROWS",
    "0",
    "a whole number from 0 up",
    "rejected rows that a partition may have and still load",
    valid.whole_number(0),
)
PARTITIONS_START = Setting(
    "PARTITIONS_START", "2026-01-01", "a day such as 2026-01-01", "the first daily partition", date.fromisoformat
)
PARTITIONS_TIMEZONE = Setting(
    "PARTITIONS_TIMEZONE",
    "UTC",
    "an IANA zone such as Europe/Berlin",
    "the zone whose midnights cut the days",
    valid.zone,
)
LOOKBACK_DAYS = Setting(
    "LOOKBACK_DAYS", "3", "a whole number from 1 up", "days that the schedule loads again", valid.whole_number(1)
)
ASSET_OWNERS = Setting(
    "ASSET_OWNERS",
    "team:learning-data",
    "e-mail addresses, and teams such as team:learning-data, separated by commas",
    "whom the UI names as owners of the assets",
    valid.owners,
)
RUNBOOK_URL = Setting(
    "RUNBOOK_URL", "docs/runbook.md", "a URL or a path", "the runbook that errors, checks and alerts lead to", str
)
LEARNING_REPORT_PATH = Setting(
    "LEARNING_REPORT_PATH",
    "data/learning_report.html",
    "a path",
    "where the asset learning_report writes its page",
    Path,
)
LEARNING_REPORT_DAYS = Setting(
    "LEARNING_REPORT_DAYS", "28", "a whole number from 1 up", "days that the report covers", valid.whole_number(1)
)
HR_ROSTER_URL = Setting(
    "HR_ROSTER_URL",
    "data/roster.csv",
    "a CSV or Parquet path or fsspec URL, or a SQLAlchemy URL together with HR_ROSTER_QUERY",
    "HR's roster",
    str,
    secret=True,
)
HR_ROSTER_QUERY = Setting(
    "HR_ROSTER_QUERY", "", "a SELECT", "the query that gives the roster, where HR_ROSTER_URL is a database", str
)
HR_ROSTER_MAPPING = Setting(
    "HR_ROSTER_MAPPING",
    "",
    "the path of a TOML file",
    "HR's columns and status values -> ours; identity without it",
    str,
)
HR_ROSTER_SETTLE_SECONDS = Setting(
    "HR_ROSTER_SETTLE_SECONDS",
    "15",
    "seconds from 0 to 86400",
    "how long a new roster must stay as it is before the sensor asks for a sync; one by hand waits for at most 2",
    valid.seconds,
)
USER_SYNC_PROTECTED = Setting(
    "USER_SYNC_PROTECTED", "", "employee ids separated by commas", "people to whom no sync writes", valid.ids
)
USER_SYNC_MAX_DEACTIVATIONS = Setting(
    "USER_SYNC_MAX_DEACTIVATIONS",
    "20",
    "a whole number from 0 up",
    "people whom one sync may switch off without approval",
    valid.whole_number(0),
)
USER_SYNC_MAX_DEACTIVATION_SHARE = Setting(
    "USER_SYNC_MAX_DEACTIVATION_SHARE",
    "0.05",
    "a number from 0 to 1",
    "the same as a share of the managed accounts, from 100 accounts up; under that 5 people",
    valid.share,
)
USER_SYNC_LEAD_DAYS = Setting(
    "USER_SYNC_LEAD_DAYS",
    "0",
    "a whole number from 0 up",
    "days before their start that prehires get an account",
    valid.whole_number(0),
)
USER_SYNC_REACTIVATE_ALL = Setting(
    "USER_SYNC_REACTIVATE_ALL",
    "false",
    "true or false",
    "switch on accounts of active people that somebody else switched off, too",
    valid.yes_or_no,
)
USER_SYNC_TRANSIENT_ERRORS = Setting(
    "USER_SYNC_TRANSIENT_ERRORS",
    "temporar, timeout, time out, timed out, try again, retry, too many, rate limit, unavailable, internal error, "
    "server error, busy",
    "words separated by commas",
    "which of Sparkwise's words for a refused person mean that it may work later",
    valid.words,
)

ALERT_URLS = Setting(
    "ALERT_URLS",
    "",
    "apprise URLs such as slack://... or mailto://..., separated by commas or spaces",
    "where failures are told; none = alerts are off",
    valid.alert_urls,
    secret=True,
)
DAGSTER_UI_URL = Setting(
    "DAGSTER_UI_URL", "http://127.0.0.1:3000", "http(s)://...", "the UI that an alert's links lead to", valid.web_url
)

SHOW_PERSONAL_DATA = Setting(
    "SHOW_PERSONAL_DATA",
    "false",
    "true or false",
    "let people's names, and texts that may quote them, stand in the UI, in logs and in checks",
    valid.yes_or_no,
)

_OWN = tuple(value for value in dict(globals()).values() if isinstance(value, Setting))
SETTINGS: tuple[Setting[Any], ...] = (*_OWN, *warehouse_settings.SETTINGS, *privacy_settings.SETTINGS)
