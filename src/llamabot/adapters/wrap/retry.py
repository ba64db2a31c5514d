"""Asking again after a failure that may pass."""

from __future__ import annotations

import math
import random as chance
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from llamabot.adapters.wrap.steps import Ask, Steps, sleeping
from llamabot.adapters.wrap.wrapped import Wrapped
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.effect_context import current_effect, tell_tried
from llamabot.ports.errors import PortError
from llamabot.ports.retrying import RetryPolicy

__all__ = ["Retry"]

_NS_PER_S = 1_000_000_000
_DEFAULT = RetryPolicy()


class Retry(Wrapped):
    """A completion port or an embedder that is asked again when it fails with an error that is `retryable`.

    What a provider asks for (Retry-After) is waited out; else the waits double, with jitter. A stream that has handed
    anything on is not begun again. Each failure is in the run's log, as `tried`; a failure after which there is no
    other attempt is raised as it came.

    Args:
        port: the port.
        attempts: most requests for one answer, the first one included.
        first_wait_s: longest wait after the first failure.
        longest_wait_s: where doubling stops; what a provider asks for may be longer.
        within_s: no attempt lasts, and none begins, after so many seconds from the first one on, nor after the deadline
            of the call (`Limits`).
        clock: to wait on; by default that of the run.
        random: gives the jitter: numbers from 0 up to 1.
    """

    def __init__(
        self,
        port: Any,
        attempts: int = _DEFAULT.attempts,
        *,
        first_wait_s: float = _DEFAULT.first_wait_s,
        longest_wait_s: float = _DEFAULT.longest_wait_s,
        within_s: float = _DEFAULT.within_s,
        clock: ClockPort | None = None,
        random: Callable[[], float] = chance.random,
    ) -> None:
        super().__init__(port, clock)
        self._policy = RetryPolicy(
            attempts=attempts, first_wait_s=first_wait_s, longest_wait_s=longest_wait_s, within_s=within_s
        )
        self._random = random

    def _steps(self, given: Any) -> Steps:
        context = current_effect.get()
        clock = self._clock_for(context)
        started_ns = clock.monotonic_ns()
        left_s = self._policy.within_s
        for attempt in count(1):
            ask = Ask(self._port, _hurried(given, left_s))
            try:
                return (yield ask)
            except PortError as error:
                left_s = self._policy.within_s - (clock.monotonic_ns() - started_ns) / _NS_PER_S
                until_s = min(left_s, math.inf if context is None else context.left_s())
                wait_s = None if ask.has_given else self._policy.next_wait_s(error, attempt, self._random, until_s)
                if wait_s is None:
                    raise
                tell_tried(context, "retry", model=getattr(given, "model", ""), error=error, waited_s=wait_s)
            yield sleeping(clock, wait_s)
            left_s -= wait_s

    def __repr__(self) -> str:
        return f"Retry({self._port!r}, attempts={self._policy.attempts})"


def _hurried(given: Any, left_s: float) -> Any:
    """Return a request that waits no longer than there is time for all attempts."""
    if isinstance(given, CompletionRequest) and left_s < given.timeout_s:
        return msgspec.structs.replace(given, timeout_s=max(left_s, 0.001))
    return given
