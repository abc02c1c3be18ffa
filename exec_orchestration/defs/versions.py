"""What a load tells Dagster of its partitions: facts and data versions, in as few events as keep every finished day.

A range of days is told twice. Each day at once when it is loaded, so that a run that fails on day 40 keeps days 1 to
39; and all of them by Dagster itself when the step ends, with one version for all. That is the version which most days
have; only the days that have another one are told once more. A single partition is told once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG

Facts = Mapping[str, Any]


class Telling:
    """What was told of one asset in one run, by partition; None stands for an asset without partitions."""

    def __init__(self, context: dg.AssetExecutionContext, key: dg.AssetKey) -> None:
        self._context = context
        self._key = key
        self._told: dict[str | None, tuple[str, Facts]] = {}

    def tell(self, partition: str | None, version: str, facts: Facts) -> None:
        """Attach the facts to the materialization to come; in a range, tell of the day at once."""
        self._told[partition] = version, facts
        if partition is None:
            self._context.add_asset_metadata(facts, asset_key=self._key)
            return
        self._context.add_asset_metadata(facts, asset_key=self._key, partition_key=partition)
        if len(self._context.partition_keys) > 1:
            self._context.log_event(materialization(self._key, partition, version, facts))

    def keep(self, partition: str, told: dg.AssetMaterialization) -> None:
        """Leave a day of a range as another run has told it: Dagster itself tells of it again when the step ends."""
        self._told[partition] = version_of(told), told.metadata
        self._context.add_asset_metadata(told.metadata, asset_key=self._key, partition_key=partition)

    def results(self) -> Iterator[dg.MaterializeResult]:
        """The materialization, and once Dagster has told of it, the days whose version is not that of most."""
        versions = Counter(version for version, _ in self._told.values())
        version = versions.most_common(1)[0][0] if versions else None
        yield dg.MaterializeResult(asset_key=self._key, data_version=dg.DataVersion(version) if version else None)
        for partition, (own, facts) in self._told.items():
            if own != version:
                self._context.log_event(materialization(self._key, partition, own, facts))


def version_of(told: dg.AssetMaterialization) -> str:
    """The data version that a materialization was told with."""
    return (told.tags or {}).get(DATA_VERSION_TAG, "")


def materialization(key: dg.AssetKey, partition: str | None, version: str, facts: Facts) -> dg.AssetMaterialization:
    """One event for a partition (None: for an asset without any), with its data version."""
    tags = {DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
    return dg.AssetMaterialization(key, partition=partition, metadata=facts, tags=tags)
