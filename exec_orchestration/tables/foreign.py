"""A query on a database that is not ours, such as HR's: read once, never written."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from exec_orchestration.errors import UnhealthyRoster
from exec_orchestration.tables import dialects


def rows_of(url: str, query: str, *, setting: str) -> tuple[tuple[str, ...], list[Sequence[Any]], str]:
    """The column names and rows of a query, and the database's name without its password.

    Raises BadSetting, with the setting's name, for a URL that does not parse; UnhealthyRoster where it does not answer.
    """
    engine = dialects.engine_for(url, setting=setting)
    name = engine.url.set(query={}).render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(query))
            return tuple(result.keys()), [tuple(row) for row in result], name
    except sa.exc.SQLAlchemyError as error:
        cause = dialects.cause_of(error)
        raise UnhealthyRoster(
            f"The roster's query on {name} failed: {cause}. Check {setting} and HR_ROSTER_QUERY; nothing was sent to "
            "Sparkwise."
        ) from error
    finally:
        engine.dispose()
