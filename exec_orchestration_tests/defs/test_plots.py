"""Plots for the UI: what they show can be read from the picture's own text."""

import re
import subprocess
import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from exec_orchestration.defs.plots.kinds import (
    escaped,
    in_markdown,
    in_words,
    lines,
    matrix,
    row_bars,
    stacked_bars,
    stacked_shares,
)
from exec_orchestration.defs.plots.palette import CARD

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "](javascript:alert(1)) <script>alert(2)</script> **x** | $\\frac{1}{2}$ & a@b.example\x00\x1b\n# y"
MOST_BYTES = 60_000


def words(svg: str) -> list[str]:
    """Every text of a picture."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def heights(svg: str, colour: str) -> list[float]:
    """How high the parts of a colour are; its mark in the legend comes later."""
    (shape,) = re.findall(rf'<path d="([^"]*)"[^>]*style="fill: {colour}; stroke: #24292f', svg)[:1]
    parts = [re.findall(r"[\d.]+ ([\d.]+)", part) for part in shape.split("M") if part.strip()]
    return [round(max(map(float, part)) - min(map(float, part)), 1) for part in parts]


def test_every_part_that_is_not_zero_is_drawn_to_scale() -> None:
    """On top of each other, each bar with its total; what is zero takes no room."""
    svg = stacked_bars(["mon", "tue"], {"a": [1, 3], "b": [1, 0]}, unit="requests")
    first, second = heights(svg, "#0072b2")
    assert second == pytest.approx(3 * first, abs=0.3)
    assert heights(svg, "#e69f00") == [pytest.approx(first, abs=0.2)]
    assert {"mon", "tue", "a", "b", "requests", "2", "3"} <= {*words(svg)}


def test_shares_say_what_they_are_where_there_is_room() -> None:
    """In percent; a sliver says nothing."""
    found = words(stacked_shares(["mon"], {"good": [0.9], "fair": [0.07], "none": [0.03]}))
    assert "90%" in found
    assert not {"7%", "3%"} & {*found}


def test_a_line_says_its_values_and_has_gaps() -> None:
    """No figure is no point, and never 0."""
    found = words(lines(["a\nn=1", "b", "c"], {"lift": [1.25, None, -2]}, unit="points"))
    assert {"1.2", "-2.0", "n=1", "lift"} <= {*found}
    assert {"12%", "100%"} <= {*words(lines(["a"], {"x": [0.123]}, unit="share"))}
    assert in_words(-0.01, "points") == "0.0"


def test_rows_say_their_values() -> None:
    """Panels have units of their own."""
    found = words(row_bars(["Sales"], {"share": {"done": [0.5]}, "points": {"lift": [None]}}))
    assert {"Sales", "50%", "no figure", "done", "lift", "share", "points"} <= {*found}


def test_a_matrix_has_counts_and_shares_of_the_row() -> None:
    """All cells, zeros too."""
    found = words(matrix(["bad", "good"], {("bad", "bad"): 1, ("bad", "good"): 3}, down="first", across="best"))
    assert {"1 · 25%", "3 · 75%", "first", "best"} <= {*found}
    assert found.count("0") == 2


@pytest.mark.parametrize(
    "svg",
    [
        stacked_bars([], {}, unit="requests"),
        stacked_bars(["a"], {"x": [0]}, unit="requests"),
        stacked_shares(["a"], {"x": [None]}),
        lines(["a"], {"x": [None]}, unit="points"),
        lines([], {"x": []}, unit="share"),
        matrix(["a"], {}, down="d", across="a"),
        row_bars([NASTY], {"share": {NASTY: [1]}, "points": {"x": [-1]}}),
        stacked_bars([NASTY], {NASTY: [1]}, unit=NASTY),
        row_bars(["研究開発 قسم"], {"share": {"x": [1]}}),
    ],
)
def test_nothing_and_odd_names_are_drawn_too(svg: str) -> None:
    """As an XML that any browser reads, on a card that hides what is behind it, without anything that acts."""
    root = ElementTree.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "defs", "style", "g", "path", "text", "tspan", "use", "clipPath", "rect"),
    }
    assert f"fill: {CARD}" in svg
    assert (root.attrib["width"], "href" in svg.replace('xlink:href="#', "")) == ("540pt", False)


def test_a_large_picture_stays_small_in_bytes() -> None:
    """Every colour on each of thirty days, and the most rows and names."""
    days = [f"01-{day:02}" for day in range(1, 31)]
    bars = {f"exec_participant_analytics_{number}": [number + day + 1 for day in range(30)] for number in range(8)}
    weeks = [f"{week} Nov\nn=1,000" for week in range(12)]
    pictures = [
        stacked_bars(days, bars, unit="requests"),
        stacked_shares(weeks, {f"tier {number}": [0.2] * 12 for number in range(5)}),
        lines(weeks, {"attended": [0.5] * 12, "completed": [0.4] * 12}, unit="share"),
        row_bars([NASTY] * 15, {"share": {"a": [0.1] * 15, "b": [1] * 15}, "points": {"c": [1] * 15}}),
    ]
    assert max(len(in_markdown(svg, title="t", alt="a")) for svg in pictures) < MOST_BYTES


def test_a_long_name_is_cut_and_a_long_legend_takes_more_rows() -> None:
    """So that there is room for the plot."""
    assert "Department of everything els…" not in words(row_bars(["x" * 60], {"share": {"a": [1]}}))
    assert "x" * 27 + "…" in words(row_bars(["x" * 60], {"share": {"a": [1]}}))
    few, many = (stacked_bars(["a"], {f"a name that is long {at}": [1] for at in range(n)}, unit="u") for n in (1, 8))
    few_high, many_high = (float(re.findall(r'height="([\d.]+)pt"', svg)[0]) for svg in (few, many))
    assert many_high > few_high


def test_a_picture_travels_inside_of_markdown() -> None:
    """As a data address, which needs no server; what it says stands beside it."""
    svg = stacked_bars(["mon"], {"a": [1]}, unit="requests")
    found = re.fullmatch(
        r"\*\*title\*\*\n\n!\[mon 1\]\(data:image/svg\+xml;base64,(.*)\)", in_markdown(svg, title="title", alt="mon 1")
    )
    assert found
    assert b64decode(found[1]).decode() == svg


def test_no_name_is_markdown_or_html() -> None:
    """Titles and alternative texts are read letter by letter: one image, no link, no tag."""
    reader = MarkdownIt("commonmark").enable("table")
    reader.validateLink = lambda _: True  # type: ignore[method-assign]  # it takes pictures of other kinds only
    read = reader.parse(in_markdown("<svg/>", title=NASTY, alt=NASTY))
    children = [child for token in read for child in token.children or []]
    assert [child.type for child in children if child.type != "text"] == ["strong_open", "strong_close", "image"]
    assert [token.type for token in read if token.type.startswith(("heading", "html", "table"))] == []
    plain = "](javascript:alert(1)) <script>alert(2)</script> **x** | $\\frac{1}{2}$ & a@b.example # y"
    (image,) = [child for child in children if child.type == "image"]
    assert image.content.replace("\\", "") == plain.replace("\\", "")
    assert "".join(child.content for child in children if child.type == "text") == plain
    assert "\n" not in escaped(NASTY)


def test_the_same_values_give_the_same_picture_in_any_thread() -> None:
    """Styles belong to the process, so that threads draw one after the other."""

    def draw(number: int) -> str:
        return lines(["a", "b"], {"x": [number % 2, 1]}, unit="points")

    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(draw, range(8)))
    assert drawn == [draw(0), draw(1)] * 4


def test_the_definitions_do_not_import_the_library() -> None:
    """Whoever opens the UI does not wait for it; and pyplot, which keeps a state, is imported by nobody."""
    program = (
        "import sys, exec_orchestration.definitions; print('matplotlib' in sys.modules)\n"
        "from exec_orchestration.defs.plots.kinds import lines; lines(['a'], {'x': [1]}, unit='points')\n"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["False", "True", "False"], done.stderr
