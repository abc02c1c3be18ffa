"""How Exec shows a thing as JSON: one function a resource, named after it.

Must not live here: selection, order, arithmetic. Leads to: `exec_com`. Source: the vendor's public reference.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from exec_orchestration.sandbox import cast, practice
from exec_orchestration.sandbox.analytics import PROFICIENT, AssignmentState, Participant, Proficiency, Summary
from exec_orchestration.sandbox.answers import JsonObject, iso


def user(person: cast.Person) -> JsonObject:
    return {
        "id": person.id,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
    }


def member(person: cast.Person, *, nested: bool) -> JsonObject:
    """Flat as in the reference's schema, or with the person under `user` as in its example."""
    who: JsonObject = {"user": user(person)} if nested else user(person)
    return {**who, "role": person.role, "created_at": iso(person.joined_at)}


def group(row: cast.Group) -> JsonObject:
    return {"id": row.id, "name": row.name, "created_at": iso(row.created_at)}


def scenario_reference(row: cast.Scenario) -> JsonObject:
    return {"id": row.id, "name": row.name, "slug": row.slug}


def scenario(row: cast.Scenario, skills: Mapping[str, cast.Skill] | None) -> JsonObject:
    """`skills` are given where the client asked to include them."""
    shown: JsonObject = {
        **scenario_reference(row),
        "description": f"A roleplay of about seven minutes. {row.objective}.",
        "url": f"https://app.exec.example.com/scenarios/{row.slug}",
        "difficulty": row.difficulty,
        "context": "You meet the other person in a call.",
        "objective": row.objective,
        "language": "en",
        "visibility": row.visibility,
        "owner": user(row.owner),
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }
    if skills is not None:
        included = (skills[skill_id] for skill_id in row.skill_ids)
        shown["skills"] = [{"id": one.id, "name": one.name, "slug": one.slug} for one in included]
    return shown


def skill(row: cast.Skill, proficiencies: Sequence[Proficiency] | None) -> JsonObject:
    """`proficiencies` are given where the client asked to include them."""
    shown: JsonObject = {"id": row.id, "name": row.name, "slug": row.slug, "created_at": iso(row.created_at)}
    if row.description is not None:
        shown["description"] = row.description
    if proficiencies is not None:
        scores = [one.score for one in proficiencies if one.score is not None]
        proficient = sum(score >= PROFICIENT for score in scores)
        shown["proficiency_summary"] = {
            "participant_count": len(proficiencies),
            "scored_participant_count": len(scores),
            "pct_proficient_plus": round(100 * proficient / len(scores), 2) if scores else None,
            "avg_score": round(fmean(scores), 2) if scores else None,
        }
    return shown


def participant(row: Participant) -> JsonObject:
    return {
        "user": user(row.user),
        "session_count": row.session_count,
        "first_score": row.first_score,
        "first_rank": row.first.rank if row.first else None,
        "best_score": row.best_score,
        "best_rank": row.best_rank,
        "lift_percentage": row.lift,
        "total_duration_seconds": row.total_duration_seconds,
    }


def summary(row: Summary) -> JsonObject:
    ranked = sum(count for _, count in row.rank_counts)
    mean_seconds = round(row.total_duration_seconds / row.total_sessions, 2) if row.total_sessions else None
    return {
        "participant_count": row.participant_count,
        "total_sessions": row.total_sessions,
        "average_best_score": row.average_best_score,
        "average_best_rank": row.average_best_rank,
        "average_lift_percentage": row.average_lift,
        "total_practice_minutes": round(row.total_duration_seconds / 60, 2),
        "average_session_duration_seconds": mean_seconds,
        "score_distribution": [
            {"rank": rank, "count": count, "percentage": round(100 * count / ranked, 2) if ranked else 0}
            for rank, count in row.rank_counts
        ],
    }


def proficiency(row: Proficiency) -> JsonObject:
    return {
        "user": user(row.user),
        "score": row.score,
        "tier": row.tier,
        "observation_count": row.observation_count,
        "last_practiced_at": iso(row.last_practiced_at),
    }


def session(row: practice.Session) -> JsonObject:
    return {
        "id": row.id,
        "user": user(row.user),
        "scenario": scenario_reference(row.scenario),
        "score": row.score,
        "rank": row.rank,
        "duration_seconds": row.duration_seconds,
        "is_valid_attempt": row.graded_at is not None,
        "created_at": iso(row.created_at),
    }


def assignment(row: practice.Assignment, state: AssignmentState) -> JsonObject:
    return {
        "id": row.id,
        "user": user(row.user),
        "scenario": scenario_reference(row.scenario),
        "status": state.status,
        "due_date": iso(row.due_at),
        "best_score": state.best.score if state.best else None,
        "best_rank": state.best.rank if state.best else None,
        "attempt_count": state.attempt_count,
        "attempt_min": row.attempt_min,
        "attempt_max": row.attempt_max,
        "rank_min": row.rank_min,
        "program": {"id": row.program.id, "name": row.program.name} if row.program else None,
        "created_at": iso(row.created_at),
    }
