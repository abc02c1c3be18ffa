"""Plots for Dagster's UI: small SVG pictures inside of markdown, drawn from plain values. No library is needed."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM = 720, 220, 44, 22  # of the bars and their axis; the legend stands above
LEGEND_ROW, CHARACTER = 16, 6.5
COLOURS = ("#3b6fb6", "#e0912f", "#5a9e57", "#b5508f", "#7a7a7a", "#c94f4f", "#45a5a8", "#8a6d3b")


def stacked_bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, unit: str) -> str:
    """An SVG of one bar a label, the series on top of each other; `unit` stands on the axis."""
    top = max([*(sum(values[at] for values in series.values()) for at in range(len(labels))), 1])
    legend, above = _legend([unit, *series])
    bars = "".join(_bar(at, labels, series, top) for at in range(len(labels)))
    height = HEIGHT + above
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>{legend}'
        f'<g transform="translate(0 {above})">{_axis(top)}{bars}</g></svg>'
    )


def _bar(at: int, labels: Sequence[str], series: Mapping[str, Sequence[float]], top: float) -> str:
    """The parts of one bar, from the bottom up, and every few bars its label."""
    step, base, drawn = (WIDTH - LEFT) / len(labels), float(HEIGHT - BOTTOM), []
    for number, (name, values) in enumerate(series.items()):
        height = values[at] / top * (HEIGHT - BOTTOM - LEGEND_ROW)
        base -= height
        if height:
            drawn.append(
                f'<rect x="{LEFT + at * step + 1:.1f}" y="{base:.1f}" width="{max(1.0, step - 2):.1f}" '
                f'height="{height:.1f}" fill="{COLOURS[number % len(COLOURS)]}">'
                f"<title>{escape(labels[at])} {escape(name)}: {values[at]:g}</title></rect>"
            )
    if at % max(1, len(labels) // 8) == 0:
        drawn.append(_text(LEFT + at * step, HEIGHT - 6, labels[at]))
    return "".join(drawn)


def in_markdown(svg: str, *, title: str) -> str:
    """The picture as a markdown image that needs no server."""
    return f"![{title}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"


def _axis(top: float) -> str:
    """Lines at the bottom, in the middle and at the top, with their values."""
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - LEGEND_ROW)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(_text(2, y + 4, f"{top * share:,.0f}"))
    return "".join(lines)


def _legend(names: Sequence[str]) -> tuple[str, int]:
    """The unit, then a coloured square and a name for each series, in as many rows as they need; and their height."""
    drawn, x, row = [_text(2, 12, names[0])], LEFT + 40.0, 0
    for number, name in enumerate(names[1:]):
        width = 30 + CHARACTER * len(name)
        if x + width > WIDTH:
            x, row = LEFT + 40.0, row + 1
        y = row * LEGEND_ROW
        drawn.append(f'<rect x="{x:.1f}" y="{y + 3}" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        drawn.append(_text(x + 14, y + 12, name))
        x += width
    return "".join(drawn), (row + 1) * LEGEND_ROW


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#444">{escape(words)}</text>'
