"""The few commands that are not Dagster's: `python -m exec_orchestration demo|dev|sandbox|budget`.

Imports no room. `demo` and `dev` start the sandbox as a process and call Dagster's own commands on it; `budget` is a
process of its own, too.
"""

import argparse
import signal
import subprocess
import sys

from exec_orchestration import demo


def main(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m exec_orchestration")
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("demo", help="load two months from the sandbox, compute the marts, print a summary")
    asked.add_argument("--days", type=int, default=demo.DAYS, help="days to load, ending yesterday")
    asked = commands.add_parser(
        "dev", help="the Dagster UI on the sandbox; loads the demo's data first if there is none"
    )
    asked.add_argument("--port", type=int, default=3000, help="port of the UI on 127.0.0.1")
    asked = commands.add_parser("sandbox", help="both vendors on loopback, until interrupted", add_help=False)
    commands.add_parser("budget", help="what a backfill will cost, and where the request budget stands", add_help=False)
    options, rest = parser.parse_known_args(arguments)
    # A polite kill ends the sandbox and Dagster as Ctrl-C does. A shell that starts this in the background ignores
    # Ctrl-C for it; the processes below would inherit that, and never end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    if options.command == "budget":
        return subprocess.call([sys.executable, "-m", "exec_orchestration.defs.budget.command", *rest])
    if rest and options.command != "sandbox":
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if options.command == "demo":
        return demo.run_demo(days=options.days)
    if options.command == "dev":
        return demo.run_dev(port=options.port)
    return demo.run_sandbox(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
