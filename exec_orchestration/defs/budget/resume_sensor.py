"""The sensor that goes on with what the request budget has stopped, and the job that ends such a backfill for good.

It asks for runs and loads nothing itself. What a backfill lacks is read by `resuming`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from exec_orchestration.defs.budget.lanes import LANE_TAG, RESUMED_TAG, STRATEGY_TAG, lane_of
from exec_orchestration.defs.budget.resuming import (
    RESUMED_GROUPS,
    Chain,
    end_chain,
    missing,
    ready,
    stopped_chains,
    stretches,
)


@dg.sensor(
    target=dg.AssetSelection.groups(*RESUMED_GROUPS),
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Goes on with backfills that the request budget has stopped: asks for exactly what is missing, newest "
    "days first, when the budget opens. A backfill that somebody has cancelled stays cancelled; the job "
    "budget_give_up ends one that waits.",
)
def budget_resume_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    chains = stopped_chains(context.instance)
    # One at a time: they share the budget, and two might lack the same days.
    is_busy = any(chain.run_under_way for chain in chains)
    told = []
    for chain in chains:
        requests, why_not = _look_at(context, chain)
        if requests and not is_busy:
            return dg.SensorResult(run_requests=requests)
        told.append(f"The backfill {chain.backfill[:8]} does not go on: {why_not}.")
    return dg.SensorResult(skip_reason=" ".join(told) or "The request budget has stopped no backfill.")


def now() -> datetime:
    """This moment in UTC, which tests replace."""
    return datetime.now(UTC)


def _look_at(context: dg.SensorEvaluationContext, chain: Chain) -> tuple[list[dg.RunRequest], str]:
    """What to ask for, or why not. One chain that cannot be read does not keep the others from going on."""
    why_not = chain.why_not(now())
    if why_not is not None:
        return [], why_not
    try:
        return _rest_of(context, chain)
    except Exception as error:
        # Records of an older Dagster, or of definitions that are gone, fail in ways of their own.
        context.log.exception("the backfill %s", chain.backfill)
        return [], f"it cannot be read ({type(error).__name__}: {str(error)[:200]})"


def _rest_of(context: dg.SensorEvaluationContext, chain: Chain) -> tuple[list[dg.RunRequest], str]:
    """Runs for what the chain lacks and can have now, newest days first; each range of days is a run."""
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    lacking = {key: days for key, days in missing(context.instance, graph, chain).items() if days}
    if not lacking:
        end_chain(context.instance, chain, "complete")
        return [], "nothing is missing any more"
    failed = chain.failed(context.instance)
    requests = list(_requests(chain, ready(lacking, graph, without=failed)))
    names = ", ".join(sorted(key.to_user_string() for key in failed & lacking.keys()))
    return requests, f"{names} failed for another reason than the budget" if names else "it waits for other backfills"


def _requests(chain: Chain, lacking: dict[dg.AssetKey, set[str | None]]) -> Iterator[dg.RunRequest]:
    of_range: dict[tuple[str, str] | None, list[dg.AssetKey]] = {}
    for key, days in lacking.items():
        for stretch in [None] if None in days else stretches(days):
            of_range.setdefault(stretch, []).append(key)
    tags = {RESUMED_TAG: chain.backfill, LANE_TAG: lane_of(chain.runs[0]), **chain.tags(STRATEGY_TAG)}
    ordered = sorted(of_range.items(), key=lambda each: each[0][1] if each[0] else "", reverse=True)
    for number, (stretch, keys) in enumerate(ordered):
        yield dg.RunRequest(
            run_key=f"{chain.backfill}:{chain.runs[-1].run_id}:{number}",
            asset_selection=keys,
            tags={**tags, **(_range_tags(*stretch) if stretch else {})},
        )


def _range_tags(first: str, last: str) -> dict[str, str]:
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


@dg.op(config_schema={"backfill": dg.Field(str, description="Its id, or the beginning that the sensor names.")})
def give_up(context: dg.OpExecutionContext) -> None:
    """End a backfill that waits for the budget: budget_resume_sensor asks for it no more."""
    wanted = context.op_config["backfill"]
    found = [chain for chain in stopped_chains(context.instance) if wanted and chain.backfill.startswith(wanted)]
    if len(found) != 1:
        known = ", ".join(chain.backfill[:8] for chain in stopped_chains(context.instance)) or "none"
        raise dg.Failure(
            f"{len(found)} stopped backfills begin with {wanted!r}; those that wait are: {known}. Nothing was changed.",
            allow_retries=False,
        )
    end_chain(context.instance, found[0], "given up")
    context.log.info("The backfill %s is not gone on with any more.", found[0].backfill)


@dg.job(description="Ends a backfill that waits for the request budget; what it has loaded stays.")
def budget_give_up() -> None:
    give_up()
