"""Pure decisions about requests: may I send now, and if not, how long must I wait.

Nothing here sleeps, locks or stores; `http` carries the decision out.
"""

from collections.abc import Sequence

MINUTE_SECONDS = 60.0
POLL_SECONDS = 0.05


def seconds_until_turn(finished: Sequence[float], in_flight: int, *, now: float, per_minute: int) -> float:
    """Seconds until one more request fits into the minute limit; 0.0 means now.

    `finished` holds the epoch seconds at which earlier requests ended, in ascending order. A request occupies the
    window from its start until 60 s after its *end*: the vendor saw it somewhere in between, so no sliding or
    calendar minute of theirs can ever count more than `per_minute`. A limit of 0 means none.
    """
    if per_minute == 0:
        return 0.0
    recent = [at for at in finished if at > now - MINUTE_SECONDS]
    surplus = len(recent) + in_flight - per_minute
    if surplus < 0:
        return 0.0
    if surplus >= len(recent):
        return POLL_SECONDS
    return recent[surplus] + MINUTE_SECONDS - now
