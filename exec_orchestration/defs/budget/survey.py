"""What has to be known to estimate a backfill: a few totals, one request each, and only those that its assets need."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from exec_orchestration.apis.estimate import COSTS, Cost, Facts, pages_over_days
from exec_orchestration.defs.resources import ExecResource, SparkwiseResource
from exec_orchestration.errors import BadSetting, BadWindow

NEEDS = {
    "scenarios": {"exec_scenarios", "exec_participant_analytics"},
    "skills": {"exec_skills", "exec_skill_proficiency"},
    "members": {"exec_members"},
    "assignments": {"exec_assignments"},
    "sessions": {"exec_sessions", "exec_participant_analytics"},
    "pages": {"exec_skill_proficiency"},
    "users": {"sparkwise_users"},
}
# Assets that cost no request of their own come along with the one that does.
TOGETHER = {"exec_assignment_history": "exec_assignments"}


def costs_of(
    assets: Collection[str],
    first: date,
    last: date,
    *,
    exec_com: ExecResource,
    sparkwise: SparkwiseResource,
    zone: ZoneInfo,
) -> list[Cost]:
    """What each asset will cost for the days from `first` to `last`. Raises BadSetting, BadWindow or VendorError."""
    wanted = dict.fromkeys(TOGETHER.get(asset, asset) for asset in assets)
    unknown = [asset for asset in wanted if asset not in COSTS]
    if unknown:
        raise BadSetting(f"No requests are known of {', '.join(unknown)}; assets that send some: {', '.join(COSTS)}.")
    if last < first:
        raise BadWindow(f"The range {first} to {last} is empty: its last day is before its first one.")
    facts = _facts(set(wanted), first, last, exec_com=exec_com, sparkwise=sparkwise, zone=zone)
    return [COSTS[asset](facts) for asset in wanted]


def _facts(
    assets: set[str], first: date, last: date, *, exec_com: ExecResource, sparkwise: SparkwiseResource, zone: ZoneInfo
) -> Facts:
    start, end = _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
    needed = {name for name, users in NEEDS.items() if users & assets}
    scenarios = exec_com.scenarios if "scenarios" in needed else []
    skills = exec_com.skill_ids if needed & {"skills", "pages"} else []
    return Facts(
        days=(last - first).days + 1,
        strategy=exec_com.participants_strategy,
        scenarios=len(scenarios),
        archived=sum(bool(scenario["archived"]) for scenario in scenarios),
        skills=len(skills),
        members=exec_com.api.total("/workspace/members") if "members" in needed else 0,
        assignments=exec_com.api.total("/scenarios/assignments") if "assignments" in needed else 0,
        sessions=exec_com.api.sessions_total(start=start, end=end) if "sessions" in needed else 0,
        proficiency_pages=proficiency_pages(exec_com, first, last, zone) if "pages" in needed else (),
        users=sparkwise.api.users_total() if "users" in needed else 0,
    )


def proficiency_pages(exec_com: ExecResource, first: date, last: date, zone: ZoneInfo) -> list[int]:
    """The pages of all skills' proficiency on each day, from a total or a few of each skill."""

    def rows_on(skill: int, day: int) -> int:
        as_of = _midnight(first + timedelta(days=day + 1), zone)
        return exec_com.api.proficiency_total(exec_com.skill_ids[skill], as_of=as_of)

    return pages_over_days(rows_on, len(exec_com.skill_ids), (last - first).days + 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
