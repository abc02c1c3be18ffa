"""The weeks and days of trends. A week is any seven days that end on the day of the last one: each of them is whole."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

import sqlalchemy as sa

from exec_orchestration.marts.figures import Days, Number

WEEKS = 12


def weeks_until(last: date, *, weeks: int = WEEKS) -> tuple[Days, ...]:
    """The first and last days of the weeks that end with `last`, earliest first."""
    ends = [last - timedelta(days=7 * back) for back in reversed(range(weeks))]
    return tuple((end - timedelta(days=6), end) for end in ends)


def span(weeks: Sequence[Days]) -> Days:
    """From the first day of the first week to the last of the last."""
    return weeks[0][0], weeks[-1][1]


def week_of(day: Number, weeks: Sequence[Days]) -> Number:
    """The last day of the week that a day of the span lies in."""
    return sa.case(*((day <= last, sa.literal(last, sa.Date())) for _, last in weeks))


def midnights_until(last: date, zone: tzinfo, *, days: int) -> Mapping[date, datetime]:
    """The instants at which the days that end with `last` begin, earliest first."""
    found = [last - timedelta(days=back) for back in reversed(range(days))]
    return {day: datetime.combine(day, time.min, zone) for day in found}


def day_of(moment: Number, midnights: Mapping[date, datetime]) -> Number:
    """The day that a moment after the first of the midnights lies in; null after the last day."""
    *_, last = midnights
    after = midnights[last] + timedelta(days=1)
    begun = ((moment >= midnight, sa.literal(day, sa.Date())) for day, midnight in reversed([*midnights.items()]))
    return sa.case((moment >= after, sa.null()), *begun)
