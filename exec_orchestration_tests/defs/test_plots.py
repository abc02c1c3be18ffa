"""Plots for the UI: what they show can be read from the picture's own text."""

import re
from base64 import b64decode
from xml.etree import ElementTree

from exec_orchestration.defs.plots import WIDTH, in_markdown, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"


def titles(svg: str) -> list[str]:
    """What each part of a bar says when the mouse is on it."""
    return [str(title.text) for title in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def test_every_part_that_is_not_zero_is_drawn_to_scale() -> None:
    """On top of each other, with its value; what is zero takes no room."""
    svg = stacked_bars(["mon", "tue"], {"a": [1, 3], "b": [1, 0]}, unit="requests")
    assert titles(svg) == ["mon a: 1", "mon b: 1", "tue a: 3"]
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" fill="#\w+"><title', svg)]
    assert heights[0] == heights[1]
    assert round(heights[2] / heights[0], 2) == 3


def test_a_long_legend_takes_more_rows() -> None:
    """Every name stays inside of the picture."""
    svg = stacked_bars(["mon"], {f"a name of some length {number}": [1] for number in range(9)}, unit="requests")
    places = [float(text.attrib["x"]) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert max(places) < WIDTH - 100


def test_nothing_and_odd_names_are_drawn_too() -> None:
    """An empty plot is a picture, and no name can break it."""
    assert titles(stacked_bars([], {}, unit="requests")) == []
    assert titles(stacked_bars(["<&>"], {'"quoted" <b>': [2]}, unit="requests")) == ['<&> "quoted" <b>: 2']


def test_a_picture_travels_inside_of_markdown() -> None:
    """As a data address, which needs no server."""
    svg = stacked_bars(["mon"], {"a": [1]}, unit="requests")
    found = re.fullmatch(r"!\[title\]\(data:image/svg\+xml;base64,(.*)\)", in_markdown(svg, title="title"))
    assert found
    assert b64decode(found[1]).decode() == svg
