"""The learning report's page: read as a browser and a screen reader would, from hand-made values and a warehouse."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.defs.report.figures import Office, read_report
from exec_orchestration.defs.report.page import bar, change, figure, page
from exec_orchestration.defs.report.values import (
    Freshness,
    GroupFigures,
    Headline,
    HelpNeeded,
    Hidden,
    LowFigure,
    RankMigration,
    Report,
    ScenarioLift,
    Skills,
    SkillTiers,
    Unit,
)
from exec_orchestration.tables import exec_com, hr, sparkwise
from exec_orchestration.tables.exec_com import RANKS, TIERS
from exec_orchestration.tables.warehouse import Warehouse

PERIOD, BEFORE = (date(2026, 2, 2), date(2026, 2, 8)), (date(2026, 1, 26), date(2026, 2, 1))
NOW = datetime(2026, 2, 9, 5, 15, tzinfo=UTC)
NASTY = "<b>&\"'</td><script>alert(1)</script>"
VOID = {"meta", "link", "br", "img", "input", "hr"}

FULL = Report(
    period=PERIOD,
    before=BEFORE,
    made_at=NOW,
    headlines=(
        Headline("Average lift", "points", 14.6, 11.4),
        Headline("Assignments completed", "share", 0.5, 0.625),
    ),
    needs_help=(HelpNeeded("Sales", 12, (LowFigure("Average lift", "points", 1.0, 11.4),)),),
    scenarios=(ScenarioLift("Price objection", 3, 45, 65, 20, 1.0), ScenarioLift("Silence", 1, None, None, None, None)),
    ranks=RankMigration(RANKS[::-1], {("bronze", "gold"): 7, ("bronze", "bronze"): 2}),
    departments=(GroupFigures("Sales", 12, 8, 1.0, 0.5, 0.25, Hidden.TOO_FEW_PEOPLE, None),),
    cohorts=(GroupFigures("January 2026", 5, None, None, None, None, None, None),),
    skills=Skills(PERIOD[1], TIERS, (SkillTiers("Listening", {"proficient": 3, "needs_work": 1}),)),
    freshness=(
        Freshness("Lift", "Exec: practice", True, PERIOD[1], NOW),
        Freshness("Lift", "Exec: list of scenarios", False, None, None),
    ),
)
EMPTY = Report(
    period=PERIOD,
    before=BEFORE,
    made_at=NOW,
    headlines=(Headline("People who practised", "people", None, None),),
    needs_help=(),
    scenarios=(),
    ranks=RankMigration(RANKS[::-1], {}),
    departments=(),
    cohorts=(),
    skills=Skills(None, TIERS, ()),
    freshness=(Freshness("Lift", "Exec: practice", True, None, None),),
)
NAMED_BY_OTHERS = replace(
    FULL,
    needs_help=(HelpNeeded(NASTY, 12, (LowFigure("Average lift", "points", 1.0, 11.4),)),),
    scenarios=(ScenarioLift(NASTY, 3, 45, 65, 20, 1.0),),
    ranks=RankMigration((*RANKS, NASTY), {(NASTY, NASTY): 7}),
    departments=(replace(FULL.departments[0], name=NASTY),),
    cohorts=(replace(FULL.cohorts[0], name=NASTY),),
    skills=Skills(PERIOD[1], (*TIERS, NASTY), (SkillTiers(NASTY, {NASTY: 3}),)),
    freshness=(Freshness(NASTY, NASTY, True, PERIOD[1], NOW),),
)


class Seen(HTMLParser):
    """What a page consists of: its elements in order with their attributes, and the text in each of them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.texts: list[list[str]] = []
        self._open: list[int] = []
        self.feed(html)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [self.elements[each][0] for each in self._open]))
        self.texts.append([])
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [self.elements[each][0] for each in self._open]))
        self.texts.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for each in self._open:
            self.texts[each].append(data)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        """The attributes of the elements of these kinds."""
        return [attributes for tag, attributes, _ in self.elements if tag in tags]

    def words(self, *tags: str) -> list[str]:
        """The text of each element of these kinds, spaces as a reader sees them."""
        found = zip(self.elements, self.texts, strict=True)
        return [" ".join("".join(text).split()) for (tag, _, _), text in found if tag in tags]


@pytest.mark.parametrize("report", [FULL, EMPTY, NAMED_BY_OTHERS])
def test_the_page_needs_nothing_else(report: Report) -> None:
    """No script, no address but of its own parts, no style that loads; and the browser is told to keep it so."""
    html = page(report)
    seen = Seen(html)
    assert {tag for tag, _, _ in seen.elements} & {"script", "img", "link", "iframe", "object", "form", "base"} == set()
    every = [item for _, attributes, _ in seen.elements for item in attributes.items()]
    ids = {value for name, value in every if name == "id"}
    for name, value in every:
        assert not name.startswith("on")
        if name in ("src", "href", "action", "data", "srcset", "xlink:href"):
            assert (value or "").startswith("#"), value
            assert (value or "")[1:] in ids, value
    assert "url(" not in html
    assert "@import" not in html
    assert "://" not in html
    (policy,) = [each["content"] for each in seen.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


@pytest.mark.parametrize("report", [FULL, EMPTY, NAMED_BY_OTHERS])
def test_the_page_can_be_read_by_ear(report: Report) -> None:
    """Language, one title, headings in order, a way past the contents; tables named, their headers with a scope."""
    seen = Seen(page(report))
    assert seen.all("html") == [{"lang": "en"}]
    assert len(seen.words("title")) == len(seen.words("h1")) == len(seen.all("main")) == 1
    levels = [int(tag[1]) for tag, _, _ in seen.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(later <= sooner + 1 for sooner, later in pairwise(levels))
    assert next(each for each in seen.all("a")) == {"class": "skip", "href": "#main"}
    assert len(seen.all("caption")) == len(seen.all("table")) == len(seen.all("thead"))
    assert all(seen.words("caption"))
    assert {each.get("scope") for each in seen.all("th")} <= {"row", "col"}
    ids = [attributes["id"] for _, attributes, _ in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named_by = {each["aria-labelledby"] for each in seen.all("section", "div") if "aria-labelledby" in each}
    assert named_by <= set(ids)
    assert all(each["aria-hidden"] == "true" for each in seen.all("svg"))


def test_every_row_has_as_many_cells_as_its_table_has_columns() -> None:
    """In each table."""
    seen = Seen(page(FULL))
    rows: list[int] = []
    heads: list[bool] = []
    for tag, _, inside in seen.elements:
        if tag == "tr":
            rows.append(0)
            heads.append("thead" in inside)
        if tag in ("th", "td"):
            rows[-1] += 1
    width = 0
    for cells, is_head in zip(rows, heads, strict=True):
        width = cells if is_head else width
        assert cells == width


def test_what_others_have_named_is_text() -> None:
    """Names of scenarios, departments, ranks and skills are shown as they are written, wherever they stand."""
    html = page(NAMED_BY_OTHERS)
    seen = Seen(html)
    assert "<b>" not in html
    assert seen.words("th").count(NASTY) == 8
    assert f"Best: {NASTY}" in seen.words("th")


def test_figures_are_beside_those_before() -> None:
    """In words, with the unit."""
    assert Seen(page(FULL)).words("dd") == [
        "14.6 points up 3.2 points from 11.4",
        "50.0 % down 12.5 percentage points from 62.5 %",
    ]


@pytest.mark.parametrize(
    ("unit", "now", "before", "words"),
    [
        ("points", 14.6, 11.4, "up 3.2 points from 11.4"),
        ("points", -1.0, 0.5, "down 1.5 points from 0.5"),
        ("points", 11.44, 11.36, "the same as in the period before"),
        ("points", 11.46, 11.44, "up 0.1 points from 11.4"),
        ("share", 0.615, 0.6, "up 1.5 percentage points from 60.0 %"),
        ("people", 1201, 1200, "up 1 person from 1,200"),
        ("people", 3, 0, "up 3 people from 0"),
        ("sessions", 5, 7, "down 2 sessions from 7"),
        ("people", 5, None, "no data for the period before"),
        ("people", None, 1, "was 1 person in the period before"),
        ("share", None, None, "no data for the period before"),
    ],
)
def test_a_change_is_the_difference_of_what_is_printed(unit: Unit, now: Any, before: Any, words: str) -> None:
    """So that a reader who subtracts finds the same."""
    assert change(Headline("a figure", unit, now, before)) == words


def test_no_data_is_never_a_zero() -> None:
    """An empty report has no digit but those of its dates; what is 0 is printed as 0."""
    seen = Seen(page(EMPTY))
    assert seen.words("dd") == ["no data yet no data for the period before"]
    assert seen.all("table") == [{}]
    assert seen.words("td") == ["Exec: practice", "no data yet", "no data yet"]
    assert len([words for words in seen.words("p") if words.startswith("No data yet")]) == 5
    assert (figure(0.0, "share"), figure(0, "people"), figure(None, "people")) == ("0.0 %", "0 people", "no data yet")


def test_missing_and_hidden_figures_are_in_words() -> None:
    """In a table as well, and without a bar."""
    cells = Seen(page(FULL)).words("td")
    at = cells.index("25.0 %")
    assert cells[at - 2 : at + 4] == ["12", "8", "25.0 %", "fewer than 5 people", "no data yet", "1.0"]
    assert (bar(None), bar(Hidden.TOO_FEW_PEOPLE)) == ("", "")


@pytest.mark.parametrize(
    ("value", "top", "width"),
    [(0.25, 1.0, 25), (0.0, 1.0, 0), (-3.0, 4.0, 0), (3.0, 4.0, 75), (9.0, 4.0, 100), (1, 0, 0)],
)
def test_a_bar_is_to_scale_and_stays_inside(value: float, top: float, width: float) -> None:
    """Whatever the value."""
    assert f'<rect width="{width:.1f}"' in bar(value, top)


@pytest.mark.parametrize(("last_day", "is_told"), [(PERIOD[1], False), (date(2026, 2, 7), True), (None, True)])
def test_data_that_end_before_the_period_are_told_on_top(last_day: date | None, is_told: bool) -> None:
    """With the way to the table that says which."""
    report = replace(FULL, freshness=(Freshness("Lift", "Exec: practice", True, last_day, NOW),))
    assert any("data end before the period" in words for words in Seen(page(report)).words("p")) == is_told


@pytest.mark.parametrize(("days_late", "is_told"), [(0, False), (1, True)])
def test_data_that_begin_within_the_period_are_told_of(days_late: int, is_told: bool) -> None:
    """A first month of data is not read as a bad one."""
    first_day = PERIOD[0] + timedelta(days=days_late)
    fresh = Freshness("Lift", "Exec: practice", True, PERIOD[1], NOW, first_day=first_day)
    words = Seen(page(replace(FULL, freshness=(fresh,)))).words("p")
    assert any("The data begin on" in each for each in words) == is_told


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb` by WCAG."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("number", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_stands_out_in_every_scheme(number: int) -> None:
    """Contrast 4.5 for each colour of text on each ground, 3 for bars: AA of WCAG."""
    theme = re.findall(r":root \{(.*?)\}", page(EMPTY), re.S)[number]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", theme))
    for front, least in {"ink": 4.5, "quiet": 4.5, "link": 4.5, "bar": 3.0}.items():
        for ground in ("track",) if front == "bar" else ("paper", "card", "notice"):
            lighter, darker = sorted((luminance(colours[front]), luminance(colours[ground])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= least, (front, ground)


# --- from a warehouse


def read(warehouse: Warehouse) -> Report:
    """The report of the period."""
    return read_report(Office(warehouse, 80), PERIOD, made_at=NOW)


def test_an_empty_warehouse_makes_a_page(warehouse: Warehouse) -> None:
    """That says so, and shows no figure."""
    report = read(warehouse)
    assert {(each.now, each.before) for each in report.headlines} == {(None, None)}
    assert (report.needs_help, report.scenarios, report.departments, report.cohorts) == ((), (), (), ())
    assert (report.ranks.learners, report.skills.day, report.skills.skills) == ({}, None, ())
    seen = Seen(page(report))
    assert {words.split(" no ")[0] for words in seen.words("dd")} == {"no data yet"}
    assert report.is_behind


def fill(warehouse: Warehouse) -> None:
    """A week of six people of Sales, one of Legal and a stranger, all with names and addresses."""
    raw = {"fetched_at": NOW, "run_id": "test"}
    people = [f"p{number}" for number in range(6)]
    address = {person: f"{person}@secret.example" for person in (*people, "legal", "stranger")}
    names = {"first_name": "Zebulon", "last_name": "Quartermain"}
    users = {f"user_{name}": value for name, value in names.items()}
    held = {**names, "status": "active", "valid_from": NOW, "run_id": "test", "start_on": date(2025, 9, 1)}
    practice = {
        "scenario_id": "s<1>",
        "session_count": 1,
        "total_duration_seconds": 60,
        "first_rank": "bronze",
        **users,
    }
    scored = {"first_score": 40, "best_score": 50, "best_rank": "platinum", "partition_date": PERIOD[0], **raw}
    given = {"scenario_id": "s<1>", "status": "completed", "attempt_count": 1, "created_at": NOW, **users, **raw}
    skill = {"skill_id": "k", "tier": "proficient", "observation_count": 3, "partition_date": PERIOD[1], **users, **raw}
    session = {"cluster_id": "c", "module_id": "m", "attended": True, "percentage_steps_visited": 90, **raw}
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        hr.hr_roster: [
            {
                "employee_id": person,
                "email": address[person],
                "department": "Legal" if person == "legal" else "R&D",
                **held,
            }
            for person in (*people, "legal")
        ],
        exec_com.exec_participant_analytics: [
            {"user_id": f"u{person}", "user_email": email, **practice, **scored} for person, email in address.items()
        ],
        exec_com.exec_assignments: [
            {"id": person, "user_id": f"u{person}", "user_email": email, "partition_date": PERIOD[0], **given}
            for person, email in address.items()
        ],
        exec_com.exec_skill_proficiency: [
            {"user_id": f"u{person}", "user_email": email, **skill} for person, email in address.items()
        ],
        sparkwise.sparkwise_completions: [
            {"id": person, "remote_user_id": person, "partition_date": PERIOD[0], **session} for person in people
        ],
    }
    with warehouse.engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(table.insert(), values)


def test_a_warehouse_is_read_into_values(warehouse: Warehouse) -> None:
    """Names fall back to ids, new ranks are added, small groups are the others."""
    fill(warehouse)
    report = read(warehouse)
    figures = {each.name: (each.now, each.before) for each in report.headlines}
    assert figures == {
        "People who practised": (8, None),
        "Practice sessions": (8, None),
        "Average lift": (10, None),
        "Learners who improved": (1, None),
        "Assignments completed": (1, None),
        "Sessions attended": (1, None),
        "Sessions completed": (1, None),
    }
    assert report.scenarios == (ScenarioLift("s<1>", 8, 40, 50, 10, 1),)
    assert report.ranks == RankMigration((*RANKS[::-1], "platinum"), {("bronze", "platinum"): 8})
    assert report.departments == (GroupFigures("other (small departments)", 7, 7, 10, 1, 1, 1, 1),)
    assert report.cohorts == (GroupFigures("September 2025", 7, 7, 10, 1, 1, 1, 1),)
    assert report.skills.skills[0].learners == {tier: 8 * (tier == "proficient") for tier in TIERS}
    assert (report.skills.day, report.skills.skills[0].name) == (PERIOD[1], "k")
    assert report.is_behind


def test_nobody_is_on_the_page(warehouse: Warehouse) -> None:
    """No name, no address, no id of a person, and no department of one."""
    fill(warehouse)
    html = page(read(warehouse))
    assert "s&lt;1&gt;" in html
    for secret in ("@secret", "Zebulon", "Quartermain", "Legal", "p3", "up3", "stranger"):
        assert secret not in html
