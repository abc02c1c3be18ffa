"""The asset `request_budget`: where the quota stands, and who spent it, for somebody who looks at it in the UI."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from exec_orchestration.defs.budget_report import (
    SHOWN_DAYS,
    Estimated,
    Spending,
    Standing,
    estimates,
    spending,
    standing,
)
from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.metadata import report
from exec_orchestration.defs.plots import in_markdown, stacked_bars
from exec_orchestration.defs.resources import EXEC, SPARKWISE, ExecResource, SparkwiseResource, WarehouseResource

POOL = "warehouse"

Context = dg.AssetExecutionContext
Exec = dg.ResourceParam[ExecResource]
Sparkwise = dg.ResourceParam[SparkwiseResource]
Tables = dg.ResourceParam[WarehouseResource]


@dg.asset(
    **report(
        "request_budget",
        kinds={"sql", "report"},
        description="Where the request budget stands: used, left, reserve, next opening; the last 30 days by lane and "
        "by asset, and each backfill's spending beside its estimate. It reads api_requests and sends no request.",
    ),
    pool=POOL,
)
@told_plainly
def request_budget(context: Context, exec_com: Exec, sparkwise: Sparkwise, warehouse: Tables) -> dg.MaterializeResult:
    now, tables = datetime.now(UTC), warehouse.tables
    spent = spending(tables, now=now)
    return dg.MaterializeResult(
        metadata={
            **standing_facts(standing(tables, EXEC, exec_com.quota, now=now)),
            **standing_facts(standing(tables, SPARKWISE, sparkwise.quota, now=now)),
            "last_30_days": dg.MetadataValue.md(last_days(spent, now=now)),
            "estimates": dg.MetadataValue.md(estimates_table(estimates(tables))),
        }
    )


def standing_facts(stands: Standing) -> Mapping[str, Any]:
    """A vendor's standing as metadata; numbers are numbers, so that Dagster plots them over time."""
    facts: dict[str, Any] = {f"{stands.api}_used": stands.used}
    if stands.per_day:
        opens = dg.MetadataValue.timestamp(stands.opens_at) if stands.opens_at else "open"
        facts |= {
            f"{stands.api}_left": stands.left,
            f"{stands.api}_left_for_backfills": stands.left_for_backfills,
            f"{stands.api}_set_aside": stands.set_aside,
            f"{stands.api}_limit_per_day": stands.per_day,
            f"{stands.api}_reserve": stands.reserve,
            f"{stands.api}_next_opening": opens,
        }
    return facts


def last_days(spent: Sequence[Spending], *, now: datetime) -> str:
    """A plot by lane and one by asset of the last 30 days (UTC), and the totals of each asset."""
    first = now.astimezone(UTC).date() - timedelta(days=SHOWN_DAYS - 1)
    labels = [str(first + timedelta(days=number)) for number in range(SHOWN_DAYS)]
    by_lane: defaultdict[str, dict[str, int]] = defaultdict(dict)
    by_asset: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for each in spent:
        for series, name in ((by_lane, each.lane), (by_asset, each.asset or "(none)")):
            series[name][each.day] = series[name].get(each.day, 0) + each.requests
    totals = sorted(((sum(days.values()), name) for name, days in by_asset.items()), reverse=True)
    return "\n\n".join(
        [
            _plot("Requests a day by lane", labels, by_lane),
            _plot("Requests a day by asset", labels, by_asset),
            "| asset | requests in 30 days |\n|---|---:|\n"
            + "\n".join(f"| {name} | {total} |" for total, name in totals),
        ]
    )


def _plot(title: str, labels: Sequence[str], series: Mapping[str, Mapping[str, int]]) -> str:
    values = {name: [days.get(label, 0) for label in labels] for name, days in sorted(series.items())}
    short = [label[5:] for label in labels]
    return f"**{title}**\n\n{in_markdown(stacked_bars(short, values, unit='requests'), title=title)}"


def estimates_table(found: Sequence[Estimated]) -> str:
    """The last backfills: estimate and spending side by side."""
    if not found:
        return "No backfill has been estimated yet."
    rows = [f"| {each.asset} | {each.estimate} | {each.spent} | {each.off} | {each.days} |" for each in found]
    return "\n".join(["| asset | estimate | spent | off | days |\n|---|---:|---:|---:|---|", *rows])
