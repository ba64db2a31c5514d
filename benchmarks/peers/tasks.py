"""What a contender has to do. The start of a process is measured with this, so it loads next to nothing."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["ANSWER", "MODEL", "PROMPT", "QUESTION", "STEPS", "SUM", "Ask", "Tasks", "add"]

STEPS = 10
MODEL = "canned"
PROMPT, QUESTION = "You are Feynman.", "Explain QED."
"""What everybody is told and asked."""
SUM = "1 + 2?"
"""What an agent is asked."""
ANSWER = "Light and matter, one photon at a time."
"""What a fake says."""

Ask = Callable[[], Awaitable[str]]


class Tasks(NamedTuple):
    """What one contender can do; None where it cannot.

    Attributes:
        call: ask the server once and return the text.
        acall: make what asks the server when it is awaited; one serves many calls and event loops, as a bot does.
        stream: ask once and go through the fragments.
        astream: the same for a contender that only streams asynchronously.
        agent: let the model call `add` ten times over the server, and return its answer.
        fake_turn: one call, answered by a fake of the contender's own; nothing is recorded.
        fake_agent: ten steps, answered by it.
        recorded_turn: as `fake_turn`, with a log of everything, which the others do not keep.
        recorded_agent: as `fake_agent`, with it.
    """

    call: Callable[[], str] | None = None
    acall: Callable[[], Ask] | None = None
    stream: Callable[[], Iterable[Any]] | None = None
    astream: Callable[[], AsyncIterable[Any]] | None = None
    agent: Callable[[], Any] | None = None
    fake_turn: Callable[[], Any] | None = None
    fake_agent: Callable[[], Any] | None = None
    recorded_turn: Callable[[], Any] | None = None
    recorded_agent: Callable[[], Any] | None = None


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
