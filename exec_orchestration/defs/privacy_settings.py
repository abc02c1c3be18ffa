"""Settings of how persons are stored, and of who is to be erased.

A part of `settings.SETTINGS`. They are read by `warehouse_resource`.
"""

from pathlib import Path

from exec_orchestration.defs import valid
from exec_orchestration.defs.setting import Setting

SHORTEST_KEY = 32
HASHED = "hashed"


def secret_key(text: str) -> str:
    """A key that nobody guesses."""
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"it has {len(text)} characters, and {SHORTEST_KEY} at least are needed")
    return text


PII_MODE = Setting(
    "PII_MODE",
    "plain",
    "plain or hashed",
    "how the tables hold e-mail addresses and names: as they are, or as keyed hashes",
    valid.one_of("plain", HASHED),
)
PII_KEY = Setting(
    "PII_KEY",
    None,
    f"a text of {SHORTEST_KEY} characters at least, such as `openssl rand -hex 32` prints",
    "the key of the hashes that PII_MODE=hashed asks for",
    secret_key,
    secret=True,
)
ERASE_PERSON_FILE = Setting(
    "ERASE_PERSON_FILE",
    "data/erase_person.toml",
    "the path of a TOML file",
    "who the job erase_person erases",
    Path,
)

SETTINGS = (PII_MODE, PII_KEY, ERASE_PERSON_FILE)
