"""The marts' tables: what the queries of `marts/` fill. Declarations only.

Shares and rates run from 0 to 1 and are null where nobody is counted; averages and shares are stored unrounded.
"""

from exec_orchestration.tables.declare import day, integer, number, partition_date, table, text
from exec_orchestration.tables.exec_com import RANKS, TIERS

scenario_lift = table(
    "scenario_lift",
    "One row per day and scenario that somebody practised: how much people improved within the day. For a longer time "
    "take learner_lift: lifts of days are neither summed nor averaged.",
    partition_date("the day of practice"),
    text("scenario_id", "The scenario.", key=True),
    integer("participants", "People who practised.", required=True, unit="people"),
    integer("sessions", "Their valid sessions.", required=True, unit="sessions"),
    number("average_first_score", "Average of the people's first scores.", unit="points"),
    number("average_best_score", "Average of the people's best scores.", unit="points"),
    number("average_lift_points", "Average of the people's lifts within the day.", unit="points"),
    number("median_lift_points", "Median of the people's lifts within the day.", unit="points"),
    number("improved_share", "People with a lift above 0, of those with a lift.", unit="share"),
    group="analytics",
)

learner_lift = table(
    "learner_lift",
    "One row per scenario and person: all loaded days composed into one lift. A day that is not loaded may hide a "
    "first score.",
    text("scenario_id", "The scenario.", key=True),
    text("user_id", "Exec's id of the person.", key=True),
    day("first_practised_on", "First day with a valid session.", required=True),
    day("last_practised_on", "Last day with a valid session.", required=True),
    integer("session_count", "Valid sessions.", required=True, unit="sessions"),
    number("first_score", "Score of the earliest day that has one.", unit="points"),
    text("first_rank", "Rank that belongs to the first score.", accepted=RANKS),
    number("best_score", "Best score of all days.", unit="points"),
    text("best_rank", "Rank that belongs to the best score.", accepted=RANKS),
    number("lift_points", "Best score minus first score.", unit="points"),
    number("total_duration_seconds", "Time spent.", required=True, unit="seconds"),
    group="analytics",
)

rank_distribution = table(
    "rank_distribution",
    "One row per day, scenario and rank: how many people began and ended the day with it. All four ranks are present "
    "for a scenario that somebody practised.",
    partition_date("the day of practice"),
    text("scenario_id", "The scenario.", key=True),
    text("rank", "The rank, as Exec reports it.", key=True, accepted=RANKS),
    integer("first_participants", "People whose first score of the day had this rank.", required=True, unit="people"),
    number("first_share", "Of those with a first rank.", unit="share"),
    integer("best_participants", "People whose best score of the day had this rank.", required=True, unit="people"),
    number("best_share", "Of those with a best rank.", unit="share"),
    group="analytics",
)

assignment_completion = table(
    "assignment_completion",
    "One row per cohort: the assignments created on one day for one scenario and program, as they stand now.",
    partition_date("the day the assignments were created"),
    text("scenario_id", "The scenario.", key=True),
    text("program_id", "The program; '' for assignments that stand alone.", key=True),
    integer("assigned", "All assignments of the cohort.", required=True, unit="assignments"),
    integer("completed", "Of them completed.", required=True, unit="assignments"),
    integer("in_progress", "Of them in progress.", required=True, unit="assignments"),
    integer("not_started", "Of them not started.", required=True, unit="assignments"),
    integer("past_due", "Of them past due.", required=True, unit="assignments"),
    integer("did_not_pass", "Of them not passed.", required=True, unit="assignments"),
    integer("other_status", "Of them in a status that is new to us.", required=True, unit="assignments"),
    number("completion_rate", "completed / assigned.", unit="share"),
    integer(
        "on_time_due", "Assignments whose due date had passed when last listed.", required=True, unit="assignments"
    ),
    integer(
        "on_time_completed",
        "Of on_time_due, those completed, unless a listing saw them past due or change to another state after it.",
        required=True,
        unit="assignments",
    ),
    number(
        "on_time_rate",
        "on_time_completed / on_time_due: an upper bound, since only listings can see lateness.",
        unit="share",
    ),
    group="analytics",
)

session_completion = table(
    "session_completion",
    "One row per day and Sparkwise module: who came and who finished.",
    partition_date("the day the sessions took place"),
    text("module_id", "The module.", key=True),
    text("module_name", "The module's name."),
    integer("participants", "Participations: one per person and session.", required=True, unit="participations"),
    integer("attended", "Of them attended.", required=True, unit="participations"),
    integer("completed", "Of them attended with enough steps visited.", required=True, unit="participations"),
    number("attendance_rate", "attended / participants.", unit="share"),
    number("completion_rate", "completed / participants.", unit="share"),
    number("average_steps_visited_pct", "Average of the percentage of steps visited.", unit="percent"),
    group="analytics",
)

skill_tiers = table(
    "skill_tiers",
    "One row per day, skill and tier: how many people stand where. All five tiers are present for a skill with people.",
    partition_date("the day at whose end the proficiency is taken"),
    text("skill_id", "The skill.", key=True),
    text("tier", "The tier, as Exec reports it.", key=True, accepted=TIERS),
    integer("learners", "People in the tier.", required=True, unit="people"),
    number("share", "Of all people with an observation of the skill.", unit="share"),
    group="analytics",
)
