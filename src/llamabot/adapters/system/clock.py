"""The machine's clock."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """Reads the operating system's clocks."""

    def now_ns(self) -> int:
        """Return the time of day."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go back."""
        return time.monotonic_ns()
