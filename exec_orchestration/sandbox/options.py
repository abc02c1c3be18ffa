"""The options of a command line that name a world, the same for the server and the roster, and those of Exec's limits.

Must not live here: what a command does with it. Leads to: `app` and `roster`.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from exec_orchestration.sandbox.answers import RETRY_AFTER_PLACES
from exec_orchestration.sandbox.limits import Limits, zone_named
from exec_orchestration.sandbox.world import FIRST_DAY, PEOPLE


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """The same ones give the same people to everybody who builds the world."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=date.fromisoformat, default=FIRST_DAY, help="the world's first day")
    parser.add_argument("--until", type=date.fromisoformat, default=yesterday, help="its last day (yesterday, UTC)")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"how many people it has ({PEOPLE})")


def read_options(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The options, or an end that says in words which one does not fit."""
    options = parser.parse_args(argv)
    if options.until < options.start:
        parser.error(f"--until {options.until} is before --start {options.start}")
    if options.people < 1:
        parser.error(f"--people is at least 1, not {options.people}")
    return options


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests-per-minute", type=_limit, default=0, help="Exec's limit; 0 = none (default)")
    parser.add_argument("--requests-per-day", type=_limit, default=0, help="Exec's limit; 0 = none (default)")
    parser.add_argument("--day-zone", type=_zone, help="Europe/Berlin: a day is a calendar day there, not 24 hours")
    parser.add_argument(
        "--retry-after-place", choices=RETRY_AFTER_PLACES, default="body", help="where a 429 says when to come back"
    )
    parser.add_argument("--count-refused", action="store_true", help="a 429 counts against both limits")


def limits_from(options: argparse.Namespace) -> Limits:
    return Limits(
        options.requests_per_minute,
        options.requests_per_day,
        retry_after_place=options.retry_after_place,
        count_refused=options.count_refused,
        day_zone=options.day_zone,
    )


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number, 0 or more, not {text!r}")
    return int(text)


def _zone(text: str) -> str:
    try:
        return zone_named(text).key
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
