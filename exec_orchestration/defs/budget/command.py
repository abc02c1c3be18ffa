"""`python -m exec_orchestration budget estimate|status`: what a backfill will cost, and where the budget stands."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dotenv import dotenv_values

from exec_orchestration.apis.budget import BACKFILL, SCHEDULED, Charge, most_of_a_day
from exec_orchestration.apis.estimate import COSTS, Cost, Course, course
from exec_orchestration.defs.budget.standing import Standing, estimates, spending, standing, text_table
from exec_orchestration.defs.budget.survey import costs_of
from exec_orchestration.defs.resources import EXEC, SPARKWISE, ExecResource, SparkwiseResource, WarehouseResource
from exec_orchestration.errors import ExecOrchestrationError

DAILY_ASSETS = ("exec_participant_analytics", "exec_assignments", "exec_skill_proficiency", "exec_sessions")


@dataclass(frozen=True)
class Office:
    """The rooms that the commands need."""

    warehouse: WarehouseResource
    exec_com: ExecResource
    sparkwise: SparkwiseResource

    def close(self) -> None:
        for resource in (self.exec_com, self.sparkwise, self.warehouse):
            resource.close()


def office_here() -> Office:
    """The rooms as Dagster's own commands would find them from this folder: .env goes before the environment."""
    environment = {**os.environ, **{name: value or "" for name, value in dotenv_values(".env").items()}}
    warehouse = WarehouseResource(environment)
    return Office(
        warehouse, ExecResource(environment, warehouse=warehouse), SparkwiseResource(environment, warehouse=warehouse)
    )


def estimate(office: Office, assets: Sequence[str], first: date, last: date) -> str:
    """What the assets will cost for these days, and how long a backfill of them takes."""
    now, quota = datetime.now(UTC), office.exec_com.quota
    # Asked for by a person who waits: not on a backfill's account.
    if set(assets) & {name for name in COSTS if name.startswith("exec")}:
        office.exec_com.api.client.pacer.charge = Charge(SCHEDULED, "budget estimate")
    costs = costs_of(
        assets, first, last, exec_com=office.exec_com, sparkwise=office.sparkwise, zone=office.warehouse.zone
    )
    stands = standing(office.warehouse.tables, EXEC, quota, now=now)
    found = course(
        costs,
        now=now,
        free=stands.left_for_backfills,
        per_day=most_of_a_day(quota, BACKFILL),
        per_minute=quota.per_minute,
    )
    return _estimate_in_words(costs, found, stands, f"{first}...{last}")


def _estimate_in_words(costs: Sequence[Cost], found: Course, stands: Standing, days: str) -> str:
    rows = [(cost.asset, found.requests[cost.asset], cost.api, cost.basis) for cost in costs]
    of_exec = sum(found.requests[cost.asset] for cost in costs if cost.api == EXEC)
    limit = (
        f"Exec: {of_exec} requests. Backfills may send {stands.per_day - stands.reserve} of {stands.per_day} a day, "
        f"{stands.left_for_backfills} of them now: {found.days_of_quota} day(s) of quota."
        if stands.per_day
        else f"Exec: {of_exec} requests, and no daily limit."
    )
    return "\n".join(
        [
            f"A backfill of {days}:",
            text_table(("asset", "requests", "api", "made of"), rows),
            limit,
            f"Begun now, it ends about {found.ends_at:%Y-%m-%d %H:%M} UTC.",
        ]
    )


def status(office: Office) -> str:
    """Used, left and next opening of each vendor; the last days by lane; estimates beside what was spent."""
    now, tables = datetime.now(UTC), office.warehouse.tables
    quotas = ((EXEC, office.exec_com.quota), (SPARKWISE, office.sparkwise.quota))
    lines = [_standing_in_words(standing(tables, api, quota, now=now)) for api, quota in quotas]
    spent = [(each.day, each.api, each.lane, each.asset, each.requests) for each in spending(tables, now=now)]
    if spent:
        lines += ["", text_table(("day (UTC)", "api", "lane", "asset", "requests"), spent)]
    thought = [
        (each.backfill[:8], each.asset, each.days, each.estimate, each.spent, each.off) for each in estimates(tables)
    ]
    if thought:
        lines += ["", text_table(("backfill", "asset", "days", "estimate", "spent", "off"), thought)]
    return "\n".join(lines)


def _standing_in_words(stands: Standing) -> str:
    used = f"{stands.api}: {stands.used} requests in the current day" + (
        f", {stands.set_aside} set aside" if stands.set_aside else ""
    )
    if not stands.per_day:
        return f"{used}; no daily limit."
    opens = f" Backfills go on at {stands.opens_at:%Y-%m-%d %H:%M} UTC: {stands.why}." if stands.opens_at else ""
    return (
        f"{used}, of {stands.per_day}; {stands.left} left, {stands.left_for_backfills} of them for backfills "
        f"(reserve {stands.reserve}).{opens}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m exec_orchestration budget")
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("estimate", help="what a backfill will cost; sends a few requests to find out")
    asked.add_argument("--assets", default=",".join(DAILY_ASSETS), help="names separated by commas")
    asked.add_argument("--from", dest="first", type=date.fromisoformat, required=True, help="first day, YYYY-MM-DD")
    asked.add_argument("--to", dest="last", type=date.fromisoformat, required=True, help="last day, YYYY-MM-DD")
    commands.add_parser("status", help="used, left, next opening; who spent it; sends no request")
    options = parser.parse_args(arguments)
    office = office_here()
    try:
        if options.command == "estimate":
            assets = [name.strip() for name in options.assets.split(",") if name.strip()]
            print(estimate(office, assets, options.first, options.last))
        else:
            print(status(office))
    except ExecOrchestrationError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        office.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
