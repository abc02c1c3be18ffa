"""The marts' plots in the metadata: drawn once a run, from what the tables hold, naming nobody, never in the way."""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from markdown_it import MarkdownIt

from exec_orchestration.defs.budget import assets as budget_assets
from exec_orchestration.defs.plots import marts as mart_plots
from exec_orchestration.defs.plots.drawn import drawn
from exec_orchestration.defs.plots.marts import PLOTS, plots_of
from exec_orchestration.defs.plots.sync import planned_over_time, sent_over_time
from exec_orchestration.defs.sync import run as sync_run
from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables import METADATA, marts
from exec_orchestration.tables.warehouse import Warehouse
from exec_orchestration_tests.defs.conftest import Company, House

FIRST, LAST = date(2026, 2, 9), date(2026, 2, 22)
RAW = (
    "exec_participant_analytics",
    "exec_assignments",
    "exec_skill_proficiency",
    "sparkwise_completions",
)
DAILY = ("scenario_lift", "rank_distribution", "assignment_completion", "session_completion", "skill_tiers")
PICTURE = "data:image/svg+xml;base64,"


def alt(markdown: str) -> str:
    """What a picture says to whoever cannot see it."""
    reader = MarkdownIt("commonmark")
    reader.validateLink = lambda _: True  # type: ignore[method-assign]  # it takes pictures of other kinds only
    tokens = reader.parse(markdown)
    (image,) = [each for token in tokens for each in token.children or [] if each.type == "image"]
    return "".join(each.content for each in image.children or [])


def everything(markdown: str) -> str:
    """All that a plot says to anybody: its text, and the picture's own."""
    (data,) = re.findall(rf"{re.escape(PICTURE)}([^)]*)", markdown)
    return " ".join([alt(markdown), markdown.replace(data, ""), b64decode(data).decode()])


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse without any row."""
    made = Warehouse(f"sqlite:///{tmp_path_factory.mktemp('empty')}/warehouse.db")
    made.migrate()
    yield made
    made.close()


def test_every_mart_has_a_plot() -> None:
    """And nothing else has one here."""
    assert set(PLOTS) == {name for name, table in METADATA.tables.items() if table.info["group"] == "analytics"}
    assert len({name for names in PLOTS.values() for name in names}) >= 7


@pytest.mark.parametrize("name", PLOTS)
def test_nothing_to_draw_is_a_sentence(empty: Warehouse, name: str) -> None:
    """Instead of an empty picture."""
    (told,) = plots_of(METADATA.tables[name], empty, LAST).values()
    assert str(told.value).startswith("There is nothing to draw yet: ")
    assert PICTURE not in str(told.value)


@pytest.mark.parametrize("over_time", [planned_over_time, sent_over_time])
def test_no_change_is_a_sentence(empty: Warehouse, over_time: Any) -> None:
    """Instead of an empty picture."""
    (told,) = over_time(empty, datetime(2026, 3, 1, tzinfo=UTC)).values()
    assert told.value == "There was no change in the 30 days up to 2026-03-01."


def test_tables_without_a_plot_have_none(empty: Warehouse) -> None:
    """No line in the metadata."""
    assert plots_of(METADATA.tables["exec_skills"], empty, LAST) == {}


def test_a_range_has_its_plots_once(house: House) -> None:
    """With its last day; each small enough for an event, and saying the figures that the table holds."""
    assert house.run(*RAW, first=FIRST, last=LAST).success
    assert house.run(*DAILY, first=FIRST, last=LAST).success
    for name in DAILY:
        (line,) = PLOTS[name]
        told = house.metadata(name, str(LAST))
        assert told[line].count(PICTURE) == 1
        assert len(told[line]) < 60_000
        assert "dagster/partition_row_count" in told
        assert set(house.metadata(name, str(FIRST))) & {line, "plots"} == set()
        assert_nobody_is_named(house, told[line])
    assert_sums_agree(house)


def assert_nobody_is_named(house: House, told: str) -> None:
    """No address and no name of any learner stands in a plot's text or in its picture."""
    people = {row["user_email"].split("@")[0].casefold() for row in house.rows("exec_assignments")}
    names = people | {part for person in people for part in person.split(".") if len(part) > 4}
    assert len(names) > 20
    assert [name for name in ["@", *names] if name in everything(told).casefold()] == []


def assert_sums_agree(house: House) -> None:
    """The weeks' figures are those of the days, added up here by hand."""
    weeks = {"15 Feb": (date(2026, 2, 9), date(2026, 2, 15)), "22 Feb": (date(2026, 2, 16), LAST)}
    cohorts, sessions = house.rows("assignment_completion"), house.rows("session_completion")
    told_cohorts = alt(house.metadata("assignment_completion", str(LAST))["completion_by_cohort"])
    told_sessions = alt(house.metadata("session_completion", str(LAST))["completion_over_time"])
    for week, (first, last) in weeks.items():
        made = [row for row in cohorts if first <= row["partition_date"] <= last]
        assigned, completed = (sum(row[name] for row in made) for name in ("assigned", "completed"))
        assert f"{week} {completed} of {assigned} completed ({completed / assigned:.0%})" in told_cohorts
        held = [row for row in sessions if first <= row["partition_date"] <= last]
        booked, attended = (sum(row[name] for row in held) for name in ("participants", "attended"))
        assert f"{week} {attended / booked:.0%} attended" in told_sessions
        assert f"(n={booked})" in told_sessions


def test_one_day_and_marts_without_days_have_theirs(sqlite_house: House) -> None:
    """A day is its own last one."""
    sqlite_house.run(*RAW, first=FIRST, last=LAST)
    assert sqlite_house.run("scenario_lift", first=LAST, last=LAST).success
    assert PICTURE in sqlite_house.metadata("scenario_lift", str(LAST))["lift_over_time"]
    assert sqlite_house.run("learner_lift", "department_scorecard").success
    told = sqlite_house.metadata("learner_lift")
    lifts = sqlite_house.rows("learner_lift")
    pairs = Counter((row["first_rank"], row["best_rank"]) for row in lifts if row["first_rank"] and row["best_rank"])
    for (first, best), count in pairs.items():
        share = count / sum(found for (rank, _), found in pairs.items() if rank == first)
        assert f"{first} to {best} {count} ({share:.0%})" in alt(told["rank_migration"])
    assert told["dagster/row_count"] == len(lifts)


def test_departments_by_any_name(warehouse: Warehouse) -> None:
    """Their figures in words; no name makes a link or a tag, neither in the text nor in the picture."""
    name = "](javascript:alert(1)) <script>alert(2)</script>"
    rates = {"assignment_completion_rate": 0.25, "session_completion_rate": None, "average_lift_points": 3.14}
    counts = {"people": 9, "people_practised": 9, "assigned": 9, "participations": 9}
    counts |= {"assignments_completed": 1, "attended": 0, "completed": 0}
    write(warehouse, marts.department_scorecard, {"department": name, **counts, **rates})
    (told,) = plots_of(marts.department_scorecard, warehouse, LAST).values()
    expected = f"{name} 25% of assignments, no figure of sessions, lift 3.1"
    assert expected in alt(str(told.value))
    assert "<script" not in everything(str(told.value)).replace(expected, "").replace("\\<script", "")


def test_only_the_largest_departments_are_shown(warehouse: Warehouse) -> None:
    """And the plot says so."""
    counts = {"people_practised": 9, "assigned": 9, "participations": 9, "assignments_completed": 1}
    counts |= {"attended": 0, "completed": 0}
    write(
        warehouse,
        marts.department_scorecard,
        *({"department": f"D{people}", "people": people, **counts} for people in range(5, 25)),
    )
    (told,) = plots_of(marts.department_scorecard, warehouse, LAST).values()
    assert "The 15 largest of 20 are shown." in str(told.value)
    assert "D24 " in alt(str(told.value))
    assert "D9 " not in alt(str(told.value))


def write(warehouse: Warehouse, table: sa.Table, *rows: dict[str, Any]) -> None:
    """Write rows by hand."""
    with warehouse.engine.begin() as connection:
        connection.execute(table.insert(), list(rows))


def test_the_sync_tells_its_changes(company: Company) -> None:
    """What was planned and what was done, by action, without anybody's name."""
    company.sync()
    company.hr({"E0002": {"last_name": "Quimby"}, "E0500": {"first_name": "Zaphod", "last_name": "Prefect"}})
    assert company.sync().success
    planned, sent = (company.metadata(name)["changes_over_time"] for name in ("user_sync_plan", "user_sync_outcome"))
    assert re.search(r"\d 1 create, 1 update\b", alt(planned)), alt(planned)
    assert re.search(r"\d 1 created, 1 updated\b", alt(sent)), alt(sent)
    for told in (planned, sent):
        assert not re.search("Quimby|Zaphod|Prefect|E0002|E0500|@", everything(told))


# --- where a plot cannot be drawn


def broken(*_: Any, **__: Any) -> Any:
    """A drawing that fails."""
    raise ValueError("Zoë Q. <zoe@acme.example>")


def test_a_mart_stands_without_its_plot(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are there, the metadata says why there is no picture, and not what a foreign error holds."""
    sqlite_house.run("exec_participant_analytics", first=FIRST, last=LAST)
    monkeypatch.setattr(mart_plots, "lines", broken)
    result = sqlite_house.run("scenario_lift", first=FIRST, last=LAST)
    assert result.success
    assert sqlite_house.rows("scenario_lift")
    told = sqlite_house.metadata("scenario_lift", str(LAST))
    assert told["dagster/partition_row_count"] > 0
    assert re.fullmatch(
        r"The plots could not be drawn: ValueError at test_mart_plots.py:\d+. The data are not concerned.",
        told["plots"],
    )


def test_a_sync_and_the_budget_stand_without_theirs(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's account waits for a picture."""
    for module, name in (
        (sync_run, "planned_over_time"),
        (sync_run, "sent_over_time"),
        (budget_assets, "stacked_bars"),
    ):
        monkeypatch.setattr(module, name, broken)
    assert company.sync().success
    for name in ("user_sync_plan", "user_sync_outcome"):
        assert company.metadata(name)["plots"].startswith("The plots could not be drawn: ValueError")
    assert company.run("request_budget").success
    told = company.metadata("request_budget")
    assert "ValueError" in told["plots"]
    assert told["last_30_days"].startswith("| asset | requests in 30 days |")


def test_our_own_errors_are_told_in_full_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """They say what to do."""

    def draw() -> Any:
        raise WarehouseError("the warehouse is on fire")

    log = dg.get_dagster_logger("plots")
    log.propagate = True
    told = drawn(draw, log)
    assert "the warehouse is on fire" in str(told["plots"].value)
    assert [(record.levelname, "on fire" in record.getMessage()) for record in caplog.records] == [("WARNING", True)]


def test_whoever_ends_a_run_ends_it() -> None:
    """An interruption is no failure of a plot."""

    def draw() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn(draw, dg.get_dagster_logger("plots"))
