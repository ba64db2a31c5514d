"""The machine's clock."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """Reads the operating system's clocks."""

    now_ns = staticmethod(time.time_ns)
    """The time of day."""

    monotonic_ns = staticmethod(time.monotonic_ns)
    """Nanoseconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Block the thread for so long."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait for so long; other tasks run."""
        import asyncio  # here, for bots that never wait need not load it

        await asyncio.sleep(seconds)
