"""The warehouse as a run may reach it, and the settings of everything that is written there or read from it.

The environment is an argument: `resources` reads it.
"""

from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from exec_orchestration.defs import privacy_settings, settings, warehouse_settings
from exec_orchestration.defs.setting import Environment
from exec_orchestration.tables import privacy_state
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.purge import month_before
from exec_orchestration.tables.veil import Veil
from exec_orchestration.tables.warehouse import Warehouse


class WarehouseResource:
    """The warehouse, with its schema up to date, and the settings of everything that is written to it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @cached_property
    def tables(self) -> Warehouse:
        """The warehouse itself. Raises BadSetting or WarehouseError before anything is fetched."""
        privacy_state.agree(self.unsettled)
        return self.unsettled

    @cached_property
    def unsettled(self) -> Warehouse:
        """The warehouse, whether it holds persons as PII_MODE asks for or not."""
        limits = (warehouse_settings.WAREHOUSE_STATEMENT_SECONDS, warehouse_settings.WAREHOUSE_LOCK_SECONDS)
        patience = Patience(*(limit.read(self._environment) for limit in limits))
        layout = warehouse_settings.WAREHOUSE_PARTITIONS.read(self._environment)
        url = settings.WAREHOUSE_URL.read(self._environment)
        warehouse = Warehouse(url, patience=patience, layout=layout, veil=self._veil)
        warehouse.migrate()
        return warehouse

    @property
    def _veil(self) -> Veil:
        """How persons are stored. Raises BadSetting."""
        is_hashed = privacy_settings.PII_MODE.read(self._environment) == privacy_settings.HASHED
        return Veil(privacy_settings.PII_KEY.read(self._environment)) if is_hashed else Veil()

    @property
    def erase_person_file(self) -> Path:
        """The file that names who is to be erased."""
        return privacy_settings.ERASE_PERSON_FILE.read(self._environment)

    @cached_property
    def max_rejected_rows(self) -> int:
        """Rejected rows that a partition may have and still load."""
        return settings.MAX_REJECTED_ROWS.read(self._environment)

    @cached_property
    def completed_steps_pct(self) -> float:
        """From which percentage of steps on an attended session counts as completed."""
        return settings.SPARKWISE_COMPLETED_STEPS_PCT.read(self._environment)

    @property
    def report_path(self) -> Path:
        """Where the learning report is written."""
        return settings.LEARNING_REPORT_PATH.read(self._environment)

    @property
    def report_days(self) -> int:
        """How many days it covers."""
        return settings.LEARNING_REPORT_DAYS.read(self._environment)

    @property
    def keep_days(self) -> dict[str, int]:
        """How many days requests, outcomes and runs are kept; 0 = for ever. Raises BadSetting."""
        kept = {"requests": warehouse_settings.KEEP_REQUESTS_DAYS, "outcomes": warehouse_settings.KEEP_OUTCOMES_DAYS}
        kept["runs"] = warehouse_settings.KEEP_RUNS_DAYS
        return {name: setting.read(self._environment) for name, setting in kept.items()}

    @property
    def kept_from(self) -> date | None:
        """The first day that the daily tables keep; None = they keep all. Raises BadSetting."""
        months = warehouse_settings.KEEP_FACTS_MONTHS.read(self._environment)
        return month_before(datetime.now(self.zone).date(), months) if months else None

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone whose midnights cut the days. Raises BadSetting."""
        return settings.PARTITIONS_TIMEZONE.read(self._environment)

    @cached_property
    def first_day(self) -> date:
        """The first daily partition. Raises BadSetting."""
        return settings.PARTITIONS_START.read(self._environment)

    def close(self) -> None:
        """Give the connections back, if there are any."""
        if "unsettled" in self.__dict__:
            self.unsettled.close()
