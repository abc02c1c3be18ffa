"""`learner_lift` as somebody would write it by hand for PostgreSQL alone: the fastest plain SQL that was found."""

# One sort of the days of each learner serves the dates, the sums and the first score; the best one is asked beside it.
LEARNER_LIFT = """
INSERT INTO by_hand (scenario_id, user_id, first_practised_on, last_practised_on, session_count,
    first_score, first_rank, best_score, best_rank, lift_points, total_duration_seconds)
SELECT scenario_id, user_id, first_on, last_on, sessions, first_score, first_rank, best_score, best_rank,
    best_score - first_score, seconds
FROM (
    SELECT scenario_id, user_id,
        min(partition_date) FILTER (WHERE session_count > 0) AS first_on,
        max(partition_date) FILTER (WHERE session_count > 0) AS last_on,
        sum(session_count) FILTER (WHERE session_count > 0) AS sessions,
        sum(total_duration_seconds) FILTER (WHERE session_count > 0) AS seconds,
        (array_agg(first_score ORDER BY partition_date) FILTER (WHERE first_score IS NOT NULL))[1] AS first_score,
        (array_agg(first_rank ORDER BY partition_date) FILTER (WHERE first_score IS NOT NULL))[1] AS first_rank,
        max(best_score) AS best_score,
        (array_agg(best_rank ORDER BY best_score DESC, partition_date) FILTER (WHERE best_score IS NOT NULL))[1]
            AS best_rank
    FROM exec_participant_analytics
    GROUP BY scenario_id, user_id
) AS learners
WHERE first_on IS NOT NULL
"""
