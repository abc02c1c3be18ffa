"""The kinds of plots for Dagster's UI: plain values -> an SVG, and an SVG -> markdown. No query and no Dagster here.

A value of None is one that there is no data for; the unit `share` runs from 0 to 1 and is shown in percent.
"""

import math
import string
from base64 import b64encode
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from exec_orchestration.defs.plots.canvas import (
    MOST_TICKS,
    axes_over,
    card,
    in_percent,
    legend,
    quiet_frame,
    readable,
    shortened,
    svg,
)
from exec_orchestration.defs.plots.palette import CARD, COLOURS, FRAME, GRID, INK, LINE_COLOURS, SCALE, between, ink_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHART, AROUND_ROWS, ROW, CELL = 2.6, 0.55, 0.4, 0.45  # inches
READABLE_SHARE = 0.08  # a part of a bar that has room for its figure
OUTLINE: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.6}

Values = Sequence[float | None]
Series = Mapping[str, Values]


def stacked_bars(labels: Sequence[str], series: Series, *, unit: str) -> str:
    """One bar a label, the series on top of each other; few bars have their total above them."""
    with card(CHART, names=[*series]) as figure:
        axes = axes_over(figure, labels, unit=unit)
        totals = _stack(axes, labels, series, COLOURS)
        if len(labels) <= MOST_TICKS:
            for at, total in enumerate(totals):
                if total:
                    _beside(axes, (at, total), in_words(total, unit), above=True)
        axes.set_ylim(0, max([*totals, 1]) * 1.12)
        legend(figure, [axes])
        return svg(figure)


def stacked_shares(labels: Sequence[str], series: Series) -> str:
    """One bar a label that the series' shares fill, from the best at the bottom to the worst; large parts say it."""
    with card(CHART, names=[*series]) as figure:
        axes = axes_over(figure, labels, unit="share")
        _stack(axes, labels, series, SCALE)
        base = [0.0] * len(labels)
        for number, values in enumerate(series.values()):
            for at, value in enumerate(values):
                if (value or 0) >= READABLE_SHARE:
                    _centred(axes, (at, base[at] + (value or 0) / 2), f"{value:.0%}", on=SCALE[number % len(SCALE)])
                base[at] += value or 0
        in_percent(axes, "y", highest=1)
        legend(figure, [axes])
        return svg(figure)


def lines(labels: Sequence[str], series: Series, *, unit: str) -> str:
    """One line a series, three at most, with a gap where there is no data; every point says its value."""
    with card(CHART, names=[*series]) as figure:
        axes = axes_over(figure, labels, unit=unit)
        for number, (name, values) in enumerate(series.items()):
            known = [math.nan if value is None else value for value in values]
            axes.plot(known, label=readable(name), linewidth=2, color=LINE_COLOURS[number], marker="os^"[number])
            for at, value in enumerate(values):
                if value is not None:
                    # The first line's values stand above it and the others' below, out of each other's way.
                    _beside(axes, (at, value), in_words(value, unit), above=number == 0)
        axes.margins(y=0.25)
        if unit == "share":
            in_percent(axes, "y", highest=1.15)
        legend(figure, [axes])
        return svg(figure)


def row_bars(labels: Sequence[str], panels: Mapping[str, Series]) -> str:
    """One row a label, and beside each other one panel a unit with its series; every bar says its value."""
    names = [name for series in panels.values() for name in series]
    with card(AROUND_ROWS + ROW * max(len(labels), 3), names=names) as figure:
        drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        colours = iter(COLOURS)
        for axes, (unit, series) in zip(drawn, panels.items(), strict=True):
            _rows(axes, series, [next(colours) for _ in series], unit=unit)
        drawn[0].set_yticks(range(len(labels)), [shortened(label) for label in labels])
        drawn[0].invert_yaxis()
        legend(figure, drawn)
        return svg(figure)


def matrix(labels: Sequence[str], counts: Mapping[tuple[str, str], int], *, down: str, across: str) -> str:
    """A square of cells: how many went from a row's label to a column's, and which share of the row they are."""
    size, names = len(labels), [shortened(label) for label in labels]
    with card(AROUND_ROWS + CELL * size) as figure:
        axes = figure.subplots()
        for row, column in product(range(size), repeat=2):
            count = counts.get((labels[row], labels[column]), 0)
            total = sum(counts.get((labels[row], each), 0) for each in labels)
            _cell(axes, (column, row), count, share=count / total if total else None)
        axes.set_xticks(range(size), names)
        axes.set_yticks(range(size), names)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel=across, ylabel=down)
        axes.xaxis.set_label_position("top")
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        return svg(figure)


def in_markdown(picture: str, *, title: str, alt: str) -> str:
    """The picture under its title as an image that needs no server; `alt` tells what it shows in words."""
    data = b64encode(picture.encode()).decode()
    return f"**{escaped(title)}**\n\n![{escaped(alt)}](data:image/svg+xml;base64,{data})"


def escaped(text: str) -> str:
    """Text of whatever origin as markdown that shows it letter by letter, in one line."""
    return "".join(f"\\{letter}" if letter in string.punctuation else letter for letter in readable(text))


def in_words(value: float | None, unit: str) -> str:
    """A value as a plot shows it."""
    if value is None:
        return "no figure"
    return (
        f"{value:.0%}" if unit == "share" else f"{round(value, 1) + 0.0:,.1f}" if unit == "points" else f"{value:,.0f}"
    )


def _stack(axes: "Axes", labels: Sequence[str], series: Series, colours: Sequence[str]) -> list[float]:
    """Draw the series on top of each other, each as one shape, so that many bars stay small; how high each bar is."""
    base = [0.0] * len(labels)
    sides = [at + side for at in range(len(labels)) for side in (-0.38, 0.38)]
    for number, (name, values) in enumerate(series.items()):
        top = [below + (value or 0) for below, value in zip(base, values, strict=True)]
        parts = [after if after > before else math.nan for before, after in zip(base, top, strict=True)]
        look = {"facecolor": colours[number % len(colours)], **OUTLINE}
        if labels:
            axes.stairs(_apart(parts), sides, baseline=_apart(base), fill=True, label=readable(name), **look)
        base = top
    return base


def _apart(values: Sequence[float]) -> list[float]:
    """The values with nothing between each two."""
    return [part for value in values for part in (value, math.nan)][:-1]


def _rows(axes: "Axes", series: Series, colours: Sequence[str], *, unit: str) -> None:
    """Horizontal bars of one panel, the series of a row below each other."""
    thick = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        places = [at - 0.4 + thick * (number + 0.5) for at in range(len(values))]
        axes.barh(
            places, [value or 0 for value in values], thick, label=readable(name), color=colours[number], **OUTLINE
        )
        for place, value in zip(places, values, strict=True):
            axes.annotate(
                in_words(value, unit), (max(value or 0, 0), place), (3, 0), textcoords="offset points", va="center"
            )
    axes.margins(x=0.25)
    axes.axvline(0, color=FRAME, linewidth=0.8)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_xlabel(unit)
    if unit == "share":
        in_percent(axes, "x", highest=1.25)
    quiet_frame(axes)


def _cell(axes: "Axes", place: tuple[int, int], count: int, *, share: float | None) -> None:
    """One cell of a matrix, the darker the larger its share of the row."""
    colour, (column, row) = between(CARD, COLOURS[0], share or 0), place
    across, down = (
        (column - 0.5, column + 0.5, column + 0.5, column - 0.5),
        (row - 0.5, row - 0.5, row + 0.5, row + 0.5),
    )
    axes.fill(across, down, facecolor=colour, edgecolor=FRAME, linewidth=0.8)
    _centred(axes, place, f"{count:,}" + (f" · {share:.0%}" if count and share else ""), on=colour)


def _beside(axes: "Axes", place: tuple[float, float], words: str, *, above: bool) -> None:
    """A value above or below its place, on a piece of the card, so that no line runs through it."""
    offset, side = ((0, 5), "bottom") if above else ((0, -5), "top")
    ground = {"facecolor": CARD, "edgecolor": "none", "pad": 0.4}
    axes.annotate(words, place, offset, textcoords="offset points", ha="center", va=side, bbox=ground)


def _centred(axes: "Axes", place: tuple[float, float], words: str, *, on: str) -> None:
    axes.text(*place, words, ha="center", va="center", color=ink_on(on))
