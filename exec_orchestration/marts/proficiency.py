"""Proficiency: how many people stand in which tier of a skill. `insufficient_data` is a tier of its own."""

import sqlalchemy as sa

from exec_orchestration.marts.figures import Days, count_where, rate, within
from exec_orchestration.marts.shares import labels
from exec_orchestration.tables.exec_com import TIERS
from exec_orchestration.tables.exec_com import exec_skill_proficiency as proficiency


def skill_tiers(days: Days) -> sa.Select[tuple[object, ...]]:
    """One row per day, skill with people, and tier."""
    people = sa.select(proficiency).where(within(proficiency.c.partition_date, days)).cte("people")
    every_tier = labels(TIERS, people.c.tier, name="tier")
    here = count_where(people.c.tier == every_tier.c.tier)
    is_known = every_tier.c.tier.in_(TIERS)
    return (
        sa.select(
            people.c.partition_date,
            people.c.skill_id,
            every_tier.c.tier,
            here.label("learners"),
            rate(here, sa.func.count()).label("share"),
        )
        .select_from(people.join(every_tier, sa.true()))
        .group_by(people.c.partition_date, people.c.skill_id, every_tier.c.tier)
        .having(sa.or_(is_known, here > 0))
    )
