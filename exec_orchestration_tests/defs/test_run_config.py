"""Whoever may launch a run names no file by it: where the roster stands, and who is erased, the environment says."""

from typing import Any

import dagster as dg
import pytest

from exec_orchestration.definitions import defs
from exec_orchestration.defs import resources
from exec_orchestration.defs.roster_resource import RosterResource
from exec_orchestration.defs.sync.jobs import ApprovalConfig, UndoConfig
from exec_orchestration.errors import UnhealthyRoster

# A field that names a place, such as a path or a URL, has to be kept within a root first.
KNOWN = {
    "hr_roster": {"accept"},
    "plan_and_send": {"approve", "undo", "retry_refused", "max_deactivations", "max_deactivation_share"},
    "give_up": {"backfill"},
    "explain": {"employee_id", "apply"},
    "erase_everywhere": {"rehearse", "lift"},
}
ELSEWHERE = ["../roster.csv", "/etc/passwd", "file:///etc/passwd", "https://roster.example/x.csv", "data/link.csv"]


def test_no_run_config_names_a_place() -> None:
    """Every field of every op of every job, and of the configs that are mapped to them."""
    found: dict[str, set[str]] = {}
    for job in defs.get_repository_def().get_all_jobs():
        for node in job.nodes:
            schema: Any = node.definition.config_schema  # type: ignore[attr-defined]
            fields = set(getattr(schema.as_field().config_type, "fields", None) or {}) if schema else set()
            found |= {node.name: fields} if fields else {}
    assert found == KNOWN
    assert set(ApprovalConfig.model_fields) == {"plan_fingerprint", "raise_limits"}
    assert set(UndoConfig.model_fields) == {"plan_id", "plan_fingerprint", "raise_limits"}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_what_a_run_says_of_resources_is_not_read(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Dagster takes any config for a resource; the roster is where HR_ROSTER_URL says, whatever stands in it."""
    monkeypatch.setenv("HR_ROSTER_URL", "/nowhere/roster.csv")
    context = dg.build_init_resource_context(config={"HR_ROSTER_URL": place, "url": place, "path": place})
    made = resources.roster(context)
    assert isinstance(made, RosterResource)
    with pytest.raises(UnhealthyRoster, match=r"/nowhere/roster\.csv does not exist"):
        made.sheet()
