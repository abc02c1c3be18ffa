"""Instants as both vendors write them."""

from datetime import UTC, datetime


def utc_text(moment: datetime) -> str:
    """`2026-01-31T23:59:59.999999Z`; fractions only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
