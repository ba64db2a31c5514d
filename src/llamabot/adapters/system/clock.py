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

    def sleep(self, seconds: float) -> None:
        """Block the thread for so long."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait for so long; other tasks run."""
        import asyncio  # here, for bots that never wait need not load it

        await asyncio.sleep(seconds)
