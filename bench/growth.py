"""How time grows with rows: the exponent k of `time ~ rows^k`.

0 where the size does not matter, 1 where time is in proportion to it. It is the slope of a least-squares line through
the logarithms of the last two decades of sizes, since below them fixed costs would hide it.
"""

from collections.abc import Sequence
from math import log

from bench.figures import Figure

DECADES, GROWTH_TARGET = 2, 1.1
Points = Sequence[tuple[float, float]]


def exponent(points: Points) -> float:
    """The slope of log(seconds) over log(rows), of the largest sizes."""
    # A little more than whole decades: sizes are whole days.
    smallest = max(rows for rows, _ in points) / 10**DECADES / 1.2
    chosen = [(log(rows), log(seconds)) for rows, seconds in points if rows >= smallest]
    if len(chosen) < 2:
        raise ValueError("an exponent needs two sizes at least")
    x_mean, y_mean = (sum(values) / len(chosen) for values in zip(*chosen, strict=True))
    spread = sum((x - x_mean) ** 2 for x, _ in chosen)
    return float(sum((x - x_mean) * (y - y_mean) for x, y in chosen) / spread)


def growing(title: str, points: Points) -> list[Figure]:
    """The seconds of each size, and their exponent."""
    return [
        *(Figure(f"growth, {title}: {rows:,}", seconds, "s") for rows, seconds in points),
        Figure(f"growth, {title}: exponent", exponent(points), at_most=GROWTH_TARGET),
    ]
