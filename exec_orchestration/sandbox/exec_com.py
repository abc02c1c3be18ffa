"""The Exec REST API's operations: each turns a query into rows of the world and says how a row looks as JSON.

Must not live here: keys, limits, faults (`desk`), arithmetic (`analytics`), the history itself (`world`).
Leads to: `ExecTwin.routes`, mounted by `app` under `BASE`. Source of the shapes: the vendor's public reference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exec_orchestration.sandbox import analytics, exec_shapes
from exec_orchestration.sandbox.analytics import RANKS, STATUSES, Participant, PersonFilter
from exec_orchestration.sandbox.answers import REASONS, Answer, Asked, JsonObject, Listing, Refused
from exec_orchestration.sandbox.cast import Scenario, Skill
from exec_orchestration.sandbox.exec_query import (
    PAGING,
    PEOPLE,
    WINDOW,
    SortKey,
    by_score,
    paged,
    person_filter,
    sort,
    window,
)
from exec_orchestration.sandbox.practice import Session
from exec_orchestration.sandbox.query import Query
from exec_orchestration.sandbox.world import World

BASE = "/exec/rest/v1"
SCENARIO_FILTERS = ("include_archived", "visibility", "owner_email", "skill_ids", "collection_ids", "include")

PARTICIPANT_SORTINGS: Mapping[str, SortKey] = {
    "best_score": lambda row: row.best_score,
    "first_score": lambda row: row.first_score,
    "lift_percentage": lambda row: row.lift,
    "total_duration_seconds": lambda row: row.total_duration_seconds,
    "session_count": lambda row: row.session_count,
}
SESSION_SORTINGS: Mapping[str, SortKey] = {
    "created_at": lambda session: session.created_at,
    "score": lambda session: session.score,
    "duration": lambda session: session.duration_seconds,
}


@dataclass(frozen=True)
class ExecTwin:
    """Exec over one world. `now` is the instant at which it answers; what happens later does not exist yet."""

    world: World
    key: str = field(repr=False)
    now: Callable[[], datetime]
    nested_members: bool = False

    def admits(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {self.key}"

    def refusal(self, status: int, message: str, code: str | None = None) -> Answer:
        kind, usual_code = REASONS.get(status, ("api_error", "internal_error"))
        return Answer(status, {"error": {"type": kind, "code": code or usual_code, "message": message}})

    def users_sent(self, asked: Asked) -> None:
        """Nothing: no operation writes users."""

    def routes(self) -> tuple[tuple[str, str, Callable[[Asked], Answer | Listing]], ...]:
        return (
            ("GET", "/scenarios", self.scenarios),
            ("GET", "/scenarios/assignments", self.assignments),
            ("GET", "/scenarios/{scenario}/analytics/participants", self.participants),
            ("GET", "/scenarios/{scenario}/analytics/summary", self.summary),
            ("GET", "/skills", self.skills),
            ("GET", "/skills/{skill}/proficiency", self.proficiency),
            ("GET", "/workspace/members", self.members),
            ("GET", "/workspace/groups", self.groups),
            ("GET", "/sessions", self.sessions),
        )

    def scenarios(self, asked: Asked) -> Listing:
        query = Query.read(asked.params, (*SCENARIO_FILTERS, *PAGING))
        with_skills = query.includes("skills")
        archived, owner = query.flag("include_archived"), query.params.get("owner_email", "").casefold()
        visibility, skills, collections = map(query.words, ("visibility", "skill_ids", "collection_ids"))
        rows = [
            scenario
            for scenario in self.world.cast.scenarios
            if (archived or not scenario.archived)
            and (visibility is None or scenario.visibility in visibility)
            and (not owner or scenario.owner.email.casefold() == owner)
            and (skills is None or not skills.isdisjoint(scenario.skill_ids))
            and (collections is None or scenario.collection_id in collections)
        ]
        names = {skill.id: skill for skill in self.world.cast.skills} if with_skills else None
        return paged(query, rows, lambda row: exec_shapes.scenario(row, names))

    def assignments(self, asked: Asked) -> Listing:
        known = ("user_ids", "user_emails", "scenario_ids", "program_ids", "status", *PAGING)
        query, now = Query.read(asked.params, known), self.now()
        wanted, statuses = person_filter(query), query.choices("status", STATUSES)
        scenarios, programs = query.words("scenario_ids"), query.words("program_ids")
        rows = [
            assignment
            for assignment in reversed(self.world.assignments)
            if assignment.created_at < now
            and wanted(assignment.user)
            and (scenarios is None or assignment.scenario.id in scenarios)
            and (programs is None or (assignment.program is not None and assignment.program.id in programs))
        ]

        def state(row: Any) -> analytics.AssignmentState:
            return analytics.assignment_state(row, self.world.attempts(row, now=now), now=now)

        if statuses is not None:
            rows = [row for row in rows if state(row).status in statuses]
        return paged(query, rows, lambda row: exec_shapes.assignment(row, state(row)))

    def participants(self, asked: Asked) -> Listing:
        query = Query.read(asked.params, (*PEOPLE, *WINDOW, "sorting", *PAGING))
        rows = self._participants(asked, query)
        return paged(query, sort(query, rows, PARTICIPANT_SORTINGS, "-best_score"), exec_shapes.participant)

    def summary(self, asked: Asked) -> Answer:
        query = Query.read(asked.params, (*PEOPLE, *WINDOW))
        return Answer(200, exec_shapes.summary(analytics.summarise(self._participants(asked, query))))

    def skills(self, asked: Asked) -> Listing:
        query = Query.read(asked.params, ("include", *PAGING))
        with_proficiency = query.includes("proficiency")

        def show(skill: Skill) -> JsonObject:
            rows = self._proficiency(skill, None, lambda person: True) if with_proficiency else None
            return exec_shapes.skill(skill, rows)

        return paged(query, self.world.cast.skills, show)

    def proficiency(self, asked: Asked) -> Listing:
        query = Query.read(asked.params, (*PEOPLE, "end_date", *PAGING))
        skill = self.world.skill(asked.path_params["skill"])
        if skill is None:
            raise Refused(404, "Skill not found")
        rows = self._proficiency(skill, query.instant("end_date"), person_filter(query))
        return paged(query, by_score(rows), exec_shapes.proficiency)

    def members(self, asked: Asked) -> Listing:
        query, now = Query.read(asked.params, ("group_ids", *PAGING)), self.now()
        wanted = person_filter(query)
        rows = [person for person in self.world.cast.people if person.is_member_at(now) and wanted(person)]
        return paged(query, rows, lambda person: exec_shapes.member(person, nested=self.nested_members))

    def groups(self, asked: Asked) -> Listing:
        return paged(Query.read(asked.params, PAGING), self.world.cast.groups, exec_shapes.group)

    def sessions(self, asked: Asked) -> Listing:
        known = (*PEOPLE, *WINDOW, "scenario_ids", "skill_ids", "program_ids", "rank", "sorting", *PAGING)
        query, now = Query.read(asked.params, known), self.now()
        wanted, ranks, first_last = person_filter(query), query.choices("rank", RANKS), window(query)
        scenario_ids = {scenario.id for scenario in self.world.cast.scenarios if self._is_asked_for(scenario, query)}
        rows = [
            session
            for session in self.world.sessions_between(*first_last, now=now)
            if session.scenario.id in scenario_ids and wanted(session.user) and (ranks is None or session.rank in ranks)
        ]
        rows = sort(query, rows, SESSION_SORTINGS, "-created_at")
        return paged(query, rows, exec_shapes.session)

    def _is_asked_for(self, scenario: Scenario, query: Query) -> bool:
        scenarios, skills, programs = map(query.words, ("scenario_ids", "skill_ids", "program_ids"))
        in_programs = {program.id for program in self.world.cast.programs if scenario in program.scenarios}
        return (
            (scenarios is None or scenario.id in scenarios)
            and (skills is None or not skills.isdisjoint(scenario.skill_ids))
            and (programs is None or not programs.isdisjoint(in_programs))
        )

    def _participants(self, asked: Asked, query: Query) -> list[Participant]:
        scenario = self.world.scenario(asked.path_params["scenario"])
        if scenario is None:
            raise Refused(404, "Scenario not found")
        found = self.world.valid_sessions(scenario.id, *window(query), now=self.now())
        return analytics.participants(found, person_filter(query))

    def _proficiency(self, skill: Skill, as_of: datetime | None, wanted: PersonFilter) -> list[analytics.Proficiency]:
        now = self.now()
        found: list[Session] = []
        for scenario in self.world.cast.scenarios:
            if skill.id in scenario.skill_ids:
                found += self.world.valid_sessions(scenario.id, None, as_of, now=now)
        return analytics.proficiency(sorted(found, key=lambda s: (s.created_at, s.id)), wanted)
