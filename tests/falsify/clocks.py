"""Clocks that are wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

from tests.falsify.wrong import wrong

from llamabot.adapters.system.clock import SystemClock
from llamabot.testing import VirtualClock
from llamabot.testing.contracts import ClockContract


class ClockHooks:
    adapter: Any

    def make(self) -> Any:
        return self.adapter()


class VirtualHooks(ClockHooks):
    def let_pass(self, clock: Any, seconds: float) -> None:
        clock.advance(seconds)


real = wrong(ClockHooks, ClockContract)
virtual = wrong(VirtualHooks, ClockContract)


@real
class Microseconds(SystemClock):
    """Tells the time of day in microseconds."""

    def now_ns(self) -> int:
        return super().now_ns() // 1000


@real
class Seconds(SystemClock):
    """Tells nanoseconds as a float."""

    def monotonic_ns(self) -> Any:
        return time.monotonic() * 1e9


@real
class TimeOfTheProcess(SystemClock):
    """Counts the time that the process works, which stands still while it waits."""

    def monotonic_ns(self) -> int:
        return time.process_time_ns()


@real
class EachThreadItsStart(SystemClock):
    """Counts from the first reading of each thread."""

    def __init__(self) -> None:
        self.local = threading.local()

    def monotonic_ns(self) -> int:
        now = time.monotonic_ns()
        self.local.start = getattr(self.local, "start", now)
        return now - int(self.local.start)


@real
class Milliseconds(SystemClock):
    """Counts milliseconds."""

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() // 1_000_000


@virtual
class BackToTheStart(VirtualClock):
    """Starts counting anew when the time of day is read."""

    def now_ns(self) -> int:
        now = super().now_ns()
        self._start_ns, self._elapsed_ns = now, 0
        return now


@virtual
class WholeSeconds(VirtualClock):
    """Rounds what is waited to whole seconds."""

    def advance(self, seconds: float) -> None:
        super().advance(int(seconds))


@real
class SleepsMilliseconds(SystemClock):
    """Sleeps so many milliseconds."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 1000)


@real
class AwaitsNothing(SystemClock):
    """Comes back from a sleep at once where it is awaited."""

    async def asleep(self, seconds: float) -> None:
        pass


@real
class HoldsTheLoopUp(SystemClock):
    """Blocks the event loop while it sleeps."""

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


@real
class SleepsOn(SystemClock):
    """Sleeps on when its task is cancelled."""

    async def asleep(self, seconds: float) -> None:
        awake = time.monotonic() + seconds
        while (left := awake - time.monotonic()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(left)
