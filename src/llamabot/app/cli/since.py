"""Times as people type them: `2h`, `7d`, `2026-11-22`, `2026-11-22T08:30`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from llamabot.ports.errors import UsageError

__all__ = ["parse_since"]

_AGO = re.compile(r"(\d+)\s*(m|min|h|d|w)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str) -> datetime:
    """Return the moment that is meant, in local time where no zone is given.

    Raises:
        UsageError: it is none.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return datetime.now().astimezone() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time: write 30m, 2h, 7d, 2w, or 2026-11-22, or 2026-11-22T08:30") from None
