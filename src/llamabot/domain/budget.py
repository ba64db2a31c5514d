"""What is left of the limits of one call."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Sequence
from typing import Any

from llamabot.domain.effects import CallTool, Complete, Effect
from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.domain.operations import current_cancellation
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import Usage
from llamabot.ports.errors import LimitReached
from llamabot.ports.tools import Tool

__all__ = ["Budget"]

_NS_PER_S = 1_000_000_000


class Budget:
    """Counts what one call uses."""

    def __init__(self, limits: Limits, clock: ClockPort) -> None:
        self._limits = limits
        self._unlimited = limits == NO_LIMITS
        self._clock = clock
        self._started_ns = 0
        self._decisions = 0
        self._tool_calls = 0
        self._cancellation = current_cancellation.get()

    def start(self) -> None:
        """Let the time run from now."""
        if self._limits.deadline_s is not None:
            self._started_ns = self._clock.monotonic_ns()

    def count(self, effect: Effect[Any]) -> None:
        """Note that an effect is done, now or in an earlier try of the run."""
        if isinstance(effect, Complete):
            self._decisions += 1
        elif isinstance(effect, CallTool):
            self._tool_calls += 1

    def check(self, effects: Sequence[Effect[Any]], usage: Usage, cost_usd: float | None) -> None:
        """Raise `LimitReached` unless these effects may be done now.

        A run inside of a tool or a map that nobody waits for ends here, as cancelled: a thread hears nothing else.

        Args:
            effects: that are about to begin.
            usage: of the completions so far.
            cost_usd: of the same, None if a price is unknown.
        """
        if self._cancellation is not None and self._cancellation.told:
            raise CancelledError("the tool or the map that the run is inside of is no longer wanted")
        if self._unlimited:
            return
        limits = self._limits
        if self.deadline_passed():
            raise self.deadline_reached()
        if limits.decisions is not None and _passes(limits.decisions, self._decisions, Complete, effects):
            raise _reached("decisions", limits.decisions)
        if limits.tool_calls is not None and _passes(limits.tool_calls, self._tool_calls, CallTool, effects):
            raise _reached("tool_calls", limits.tool_calls)
        if limits.tokens is not None and usage.total_tokens >= limits.tokens:
            raise _reached("tokens", limits.tokens)
        if limits.cost_usd is not None and self._decisions:
            if cost_usd is None:
                raise LimitReached("the price of a completion is unknown, and cost_usd is limited", limit="cost_usd")
            if cost_usd >= limits.cost_usd:
                raise _reached("cost_usd", limits.cost_usd)

    def remaining_s(self) -> float | None:
        """Return the seconds until the deadline, or None without one."""
        if self._limits.deadline_s is None:
            return None
        return self._limits.deadline_s - (self._clock.monotonic_ns() - self._started_ns) / _NS_PER_S

    def tool_timeout_s(self, tool: Tool) -> float | None:
        """Return the seconds that a tool may take now, its own or what is left of the call's, or None."""
        times = [seconds for seconds in (self.remaining_s(), tool.timeout_s) if seconds is not None]
        return min(times, default=None)

    def deadline_passed(self) -> bool:
        """Say whether the time is up."""
        remaining_s = self.remaining_s()
        # Who waits for all of a fraction of a second cannot wait for less than a nanosecond of it.
        return remaining_s is not None and remaining_s < 1 / _NS_PER_S

    def deadline_reached(self) -> LimitReached:
        """Return the error for it."""
        deadline_s = self._limits.deadline_s
        return LimitReached(f"the call did not end within its deadline_s={deadline_s:g}", limit="deadline_s")


def _passes(limit: int, used: int, kind: type[Effect[Any]], effects: Sequence[Effect[Any]]) -> bool:
    more = [effect for effect in effects if isinstance(effect, kind)]
    return bool(more) and used + len(more) > limit


def _reached(limit: str, value: float) -> LimitReached:
    mend = f"resume(run_id, limits=lmb.Limits({limit}=…)) goes on with a larger one"
    return LimitReached(f"the call has reached its limit {limit}={value:g}; {mend}", limit=limit)
