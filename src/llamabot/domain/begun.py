"""The tools that a run has begun: what each is told, and which of them nobody waits for any longer."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

from llamabot.domain.operations import tool_context
from llamabot.ports.tools import RunContext, ToolCall

__all__ = ["Begun"]


class Begun:
    """Belongs to one run, whose tools may run in several threads."""

    def __init__(self, run_id: str, state: Any) -> None:
        self._run_id, self._state = run_id, state
        self._open: dict[str, RunContext[Any]] = {}
        self._left: set[str] = set()

    def open(self, path: str, call: ToolCall) -> RunContext[Any]:
        """Return what the tool is told of the run."""
        context = self._open[path] = tool_context(self._run_id, path, call, self._state)
        return context

    def ended(self, path: str) -> None:
        """Note that a tool has answered."""
        del self._open[path]

    def cancel(self, path: str) -> None:
        """Tell a tool that nobody waits for it."""
        self._open.pop(path).cancellation.cancel()

    def leave(self, path: str) -> None:
        """Wait for an effect no longer, whether it runs by now or its thread has yet to come to it."""
        self._left.add(path)  # before the look at what is open: a tool that opens after it finds this
        if (context := self._open.get(path)) is not None:
            context.cancellation.cancel()

    def check(self, path: str) -> None:
        """Raise `CancelledError` if nobody waits for an effect that is about to be done."""
        if path in self._left:
            raise CancelledError("nobody waits for it any longer")
