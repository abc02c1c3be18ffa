"""The Exec vendor's arithmetic: participants, summary, proficiency and an assignment's state, from valid sessions.

Must not live here: HTTP, JSON shapes, windows (the caller cuts them). Leads to: `exec_com`, which shows the results.
Every function is pure and takes sessions in order of time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from exec_orchestration.sandbox.cast import Person
from exec_orchestration.sandbox.practice import Assignment, Session

RANKS = ("gold", "silver", "bronze", "unranked")  # best first
STATUSES = ("not_started", "in_progress", "completed", "past_due", "did_not_pass")
TIERS = ((90, "excellent"), (75, "proficient"), (50, "developing"), (0, "needs_work"))
ENOUGH_OBSERVATIONS = 3
PROFICIENT = 75

PersonFilter = Callable[[Person], bool]


@dataclass(frozen=True)
class Participant:
    """One person's valid sessions in one scenario and window. Lift is in points."""

    user: Person
    session_count: int
    total_duration_seconds: int
    first: Session | None
    best: Session | None

    @property
    def first_score(self) -> float | None:
        return self.first.score if self.first else None

    @property
    def best_score(self) -> float | None:
        return self.best.score if self.best else None

    @property
    def best_rank(self) -> str | None:
        return self.best.rank if self.best else None

    @property
    def lift(self) -> float | None:
        if self.first_score is None or self.best_score is None:
            return None
        return round(self.best_score - self.first_score, 2)


@dataclass(frozen=True)
class Summary:
    participant_count: int
    total_sessions: int
    average_best_score: float | None
    average_best_rank: str | None
    average_lift: float | None
    total_duration_seconds: int
    rank_counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Proficiency:
    user: Person
    score: float | None
    tier: str
    observation_count: int
    last_practiced_at: datetime


@dataclass(frozen=True)
class AssignmentState:
    """Where an assignment stands. Only the first `attempt_max` attempts count."""

    status: str
    attempt_count: int
    best: Session | None


def participants(sessions: Iterable[Session], wanted: PersonFilter) -> list[Participant]:
    """One row a person with at least one valid session."""
    return [
        Participant(
            user=own[0].user,
            session_count=len(own),
            total_duration_seconds=sum(session.duration_seconds or 0 for session in own),
            first=next((session for session in own if session.score is not None), None),
            best=best_of(own),
        )
        for own in by_person(sessions, wanted)
    ]


def by_person(sessions: Iterable[Session], wanted: PersonFilter) -> list[list[Session]]:
    groups: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        groups[session.user.id].append(session)
    return [own for own in groups.values() if wanted(own[0].user)]


def best_of(sessions: Iterable[Session]) -> Session | None:
    """The highest score; on a tie the earliest, since `max` keeps the first it meets."""
    scored = [session for session in sessions if session.score is not None]
    return max(scored, key=lambda session: session.score or 0, default=None)


def summarise(rows: Sequence[Participant]) -> Summary:
    ranks = [row.best_rank for row in rows if row.best_rank is not None]
    counts = Counter(ranks)
    return Summary(
        participant_count=len(rows),
        total_sessions=sum(row.session_count for row in rows),
        average_best_score=_mean(row.best_score for row in rows),
        average_best_rank=RANKS[round(fmean(RANKS.index(rank) for rank in ranks))] if ranks else None,
        average_lift=_mean(row.lift for row in rows),
        total_duration_seconds=sum(row.total_duration_seconds for row in rows),
        rank_counts=tuple((rank, counts[rank]) for rank in RANKS),
    )


def proficiency(sessions: Iterable[Session], wanted: PersonFilter) -> list[Proficiency]:
    """One row a person with at least one scored attempt; no score under three of them."""
    scored = (session for session in sessions if session.score is not None)
    return [_proficiency(own) for own in by_person(scored, wanted)]


def _proficiency(own: Sequence[Session]) -> Proficiency:
    score = _mean(session.score for session in own) if len(own) >= ENOUGH_OBSERVATIONS else None
    return Proficiency(own[0].user, score, tier_of(score), len(own), own[-1].created_at)


def tier_of(score: float | None) -> str:
    if score is None:
        return "insufficient_data"
    return next(tier for cut, tier in TIERS if score >= cut)


def assignment_state(assignment: Assignment, attempts: Sequence[Session], *, now: datetime) -> AssignmentState:
    """Completed once enough attempts reach the wanted rank, even late; a spent allowance beats a missed date."""
    counted = attempts[: assignment.attempt_max]
    best = best_of(counted)
    ranks = [session.rank for session in counted if session.rank is not None]
    if len(counted) >= (assignment.attempt_min or 1) and _reaches(ranks, assignment.rank_min):
        status = "completed"
    elif assignment.attempt_max is not None and len(counted) >= assignment.attempt_max:
        status = "did_not_pass"
    elif assignment.due_at is not None and assignment.due_at < now:
        status = "past_due"
    else:
        status = "in_progress" if counted else "not_started"
    return AssignmentState(status, len(counted), best)


def _reaches(ranks: Iterable[str], rank_min: str | None) -> bool:
    return rank_min is None or any(RANKS.index(rank) <= RANKS.index(rank_min) for rank in ranks)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 2) if known else None
