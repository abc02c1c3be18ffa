"""What a backfill that the request budget has stopped still lacks, read from Dagster's own records. Nothing is asked.

A chain is everything that belongs to one backfill: the runs of the backfill as somebody launched it, and those that
went on where it stopped. What was materialized since the chain began is not missing, whoever did it.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.errors import DagsterDefinitionChangedDeserializationError
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    ROOT_RUN_ID_TAG,
)

from exec_orchestration.defs.budget.lanes import (
    RESUME_AT_TAG,
    RESUMED_TAG,
    STOPPED,
    STOPPED_RUN_TAG,
    STOPPED_TAG,
    backfill_of,
)
from exec_orchestration.defs.partitions import DAILY

RECORDS_AT_ONCE = 1_000
CANCELLED = (BulkActionStatus.CANCELED, BulkActionStatus.CANCELING)
ENDED = (
    *CANCELLED,
    BulkActionStatus.COMPLETED,
    BulkActionStatus.COMPLETED_SUCCESS,
    BulkActionStatus.COMPLETED_FAILED,
    BulkActionStatus.FAILED,
)
RESUMED_GROUPS = ("exec", "sparkwise", "analytics")


@dataclass(frozen=True)
class Chain:
    """The runs of one backfill, oldest first."""

    backfill: str
    records: Sequence[dg.RunRecord]
    status: BulkActionStatus | None

    @property
    def runs(self) -> list[dg.DagsterRun]:
        return [record.dagster_run for record in self.records]

    @property
    def began_at(self) -> float:
        """Epoch seconds."""
        return self.records[0].create_timestamp.timestamp()

    @property
    def opens_at(self) -> datetime | None:
        """When the budget lets it go on: as the run that stopped last was told."""
        told = [run.tags[RESUME_AT_TAG] for run in self.runs if was_stopped(run)]
        return datetime.fromisoformat(told[-1]) if told else None

    @property
    def run_under_way(self) -> dg.DagsterRun | None:
        return next((run for run in self.runs if not run.is_finished), None)

    def tags(self, name: str) -> dict[str, str]:
        """A tag that any of its runs has, as the newest has it."""
        told = [run.tags[name] for run in self.runs if name in run.tags]
        return {name: told[-1]} if told else {}

    def why_not(self, now: datetime) -> str | None:
        """Why nothing of it must go on now, in words; None where it may."""
        if self.status in CANCELLED:
            return "somebody has cancelled the backfill"
        for run in self.runs:
            if run.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING):
                return f"somebody has cancelled its run {run.run_id[:8]}"
        if self.run_under_way:
            return f"its run {self.run_under_way.run_id[:8]} is under way ({self.run_under_way.status.value})"
        if self.status is not None and self.status not in ENDED:
            return f"Dagster still works on the backfill ({self.status.value})"
        if self.opens_at is not None and self.opens_at > now:
            return f"the request budget opens at {self.opens_at:%Y-%m-%d %H:%M} UTC"
        return None

    def failed(self, instance: dg.DagsterInstance) -> set[dg.AssetKey]:
        """Assets whose last run failed for another reason than the budget: it would fail again."""
        found: set[dg.AssetKey] = set()
        for run in self.runs:
            planned = _planned(instance, run)
            is_failed = run.status == dg.DagsterRunStatus.FAILURE and not was_stopped(run)
            found = found | planned if is_failed else found - planned
        return found


def was_stopped(run: dg.DagsterRun) -> bool:
    """True for a run that the budget has stopped itself; a re-execution only has its tags."""
    return run.tags.get(STOPPED_RUN_TAG) == run.run_id


def stopped_chains(instance: dg.DagsterInstance) -> list[Chain]:
    """Every backfill that the budget has stopped and that nobody has found complete since."""
    stopped = instance.get_runs(dg.RunsFilter(tags={STOPPED_TAG: STOPPED}))
    return [_chain(instance, backfill) for backfill in dict.fromkeys(map(backfill_of, stopped))]


def _chain(instance: dg.DagsterInstance, backfill: str) -> Chain:
    tagged = [{name: backfill} for name in (RESUMED_TAG, BACKFILL_ID_TAG, ROOT_RUN_ID_TAG)]
    filters = [dg.RunsFilter(run_ids=[backfill]), *(dg.RunsFilter(tags=tags) for tags in tagged)]
    found = {record.dagster_run.run_id: record for each in filters for record in instance.get_run_records(each)}
    launched = instance.get_backfill(backfill) if instance.has_run(backfill) is False else None
    records = sorted(found.values(), key=lambda record: (record.create_timestamp, record.storage_id))
    return Chain(backfill, records, launched.status if launched else None)


def missing(instance: dg.DagsterInstance, graph: AssetGraph, chain: Chain) -> dict[dg.AssetKey, set[str | None]]:
    """What the chain was asked for and has not got, of assets that there still are."""
    asked = {key: days for key, days in _asked(instance, graph, chain).items() if graph.has(key)}
    ours = {key: days for key, days in asked.items() if graph.get(key).group_name in RESUMED_GROUPS}
    return {key: days - _materialized(instance, key, since=chain.began_at) for key, days in ours.items()}


def _asked(instance: dg.DagsterInstance, graph: AssetGraph, chain: Chain) -> dict[dg.AssetKey, set[str | None]]:
    """What somebody asked for: what the runs were to load, and the target of Dagster's backfill, which may be more."""
    asked: dict[dg.AssetKey, set[str | None]] = {}
    for run in chain.runs:
        for key in _planned(instance, run):
            is_daily = graph.has(key) and graph.get(key).is_partitioned
            asked.setdefault(key, set()).update(_days_of(run) if is_daily else {None})
    target = _target(instance, graph, chain)
    for key in target.non_partitioned_asset_keys if target else ():
        asked.setdefault(key, set()).add(None)
    for key, subset in target.partitions_subsets_by_asset_key.items() if target else ():
        asked.setdefault(key, set()).update(subset.get_partition_keys())
    return asked


def _target(instance: dg.DagsterInstance, graph: AssetGraph, chain: Chain) -> AssetGraphSubset | None:
    """The target of Dagster's own backfill of assets, as long as there still are its assets and partitions."""
    launched = instance.get_backfill(chain.backfill) if chain.status else None
    if launched is None or not launched.is_asset_backfill:
        return None
    try:
        return launched.get_asset_backfill_data(graph).target_subset
    except DagsterDefinitionChangedDeserializationError:
        return None


def _planned(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """The assets that a run was to materialize, however it was launched."""
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    return {event.asset_key for event in events if event.asset_key}


def _days_of(run: dg.DagsterRun) -> set[str | None]:
    """The partitions of a run, by its tags, that there still are."""
    one = run.tags.get(PARTITION_NAME_TAG)
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, one)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, one)
    if first is None or last is None:
        return set()
    return {key for key in DAILY.get_partition_keys() if first <= key <= last}


def _materialized(instance: dg.DagsterInstance, key: dg.AssetKey, *, since: float) -> set[str | None]:
    """The partitions of an asset that were materialized since; None stands for the asset without partitions."""
    wanted, cursor, found = dg.AssetRecordsFilter(key, after_timestamp=since), None, set[str | None]()
    while True:
        page = instance.fetch_materializations(wanted, limit=RECORDS_AT_ONCE, cursor=cursor)
        found |= {record.partition_key for record in page.records}
        if not page.has_more:
            return found
        cursor = page.cursor


def ready(
    lacking: Mapping[dg.AssetKey, set[str | None]], graph: AssetGraph, *, without: Set[dg.AssetKey]
) -> dict[dg.AssetKey, set[str | None]]:
    """What can be asked for now: assets for which nothing upstream is lacking, `without` some."""
    return {
        key: days
        for key, days in lacking.items()
        if key not in without and not (graph.get_ancestor_asset_keys(key) - {key}) & lacking.keys()
    }


def stretches(days: Set[str | None]) -> Iterator[tuple[str, str]]:
    """The days as runs of consecutive ones, newest first: the first and the last day of each."""
    ordered = sorted((date.fromisoformat(day) for day in days if day is not None), reverse=True)
    while ordered:
        length = 1
        while length < len(ordered) and ordered[length] == ordered[0] - timedelta(days=length):
            length += 1
        yield ordered[length - 1].isoformat(), ordered[0].isoformat()
        ordered = ordered[length:]


def note_stop(instance: dg.DagsterInstance, run: dg.DagsterRun, resume_at: datetime) -> None:
    """Write on the run that the budget has stopped it, and the latest time at which a part of it can go on."""
    known = instance.get_run_by_id(run.run_id)
    before = known.tags.get(RESUME_AT_TAG, "") if known and was_stopped(known) else ""
    told = max(before, resume_at.astimezone(UTC).isoformat(timespec="seconds"))
    tags = {STOPPED_TAG: STOPPED, STOPPED_RUN_TAG: run.run_id, RESUME_AT_TAG: told}
    instance.add_run_tags(run.run_id, tags)


def note_stopped_sync(instance: dg.DagsterInstance, run: dg.DagsterRun, resume_at: datetime) -> None:
    """Write on the run of a sync when it may be tried again; it belongs to no chain."""
    instance.add_run_tags(run.run_id, {RESUME_AT_TAG: resume_at.astimezone(UTC).isoformat(timespec="seconds")})


def end_chain(instance: dg.DagsterInstance, chain: Chain, how: str) -> None:
    """Write on the chain's runs how it has ended, so that nobody asks for it again."""
    for run in chain.runs:
        if run.tags.get(STOPPED_TAG) == STOPPED:
            instance.add_run_tags(run.run_id, {STOPPED_TAG: how})
