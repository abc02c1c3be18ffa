-- Written by `make docs` from the declarations in exec_orchestration/tables/; do not edit by hand.
--
-- Least privilege on PostgreSQL. Run it as the role that owns the database and the tables, the one of `make migrate`,
-- once the roles exist and again after each migration:
--
--   CREATE ROLE exec_run LOGIN PASSWORD '...';         -- WAREHOUSE_URL of the runs: rows, and temporary tables
--   CREATE ROLE exec_dashboards LOGIN PASSWORD '...';  -- reads columns in which no person stands
--
-- exec_run can neither make, change, empty nor drop a table. With it, a new version is migrated by the owner before its
-- first run. Whatever makes partitions of a table by month is DDL, too: let the owner do it, ahead of time.

BEGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO exec_run, exec_dashboards;
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO exec_run', current_database());
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, exec_run, exec_dashboards;
GRANT SELECT ON alembic_version TO exec_run;

GRANT SELECT, INSERT, UPDATE, DELETE ON api_requests TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_holds TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_reservations TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_estimates TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_scenarios TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_skills TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_members TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_participant_analytics TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_assignments TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_assignment_history TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_skill_proficiency TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON exec_sessions TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON hr_roster TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON hr_roster_reads TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON rejected_rows TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON data_versions TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON changed_learners TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON privacy_state TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON erased_people TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON scenario_lift TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON learner_lift TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON rank_distribution TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON assignment_completion TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON session_completion TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON skill_tiers TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON learner_scorecard TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON department_scorecard TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON sparkwise_clusters TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON sparkwise_completions TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON sparkwise_users TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON user_sync_plan TO exec_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON user_sync_outcome TO exec_run;

GRANT SELECT (id, name, description, slug, url, difficulty, context, objective, language, visibility, owner_id, created_at, updated_at, archived, fetched_at, run_id)
    ON exec_scenarios TO exec_dashboards;
GRANT SELECT (id, name, slug, description, created_at, participant_count, scored_participant_count, pct_proficient_plus, avg_score, fetched_at, run_id)
    ON exec_skills TO exec_dashboards;
GRANT SELECT (id, role, created_at, fetched_at, run_id)
    ON exec_members TO exec_dashboards;
GRANT SELECT (partition_date, scenario_id, user_id, session_count, first_score, first_rank, best_score, best_rank, lift_percentage, total_duration_seconds, fetched_at, run_id)
    ON exec_participant_analytics TO exec_dashboards;
GRANT SELECT (id, partition_date, user_id, scenario_id, scenario_name, scenario_slug, status, due_at, best_score, best_rank, attempt_count, attempt_min, attempt_max, rank_min, program_id, program_name, created_at, fetched_at, run_id)
    ON exec_assignments TO exec_dashboards;
GRANT SELECT (assignment_id, observed_from, observed_to, status, best_score, attempt_count, run_id)
    ON exec_assignment_history TO exec_dashboards;
GRANT SELECT (partition_date, skill_id, user_id, score, tier, observation_count, last_practiced_at, fetched_at, run_id)
    ON exec_skill_proficiency TO exec_dashboards;
GRANT SELECT (id, partition_date, user_id, scenario_id, scenario_name, scenario_slug, score, rank, duration_seconds, is_valid_attempt, created_at, fetched_at, run_id)
    ON exec_sessions TO exec_dashboards;
GRANT SELECT (valid_from, valid_to, status, department, location, start_on, end_on, run_id)
    ON hr_roster TO exec_dashboards;
GRANT SELECT (partition_date, scenario_id, participants, sessions, average_first_score, average_best_score, average_lift_points, median_lift_points, improved_share)
    ON scenario_lift TO exec_dashboards;
GRANT SELECT (scenario_id, user_id, first_practised_on, last_practised_on, session_count, first_score, first_rank, best_score, best_rank, lift_points, total_duration_seconds)
    ON learner_lift TO exec_dashboards;
GRANT SELECT (partition_date, scenario_id, rank, first_participants, first_share, best_participants, best_share)
    ON rank_distribution TO exec_dashboards;
GRANT SELECT (partition_date, scenario_id, program_id, assigned, completed, in_progress, not_started, past_due, did_not_pass, other_status, completion_rate, on_time_due, on_time_completed, on_time_rate)
    ON assignment_completion TO exec_dashboards;
GRANT SELECT (partition_date, module_id, module_name, participants, attended, completed, attendance_rate, completion_rate, average_steps_visited_pct)
    ON session_completion TO exec_dashboards;
GRANT SELECT (partition_date, skill_id, tier, learners, share)
    ON skill_tiers TO exec_dashboards;
GRANT SELECT (department, status, is_in_exec, is_in_sparkwise, is_active_in_sparkwise, scenarios_practised, practice_sessions, last_practised_on, average_lift_points, scenarios_improved, gold_scenarios, skills_observed, skills_proficient, assigned, assignments_completed, assignments_past_due, assignment_completion_rate, participations, attended, completed, attendance_rate, session_completion_rate)
    ON learner_scorecard TO exec_dashboards;
GRANT SELECT (department, people, people_practised, average_lift_points, improved_share, assigned, assignments_completed, assignment_completion_rate, participations, attended, completed, attendance_rate, session_completion_rate)
    ON department_scorecard TO exec_dashboards;
GRANT SELECT (cluster_id, partition_date, module_id, module_name, module_category, module_thumbnail_url, module_description, duration_minutes, iframe_code, fetched_at, run_id)
    ON sparkwise_clusters TO exec_dashboards;
GRANT SELECT (id, partition_date, cluster_id, module_id, module_name, module_category, module_thumbnail_url, module_description, duration_minutes, attended, session_scheduled_start_at, session_scheduled_end_at, participant_first_visited_at, participant_last_visited_at, time_in_session_minutes, steps_visited, total_steps, percentage_steps_visited, hash, fetched_at, run_id)
    ON sparkwise_completions TO exec_dashboards;
GRANT SELECT (id, active, fetched_at, run_id)
    ON sparkwise_users TO exec_dashboards;
COMMIT;
