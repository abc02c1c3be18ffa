"""The foundation: every error this project raises on purpose, sorted by what the reader should do.

    ExecOrchestrationError
    |-- BadSetting             change a setting: it is missing, malformed or unsafe
    |-- BadWindow              ask for other days: the window is empty, in the future or out of range
    |-- BudgetTooSmall         change a limit: what was asked for would never fit into one day's requests
    |-- VendorError            something came back (or did not) from Exec or Sparkwise
    |   |-- Unreachable        check the network, then run again: no answer after every try
    |   |-- Refused            read what the vendor says: a status that no retry can mend
    |   |   |-- KeyRefused         give another key (401, 403)
    |   |   `-- UnknownResource    check the id (404)
    |   |-- RateLimited        wait until `resume_at`, then run again (429)
    |   |-- BadAnswer          report to the vendor: not JSON, or not the shape that the contract promises
    |   `-- ListingMoved       run again when it is quieter: pages moved while they were read
    |-- UnhealthyRoster        mend HR's roster or its mapping: nothing was sent to Sparkwise
    |-- PlanRefused            look at the newest plan: the one that was to be applied is not true or not safe
    |-- SyncStopped            look at what Sparkwise says, then run again: only what has no answer is sent
    |-- TooManyRejectedRows    look into `rejected_rows`, mend the source or raise the limit
    |-- ChecksFailed           look at the checks: rows were loaded that nothing should be built on
    |-- NotErased              look at where the person still stands, or name the person more closely
    |-- AlertNotSent           look at ALERT_URLS: a message was not taken, and is sent again
    `-- WarehouseError         mend the database, then run again: nothing was half-written

Every message is one paragraph: what was tried, what came back, what to do next. No message ever holds a key, and none
an e-mail address.
"""

import re
from datetime import datetime

HIDDEN = "[hidden]"
# A URL's user before its host is nobody's address, and stays. Every repetition is bounded, so that no text takes long;
# possessive ones would do the same, but Python 3.11 up to 3.11.4 gets them wrong.
E_MAIL = re.compile(
    r"""
    (?<![\w+.-]) (?P<user_of_url> (?!mailtos?:) [a-z] [\w+.-]{0,40} :// [^\s/?#@]{0,200} @ )
    | (?: "[^"\n]{1,64}"
        | (?<![\w.+!#$^~*\\%-]) [\w.+!#$^~*\\%-]{1,200} (?: ' [\w.+!#$^~*\\-]{1,64} ){0,3} [&=?`{|}']{0,9} )
      (?: @ | %40 )
      (?: \[ [^\]\s]{1,100} \] | [\w-]{1,63} (?: \. [\w-]{1,63} ){0,9} )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_e_mails(text: str) -> str:
    """The text, with what looks like an e-mail address hidden."""
    return E_MAIL.sub(lambda found: found["user_of_url"] or HIDDEN, text)


class ExecOrchestrationError(Exception):
    """Any error that this project raises on purpose; its text is written for the person on duty."""

    def __init__(self, message: str) -> None:
        super().__init__(without_e_mails(message))


class BadSetting(ExecOrchestrationError):
    """A setting is missing, malformed or unsafe; the text names it and says what would be valid."""


class BadWindow(ExecOrchestrationError):
    """The days asked for cannot be loaded, such as a partition in the future."""


class BudgetTooSmall(ExecOrchestrationError):
    """The smallest part that can be loaded by itself needs more requests than a day ever has; nothing was sent."""


class VendorError(ExecOrchestrationError):
    """An answer of Exec or Sparkwise, or the lack of one, that stops the load."""


class Unreachable(VendorError):
    """No usable answer came after every try: connection errors, timeouts, 408 or 5xx."""


class Refused(VendorError):
    """The vendor answered with a status that no retry can mend."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class KeyRefused(Refused):
    """The vendor does not accept the key (401) or the workspace is closed to it (403)."""


class UnknownResource(Refused):
    """The vendor does not know what was asked for (404)."""


class RateLimited(VendorError):
    """The vendor's limit is reached for longer than a run should wait in place."""

    def __init__(self, message: str, *, resume_at: datetime) -> None:
        super().__init__(message)
        self.resume_at = resume_at


class BadAnswer(VendorError):
    """The answer is not JSON, or not of the shape that the contract promises."""


class ListingMoved(VendorError):
    """The pages of one listing do not fit together: rows moved while they were read."""


class UnhealthyRoster(ExecOrchestrationError):
    """HR's roster cannot be read or trusted; whoever it names, nothing was sent."""


class PlanRefused(ExecOrchestrationError):
    """A plan that has expired, is no longer true or goes beyond what anybody may approve; nothing was sent."""


class SyncStopped(ExecOrchestrationError):
    """Sparkwise kept failing in the middle of a plan; what it answered until then is on record."""


class TooManyRejectedRows(ExecOrchestrationError):
    """More rows of a partition did not fit their declaration than the limit allows; nothing was replaced."""


class ChecksFailed(ExecOrchestrationError):
    """Checks of what was loaded or computed have failed; it stands, and nothing is built on it in this run."""


class NotErased(ExecOrchestrationError):
    """A person could not be erased everywhere, or not be told from others; nothing was erased."""


class AlertNotSent(ExecOrchestrationError):
    """An address did not take a message; it is sent again at the next tick."""


class WarehouseError(ExecOrchestrationError):
    """The warehouse cannot be reached, migrated or written; the last transaction was rolled back whole."""
