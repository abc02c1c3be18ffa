"""HR's roster as the environment describes it: where it stands, what its words mean, and who may be written to.

A new object reads everything anew. The environment is an argument; `resources` reads the real one.
"""

import re
from datetime import datetime
from pathlib import Path

from exec_orchestration.defs import settings
from exec_orchestration.defs.setting import Environment
from exec_orchestration.errors import BadSetting
from exec_orchestration.roster.mapping import RosterMapping, read_mapping
from exec_orchestration.roster.plan import Limits
from exec_orchestration.roster.sources import Sheet, Source, fetch, sheet_of, sheet_of_rows
from exec_orchestration.tables.foreign import rows_of

# A sync by hand waits for no longer; the sensor, which nobody waits for, has HR_ROSTER_SETTLE_SECONDS.
LONGEST_REST_SECONDS = 2.0


class RosterResource:
    """HR's roster, and who may be written to, as the environment describes it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @property
    def is_query(self) -> bool:
        """True when the roster is the result of a query."""
        return bool(settings.HR_ROSTER_QUERY.read(self._environment))

    def source(self, *, rest_seconds: float = 0.0) -> Source:
        """The roster's file once it has not been written for so long. Raises UnhealthyRoster."""
        url = settings.HR_ROSTER_URL.read(self._environment)
        if re.match(r"(sqlite|postgres|mysql|mssql|oracle|snowflake|redshift|bigquery)[\w+]*:", url):
            raise BadSetting(
                "HR_ROSTER_URL names a database, and HR_ROSTER_QUERY is not set. Set it to the SELECT that gives the "
                "roster, or HR_ROSTER_URL to a file; nothing was sent to Sparkwise."
            )
        return fetch(url, rest_seconds=rest_seconds)

    def sheet(self) -> Sheet:
        """The roster as it is now, whatever it is; a file has to be at rest for a moment. Raises UnhealthyRoster."""
        if not self.is_query:
            return sheet_of(self.source(rest_seconds=min(self.settle_seconds, LONGEST_REST_SECONDS)))
        url, query = settings.HR_ROSTER_URL.read(self._environment), settings.HR_ROSTER_QUERY.read(self._environment)
        header, rows, name = rows_of(url, query, setting="HR_ROSTER_URL")
        return sheet_of_rows(header, rows, name=name)

    def fingerprint(self) -> tuple[str, datetime | None]:
        """SHA-256 of the content as it is now, and when it was written last, where that is known."""
        found = self.sheet() if self.is_query else self.source()
        return found.fingerprint, found.modified_at

    @property
    def mapping(self) -> RosterMapping:
        """HR's words -> ours. Raises BadSetting."""
        path = settings.HR_ROSTER_MAPPING.read(self._environment)
        if not path:
            return RosterMapping()
        try:
            return read_mapping(Path(path).read_bytes(), name=path)
        except OSError as error:
            raise BadSetting(f"HR_ROSTER_MAPPING names a file that cannot be read: {error}.") from error

    @property
    def protected(self) -> frozenset[str]:
        """Employee ids to whom no sync writes."""
        return settings.USER_SYNC_PROTECTED.read(self._environment)

    @property
    def limits(self) -> Limits:
        """How many people one sync may switch off without approval."""
        return Limits(
            max_deactivations=settings.USER_SYNC_MAX_DEACTIVATIONS.read(self._environment),
            max_deactivation_share=settings.USER_SYNC_MAX_DEACTIVATION_SHARE.read(self._environment),
        )

    @property
    def lead_days(self) -> int:
        """Days before their start that prehires get an account."""
        return settings.USER_SYNC_LEAD_DAYS.read(self._environment)

    @property
    def reactivate_all(self) -> bool:
        """True when accounts that somebody else switched off are switched on again, too."""
        return settings.USER_SYNC_REACTIVATE_ALL.read(self._environment)

    @property
    def transient_errors(self) -> tuple[str, ...]:
        """Which of Sparkwise's words mean that a person may be accepted later."""
        return settings.USER_SYNC_TRANSIENT_ERRORS.read(self._environment)

    @property
    def shows_personal_data(self) -> bool:
        """True when people's names may stand in the UI, in logs and in checks."""
        return settings.SHOW_PERSONAL_DATA.read(self._environment)

    @property
    def settle_seconds(self) -> float:
        """How long a new roster must stay as it is before a sync is asked for."""
        return settings.HR_ROSTER_SETTLE_SECONDS.read(self._environment)
