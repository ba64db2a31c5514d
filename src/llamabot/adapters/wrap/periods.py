"""Periods of the UTC calendar: which one a moment is in, and how long it lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

__all__ = ["PERIODS", "period_at"]


def _month_after(begin: datetime) -> datetime:
    return (begin + timedelta(days=31)).replace(day=1)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


# Of each period: where it begins that has a moment in it, and where the next one begins.
_CALENDAR: Mapping[str, tuple[Callable[[datetime], datetime], Callable[[datetime], datetime]]] = {
    "hour": (lambda now: now.replace(minute=0, second=0, microsecond=0), lambda begin: begin + timedelta(hours=1)),
    "day": (_midnight, lambda begin: begin + timedelta(days=1)),
    "week": (lambda now: _midnight(now) - timedelta(days=now.weekday()), lambda begin: begin + timedelta(days=7)),
    "month": (lambda now: _midnight(now).replace(day=1), _month_after),
}
PERIODS = (*_CALENDAR, "forever")


def period_at(per: str, now_ns: int) -> tuple[str, float | None]:
    """Return the name of the period that a moment is in, and the seconds until the next; None for `forever`.

    Args:
        per: one of `PERIODS`.
        now_ns: nanoseconds since 1970-01-01 UTC.
    """
    if per not in _CALENDAR:
        return "", None
    first, after = _CALENDAR[per]
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    begin = first(now)
    return begin.strftime("%Y-%m-%dT%H"), (after(begin) - now).total_seconds()
