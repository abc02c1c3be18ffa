"""The marts' tables: what the queries of `marts/` fill. Declarations only.

Shares and rates run from 0 to 1 and are null where nobody is counted; averages and shares are stored unrounded.
"""

from exec_orchestration.tables.declare import boolean, day, integer, number, partition_date, table, text
from exec_orchestration.tables.exec_com import RANKS, TIERS
from exec_orchestration.tables.hr import STATUSES

# What both scorecards join.
OF_BOTH_VENDORS = (
    "hr_roster",
    "exec_members",
    "exec_participant_analytics",
    "exec_assignments",
    "learner_lift",
    "sparkwise_completions",
)

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
    inputs=("exec_participant_analytics",),
)

learner_lift = table(
    "learner_lift",
    "One row per scenario and person: all days that the warehouse holds composed into one lift. A day that is not "
    "loaded, or is forgotten (KEEP_FACTS_MONTHS), may hide a first score.",
    text("scenario_id", "The scenario.", key=True),
    text("user_id", "Exec's id of the person.", key=True, who="exec_user"),
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
    inputs=("exec_participant_analytics",),
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
    inputs=("exec_participant_analytics",),
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
    inputs=("exec_assignments", "exec_assignment_history"),
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
    inputs=("sparkwise_completions",),
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
    inputs=("exec_skill_proficiency",),
)

learner_scorecard = table(
    "learner_scorecard",
    "One row per person on the roster: what HR, Exec (by e-mail, case folded) and Sparkwise (by remote id) know of the "
    "person's learning to date.",
    text("employee_id", "HR's id of the person.", key=True, personal="id", who="employee"),
    text("email", "The person's e-mail address.", personal="email"),
    text("first_name", "The person's first name.", personal="name"),
    text("last_name", "The person's last name.", personal="name"),
    text("department", "The person's department today; '' for none.", required=True),
    text("manager_id", "HR's id of the person's manager.", personal="id", who="employee", is_mention=True),
    text("status", "How the person is employed.", required=True, accepted=STATUSES),
    boolean("is_in_exec", "True when an e-mail address that the person ever had is known to Exec.", required=True),
    boolean("is_in_sparkwise", "True when an account has the person's id as its remote id.", required=True),
    boolean("is_active_in_sparkwise", "True when such an account is active; null without one."),
    integer("scenarios_practised", "Scenarios with a valid session.", required=True, unit="scenarios"),
    integer("practice_sessions", "Valid sessions in Exec.", required=True, unit="sessions"),
    day("last_practised_on", "Last day with a valid session."),
    number("average_lift_points", "Average of the person's lifts over the scenarios that have one.", unit="points"),
    integer("scenarios_improved", "Scenarios with a lift above 0.", required=True, unit="scenarios"),
    integer("gold_scenarios", "Scenarios whose best rank is gold.", required=True, unit="scenarios"),
    integer("skills_observed", "Skills with an observation, on the last loaded day.", required=True, unit="skills"),
    integer("skills_proficient", "Of them in tier proficient or excellent.", required=True, unit="skills"),
    integer("assigned", "Assignments.", required=True, unit="assignments"),
    integer("assignments_completed", "Of them completed.", required=True, unit="assignments"),
    integer("assignments_past_due", "Of them past due.", required=True, unit="assignments"),
    number("assignment_completion_rate", "assignments_completed / assigned.", unit="share"),
    integer("participations", "Sparkwise sessions that the person was booked for.", required=True),
    integer("attended", "Of them attended.", required=True, unit="participations"),
    integer("completed", "Of them attended with enough steps visited.", required=True, unit="participations"),
    number("attendance_rate", "attended / participations.", unit="share"),
    number("session_completion_rate", "completed / participations.", unit="share"),
    group="analytics",
    inputs=(*OF_BOTH_VENDORS, "exec_skill_proficiency", "sparkwise_users"),
)

department_scorecard = table(
    "department_scorecard",
    "One row per department, past ones too. People and lifts count for the department that a person has today; "
    "assignments and sessions for the one that the person had when they were given or took place.",
    text("department", "The department; '' for people without one.", key=True),
    integer("people", "People on the roster today who are not terminated.", required=True, unit="people"),
    integer("people_practised", "Of them with a valid session in Exec.", required=True, unit="people"),
    number("average_lift_points", "Average of their lifts, one for each scenario and person.", unit="points"),
    number("improved_share", "Lifts above 0, of all their lifts.", unit="share"),
    integer("assigned", "Assignments given while in this department.", required=True, unit="assignments"),
    integer("assignments_completed", "Of them completed.", required=True, unit="assignments"),
    number("assignment_completion_rate", "assignments_completed / assigned.", unit="share"),
    integer("participations", "Sparkwise sessions booked while in this department.", required=True),
    integer("attended", "Of them attended.", required=True, unit="participations"),
    integer("completed", "Of them attended with enough steps visited.", required=True, unit="participations"),
    number("attendance_rate", "attended / participations.", unit="share"),
    number("session_completion_rate", "completed / participations.", unit="share"),
    group="analytics",
    inputs=OF_BOTH_VENDORS,
)
