"""Who is on the other side: a vendor as a value. Nothing is sent here."""

import json
from dataclasses import dataclass, field
from urllib.parse import quote

from exec_orchestration.apis.budget import NO_LIMIT, Quota


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """Who is on the other side: a name for messages, a base URL, a key and the header that carries it.

    `retry_after_unit_seconds` is what one unit of the vendor's `retry_after` means; `key_setting` and `url_setting`
    name the settings to look at when the vendor refuses. No answer may be longer than `max_answer_mb`, unpacked,
    or take longer than `max_answer_seconds`.
    """

    name: str
    base_url: str
    key: str = field(repr=False)
    key_header: str
    key_prefix: str = ""
    key_setting: str
    url_setting: str
    quota: Quota = NO_LIMIT
    retry_after_unit_seconds: float = 1.0
    max_answer_mb: int = 200
    max_answer_seconds: int = 300

    @property
    def longest_request_seconds(self) -> float:
        """Longer than any request is under way: connecting, sending and each silence take a minute at most."""
        return self.max_answer_seconds + 300.0


def is_loopback(host: str) -> bool:
    """True for localhost, 127.0.0.0/8 and ::1: the only hosts that may be asked over plain http."""
    return host in {"localhost", "::1"} or (host.startswith("127.") and host.replace(".", "").isdigit())


def without_key(text: str, key: str) -> str:
    """`text` with the key masked, as it is or in the forms that JSON and addresses give it."""
    for form in {key, json.dumps(key)[1:-1], key.replace("/", "\\/"), quote(key), quote(key, safe="")}:
        text = text.replace(form, "***")
    return text
