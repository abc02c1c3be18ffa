"""The options of a command line that name a world: the same ones give the same people to the server and to the roster.

Must not live here: what a command does with it. Leads to: `app` and `roster`.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from exec_orchestration.sandbox.world import FIRST_DAY, PEOPLE


def add_world_options(parser: argparse.ArgumentParser) -> None:
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
