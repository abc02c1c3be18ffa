"""What a run may reach: Exec, Sparkwise, HR's roster and the warehouse. What Dagster runs reads the environment here.

Only the commands `budget.command` and `demo` read it by themselves. Each resource is built when an asset first asks for
it, so that a bad setting stops that asset, by name, and nothing else. Tests hand over an environment and a transport.
"""

import os
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property

import dagster as dg

from exec_orchestration.apis.budget import Quota
from exec_orchestration.apis.exec_com import ExecApi, ids_of, pages
from exec_orchestration.apis.http import JsonClient, Transport
from exec_orchestration.apis.paging import Item, read_settled
from exec_orchestration.apis.sparkwise import Operations, SparkwiseApi
from exec_orchestration.apis.vendor import Vendor
from exec_orchestration.defs import settings
from exec_orchestration.defs.alerts.notifier import Notifier
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.setting import Environment
from exec_orchestration.defs.warehouse_resource import WarehouseResource as WarehouseResource
from exec_orchestration.errors import BadSetting
from exec_orchestration.tables.request_ledger import RequestLedger

EXEC, SPARKWISE = "exec", "sparkwise"


class ExecResource:
    """Exec, as the environment describes it. Scenarios and skills are listed once a run, whoever asks.

    With a `warehouse` its ledger holds every request, and all processes keep one limit.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        warehouse: WarehouseResource | None = None,
        transport: Transport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environment = environment
        self._warehouse = warehouse
        self._transport = transport
        self._sleep = sleep
        self._clock = clock

    @cached_property
    def api(self) -> ExecApi:
        """The door to Exec. Raises BadSetting."""
        read = self._environment
        vendor = Vendor(
            name="Exec",
            base_url=settings.EXEC_API_URL.read(read),
            key=settings.EXEC_API_KEY.read(read),
            key_header="Authorization",
            key_prefix="Bearer ",
            key_setting="EXEC_API_KEY",
            url_setting="EXEC_API_URL",
            quota=self.quota,
            retry_after_unit_seconds=settings.EXEC_RETRY_AFTER_UNIT.read(read),
            max_answer_mb=settings.MAX_RESPONSE_MB.read(read),
            max_answer_seconds=settings.MAX_RESPONSE_SECONDS.read(read),
        )
        client = JsonClient(
            vendor,
            ledger=_ledger(self._warehouse, vendor),
            transport=self._transport,
            sleep=self._sleep,
            clock=self._clock,
        )
        return ExecApi(
            client,
            concurrency=settings.EXEC_CONCURRENCY.read(read),
            exclude_system_users=self.exclude_system_users,
            end_step=settings.EXEC_END_DATE_STEP_SECONDS.read(read),
        )

    @cached_property
    def quota(self) -> Quota:
        """The workspace's limits. Raises BadSetting."""
        read = self._environment
        per_day, reserve = settings.EXEC_REQUESTS_PER_DAY.read(read), settings.EXEC_DAILY_RESERVE.read(read)
        return Quota(
            per_minute=settings.EXEC_REQUESTS_PER_MINUTE.read(read),
            per_day=per_day,
            reserve=round(per_day * reserve) if isinstance(reserve, float) else reserve,
            day_zone=settings.EXEC_DAY_WINDOW.read(read),
        )

    @cached_property
    def participants_strategy(self) -> str:
        """How participants of several days are found: auto, sweep, windows or days."""
        return settings.EXEC_PARTICIPANTS_STRATEGY.read(self._environment)

    @cached_property
    def exclude_system_users(self) -> bool:
        """True when `@exec.com` people are left out."""
        return settings.EXEC_EXCLUDE_SYSTEM_USERS.read(self._environment)

    @cached_property
    def scenarios(self) -> list[Item]:
        """Every scenario, archived ones too."""
        return read_settled(self.api.scenarios, list)

    @cached_property
    def skills(self) -> list[Item]:
        """Every skill."""
        return read_settled(self.api.skills, list)

    @property
    def proficiency_pages_now(self) -> int:
        """How many pages the skills' proficiency has now, as far as the listing of skills tells."""
        summaries = [skill.get("proficiency_summary") for skill in self.skills if isinstance(skill, dict)]
        counts = [each.get("participant_count") for each in summaries if isinstance(each, dict)]
        return sum(pages(count) for count in counts if isinstance(count, int))

    @property
    def scenario_ids(self) -> list[str]:
        """The id of every scenario, in the order of the listing."""
        return ids_of(self.scenarios, "scenario")

    @property
    def skill_ids(self) -> list[str]:
        """The id of every skill, in the order of the listing."""
        return ids_of(self.skills, "skill")

    def close(self) -> None:
        """Give the connections back, if there are any."""
        if "api" in self.__dict__:
            self.api.client.close()


class SparkwiseResource:
    """Sparkwise, as the environment describes it; with a `warehouse` its ledger holds every request."""

    def __init__(
        self,
        environment: Environment,
        *,
        warehouse: WarehouseResource | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._environment = environment
        self._warehouse = warehouse
        self._transport = transport
        self.names: dict[str, set[str]] = {}

    def users(self) -> Iterator[Item]:
        """Every account; whose names they are is kept in `names`, for as long as this run goes on."""
        for user in self.api.users():
            if isinstance(user, dict) and isinstance(user.get("remoteId"), str):
                names = {user.get("firstName"), user.get("lastName")}
                self.names.setdefault(user["remoteId"], set()).update(each for each in names if isinstance(each, str))
            yield user

    @cached_property
    def api(self) -> SparkwiseApi:
        """The door to Sparkwise. Raises BadSetting."""
        read = self._environment
        vendor = Vendor(
            name="Sparkwise",
            base_url=settings.SPARKWISE_API_URL.read(read),
            key=settings.SPARKWISE_API_KEY.read(read),
            key_header=settings.SPARKWISE_API_KEY_HEADER.read(read),
            key_setting="SPARKWISE_API_KEY",
            url_setting="SPARKWISE_API_URL",
            quota=self.quota,
            max_answer_mb=settings.MAX_RESPONSE_MB.read(read),
            max_answer_seconds=settings.MAX_RESPONSE_SECONDS.read(read),
        )
        operations = Operations(
            clusters=settings.SPARKWISE_CLUSTERS_REQUEST.read(read),
            completions=settings.SPARKWISE_COMPLETIONS_REQUEST.read(read),
            users=settings.SPARKWISE_USERS_REQUEST.read(read),
            upsert=settings.SPARKWISE_UPSERT_REQUEST.read(read),
            deactivate=settings.SPARKWISE_DEACTIVATE_REQUEST.read(read),
        )
        client = JsonClient(vendor, ledger=_ledger(self._warehouse, vendor), transport=self._transport)
        return SparkwiseApi(client, operations=operations)

    @cached_property
    def quota(self) -> Quota:
        """The account's limits; none is published. Raises BadSetting."""
        return Quota(
            per_minute=settings.SPARKWISE_REQUESTS_PER_MINUTE.read(self._environment),
            per_day=settings.SPARKWISE_REQUESTS_PER_DAY.read(self._environment),
        )

    @cached_property
    def deactivate_by(self) -> str:
        """The field by which an account is referred to when it is switched off."""
        return settings.SPARKWISE_DEACTIVATE_BY.read(self._environment)

    @cached_property
    def completions_by_day(self) -> bool:
        """True when one listing of a range must not be cut into days."""
        return settings.SPARKWISE_COMPLETIONS_BY_DAY.read(self._environment)

    def close(self) -> None:
        """Give the connections back, if there are any."""
        if "api" in self.__dict__:
            self.api.client.close()


def _ledger(warehouse: WarehouseResource | None, vendor: Vendor) -> RequestLedger | None:
    flight, api = vendor.longest_request_seconds, vendor.name.lower()
    return RequestLedger(warehouse.tables, api=api, longest_flight_seconds=flight) if warehouse else None


@dg.resource(description="The Exec API: EXEC_* settings.", required_resource_keys={"warehouse"})
def exec_com(context: dg.InitResourceContext) -> Iterator[ExecResource]:
    """Exec for one run."""
    resource = ExecResource(os.environ, warehouse=context.resources.warehouse)
    try:
        yield resource
    finally:
        resource.close()


@dg.resource(description="The Sparkwise API: SPARKWISE_* settings.", required_resource_keys={"warehouse"})
def sparkwise(context: dg.InitResourceContext) -> Iterator[SparkwiseResource]:
    """Sparkwise for one run."""
    resource = SparkwiseResource(os.environ, warehouse=context.resources.warehouse)
    try:
        yield resource
    finally:
        resource.close()


@dg.resource(description="HR's roster: HR_ROSTER_* and USER_SYNC_* settings.")
def roster(_context: dg.InitResourceContext) -> RosterResource:
    """HR's roster for one run."""
    return RosterResource(os.environ)


@dg.resource(description="The warehouse: WAREHOUSE_URL.")
def warehouse(_context: dg.InitResourceContext) -> Iterator[WarehouseResource]:
    """The warehouse for one run."""
    resource = WarehouseResource(os.environ)
    try:
        yield resource
    finally:
        resource.close()


def partitions_start_and_zone() -> tuple[date, str]:
    """The two settings of the partitions, which Dagster needs while it loads the code.

    A malformed one falls back to its default here, so that the UI still comes up; a daily asset then refuses to run.
    """
    start, zone = settings.PARTITIONS_START, settings.PARTITIONS_TIMEZONE
    try:
        return start.read(os.environ), zone.read(os.environ).key
    except BadSetting:
        return start.read({}), zone.read({}).key


def asset_owners() -> tuple[str, ...]:
    """Whom the UI names as owners; where the setting is malformed, its default, so that the code still loads."""
    try:
        return settings.ASSET_OWNERS.read(os.environ)
    except BadSetting:
        return settings.ASSET_OWNERS.read({})


def runbook_url() -> str:
    """Where the runbook is to be read, without a heading."""
    return settings.RUNBOOK_URL.read(os.environ).partition("#")[0]


def roster_now() -> RosterResource:
    """HR's roster for a sensor, which looks at it at each tick."""
    return RosterResource(os.environ)


def notifier_now() -> Notifier:
    """Where alerts go, for a sensor, which reads it at each tick."""
    return Notifier(os.environ)


def personal_data_is_shown() -> bool:
    """True when texts that may quote people may be shown; not so where the setting cannot be read."""
    try:
        return settings.SHOW_PERSONAL_DATA.read(os.environ)
    except BadSetting:
        return False


def lookback_days() -> int:
    """How many days the schedule loads again, asked at each tick. Raises BadSetting."""
    return settings.LOOKBACK_DAYS.read(os.environ)


RESOURCES = {"exec_com": exec_com, "sparkwise": sparkwise, "roster": roster, "warehouse": warehouse}
