"""A backfill over two workers, one of which is killed in the middle: everything completes by itself, once."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.tables import METADATA
from exec_orchestration_tests.distributed.parts import LIMIT_PER_MINUTE, Deployment, every, new_database, sandbox
from exec_orchestration_tests.test_dagster import dagster, launch, materialized

pytestmark = pytest.mark.distributed

DAILY = (
    "exec_skill_proficiency",
    "exec_participant_analytics",
    "exec_assignments",
    "exec_sessions",
    "sparkwise_completions",
    "sparkwise_clusters",
)
DAYS = [str(date(2026, 1, 15) + timedelta(days=number)) for number in range(30)]
SLOW, SOME = DAILY[0], 5
LONGEST_SECONDS = 300
WHEN = ("fetched_at", "run_id", "observed_from")
BACKFILLS = """
{ partitionBackfillsOrError { ... on PartitionBackfills { results { id status } } } }
"""


LAUNCH_RUN = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }
"""
TERMINATE = """
mutation ($id: String!) { terminateRun(runId: $id) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }
"""


class Outcome:
    """What became of the backfills, and what was seen on the way."""

    def __init__(self, place: Deployment, undisturbed: Callable[[], str]) -> None:
        self.began = time.monotonic()
        self.worker_of: dict[str, str] = {}
        self.launched = {launch(place.ui, asset, DAYS) for asset in DAILY}
        self.victim = self._until_some_days(place)
        self.killed_at = time.time()
        self.lost = {run["id"] for run in self._look(place) if run["status"] == "STARTED" and self._is_victims(run)}
        place.kill(self.victim)
        # Meanwhile, since those that are left wait for the minute's limit.
        with ThreadPoolExecutor(1) as beside:
            loaded = beside.submit(undisturbed)
            self.backfills = self._until_the_end(place)
            self.seconds = time.monotonic() - self.began
            self.undisturbed = loaded.result()
        self.runs = place.runs()
        self.by_id = {run["id"]: run for run in self.runs}
        self.events = {run["id"]: place.events(run["id"]) for run in self.runs}
        self.materialized = {asset: materialized(place.ui, asset) for asset in DAILY}

    def _until_some_days(self, place: Deployment) -> str:
        """The worker whose run of the slow asset has finished some of its days; no run is just starting."""
        for _ in every(0.5, seconds=LONGEST_SECONDS):
            runs = self._look(place)
            days = materialized(place.ui, SLOW)
            if days >= SOME and not any(run["status"] in ("NOT_STARTED", "STARTING") for run in runs):
                assert days < len(DAYS)
                break
        (run,) = [run for run in runs if run["assets"] == [SLOW]]
        return self.worker_of[run["id"]]

    def _look(self, place: Deployment) -> list[dict[str, Any]]:
        runs = place.runs()
        self.worker_of |= place.workers_of(runs)
        return runs

    def _is_victims(self, run: dict[str, Any]) -> bool:
        return self.worker_of.get(run["id"]) == self.victim

    def _until_the_end(self, place: Deployment) -> dict[str, str]:
        for _ in every(1, seconds=LONGEST_SECONDS):
            self._look(place)
            found = place.ui.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
            status = {each["id"]: each["status"] for each in found}
            if all(status[each].startswith(("COMPLETED", "FAILED")) for each in self.launched):
                return status
        raise AssertionError

    def days_told(self, run_id: str, asset: str) -> set[str]:
        """The days of an asset that a run has told as finished."""
        return {
            event["partition"]
            for event in self.events[run_id]
            if event["__typename"] == "MaterializationEvent" and event["assetKey"]["path"] == [asset]
        }

    def told(self) -> str:
        """The story in a few lines."""
        lines = [f"{self.seconds:.0f} s; worker {self.victim} was killed with the runs {sorted(self.lost)}"]
        for run in self.runs:
            retried = f", a retry of {run['parentRunId'][:8]}" if run["parentRunId"] else ""
            where = self.worker_of.get(run["id"], "not seen")
            lines.append(f"{run['id'][:8]} {run['status']:8} on {where}: {', '.join(run['assets'])}{retried}")
        for run_id in self.lost:
            (ended,) = [event for event in self.events[run_id] if event["__typename"] == "RunFailureEvent"]
            later = float(ended["timestamp"]) / 1000 - self.killed_at
            lines.append(f"{run_id[:8]} failed {later:.0f} s after the kill: {ended['message']}")
        return "\n".join(lines)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Deployment]:
    """The deployment, for all tests of this module."""
    with ExitStack() as stack:
        yield Deployment(tmp_path_factory.mktemp("deployment"), postgres_server, stack)


@pytest.fixture(scope="module")
def outcome(place: Deployment, postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The backfills of thirty days, and a worker that is killed meanwhile."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = Outcome(place, lambda: loaded_in_one_process(postgres_server, folder))
    print("", made.told(), sep="\n")
    return made


def loaded_in_one_process(server: str, folder: Path) -> str:
    """The URL of a warehouse that one process has loaded the same days into, of the same world, without any limit."""
    url = new_database(server, "undisturbed")
    with ExitStack() as stack:
        settings = {**sandbox(stack), "EXEC_REQUESTS_PER_MINUTE": "0", "EXEC_REQUESTS_PER_DAY": "0"}
        done = dagster(
            *("asset", "materialize", "-m", "exec_orchestration.definitions", "--select", ",".join(DAILY)),
            *("--partition-range", f"{DAYS[0]}...{DAYS[-1]}"),
            folder=folder,
            WAREHOUSE_URL=url,
            **settings,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return url


def test_everything_completes_by_itself(outcome: Outcome) -> None:
    """Each backfill succeeds, and each asset has its thirty days."""
    assert {outcome.backfills[each] for each in outcome.launched} == {"COMPLETED_SUCCESS"}
    assert outcome.materialized == dict.fromkeys(DAILY, len(DAYS))


def test_the_runs_were_spread_and_the_lost_ones_retried(outcome: Outcome) -> None:
    """Both workers had runs; those in the killed one's hands failed and were retried, once, by the other one."""
    assert set(outcome.worker_of.values()) == {"one", "two"}
    assert outcome.lost
    assert {run["id"] for run in outcome.runs if run["status"] != "SUCCESS"} == outcome.lost
    retries = {run["parentRunId"]: run for run in outcome.runs if run["parentRunId"]}
    assert retries.keys() == outcome.lost
    assert len(outcome.runs) == len(DAILY) + len(outcome.lost)
    assert {outcome.worker_of[run["id"]] for run in retries.values()} <= {"one", "two"} - {outcome.victim}


def test_a_retry_fetches_only_what_was_not_finished(outcome: Outcome, place: Deployment) -> None:
    """No day that the killed run had finished is asked for again, and no cell twice but of the day that it was at.

    The last day that it has told may have been that one: it is told, and judged then.
    """
    (lost,) = [run_id for run_id in outcome.lost if outcome.by_id[run_id]["assets"] == [SLOW]]
    (retry,) = [run["id"] for run in outcome.runs if run["parentRunId"] == lost]
    finished = outcome.days_told(lost, SLOW)
    assert SOME <= len(finished) < len(DAYS)
    requests = [row for row in ledger(place.warehouse) if row["asset"] == SLOW and row["partition_date"]]
    again = {str(row["partition_date"]) for row in requests if row["run_id"] == retry}
    assert set(DAYS) - finished <= again <= (set(DAYS) - finished) | {max(finished)}
    cells = Counter((str(row["partition_date"]), row["path"]) for row in requests)
    assert len({day for (day, _), times in cells.items() if times > 1}) <= 1
    assert max(cells.values()) <= 2


def test_the_rows_are_those_of_an_undisturbed_load(outcome: Outcome, place: Deployment) -> None:
    """Every table is the same row for row, but for when it was fetched."""
    for name in DAILY:
        assert rows(place.warehouse, name) == rows(outcome.undisturbed, name), name
    assert len(rows(outcome.undisturbed, SLOW)) > len(DAYS)


def test_all_processes_kept_one_limit(outcome: Outcome, place: Deployment) -> None:
    """Exec has refused nothing, and no minute holds more requests than are allowed, whoever sent them."""
    sent = [row for row in ledger(place.warehouse) if row["api"] == "exec"]
    assert {row["status"] for row in sent if row["status"]} == {200}
    assert {row["run_id"] for row in sent if row["status"] is None} <= outcome.lost
    times = sorted(row["sent_at"] for row in sent)
    most = max(sum(start <= each < start + timedelta(minutes=1) for each in times) for start in times)
    print(f"{len(sent)} requests to Exec, {most} within a minute at the most", file=sys.stderr)
    assert LIMIT_PER_MINUTE * 0.9 < most <= LIMIT_PER_MINUTE
    assert len(times) > LIMIT_PER_MINUTE


def test_a_run_is_cancelled_on_its_worker(place: Deployment, outcome: Outcome) -> None:
    """As the UI cancels it: its worker ends it in good order, also while it waits for the limit."""
    tags = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
    code = {"repositoryLocationName": "exec_orchestration", "repositoryName": "__repository__"}
    params = {
        "selector": {**code, "jobName": "__ASSET_JOB", "assetSelection": [{"path": [SLOW]}]},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    launched = place.ui.ask(LAUNCH_RUN, params=params)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["id"]
    for _ in every(0.5, seconds=120):
        if any(event["__typename"] == "ExecutionStepStartEvent" for event in place.events(run_id)):
            break
    answer = place.ui.ask(TERMINATE, id=run_id)["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
    for _ in every(0.5, seconds=120):
        if {run["id"]: run["status"] for run in place.runs()}[run_id] == "CANCELED":
            break
    told = place.events(run_id)
    assert "RunCanceledEvent" in {event["__typename"] for event in told}
    assert any("Process for run exited" in event.get("message", "") for event in told)


def ledger(url: str) -> list[dict[str, Any]]:
    """The requests of all processes."""
    return read(url, sa.select(METADATA.tables["api_requests"]))


def rows(url: str, name: str) -> list[dict[str, Any]]:
    """A table's rows in the order of its key, without what tells when they were fetched."""
    table = METADATA.tables[name]
    columns = [column for column in table.columns if column.name not in WHEN]
    return read(url, sa.select(*columns).order_by(*table.primary_key.columns))


def read(url: str, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """The rows of a query."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    engine.dispose()
    return found


def test_the_folder_holds_no_database(place: Deployment, outcome: Outcome) -> None:
    """No process keeps anything but logs of its own: what there is to know is in PostgreSQL."""
    found = {path.suffix for path in Path(place.folder).rglob("*") if path.is_file()}
    assert not found & {".db", ".sqlite"}
