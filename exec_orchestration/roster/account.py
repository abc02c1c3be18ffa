"""An account in Sparkwise, and what the side wing asks of whoever speaks to Sparkwise or keeps the journal."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """One account. Only those with a remote id, which is the employee id, are ours."""

    id: str
    first_name: str | None
    last_name: str | None
    active: bool
    remote_id: str | None

    @property
    def is_ours(self) -> bool:
        return bool(self.remote_id and self.remote_id.strip())

    @property
    def fields(self) -> dict[str, Any]:
        """What a sync may change, names in Unicode's composed form."""
        return {"first_name": _composed(self.first_name), "last_name": _composed(self.last_name), "active": self.active}


def _composed(name: str | None) -> str | None:
    return name if name is None or name.isascii() else unicodedata.normalize("NFC", name)


@dataclass(frozen=True)
class Reply:
    """What Sparkwise answered to one batch: the remote ids written, with `active` where it says, and those refused."""

    written: Mapping[str, bool | None]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one person's change at one attempt."""

    employee_id: str
    attempt: int
    action: str
    result: str
    sent_at: datetime
    answered_at: datetime | None = None
    error: str | None = None


class Vendor(Protocol):
    """Whoever speaks to Sparkwise. Each call is one request with at most 200 people; VendorErrors pass through."""

    def upsert(self, users: Sequence[Mapping[str, Any]]) -> Reply:
        """Create or update accounts of `{first_name, last_name, active, remote_id}`."""
        ...

    def deactivate(self, remote_ids: Sequence[str]) -> Reply:
        """Switch accounts off."""
        ...


class Journal(Protocol):
    """Whoever keeps what was sent and answered, so that a killed run can be told apart from a finished one."""

    def sending(self, outcomes: Sequence[Outcome]) -> None:
        """Write that these are about to be sent."""
        ...

    def answered(self, outcomes: Sequence[Outcome]) -> None:
        """Write what became of them."""
        ...
