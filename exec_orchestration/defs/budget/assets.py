"""The asset `request_budget`: where the quota stands, and who spent it, for somebody who looks at it in the UI."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from exec_orchestration.defs.budget.standing import (
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
from exec_orchestration.defs.plots.drawn import drawn
from exec_orchestration.defs.plots.kinds import in_markdown, stacked_bars
from exec_orchestration.defs.resources import EXEC, SPARKWISE, ExecResource, SparkwiseResource, WarehouseResource

POOL = "warehouse"
SHOWN_ASSETS = 7  # with the others together, as many as there are colours
NO_ASSET, OTHERS = "(none)", "others"

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
            "last_30_days": dg.MetadataValue.md(totals_table(spent)),
            "estimates": dg.MetadataValue.md(estimates_table(estimates(tables))),
            **drawn(lambda: {"last_30_days": dg.MetadataValue.md(last_days(spent, now=now))}, context.log),
        }
    )


def standing_facts(stands: Standing) -> Mapping[str, Any]:
    """A vendor's standing as metadata; numbers are numbers, so that Dagster plots them over time."""
    facts: dict[str, Any] = {f"{stands.api}_used": stands.used}
    if not stands.per_day:
        return {**facts, f"{stands.api}_limit_per_day": "no limit"}
    opens = dg.MetadataValue.timestamp(stands.opens_at) if stands.opens_at else "open"
    return {
        **facts,
        f"{stands.api}_left": stands.left,
        f"{stands.api}_left_for_backfills": stands.left_for_backfills,
        f"{stands.api}_set_aside": stands.set_aside,
        f"{stands.api}_limit_per_day": stands.per_day,
        f"{stands.api}_reserve": stands.reserve,
        f"{stands.api}_next_opening": opens,
    }


def last_days(spent: Sequence[Spending], *, now: datetime) -> str:
    """A plot by lane and one by asset of the last 30 days (UTC), and the totals of each asset."""
    first = now.astimezone(UTC).date() - timedelta(days=SHOWN_DAYS - 1)
    days = [str(first + timedelta(days=number)) for number in range(SHOWN_DAYS)]
    largest = {asset for asset, _ in totals(spent)[:SHOWN_ASSETS]}
    by_lane: defaultdict[str, dict[str, int]] = defaultdict(dict)
    by_asset: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for each in spent:
        asset = each.asset or NO_ASSET
        for series, name in ((by_lane, each.lane), (by_asset, asset if asset in largest else OTHERS)):
            series[name][each.day] = series[name].get(each.day, 0) + each.requests
    pictures = [_plot("Requests a day by lane", days, by_lane), _plot("Requests a day by asset", days, by_asset)]
    return "\n\n".join([*pictures, totals_table(spent)])


def totals(spent: Sequence[Spending]) -> list[tuple[str, int]]:
    """The assets and their requests, most first."""
    found: Counter[str] = Counter()
    for each in spent:
        found[each.asset or NO_ASSET] += each.requests
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def totals_table(spent: Sequence[Spending]) -> str:
    """The same as a table."""
    rows = [f"| {name} | {total} |" for name, total in totals(spent)]
    return "\n".join(["| asset | requests in 30 days |\n|---|---:|", *rows])


def _plot(title: str, days: Sequence[str], series: Mapping[str, Mapping[str, int]]) -> str:
    """A picture of each day's requests; its text tells their sums."""
    values = {name: [found.get(day, 0) for day in days] for name, found in sorted(series.items())}
    picture = stacked_bars([day[5:] for day in days], values, unit="requests")
    sums = "; ".join(f"{name} {sum(found)}" for name, found in values.items()) or "none"
    return in_markdown(picture, title=title, alt=f"{title}, {days[0]} to {days[-1]}, in all: {sums}.")


def estimates_table(found: Sequence[Estimated]) -> str:
    """The last backfills: estimate and spending side by side."""
    if not found:
        return "No backfill has been estimated yet."
    rows = [f"| {each.asset} | {each.estimate} | {each.spent} | {each.off} | {each.days} |" for each in found]
    return "\n".join(["| asset | estimate | spent | off | days |\n|---|---:|---:|---:|---|", *rows])
