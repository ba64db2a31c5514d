"""What a port may know of the effect that it serves, and what it tells the log of it.

A port's argument is a value, the same whoever asks. Decorators want more: whose run it is (a budget by user), when the
call's deadline passes (a retry), and a place to say what was tried (a fallback). The drivers set it around each call of
a port; a stream that blocks is read in a context of its own, around an awaited one it is set for each fragment. Outside
of a run there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import ContextVar

import msgspec

from llamabot.ports.clock import ClockPort

__all__ = ["EffectContext", "Try", "current_effect", "inherited_tags", "tell_tried"]

_NS_PER_S = 1_000_000_000


class Try(msgspec.Struct, frozen=True):
    """Something that was tried on the way to an outcome.

    Attributes:
        by: what tried it: `retry`, `fallback`, `rate_limit`.
        model: that was asked, "" where nothing was.
        error: what came of it, or None.
        waited_s: seconds that were waited after it.
    """

    by: str
    model: str = ""
    error: BaseException | None = None
    waited_s: float = 0.0


class EffectContext:
    """One effect of a run, as the ports that perform it see it. Shared by the threads that they use.

    Attributes:
        run_id: of the run.
        tags: of the run, and of those that it is inside of; its own win.
        clock: of the run.
        tries: what was tried so far, in order.
    """

    __slots__ = ("_ends_ns", "clock", "run_id", "tags", "tries")

    def __init__(self, run_id: str, tags: Mapping[str, str], clock: ClockPort, timeout_s: float | None) -> None:
        self.run_id, self.tags, self.clock = run_id, tags, clock
        self.tries: list[Try] = []
        self._ends_ns = None if timeout_s is None else clock.monotonic_ns() + timeout_s * _NS_PER_S

    def left_s(self) -> float:
        """Return the seconds until the call's deadline, infinite without one; after it nobody waits any longer."""
        return math.inf if self._ends_ns is None else (self._ends_ns - self.clock.monotonic_ns()) / _NS_PER_S


current_effect: ContextVar[EffectContext | None] = ContextVar("llamabot_effect", default=None)
"""The effect that is being performed; to be read when a call begins, and kept for as long as it lasts."""


def inherited_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return the tags of a run that begins here: its own, and those of the run whose tool begins it."""
    outer = current_effect.get()
    return tags if outer is None else {**outer.tags, **tags}


def tell_tried(
    context: EffectContext | None,
    by: str,
    *,
    model: str = "",
    error: BaseException | None = None,
    waited_s: float = 0.0,
) -> None:
    """Tell the log of an effect what was tried; nobody, outside of a run."""
    if context is not None:
        context.tries.append(Try(by, model, error, waited_s))
