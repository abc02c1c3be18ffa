"""The learning report as one HTML document that needs nothing else: no script, no picture, no request to anywhere.

Everything is escaped by the template; here stand the words for figures. A figure without data is in words, never 0.
"""

from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from exec_orchestration.defs.report.values import Headline, Hidden, Report, Shown, Unit
from exec_orchestration.marts.groups import LOW_SHARE, MINIMUM_PEOPLE

NO_DATA = "no data yet"
TOO_FEW = f"fewer than {MINIMUM_PEOPLE} people"
NOUNS = {"people": ("person", "people"), "sessions": ("session", "sessions")}
BAR = 100  # the width of a whole bar


def page(report: Report) -> str:
    """The report as an HTML document; the same report gives the same document."""
    return _template().render(report=report, low_share=LOW_SHARE, minimum=MINIMUM_PEOPLE, top_lift=_top_lift(report))


@cache
def _template() -> Template:
    source = files(__package__).joinpath("template.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "points": points,
        "percent": percent,
        "whole": whole,
        "day": day,
        "instant": instant,
        "label": label,
        "bar": bar,
        "figure": figure,
        "change": change,
    }
    return environment.from_string(source)


def points(value: Shown) -> str:
    """A score or a lift, such as `11.4`."""
    return _missing(value) if value is None or isinstance(value, Hidden) else f"{_rounded(value):,.1f}"


def percent(value: Shown) -> str:
    """A share, such as `61.5 %`."""
    return _missing(value) if value is None or isinstance(value, Hidden) else f"{_rounded(100 * value):,.1f} %"


def whole(value: Shown) -> str:
    """A count, such as `1,204`."""
    return _missing(value) if value is None or isinstance(value, Hidden) else f"{round(value):,}"


def day(value: date | None) -> str:
    """A day, such as `3 February 2026`."""
    return NO_DATA if value is None else f"{value.day} {value:%B %Y}"


def instant(value: datetime | None) -> str:
    """An instant, such as `3 February 2026, 05:15 UTC`."""
    return NO_DATA if value is None else f"{day(value.astimezone(UTC).date())}, {value.astimezone(UTC):%H:%M} UTC"


def label(value: str) -> str:
    """A rank or a tier in words."""
    return value.replace("_", " ")


def figure(value: float | None, unit: Unit) -> str:
    """A figure in its unit, such as `1 person` or `11.4 points`."""
    if value is None:
        return NO_DATA
    if unit == "share":
        return percent(value)
    if unit == "points":
        return f"{points(value)} points"
    return f"{whole(value)} {NOUNS[unit][round(value) != 1]}"


def change(headline: Headline) -> str:
    """What became of a figure since the period before, such as `up 3.2 points from 11.4`."""
    now, before, unit = headline.now, headline.before, headline.unit
    if now is None or before is None:
        return "no data for the period before" if before is None else f"was {figure(before, unit)} in the period before"
    scale = 100 if unit == "share" else 1
    step = _rounded(_rounded(scale * now) - _rounded(scale * before))
    if not step:
        return "the same as in the period before"
    return f"{'up' if step > 0 else 'down'} {_distance(abs(step), unit)} from {_bare(before, unit)}"


def _distance(step: float, unit: Unit) -> str:
    if unit == "share":
        return f"{points(step)} percentage points"
    return figure(step, unit)


def _bare(value: float, unit: Unit) -> str:
    """A figure without the noun that the sentence has already named."""
    if unit == "share":
        return percent(value)
    return points(value) if unit == "points" else whole(value)


def bar(value: Shown, top: float = 1.0) -> Markup:
    """A bar to the scale of `top`, for the eye alone: the number stands beside it. Nothing where there is none."""
    if value is None or isinstance(value, Hidden):
        return Markup()
    width = BAR * min(1.0, max(0.0, value / top)) if top > 0 else 0.0
    return Markup(
        '<svg class="bar" aria-hidden="true" focusable="false" width="{0}" height="10" viewBox="0 0 {0} 10">'
        '<rect class="track" width="{0}" height="10" rx="2"/><rect width="{1}" height="10" rx="2"/></svg>'
    ).format(BAR, f"{width:.1f}")


def _top_lift(report: Report) -> float:
    """The highest average lift of a scenario, which its bar is drawn to."""
    return max((each.lift_points for each in report.scenarios if each.lift_points is not None), default=0.0)


def _missing(value: Hidden | None) -> str:
    return NO_DATA if value is None else TOO_FEW


def _rounded(value: float) -> float:
    """To one decimal, as it is printed; never a negative zero."""
    return round(value, 1) + 0.0
