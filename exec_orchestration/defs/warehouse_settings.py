"""Settings of how the warehouse is kept: how long it may keep somebody waiting, and what the job purge leaves of it.

A part of `settings.SETTINGS`. They are read by `warehouse_resource`.
"""

from exec_orchestration.defs import valid
from exec_orchestration.defs.setting import Setting
from exec_orchestration.tables.engines.layout import LAYOUTS

WAREHOUSE_STATEMENT_SECONDS = Setting(
    "WAREHOUSE_STATEMENT_SECONDS",
    "1800",
    "a whole number of seconds, 0 = no limit",
    "seconds after which PostgreSQL ends a statement",
    valid.whole_number(0),
)
WAREHOUSE_LOCK_SECONDS = Setting(
    "WAREHOUSE_LOCK_SECONDS",
    "300",
    "a whole number of seconds, 0 = no limit",
    "seconds after which PostgreSQL ends a wait for a lock, and a transaction that does nothing",
    valid.whole_number(0),
)
WAREHOUSE_PARTITIONS = Setting(
    "WAREHOUSE_PARTITIONS",
    "unchanged",
    "unchanged, month or none",
    "how PostgreSQL keeps daily tables: in a native partition for each month, in none, or unchanged",
    valid.one_of(*LAYOUTS),
)
KEEP_REQUESTS_DAYS = Setting(
    "KEEP_REQUESTS_DAYS",
    "90",
    "a whole number from 2 up",
    "days that the job purge keeps requests",
    valid.whole_number(2),
)
KEEP_OUTCOMES_DAYS = Setting(
    "KEEP_OUTCOMES_DAYS",
    "730",
    "0 = for ever, or a whole number from 90 up",
    "days that it keeps journals: what was sent to Sparkwise, readings of the roster, rejected rows of days",
    valid.zero_or(90),
)
KEEP_RUNS_DAYS = Setting(
    "KEEP_RUNS_DAYS",
    "0",
    "0 = for ever, or a whole number from 7 up",
    "days that it keeps Dagster's runs on which nothing stands any more",
    valid.zero_or(7),
)
KEEP_FACTS_MONTHS = Setting(
    "KEEP_FACTS_MONTHS",
    "0",
    "0 = for ever, or a whole number from 3 up",
    "whole months before this one whose days it keeps in the daily tables, marts too",
    valid.zero_or(3),
)

SETTINGS = (
    WAREHOUSE_STATEMENT_SECONDS,
    WAREHOUSE_LOCK_SECONDS,
    WAREHOUSE_PARTITIONS,
    KEEP_REQUESTS_DAYS,
    KEEP_OUTCOMES_DAYS,
    KEEP_RUNS_DAYS,
    KEEP_FACTS_MONTHS,
)
