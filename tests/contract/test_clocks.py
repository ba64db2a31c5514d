"""The clocks keep the promises of their port, those too that move only when they are read or told to."""

from __future__ import annotations

from typing import Any

from llamabot.adapters.system.clock import SystemClock
from llamabot.testing import TickingClock, VirtualClock
from llamabot.testing.contracts import ClockContract


class TestSystemClock(ClockContract):
    def make(self) -> SystemClock:
        return SystemClock()


class TestTickingClock(ClockContract):
    def make(self) -> TickingClock:
        return TickingClock()

    def let_pass(self, clock: Any, seconds: float) -> None:
        clock.advance(seconds)


class TestVirtualClock(ClockContract):
    def make(self) -> VirtualClock:
        return VirtualClock()

    def let_pass(self, clock: Any, seconds: float) -> None:
        clock.sleep(seconds)
