"""The clock port: what time it is, and how much has passed."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ClockPort"]


class ClockPort(Protocol):
    """Tells the time. Never blocks, safe to share by threads."""

    def now_ns(self) -> int:
        """Return the time of day: nanoseconds since 1970-01-01 UTC. It may jump."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since an arbitrary start. It never goes back; only differences mean something."""
