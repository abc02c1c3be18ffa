"""Where alerts go: the addresses of ALERT_URLS, each by the library apprise. The only module that knows it.

No address is ever repeated in an error or a cursor: it may hold a password.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from exec_orchestration.defs.setting import Environment
from exec_orchestration.defs.settings import ALERT_URLS, DAGSTER_UI_URL, SETTINGS
from exec_orchestration.errors import AlertNotSent, BadSetting


@dataclass(frozen=True)
class Message:
    """What an address is told."""

    title: str
    body: str


Notify = Callable[[str, Message], bool]
SHORTEST_SECRET = 8


def by_apprise(address: str, message: Message) -> bool:
    """Send by apprise; False when it was not taken. Raises BadSetting for an address that apprise does not know."""
    import apprise

    # It logs addresses that it does not understand.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if service is None:
        scheme = address.partition(":")[0]
        raise BadSetting(f"ALERT_URLS holds a {scheme}:// address that apprise cannot use; the rest is not repeated.")
    return bool(service.notify(body=message.body, title=message.title))


class Notifier:
    """The addresses as the environment describes them, and the way to them."""

    def __init__(self, environment: Environment, *, notify: Notify = by_apprise) -> None:
        self._environment = environment
        self._notify = notify

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where to send; empty = alerts are off. Raises BadSetting."""
        return ALERT_URLS.read(self._environment)

    @property
    def ui_url(self) -> str:
        """The base of links. Raises BadSetting."""
        return DAGSTER_UI_URL.read(self._environment)

    @property
    def secrets(self) -> frozenset[str]:
        """The values of secret settings, which no message may hold."""
        values = {self._environment.get(each.name, "").strip() for each in SETTINGS if each.secret}
        return frozenset(value for value in values if len(value) >= SHORTEST_SECRET)

    def send(self, address: str, message: Message) -> None:
        """Send one message to one address. Raises AlertNotSent, whatever went wrong."""
        try:
            is_taken = self._notify(address, message)
        except BadSetting as error:
            raise AlertNotSent(f"{error} Nothing is lost: it is told once the address is mended.") from error
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises
            # Its text may hold the address.
            raise AlertNotSent(_not_taken(address, type(error).__name__)) from None
        if not is_taken:
            raise AlertNotSent(_not_taken(address, "no reason was given"))


def fingerprint(address: str) -> str:
    """By what a cursor knows an address."""
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def _not_taken(address: str, why: str) -> str:
    scheme = address.partition(":")[0]
    return (
        f"An alert to the {scheme}:// address {fingerprint(address)} of ALERT_URLS was not taken ({why}). It is sent "
        "again at the next tick, until it is taken; look whether the address is right and the service answers."
    )
