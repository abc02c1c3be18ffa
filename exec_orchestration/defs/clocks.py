"""When things are due: each schedule's hour, and until when what it keeps fresh may come, declared once.

The schedules take their cron from here and the assets their freshness policy, so that the two cannot drift apart.
A policy counts any materialization, of whatever day: one of a backfill in the night counts as well.
"""

from dataclasses import dataclass
from datetime import timedelta

import dagster as dg

from exec_orchestration.defs.resources import partitions_start_and_zone

_, ZONE = partitions_start_and_zone()

# In the night in which clocks are set back the schedule may run an hour earlier before the deadline.
CLOCK_CHANGE = timedelta(hours=1)


@dataclass(frozen=True)
class Daily:
    """Once a day at a time of the day; what is due then is late when the grace is over."""

    name: str
    at: timedelta
    grace: timedelta

    @property
    def cron(self) -> str:
        """When the schedule runs."""
        return _cron(self.at)

    @property
    def policy(self) -> dg.FreshnessPolicy:
        """Materialized since the schedule ran last, once the grace is over."""
        return dg.FreshnessPolicy.cron(
            deadline_cron=_cron(self.at + self.grace), lower_bound_delta=self.grace + CLOCK_CHANGE, timezone=ZONE
        )


@dataclass(frozen=True)
class Hourly:
    """Once an hour, so many minutes past it; what is due then is late when the grace is over."""

    name: str
    minute: int
    grace: timedelta

    @property
    def cron(self) -> str:
        """When the schedule runs."""
        return f"{self.minute} * * * *"

    @property
    def policy(self) -> dg.FreshnessPolicy:
        """Materialized within the last hour and the grace."""
        return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1) + self.grace)


@dataclass(frozen=True)
class Weekly:
    """Every Sunday at a time of the day; nothing is late without it."""

    name: str
    at: timedelta

    @property
    def cron(self) -> str:
        """When the schedule runs."""
        return _cron(self.at).removesuffix("*") + "0"


def _cron(at: timedelta) -> str:
    hour, minute = divmod(int(at.total_seconds()) // 60, 60)
    return f"{minute} {hour} * * *"


Clock = Daily | Hourly

NIGHT = Daily("daily_refresh", at=timedelta(hours=2, minutes=30), grace=timedelta(hours=3))
MORNING = Daily("user_sync", at=timedelta(hours=5, minutes=15), grace=timedelta(hours=2))
# No schedule makes the report: it follows what the night has brought.
REPORT = Daily("learning_report", at=NIGHT.at, grace=NIGHT.grace + timedelta(hours=3))
PURGE = Weekly("purge", at=timedelta(hours=7))
BUDGET = Hourly("request_budget", minute=5, grace=timedelta(hours=1))

OF_GROUP: dict[str, Clock] = {
    "exec": NIGHT,
    "sparkwise": NIGHT,
    "analytics": NIGHT,
    "hr": MORNING,
    "user_sync": MORNING,
    "reports": REPORT,
    "request_budget": BUDGET,
}
