"""What the hall's tests share: running the real assets on the sandbox and a real database."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from exec_orchestration.definitions import defs
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource, WarehouseResource
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.warehouse import Warehouse
from exec_orchestration_tests.conftest import Sandbox

WHEN = ("fetched_at", "run_id", "observed_from")


class House:
    """The project's own assets over one sandbox, one warehouse and one Dagster instance."""

    def __init__(self, sandbox: Sandbox, url: str, instance: dg.DagsterInstance, **settings: str) -> None:
        self.sandbox = sandbox
        self.instance = instance
        self.environment = {**sandbox.environment, "WAREHOUSE_URL": url, **settings}
        self.warehouse = Warehouse(url)

    def run(self, *keys: str, first: date | str | None = None, last: date | str | None = None, **settings: str) -> Any:
        """Materialize assets for a day or a range of days; the run's result, failed or not."""
        environment = {**self.environment, **settings}
        transport: httpx.BaseTransport = self.sandbox.transport
        tags = {}
        if first is not None and last is not None and first != last:
            tags = {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
        resources = {
            "exec_com": ExecResource(environment, transport=transport),
            "sparkwise": SparkwiseResource(environment, transport=transport),
            "warehouse": WarehouseResource(environment),
        }
        try:
            return dg.materialize(
                list(defs.assets or ()),
                selection=list(keys),
                partition_key=None if tags or first is None else str(first),
                tags=tags,
                instance=self.instance,
                raise_on_error=False,
                resources=resources,
            )
        finally:
            for resource in resources.values():
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
