"""How persons are stored in this warehouse until now, and that nobody writes them in another way.

A warehouse without a mark of a key holds persons as they are. Rows of both kinds in one table would make every join by
address wrong, and everybody on the roster a changed person.
"""

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.errors import BadSetting
from exec_orchestration.tables import dialects
from exec_orchestration.tables.declare import METADATA, has_personal_data
from exec_orchestration.tables.ledger import privacy_state as state
from exec_orchestration.tables.warehouse import Warehouse

KEY_CHECK, SALT = "key_check", "salt"


def agree(warehouse: Warehouse) -> None:
    """Let a warehouse without persons be as the settings ask for. Raises BadSetting where it is otherwise already."""
    found, veil = fact(warehouse, KEY_CHECK), warehouse.veil
    if found is None and veil.hides:
        found = _begin(warehouse)
    if found is None and veil.hides:
        raise BadSetting(
            "PII_MODE is hashed, and the warehouse holds persons as they are. Turn schedules and sensors off, wait "
            "until no run is under way, then run the job hash_persons once, which rewrites them; or set "
            "PII_MODE=plain. Nothing was read or written."
        )
    if found is not None and not veil.hides:
        raise BadSetting(
            "PII_MODE is plain, and the warehouse holds persons as hashes, which nobody can turn back. Set "
            "PII_MODE=hashed with the PII_KEY that it was begun with, or another WAREHOUSE_URL and load anew. Nothing "
            "was read or written."
        )
    if found is not None and found != veil.check:
        raise BadSetting(
            "PII_KEY is not the key that the hashes in this warehouse were made with: the same person would have two. "
            "Set that key, or another WAREHOUSE_URL and load anew. Nothing was read or written."
        )


def _begin(warehouse: Warehouse) -> str | None:
    """Mark a warehouse that holds nobody yet with the key; None where it holds somebody."""
    with warehouse.writing("begin to hash persons") as connection:
        dialects.offer(connection).alone_until_commit(connection, "privacy_state")
        found = connection.scalar(sa.select(state.c.value).where(state.c.name == KEY_CHECK))
        if found is not None:
            return str(found)
        if holds_persons(connection):
            return None
        mark(connection, warehouse.veil.check)
    return warehouse.veil.check


def mark(connection: Connection, check: str) -> None:
    """Write down that persons are hashes from now on, and of which key."""
    connection.execute(state.insert().values(name=KEY_CHECK, value=check))


def holds_persons(connection: Connection) -> bool:
    """True where any table of persons has a row."""
    tables = [table for table in METADATA.tables.values() if has_personal_data(table)]
    return any(connection.scalar(sa.select(sa.literal(1)).select_from(table).limit(1)) for table in tables)


def fact(warehouse: Warehouse, name: str) -> str | None:
    """One fact, if it is known."""
    return next((row.value for row in warehouse.read(sa.select(state.c.value).where(state.c.name == name))), None)


def salt(connection: Connection) -> str:
    """The salt of this warehouse's `erased_people`, made when it is first asked for."""
    query = sa.select(state.c.value).where(state.c.name == SALT)
    found = connection.scalar(query)
    if found is None:
        found = secrets.token_hex(32)
        connection.execute(state.insert().values(name=SALT, value=found))
    return str(found)
