"""HR's tables: the accepted roster as versions of each person, and what was read. Declarations only.

A version is valid from `valid_from` until just before `valid_to`, both instants of readings; the open one has no end.
"""

from exec_orchestration.tables.declare import day, instant, integer, json_text, table, text

STATUSES = ("active", "leave", "prehire", "terminated")

hr_roster = table(
    "hr_roster",
    "One row per person and version: what HR's roster said of the person, from when to when it was seen to say so. "
    "People whose row could not be read keep their last version.",
    text(
        "employee_id",
        "HR's id of the person; never changes, and people are matched on nothing else.",
        source="employee_id",
        key=True,
        who="employee",
    ),
    instant("valid_from", "When this version was first read.", key=True),
    instant("valid_to", "When the roster was first read without it; null for the version that holds now."),
    text("email", "The person's e-mail address.", source="email", personal="email"),
    text("first_name", "The person's first name.", source="first_name", required=True, personal="name"),
    text("last_name", "The person's last name.", source="last_name", required=True, personal="name"),
    text("status", "How the person is employed.", source="status", required=True, accepted=STATUSES),
    text("department", "The person's department.", source="department"),
    text(
        "manager_id",
        "HR's id of the person's manager.",
        source="manager_id",
        personal="id",
        who="employee",
        is_mention=True,
    ),
    text("location", "Where the person works.", source="location"),
    day("start_on", "First day of employment.", source="start_date"),
    day("end_on", "Last day of employment.", source="end_date"),
    text("run_id", "The Dagster run that opened this version.", required=True),
    group="hr",
    source="HR's roster at `HR_ROSTER_URL`",
)

hr_roster_reads = table(
    "hr_roster_reads",
    "One row per accepted reading of the roster. The next reading is judged against the last of them.",
    instant("read_at", "When it was read.", key=True),
    text("fingerprint", "SHA-256 of the content.", required=True),
    text("source", "Where it was read, without passwords.", required=True),
    instant("modified_at", "When the file was written last; null where the source does not tell."),
    integer("rows", "Rows of the roster.", required=True, unit="rows"),
    integer("people", "People that it names by a readable id, even in a row that could not be read.", required=True),
    integer("rejected", "Rows that could not be read or repeat an id.", required=True, unit="rows"),
    json_text("columns", "The columns that it has, by our names.", required=True),
    text("run_id", "The Dagster run that read it.", required=True),
    group="ledger",
)
