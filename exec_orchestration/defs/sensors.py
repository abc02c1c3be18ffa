"""The sensor of HR's roster: it looks, it asks for runs, and it says why it does not. It sends nothing itself."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import dagster as dg

from exec_orchestration.defs.budget.lanes import RESUME_AT_TAG
from exec_orchestration.defs.resources import roster_now
from exec_orchestration.defs.sync import jobs
from exec_orchestration.defs.sync.jobs import user_sync
from exec_orchestration.errors import ExecOrchestrationError

SYNC_JOBS = tuple(job.name for job in jobs.SYNC_JOBS)
FINGERPRINT_TAG = "exec_orchestration/roster_fingerprint"
SHOWN_CHARACTERS = 12
NOT_ENDED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Cursor:
    """What the sensor remembers: the content that was applied last, the one asked for last, and the one seen last."""

    applied: str = ""
    asked: str = ""
    asks: int = 0
    seen: str = ""
    seen_at: float = 0.0

    @property
    def run_key(self) -> str:
        """The key of the last run asked for; the count lets a content that comes back run again."""
        return f"{self.asks}-{self.asked[:SHOWN_CHARACTERS]}"


@dg.sensor(
    job=user_sync,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Asks for user_sync when HR's roster has changed and settled. Turning it on is the consent to write "
    "to Sparkwise, within the limits.",
)
def hr_roster_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    cursor = Cursor(**json.loads(context.cursor)) if context.cursor else Cursor()
    roster = roster_now()
    try:
        content, modified_at = roster.fingerprint()
        settle_seconds = roster.settle_seconds
    except ExecOrchestrationError as error:
        return _skip(cursor, str(error))
    moment = datetime.now(UTC)
    if cursor.seen != content:
        cursor = replace(cursor, seen=content, seen_at=moment.timestamp())
    under_way = _run_under_way(context.instance)
    if under_way:
        told = f"The run {under_way.run_id} of {under_way.job_name} is under way ({under_way.status.value})"
        return _skip(cursor, f"{told}; the roster is looked at when it has ended.")
    cursor, failed = _after_last_run(context.instance, cursor, moment)
    if content == cursor.applied:
        return _skip(cursor, f"The roster {_short(content)} has not changed since it was synced.")
    if failed and content == cursor.asked:
        return _skip(cursor, failed)
    waited = moment.timestamp() - _unchanged_since(cursor, modified_at, moment)
    if waited < settle_seconds:
        return _skip(
            cursor,
            f"The roster {_short(content)} changed {waited:.0f} s ago; it is synced when it has stayed the same for "
            f"{settle_seconds:.0f} s (HR_ROSTER_SETTLE_SECONDS).",
        )
    return _ask(cursor, content)


def _ask(cursor: Cursor, content: str) -> dg.SensorResult:
    """Ask for one run for this content, under a key of its own."""
    asked = cursor if cursor.asked == content else replace(cursor, asked=content, asks=cursor.asks + 1)
    request = dg.RunRequest(run_key=asked.run_key, tags={FINGERPRINT_TAG: content})
    return dg.SensorResult(run_requests=[request], cursor=json.dumps(asdict(asked)))


def _skip(cursor: Cursor, reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=json.dumps(asdict(cursor)))


def _after_last_run(instance: dg.DagsterInstance, cursor: Cursor, now: datetime) -> tuple[Cursor, str | None]:
    """The cursor once the run that was asked for last has ended, and why that content is not asked for again."""
    if not cursor.asked or cursor.asked == cursor.applied:
        return cursor, None
    filters = dg.RunsFilter(job_name=user_sync.name, tags={"dagster/run_key": cursor.run_key})
    record = next(iter(instance.get_run_records(filters, limit=1)), None)
    if record is None:
        return cursor, None
    run = record.dagster_run
    if run.status == dg.DagsterRunStatus.SUCCESS:
        return replace(cursor, applied=cursor.asked), None
    # It may have sent a part, or somebody may have synced by hand since: no content is known to be applied any more.
    failed = replace(cursor, applied="")
    opens_at = run.tags.get(RESUME_AT_TAG)
    if _has_succeeded_since(instance, record) or (opens_at and now >= datetime.fromisoformat(opens_at)):
        return replace(failed, asked=""), None
    return failed, _why_not_again(run, _short(cursor.asked), opens_at)


def _has_succeeded_since(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """True where a sync that somebody launched after this run has ended well, so that its cause is mended."""
    ended_well = [dg.DagsterRunStatus.SUCCESS]
    filters = dg.RunsFilter(job_name=user_sync.name, statuses=ended_well, created_after=record.create_timestamp)
    return bool(instance.get_runs(filters, limit=1))


def _why_not_again(run: dg.DagsterRun, content: str, opens_at: str | None) -> str:
    if opens_at:
        moment = datetime.fromisoformat(opens_at)
        return (
            f"The run {run.run_id} for the roster {content} was stopped by a limit of requests; it is asked for again "
            f"at {moment:%Y-%m-%d %H:%M} UTC."
        )
    return (
        f"The run {run.run_id} for the roster {content} ended as {run.status.value}: see its error. The same content "
        "is not tried again by itself; mend the roster, or launch user_sync."
    )


def _run_under_way(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """A run that reads the roster or writes to Sparkwise, and has not ended."""
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_ENDED))
    return next((run for run in runs if run.job_name in SYNC_JOBS), None)


def _unchanged_since(cursor: Cursor, modified_at: datetime | None, now: datetime) -> float:
    """Since when the content is as it is: as the file says, or as it was seen where that says nothing believable."""
    if modified_at is None or modified_at > now:
        return cursor.seen_at
    return modified_at.timestamp()


def _short(fingerprint: str) -> str:
    return fingerprint[:SHOWN_CHARACTERS]
