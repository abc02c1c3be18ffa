"""The roof: everything that Dagster shows, in explicit lists. Loading it needs no environment and no network."""

import dagster as dg

from exec_orchestration.defs import (
    exec_assets,
    mart_assets,
    reference_checks,
    resources,
    roster_assets,
    sparkwise_assets,
    summary_check,
)
from exec_orchestration.defs.alerts.sensors import check_alert_sensor, run_failure_alert_sensor
from exec_orchestration.defs.automation import marts_follow_sensor
from exec_orchestration.defs.budget.assets import request_budget
from exec_orchestration.defs.budget.resume_sensor import budget_give_up, budget_resume_sensor
from exec_orchestration.defs.code_references import with_code_references
from exec_orchestration.defs.jobs import daily_refresh
from exec_orchestration.defs.report.assets import learning_report
from exec_orchestration.defs.schedules import SCHEDULES
from exec_orchestration.defs.sensors import hr_roster_sensor
from exec_orchestration.defs.sync.jobs import SYNC_JOBS
from exec_orchestration.defs.upkeep.erase import erase_person
from exec_orchestration.defs.upkeep.hashing import PRIVACY_JOBS
from exec_orchestration.defs.upkeep.purge import purge_job

defs = dg.Definitions(
    assets=with_code_references(
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
        roster_assets.hr_roster,
        roster_assets.plan_and_send,
        mart_assets.scenario_lift,
        mart_assets.learner_lift,
        mart_assets.rank_distribution,
        mart_assets.assignment_completion,
        mart_assets.session_completion,
        mart_assets.skill_tiers,
        mart_assets.learner_scorecard,
        mart_assets.department_scorecard,
        request_budget,
        learning_report,
    ),
    asset_checks=[*reference_checks.REFERENCE_CHECKS, summary_check.participants_agree_with_summary],
    jobs=[daily_refresh, *SYNC_JOBS, budget_give_up, purge_job, *PRIVACY_JOBS, erase_person],
    schedules=SCHEDULES,
    sensors=[hr_roster_sensor, budget_resume_sensor, run_failure_alert_sensor, check_alert_sensor, marts_follow_sensor],
    resources=resources.RESOURCES,
    # Steps wait for a quota, they do not burn CPU: parallelism is between runs.
    executor=dg.in_process_executor,
)
