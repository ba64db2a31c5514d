"""A clock that moves only when it is read or told to."""

from __future__ import annotations

import threading

__all__ = ["TickingClock"]

_NS_PER_S = 1_000_000_000


class TickingClock:
    """Advances by `tick_ns` at every reading, so that each moment of a test has a time of its own.

    Args:
        start_ns: the first time of day, nanoseconds since 1970-01-01 UTC.
        tick_ns: nanoseconds between two readings.
    """

    def __init__(self, start_ns: int = 1_800_000_000 * _NS_PER_S, tick_ns: int = 1_000_000) -> None:
        self._start_ns = start_ns
        self._tick_ns = tick_ns
        self._elapsed_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """Return the time of day."""
        return self._start_ns + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        """Return nanoseconds since the clock was made."""
        with self._lock:
            now = self._elapsed_ns
            self._elapsed_ns += self._tick_ns
            return now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._elapsed_ns += round(seconds * _NS_PER_S)
