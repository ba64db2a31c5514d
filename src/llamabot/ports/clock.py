"""The clock port: what time it is, how much has passed, and waiting until more has."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ClockPort"]


class ClockPort(Protocol):
    """Tells the time, and waits. Safe to share by threads and event loops; only the two kinds of sleep block."""

    def now_ns(self) -> int:
        """Return the time of day: nanoseconds since 1970-01-01 UTC. It may jump."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since an arbitrary start. It never goes back; only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Block the thread until `monotonic_ns` is so many seconds further, or more; 0 returns at once."""

    async def asleep(self, seconds: float) -> None:
        """As `sleep`, and let other tasks have their turn meanwhile. Cancelling the task ends it."""
