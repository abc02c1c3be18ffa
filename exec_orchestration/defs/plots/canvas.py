"""What every plot is drawn on: a card, axes, a legend; and the SVG that it becomes. Which plots there are: `kinds`.

matplotlib is imported when something is drawn, never before, and only by its objects: pyplot's state belongs to a whole
process. So do its styles, which is why threads draw one after the other.
"""

import io
import math
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from exec_orchestration.defs.plots.palette import CARD, FRAME, GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.5  # inches of 96 pixels, as a browser shows them
LEGEND_ROW = 0.2  # inches
LONGEST_NAME = 28
MOST_TICKS = 12
LEGEND_LINE, LEGEND_MARK = 96, 6  # in letters: what goes into one line of a legend, and what a mark of it takes
STYLE: dict[Any, Any] = {
    "axes.edgecolor": FRAME,
    "axes.facecolor": CARD,
    "axes.labelcolor": INK,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.facecolor": CARD,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,  # points: 12 pixels
    "svg.fonttype": "none",  # text stays text: small, sharp, and readable to a test
    "svg.hashsalt": "plots",  # the same values give the same picture
    "text.color": INK,
    "text.parse_math": False,  # a $ in a name is a $
    "xtick.color": INK,
    "ytick.color": INK,
}
MARKUP, LONG_NUMBER = re.compile("<[^>]+>"), re.compile(r"(\.\d)\d+")  # a name's own < and > are escaped by now
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))

_one_at_a_time = threading.Lock()


@contextmanager
def card(height: float, *, names: Sequence[str] = ()) -> Iterator["Figure"]:
    """An empty figure of our style, so many inches high, and as much more as a legend of these names takes."""
    import matplotlib
    from matplotlib.figure import Figure

    with _one_at_a_time, matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Names in other scripts are drawn by the browser, whatever letters the font has that measures them here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        size = (WIDTH, height + LEGEND_ROW * math.ceil(len(names) / _columns(names)))
        yield Figure(figsize=size, layout="constrained", edgecolor=FRAME, linewidth=2)


def axes_over(figure: "Figure", labels: Sequence[str], *, unit: str) -> "Axes":
    """Axes with a label below each place, or below every few of many, and lines across."""
    axes, step = figure.subplots(), math.ceil(len(labels) / MOST_TICKS) or 1
    # The last place always has its label: it is the day that people look for.
    places = range((len(labels) - 1) % step, len(labels), step)
    axes.set_xticks(places, ["\n".join(map(readable, labels[at].split("\n"))) for at in places])
    axes.set(xlim=(-0.6, len(labels) - 0.4), ylabel=readable(unit))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    quiet_frame(axes)
    return axes


def quiet_frame(axes: "Axes") -> None:
    """Leave nothing of the frame but the left and the lower side, and draw lines behind the data."""
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)


def in_percent(axes: "Axes", along: Literal["x", "y"], *, highest: float) -> None:
    """One of the axes as one of shares from 0 to 1, in percent, with some room up to `highest`."""
    limit, axis = (axes.set_xlim, axes.xaxis) if along == "x" else (axes.set_ylim, axes.yaxis)
    limit(0, highest)
    axis.set_ticks([0, 0.25, 0.5, 0.75, 1])
    axis.set_major_formatter(lambda value, _: f"{value:.0%}")


def legend(figure: "Figure", drawn: Sequence["Axes"]) -> None:
    """The names of all series above the axes, where they cover nothing."""
    pairs = [pair for axes in drawn for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    if pairs:
        handles, names = zip(*pairs, strict=True)
        figure.legend(handles, names, loc="outside upper left", ncols=_columns(names), frameon=False)


def svg(figure: "Figure") -> str:
    """The figure as an SVG: the same values give the same text. A tenth of a point is exact enough for a place."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.StringIO()
    # Not by savefig, which would draw everything twice.
    FigureCanvasSVG(figure).print_svg(file, metadata=NO_METADATA)  # type: ignore[no-untyped-call]  # as it comes
    drawn = file.getvalue()
    return MARKUP.sub(lambda tag: LONG_NUMBER.sub(r"\1", tag[0]), drawn[drawn.index("<svg") :])


def readable(text: str) -> str:
    """Text of whatever origin in one line, without what cannot be seen and might break a picture."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def shortened(text: str) -> str:
    """A name that leaves room for the plot."""
    name = readable(text)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def _columns(names: Sequence[str]) -> int:
    """How many names stand beside each other in a legend."""
    widths = [len(name) + LEGEND_MARK for name in names] or [1]
    return len(widths) if sum(widths) <= LEGEND_LINE else max(1, LEGEND_LINE // max(widths))
