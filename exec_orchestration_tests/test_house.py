"""The house's own law, beyond what linters keep: doorplates, settings told once, a roof without an environment."""

import ast
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.sql import visitors

from exec_orchestration import errors
from exec_orchestration.definitions import defs
from exec_orchestration.defs import clocks
from exec_orchestration.defs.clocks import OF_GROUP
from exec_orchestration.defs.lineage import QUERIES
from exec_orchestration.defs.partitions import DAILY
from exec_orchestration.defs.settings import SETTINGS
from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import description_of, is_daily

PROJECT = Path(__file__).parent.parent
MODULES = sorted((PROJECT / "exec_orchestration").rglob("*.py"))
ASSETS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
# Assets that show what stands in others' tables, and have no table of their own.
REPORTS = {"request_budget", "learning_report"}
# Assets whose body bears another's name.
MADE_ALONG = {"exec_assignment_history"}
POOLS = {
    "exec": "exec_api",
    "sparkwise": "sparkwise_api",
    "hr": "warehouse",
    "analytics": "warehouse",
    "user_sync": "sparkwise_api",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_module_has_a_doorplate(path: Path) -> None:
    """A module opens with what lives there, and is short enough to be read at once."""
    source = path.read_text()
    assert ast.get_docstring(ast.parse(source)), "no doorplate"
    assert len(source.splitlines()) <= 300 or "versions" in path.parts


def bare_import(**environment: str) -> subprocess.CompletedProcess[str]:
    """`import exec_orchestration.definitions` in an empty folder's environment, with the network and files watched."""
    program = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise AssertionError('the network at import')\n"
        "socket.socket.connect = refuse\n"
        "import exec_orchestration.definitions as d\n"
        "print(len(list(d.defs.resolve_all_asset_specs())))\n"
    )
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PARTITIONS_START": "soon", "PARTITIONS_TIMEZONE": "Mars"},
        {"EXEC_API_KEY": "x", "WAREHOUSE_URL": "nonsense"},
    ],
)
def test_the_definitions_load_whatever_the_environment(environment: dict[str, str]) -> None:
    """Without any setting, and with malformed ones, the UI comes up with every asset."""
    done = bare_import(**environment)
    assert done.stdout.strip() == str(len(ASSETS)), done.stderr


def test_the_partitions_follow_their_settings() -> None:
    """The first day and the zone of all daily assets are settings."""
    program = "from exec_orchestration.defs.partitions import DAILY; print(DAILY.start.date(), DAILY.timezone)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={"PATH": os.environ["PATH"], "PARTITIONS_START": "2025-06-01", "PARTITIONS_TIMEZONE": "Europe/Berlin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=PROJECT,
    )
    assert done.stdout.strip() == "2025-06-01 Europe/Berlin", done.stderr


def test_asset_and_table_have_one_name_and_one_grain() -> None:
    """Every table but the ledger's is an asset of its name and group; daily ones share one partitions definition."""
    tables = {name: table for name, table in METADATA.tables.items() if table.info["group"] != "ledger"}
    assert set(ASSETS) - REPORTS == set(tables)
    for name, table in tables.items():
        assert ASSETS[name].group_name == table.info["group"]
        assert ASSETS[name].description == description_of(table)
        assert ASSETS[name].partitions_def == (DAILY if is_daily(table) else None)


def test_every_asset_shows_its_schema_and_names_its_pool() -> None:
    """The UI knows every column with its meaning; every asset says which quota it draws on."""
    graph = defs.resolve_asset_graph()
    for name in set(ASSETS) - REPORTS:
        spec = ASSETS[name]
        schema = spec.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [column.name for column in METADATA.tables[name].columns]
        assert all(column.description for column in schema.columns)
        assert graph.get(dg.AssetKey(name)).pools == {POOLS[spec.group_name or ""]}
        assert graph.get(dg.AssetKey(name)).backfill_policy == dg.BackfillPolicy.single_run()


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_asset_carries_everything(name: str) -> None:
    """One list, for all of them: what somebody may look for on an asset's page is there."""
    spec, is_report = ASSETS[name], name in REPORTS
    assert spec.group_name
    assert spec.owners
    assert spec.kinds
    assert spec.tags
    assert len(spec.description or "") > 40
    assert spec.freshness_policy is not None
    assert "dagster/code_references" in spec.metadata
    for key in ("dagster/table_name", "dagster/column_schema", "dagster/column_lineage"):
        assert (key in spec.metadata) != is_report, key
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys if key.asset_key == spec.key}
    assert bool(checks) != is_report
    if not is_report:
        marked = {column.name for column in spec.metadata["dagster/column_schema"].columns if column.tags}
        assert marked == {column.name for column in METADATA.tables[name].columns if column.info["personal"]}


def test_every_asset_says_whose_it_is_and_what_it_holds() -> None:
    """Group, owners, kinds, layer, vendors, personal data, source, when it is due, and the file that it stands in."""
    for name, spec in ASSETS.items():
        assert spec.owners == ["team:learning-data"]
        assert spec.kinds
        assert spec.tags["layer"] == {"exec": "raw", "hr": "raw", "sparkwise": "raw", "analytics": "mart"}.get(
            spec.group_name or "", "sync" if spec.group_name == "user_sync" else "report"
        )
        assert any(tag.startswith("vendor/") for tag in spec.tags) or name == "request_budget"
        assert name in REPORTS or re.search(r"Source: |Made of ", spec.description or "")
        assert spec.freshness_policy == OF_GROUP[spec.group_name or ""].policy
        (reference,) = spec.metadata["dagster/code_references"].code_references
        assert reference.file_path.endswith("assets.py")
        body = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1 :]
        assert any(f"def {name}(" in line or "def plan_and_send(" in line for line in body[:20]) or name in MADE_ALONG
    personal = {name for name, spec in ASSETS.items() if spec.tags["personal_data"] == "yes"}
    marked = {name for name, table in METADATA.tables.items() if any(c.info["personal"] for c in table.columns)}
    assert personal == marked & set(ASSETS)
    assert {"exec_members", "hr_roster", "learner_scorecard"} <= personal
    assert {"scenario_lift", "learning_report"} & personal == set()
    assert ASSETS["department_scorecard"].tags.keys() >= {"vendor/exec", "vendor/sparkwise", "vendor/hr"}


def test_a_mart_declares_what_its_query_reads() -> None:
    """Its inputs are its dependencies in the graph and what the description tells."""
    for table, query in QUERIES.items():
        read = {found.name for found in visitors.iterate(query()) if isinstance(found, sa.Table)}
        assert read == set(table.info["inputs"]), table.name
        assert {dep.asset_key.to_user_string() for dep in ASSETS[table.name].deps} == read


def test_schedules_and_policies_go_by_the_same_clocks() -> None:
    """The cron of a schedule is that of the clock; the deadline lies after it, within the same day."""
    crons = {schedule.name: schedule.cron_schedule for schedule in defs.schedules or ()}
    assert crons == {
        f"{clock.name}_schedule": clock.cron for clock in (clocks.NIGHT, clocks.MORNING, clocks.BUDGET, clocks.PURGE)
    }
    assert crons["daily_refresh_schedule"] == "30 2 * * *"
    for clock in (clocks.NIGHT, clocks.MORNING, clocks.REPORT):
        assert timedelta(0) < clock.grace < clock.at + clock.grace < timedelta(days=1)


def loaded_with(setting: str, value: str, *, shown: str) -> str:
    """What a fresh process, which loads the code with one setting, prints of it."""
    program = f"from exec_orchestration.definitions import defs\nprint(*{shown})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={"PATH": os.environ["PATH"], setting: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("owners", "expected"),
    [("team:people, ada@acme.example", "['team:people', 'ada@acme.example']"), ("nobody", "['team:learning-data']")],
)
def test_the_owners_follow_their_setting(owners: str, expected: str) -> None:
    """A malformed one leaves the default: it keeps nothing from loading."""
    shown = "{str(list(spec.owners)) for spec in defs.resolve_all_asset_specs()}"
    assert loaded_with("ASSET_OWNERS", owners, shown=shown) == expected


def test_checks_lead_to_the_runbook_that_is_set() -> None:
    """Each by a link that opens wherever the UI does."""
    graph, url = "defs.resolve_asset_graph()", "https://git.acme.example/runbook.md"
    shown = f"{{(key.name, {graph}.get_check_spec(key).description.split()[-1]) for key in {graph}.asset_check_keys}}"
    links = dict(re.findall(r"\('(\w+)', '([^']+)'\)", loaded_with("RUNBOOK_URL", url, shown=shown)))
    assert links == {name: f"{url}#{name}" for name in links}
    assert len(links) > 10


def test_schedules_start_stopped() -> None:
    """Nothing runs by itself before somebody turns it on."""
    for schedule in defs.schedules or ():
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_settings_are_told_in_three_places_alike() -> None:
    """The declarations, .env.example and the README's table name the same settings with the same defaults."""
    declared = {setting.name: setting.default or "" for setting in SETTINGS}
    example = dict(re.findall(r'^#?([A-Z_]+)="?(.*?)"?$', (PROJECT / ".env.example").read_text(), re.M))
    assert example == declared
    readme = (PROJECT / "README.md").read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]*?)`? \|", readme, re.M))
    assert {name: "" if value == "none" else value for name, value in told.items()} == declared


def test_every_asset_is_in_the_readme() -> None:
    """Nobody has to read code to know what there is."""
    readme = (PROJECT / "README.md").read_text()
    assert [name for name in ASSETS if name not in readme] == []


def test_the_instance_is_what_was_promised() -> None:
    """Two runs at a time, telemetry off, runs monitored, ticks not kept for ever."""
    config = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert config["telemetry"]["enabled"] is False
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 2
    assert config["run_monitoring"]["enabled"] is True
    assert config["freshness"]["enabled"] is True
    assert set(config["retention"]) == {"schedule", "sensor"}
    with dg.instance_for_test(overrides=config) as instance:
        assert instance.run_monitoring_enabled
        assert instance.freshness_enabled


def test_no_host_or_path_of_a_machine_is_committed() -> None:
    """The lock file names packages and hashes, never where they came from."""
    assert "://" not in (PROJECT / "requirements.lock").read_text()


def test_every_error_and_every_check_has_its_runbook_entry() -> None:
    """Alerts link to a heading by the error's class, descriptions by the check's name; no heading is about nothing."""
    known = [
        name for name, value in vars(errors).items() if isinstance(value, type) and name != "ExecOrchestrationError"
    ]
    headings = re.findall(r"^## (.+)$", (PROJECT / "docs" / "runbook.md").read_text(), re.M)
    ours = [name for name in known if issubclass(getattr(errors, name), errors.ExecOrchestrationError)]
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert sorted(headings) == sorted({*ours, "Any other error", "late", *checks})
