"""Plots for Dagster's UI: small SVG pictures inside of markdown, drawn from plain values. No library is needed."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 240, 44, 22, 26
COLOURS = ("#3b6fb6", "#e0912f", "#5a9e57", "#b5508f", "#7a7a7a", "#c94f4f", "#45a5a8", "#8a6d3b")


def stacked_bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, unit: str) -> str:
    """An SVG of one bar a label, the series on top of each other; `unit` stands on the axis."""
    totals = [sum(values[at] for values in series.values()) for at in range(len(labels))]
    top = max([*totals, 1])
    step = (WIDTH - LEFT) / max(1, len(labels))
    drawn = [_axis(top, unit), _legend(list(series))]
    for at, label in enumerate(labels):
        base = float(HEIGHT - BOTTOM)
        for number, (name, values) in enumerate(series.items()):
            height = values[at] / top * (HEIGHT - BOTTOM - TOP)
            base -= height
            if height:
                drawn.append(
                    f'<rect x="{LEFT + at * step + 1:.1f}" y="{base:.1f}" width="{max(1.0, step - 2):.1f}" '
                    f'height="{height:.1f}" fill="{COLOURS[number % len(COLOURS)]}">'
                    f"<title>{escape(label)} {escape(name)}: {values[at]:g}</title></rect>"
                )
        if at % max(1, len(labels) // 8) == 0:
            drawn.append(_text(LEFT + at * step, HEIGHT - 6, label))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>'
    )


def in_markdown(svg: str, *, title: str) -> str:
    """The picture as a markdown image that needs no server."""
    return f"![{title}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"


def _axis(top: float, unit: str) -> str:
    """Lines at the bottom, in the middle and at the top, with their values."""
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(_text(2, y + 4, f"{top * share:,.0f}"))
    return "".join([*lines, _text(2, 12, unit)])


def _legend(names: Sequence[str]) -> str:
    """A coloured square and a name for each series, in one line."""
    drawn, x = [], LEFT + 60
    for number, name in enumerate(names):
        drawn.append(f'<rect x="{x}" y="4" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        drawn.append(_text(x + 14, 13, name))
        x += 26 + 7 * len(name)
    return "".join(drawn)


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#444">{escape(words)}</text>'
