"""Clocks that move only when they are read or told to."""

from __future__ import annotations

import threading
from collections.abc import Callable

from llamabot.ports.errors import UsageError

__all__ = ["TickingClock", "VirtualClock"]

_NS_PER_S = 1_000_000_000
_START_NS = 1_800_000_000 * _NS_PER_S


class TickingClock:
    """Advances by `tick_ns` at every reading, so that each moment of a test has a time of its own; waits in no time.

    Args:
        start_ns: the first time of day, nanoseconds since 1970-01-01 UTC.
        tick_ns: nanoseconds between two readings.
    """

    def __init__(self, start_ns: int = _START_NS, tick_ns: int = 1_000_000) -> None:
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

    def sleep(self, seconds: float) -> None:
        """Let time pass, as `time.sleep` does."""
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """Let time pass, as `asyncio.sleep` does; other tasks have their turn."""
        await _pass_time(self.advance, seconds)


class VirtualClock:
    """Stands still until someone waits on it: `sleep` takes no real time, and afterwards it is that much later.

    With it, and with what waits on it (`llamabot.testing.faults`, `lmb.Retry`, `lmb.RateLimit`), back-off, time-outs
    and deadlines are tested at once. Safe to share by threads and event loops; who sleeps beside another adds to the
    other's time.

    Args:
        start_ns: the first time of day, nanoseconds since 1970-01-01 UTC.
    """

    def __init__(self, start_ns: int = _START_NS) -> None:
        self._start_ns = start_ns
        self._elapsed_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """Return the time of day."""
        return self._start_ns + self._elapsed_ns

    def monotonic_ns(self) -> int:
        """Return nanoseconds since the clock was made."""
        return self._elapsed_ns

    @property
    def elapsed_s(self) -> float:
        """Seconds since the clock was made: all that was slept, and that time was let pass."""
        return self._elapsed_ns / _NS_PER_S

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            UsageError: the seconds are negative; time does not go back.
        """
        if seconds < 0:
            raise UsageError(f"a clock cannot go back by {-seconds:g} s")
        with self._lock:
            self._elapsed_ns += round(seconds * _NS_PER_S)

    def sleep(self, seconds: float) -> None:
        """Let time pass, as `time.sleep` does."""
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """Let time pass, as `asyncio.sleep` does; other tasks have their turn."""
        await _pass_time(self.advance, seconds)

    def __repr__(self) -> str:
        return f"VirtualClock({self.elapsed_s:g} s later)"


async def _pass_time(advance: Callable[[float], None], seconds: float) -> None:
    import asyncio  # here, since it takes nearly as long to load as the rest of the kit

    advance(seconds)
    await asyncio.sleep(0)
