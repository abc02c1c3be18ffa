"""The asset `learning_report`: a page for the head of learning, who never opens Dagster. It writes one file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from exec_orchestration.defs.failures import told_plainly
from exec_orchestration.defs.metadata import report
from exec_orchestration.defs.report.figures import Office, read_report
from exec_orchestration.defs.report.page import page
from exec_orchestration.defs.resources import WarehouseResource

POOL = "warehouse"
SOURCES = (
    "exec_participant_analytics",
    "exec_assignments",
    "exec_assignment_history",
    "exec_skill_proficiency",
    "exec_scenarios",
    "exec_skills",
    "exec_members",
    "sparkwise_completions",
    "hr_roster",
)

Context = dg.AssetExecutionContext
Tables = dg.ResourceParam[WarehouseResource]


@dg.asset(
    **report(
        "reports",
        kinds={"html", "report"},
        inputs=SOURCES,
        description="One self-contained page for the head of learning: headline figures beside the last period's, lift "
        "by scenario, rank migration, completion by department and cohort, skills, where help is needed, how fresh "
        "each figure is. No person is named. It is written to LEARNING_REPORT_PATH.",
    ),
    pool=POOL,
)
@told_plainly
def learning_report(context: Context, warehouse: Tables) -> dg.MaterializeResult:
    now = datetime.now(UTC)
    last = now.astimezone(warehouse.zone).date() - timedelta(days=1)
    first = last - timedelta(days=warehouse.report_days - 1)
    figures = read_report(Office(warehouse.tables, warehouse.completed_steps_pct), (first, last), made_at=now)
    path = warehouse.report_path
    write_beside_and_rename(path, page(figures))
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(path.absolute()), "period": f"{first} to {last}"}
    )


def write_beside_and_rename(path: Path, text: str) -> None:
    """Make `text` the file's content at one stroke: whoever reads it meanwhile has the page of before, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
