"""What the hall's tests share: running the real assets on the sandbox and a real database."""

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from exec_orchestration.apis.http import JsonClient
from exec_orchestration.apis.sparkwise import SparkwiseApi
from exec_orchestration.definitions import defs
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource, WarehouseResource
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.warehouse import Warehouse
from exec_orchestration_tests.conftest import Sandbox

WHEN = ("fetched_at", "run_id", "observed_from")


class House:
    """The project's own assets over one sandbox, one warehouse and one Dagster instance."""

    def __init__(self, sandbox: Sandbox, url: str, instance: dg.DagsterInstance, **settings: str) -> None:
        self.sandbox = sandbox
        self.instance = instance
        # No roster here is still being written.
        settings = {"HR_ROSTER_SETTLE_SECONDS": "0", **settings}
        self.environment = {**sandbox.environment, "WAREHOUSE_URL": url, **settings}
        self.warehouse = Warehouse(url)
        self.time: dict[str, Any] = {}

    def run(
        self,
        *keys: str,
        first: date | str | None = None,
        last: date | str | None = None,
        tags: Mapping[str, str] | None = None,
        **settings: str,
    ) -> Any:
        """Materialize assets for a day or a range of days; the run's result, failed or not."""
        tags = dict(tags or {})
        if first is not None and last is not None and first != last:
            tags |= {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
        is_range = ASSET_PARTITION_RANGE_START_TAG in tags
        with self.resources(**settings) as resources:
            return dg.materialize(
                [*(defs.assets or ()), *(defs.asset_checks or ())],
                selection=list(keys),
                partition_key=None if is_range or first is None else str(first),
                tags=tags,
                instance=self.instance,
                raise_on_error=False,
                resources=resources,
            )

    @contextmanager
    def resources(self, **settings: str) -> Iterator[dict[str, Any]]:
        """What a run may reach, with these settings."""
        environment = {**self.environment, **settings}
        transport: httpx.BaseTransport = self.sandbox.transport
        warehouse = WarehouseResource(environment)
        made = {
            "exec_com": ExecResource(environment, warehouse=warehouse, transport=transport, **self.time),
            "sparkwise": SparkwiseResource(environment, warehouse=warehouse, transport=transport),
            "warehouse": warehouse,
        }
        try:
            yield {**made, "roster": RosterResource(environment)}
        finally:
            for resource in made.values():
                resource.close()

    def rows(self, name: str, *, but: tuple[str, ...] = WHEN) -> list[dict[str, Any]]:
        """A table's rows in the order of its key, without what tells when they were fetched."""
        table = METADATA.tables[name]
        columns = [column for column in table.columns if column.name not in but]
        with self.warehouse.engine.connect() as connection:
            found = connection.execute(sa.select(*columns).order_by(*table.primary_key.columns)).mappings().all()
        return [dict(row) for row in found]

    def materialized(self, name: str) -> list[str]:
        """The partitions of an asset that Dagster holds for materialized."""
        return sorted(self.instance.get_materialized_partitions(dg.AssetKey(name)))

    def metadata(self, name: str, day: str | None = None) -> dict[str, Any]:
        """What the last materialization of an asset, or of one partition, tells."""
        found = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[day] if day else None), limit=1
        )
        materialization = found.records[0].asset_materialization
        assert materialization is not None
        return {key: value.value for key, value in materialization.metadata.items()}


def failure_text(result: Any) -> str:
    """The text of the run's failure, as the UI shows it."""
    (event,) = (
        result.get_step_failure_events()
        if hasattr(result, "get_step_failure_events")
        else [event for event in result.all_events if event.is_step_failure]
    )
    return str(event.step_failure_data.user_failure_data.description)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def house(sandbox: Sandbox, warehouse_url: str, instance: dg.DagsterInstance) -> Iterator[House]:
    """The house over the sandbox, once on SQLite and once on PostgreSQL."""
    made = House(sandbox, warehouse_url, instance)
    yield made
    made.warehouse.close()


@pytest.fixture
def sqlite_house(sandbox: Sandbox, tmp_path: Any, instance: dg.DagsterInstance) -> Iterator[House]:
    """The house on SQLite only, for what does not depend on the database."""
    made = House(sandbox, f"sqlite:///{tmp_path}/warehouse.db", instance)
    yield made
    made.warehouse.close()


MakeHouse = Callable[..., House]


HR_COLUMNS = (
    "employee_id",
    "email",
    "first_name",
    "last_name",
    "status",
    "start_date",
    "end_date",
    "department",
    "manager_id",
    "location",
)
Edits = Mapping[str, Mapping[str, Any] | None]


class Company(House):
    """The house of a company of so many people: HR's roster in a file, and accounts in Sparkwise just as it asks for.

    A made-up person is E0001 and so on; the lead of all is E0001. Two more accounts are nobody's that HR knows.
    """

    def __init__(self, sandbox: Sandbox, folder: Path, url: str, instance: dg.DagsterInstance, *, people: int) -> None:
        self.roster = folder / "roster.csv"
        super().__init__(sandbox, url, instance, HR_ROSTER_URL=str(self.roster))
        self.people: dict[str, dict[str, Any]] = {}
        self.is_patient = True
        self.hr({f"E{number:04d}": {} for number in range(1, people + 1)})
        strangers = [{"firstName": "Guest", "lastName": "One", "active": True, "remoteId": each} for each in (None, "")]
        self._put_accounts([*(account_for(person) for person in self.people.values()), *strangers])

    def hr(self, edits: Edits) -> None:
        """What HR does: change a person's row, add one, or remove one (None); the roster is written anew."""
        for employee_id, fields in edits.items():
            if fields is None:
                del self.people[employee_id]
            else:
                self.people[employee_id] = {**self.people.get(employee_id, person_named(employee_id)), **fields}
        self.write(self.people.values())

    def write(self, rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str] = HR_COLUMNS) -> None:
        """Make these rows the roster, whoever the company's people are."""
        with self.roster.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([row.get(name, "") for name in columns] for row in rows)

    def somebody_edits(self, edits: Edits) -> None:
        """What people do in Sparkwise by hand: change an account, add one, or remove one (None)."""
        accounts = self.accounts
        for remote_id, fields in edits.items():
            if fields is None:
                del accounts[remote_id]
            else:
                accounts[remote_id] = {**accounts.get(remote_id, account_for(person_named(remote_id))), **fields}
        self._put_accounts([*accounts.values(), *self.strangers])

    @property
    def accounts(self) -> dict[str, dict[str, Any]]:
        """Sparkwise's accounts by remote id, but for the strangers."""
        return {each["remoteId"]: each for each in self.all_accounts if each["remoteId"]}

    @property
    def strangers(self) -> list[dict[str, Any]]:
        """The accounts that are nobody's."""
        return [each for each in self.all_accounts if not each["remoteId"]]

    @property
    def all_accounts(self) -> list[dict[str, Any]]:
        """Every account of Sparkwise."""
        return list(self._switches.get("/accounts").raise_for_status().json())

    def _put_accounts(self, accounts: Iterable[Mapping[str, Any]]) -> None:
        self._switches.put("/accounts", json=list(accounts)).raise_for_status()

    @property
    def _switches(self) -> httpx.Client:
        return httpx.Client(transport=self.sandbox.transport, base_url="http://127.0.0.1/_sandbox")

    def is_as_hr_asks(self, *, but: Collection[str] = ()) -> bool:
        """True when every account but these is as the people's rows ask for; leavers have to be switched off."""
        wanted = {employee_id: account_for(person) for employee_id, person in self.people.items()}
        held = {name: {**account, "id": None} for name, account in self.accounts.items()}
        leavers = {name for name in held if name not in wanted or not wanted[name]["active"]}
        return all(not held[name]["active"] for name in leavers - {*but}) and all(
            held.get(name) == {**account, "id": None}
            for name, account in wanted.items()
            if name not in leavers and name not in but and (account["active"] or name in held)
        )

    def sync(self, job: str = "user_sync", config: Mapping[str, Any] | None = None, **settings: str) -> Any:
        """One run of a job of the user sync; its result, failed or not."""
        with self.resources(**settings) as resources:
            if not self.is_patient:
                api = resources["sparkwise"].api
                hurried = JsonClient(api.client.vendor, transport=self.sandbox.transport, sleep=lambda _: None)
                resources["sparkwise"].api = SparkwiseApi(hurried)
            return defs.resolve_job_def(job).execute_in_process(
                run_config=dict(config or {}), instance=self.instance, raise_on_error=False, resources=resources
            )

    def sent(self) -> list[tuple[str, list[str]]]:
        """The writes that Sparkwise has got, refused ones too, since the log was cleared: verb, and for whom."""
        return [(entry["method"], entry["users"]) for entry in self.sandbox.log.entries() if "users" in entry]

    def sent_to(self, method: str) -> list[str]:
        """For whom a verb was sent, in order."""
        return [name for verb, names in self.sent() if verb == method for name in names]

    def forget(self) -> None:
        """Clear the log, and switch every fault off."""
        self.sandbox.log.clear()
        self.sandbox.heal()

    def planned(self, action: str) -> dict[str, dict[str, Any]]:
        """The people for whom the newest plan has this action, with their rows."""
        rows = self.rows("user_sync_plan")
        newest = max(row["planned_at"] for row in rows)
        return {row["employee_id"]: row for row in rows if (row["planned_at"], row["action"]) == (newest, action)}

    def results(self) -> dict[str, list[str]]:
        """The results of each person's attempts, as far as any were made, oldest first."""
        found: dict[str, list[str]] = {}
        for row in sorted(self.rows("user_sync_outcome"), key=lambda row: (row["sent_at"], row["attempt"])):
            found.setdefault(row["employee_id"], []).append(row["result"])
        return found


def person_named(employee_id: str) -> dict[str, Any]:
    """HR's row of a made-up person."""
    number = employee_id.removeprefix("E")
    row = {"employee_id": employee_id, "first_name": f"Ann {number}", "last_name": f"Lee {number}", "status": "active"}
    more = {"email": f"ann{number}@acme.example", "department": "Sales", "manager_id": "E0001", "location": "Ghent"}
    return {**row, **more, "start_date": "2024-01-31"}


def account_for(person: Mapping[str, Any]) -> dict[str, Any]:
    """The account that a person's row asks for."""
    names = {"firstName": person["first_name"], "lastName": person["last_name"], "remoteId": person["employee_id"]}
    return {**names, "active": person["status"] in ("active", "leave")}


def check(result: Any, name: str) -> dg.AssetCheckEvaluation:
    """The check's only evaluation in a run."""
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == name]
    evaluation: dg.AssetCheckEvaluation = found
    return evaluation


MakeCompany = Callable[..., Company]


@pytest.fixture
def make_company(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, instance: dg.DagsterInstance
) -> Iterator[MakeCompany]:
    """Makes a company, on SQLite by default; `options` are those of the sandbox."""
    made: list[Company] = []

    def make(*, people: int = 120, url: str | None = None, **options: Any) -> Company:
        url = url or f"sqlite:///{tmp_path}/warehouse.db"
        made.append(Company(make_sandbox(**options), tmp_path, url, instance, people=people))
        return made[-1]

    yield make
    for each in made:
        each.warehouse.close()


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A company of 120 people, on SQLite, for what does not depend on the database."""
    return make_company()


@pytest.fixture
def company_on_both(make_company: MakeCompany, warehouse_url: str) -> Company:
    """A company of 120 people, once on SQLite and once on PostgreSQL."""
    return make_company(url=warehouse_url)
