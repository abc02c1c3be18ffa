"""The roof: everything that Dagster shows, in explicit lists. Loading it needs no environment and no network."""

import dagster as dg

from exec_orchestration.defs import exec_assets, mart_assets, resources, sparkwise_assets
from exec_orchestration.defs.jobs import daily_refresh
from exec_orchestration.defs.schedules import daily_refresh_schedule

defs = dg.Definitions(
    assets=[
        exec_assets.exec_scenarios,
        exec_assets.exec_skills,
        exec_assets.exec_members,
        exec_assets.exec_participant_analytics,
        exec_assets.exec_assignments,
        exec_assets.exec_skill_proficiency,
        exec_assets.exec_sessions,
        sparkwise_assets.sparkwise_clusters,
        sparkwise_assets.sparkwise_completions,
        sparkwise_assets.sparkwise_users,
        mart_assets.scenario_lift,
        mart_assets.learner_lift,
        mart_assets.rank_distribution,
        mart_assets.assignment_completion,
        mart_assets.session_completion,
        mart_assets.skill_tiers,
    ],
    jobs=[daily_refresh],
    schedules=[daily_refresh_schedule],
    resources={
        "exec_com": resources.exec_com,
        "sparkwise": resources.sparkwise,
        "warehouse": resources.warehouse,
    },
    # Steps wait for a quota, they do not burn CPU: parallelism is between runs.
    executor=dg.in_process_executor,
)
