"""How long a database may keep somebody waiting, in seconds. A value; what an engine makes of it is its own matter."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """0 = for ever. `lock_seconds` is also how long a transaction that holds locks may do nothing."""

    statement_seconds: int = 0
    lock_seconds: int = 0
