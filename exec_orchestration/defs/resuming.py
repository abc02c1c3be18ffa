"""What a backfill that the request budget has stopped still lacks, read from Dagster's own records. Nothing is asked.

A chain is everything that belongs to one backfill: the runs of the backfill as somebody launched it, and those that
went on where it stopped. What was materialized since the chain began is not missing, whoever did it.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    ROOT_RUN_ID_TAG,
)

from exec_orchestration.defs.lanes import RESUME_AT_TAG, RESUMED_TAG, STOPPED, STOPPED_TAG, backfill_of
from exec_orchestration.defs.partitions import DAILY

RECORDS_AT_ONCE = 1_000
CANCELLED = (BulkActionStatus.CANCELED, BulkActionStatus.CANCELING)
ENDED = (*CANCELLED, BulkActionStatus.COMPLETED, BulkActionStatus.COMPLETED_SUCCESS)
ENDED_BADLY = (BulkActionStatus.FAILED, BulkActionStatus.COMPLETED_FAILED)

# The days that each asset lacks; an asset without partitions has an empty set where it is up to date, else None in it.
Missing = Mapping[dg.AssetKey, Set[str | None]]


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
    def opens_at(self) -> datetime:
        """When the budget lets it go on: as the run that stopped last was told."""
        told = [run.tags[RESUME_AT_TAG] for run in self.runs if RESUME_AT_TAG in run.tags]
        return datetime.fromisoformat(told[-1])

    def why_not(self, now: datetime) -> str | None:
        """Why it must not go on now, in words; None where it may."""
        if self.status in CANCELLED:
            return "somebody has cancelled the backfill"
        for run in self.runs:
            if run.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING):
                return f"somebody has cancelled its run {run.run_id[:8]}"
            if not run.is_finished:
                return f"its run {run.run_id[:8]} is under way ({run.status.value})"
        if self.status is not None and self.status not in (*ENDED, *ENDED_BADLY):
            return f"Dagster still works on the backfill ({self.status.value})"
        last = self.runs[-1]
        if last.status == dg.DagsterRunStatus.FAILURE and STOPPED_TAG not in last.tags:
            return f"its last run {last.run_id[:8]} failed for another reason than the budget: see its error"
        if self.opens_at > now:
            return f"the request budget opens at {self.opens_at:%Y-%m-%d %H:%M} UTC"
        return None


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


def missing(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, chain: Chain) -> Missing:
    """What the chain was asked for and has not got."""
    asked = _asked(instance, repository, chain)
    return {key: days - _materialized(instance, key, since=chain.began_at) for key, days in asked.items()}


def _asked(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, chain: Chain) -> Missing:
    """What somebody asked for: the target of Dagster's backfill, or what the first run was to load."""
    launched = instance.get_backfill(chain.backfill) if chain.status else None
    if launched is not None:
        target = launched.get_asset_backfill_data(repository.asset_graph).target_subset
        whole: dict[dg.AssetKey, Set[str | None]] = {key: {None} for key in target.non_partitioned_asset_keys}
        parts = target.partitions_subsets_by_asset_key.items()
        return {**whole, **{key: set(subset.get_partition_keys()) for key, subset in parts}}
    first = chain.runs[0]
    keys, days, graph = _planned(instance, first), _days_of(first), repository.asset_graph
    daily = {key for key in keys if graph.has(key) and graph.get(key).is_partitioned}
    return {key: days if key in daily else {None} for key in keys}


def _planned(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Set[dg.AssetKey]:
    """The assets that a run was to materialize, however it was launched."""
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    return {event.asset_key for event in events if event.asset_key}


def _days_of(run: dg.DagsterRun) -> Set[str | None]:
    """The partitions of a run, by its tags."""
    one = run.tags.get(PARTITION_NAME_TAG)
    if one is not None:
        return {one}
    first, last = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    if first is None or last is None:
        return set()
    return set(DAILY.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))


def _materialized(instance: dg.DagsterInstance, key: dg.AssetKey, *, since: float) -> Set[str | None]:
    """The partitions of an asset that were materialized since; None stands for the asset without partitions."""
    wanted, cursor, found = dg.AssetRecordsFilter(key, after_timestamp=since), None, set[str | None]()
    while True:
        page = instance.fetch_materializations(wanted, limit=RECORDS_AT_ONCE, cursor=cursor)
        found |= {record.partition_key for record in page.records}
        if not page.has_more:
            return found
        cursor = page.cursor


def ready(lacking: Missing, graph: AssetGraph) -> dict[dg.AssetKey, Set[str | None]]:
    """What can be asked for now: assets that lack something, and for which nothing upstream is lacking."""
    needed = {key: days for key, days in lacking.items() if days and graph.has(key)}
    return {
        key: days for key, days in needed.items() if not (graph.get_ancestor_asset_keys(key) - {key}) & needed.keys()
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
    before = known.tags.get(RESUME_AT_TAG, "") if known else ""
    told = max(before, resume_at.astimezone(UTC).isoformat(timespec="seconds"))
    instance.add_run_tags(run.run_id, {STOPPED_TAG: STOPPED, RESUME_AT_TAG: told})


def note_complete(instance: dg.DagsterInstance, chain: Chain) -> None:
    """Write on the chain's runs that nothing is missing any more, so that nobody asks again."""
    for run in chain.runs:
        if run.tags.get(STOPPED_TAG) == STOPPED:
            instance.add_run_tags(run.run_id, {STOPPED_TAG: "complete"})
