"""Opening a database by its URL, and writing to it in transactions. What its engine offers stands in `engines`."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from exec_orchestration.errors import BadSetting
from exec_orchestration.tables.engines import Offer, offer_of
from exec_orchestration.tables.engines.patience import Patience
from exec_orchestration.tables.engines.storing import json_of

VALID_URLS = "sqlite:///data/warehouse.db or postgresql://user:password@host:5432/database"
FOR_EVER = Patience()


def engine_for(url: str, *, setting: str = "WAREHOUSE_URL", patience: Patience = FOR_EVER) -> Engine:
    """An engine for a SQLAlchemy URL; raises BadSetting where it does not parse or its driver is not installed."""
    try:
        parsed = _with_driver(sa.make_url(url))
        if "@" in (parsed.host or ""):
            raise ValueError("an @ in its user or password has to be written as %40")
        offer = offer_of(parsed.get_backend_name())
        # Parameters hold people.
        engine = sa.create_engine(
            parsed, hide_parameters=True, json_serializer=json_of, **offer.options(parsed, patience)
        )
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise BadSetting(
            f"{setting} asks for {parsed.drivername}, whose driver is not installed ({error}); "
            "PostgreSQL comes with `pip install 'exec_orchestration[postgres]'`, and SQLite is always there; "
            f"valid is for example {VALID_URLS}."
        ) from error
    except (sa.exc.ArgumentError, ValueError):
        raise BadSetting(
            f"{setting} cannot be read as a database URL (its text is not repeated here, as it may hold a "
            f"password); valid is for example {VALID_URLS}, with any @ : / in the password percent-encoded."
        ) from None
    except OSError as error:
        raise BadSetting(f"{setting} names a file whose folder cannot be made: {error}.") from error
    offer.prepare(engine)
    return engine


def _with_driver(url: URL) -> URL:
    """The URL with psycopg 3 where it asks for PostgreSQL without naming a driver."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def offer(of: Engine | Connection) -> Offer:
    """What the engine offers."""
    return offer_of(of.dialect.name)


def cause_of(error: BaseException) -> str:
    """The first line of the driver's error, below which rows are quoted; of a value that does not fit, its class."""
    cause = getattr(error, "orig", None) or error
    is_about_a_value = any(each.__name__ == "DataError" for each in type(cause).__mro__)
    return type(cause).__name__ if is_about_a_value else str(cause).strip().partition("\n")[0]


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in one write transaction: committed whole, or rolled back whole."""
    with engine.connect() as connection, writing_on(connection):
        yield connection


@contextmanager
def writing_on(connection: Connection) -> Iterator[None]:
    """One write transaction on `connection`; SQLite's lock is taken at its beginning, not half-way."""
    connection.execution_options(writes=True, preserve_rowcount=True)
    try:
        with offer(connection).turn(connection.engine), connection.begin():
            yield
    finally:
        connection.execution_options(writes=False)
