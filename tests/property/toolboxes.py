"""Tools of every kind, whose answers depend on nothing but the call, and that note who ran them under which key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import llamabot as lmb
from llamabot.ports.tools import ToolColour

__all__ = ["NAMES", "Asking", "Kit", "answer_to", "tools"]


def _tool(name: str, colour: ToolColour = "both", **flags: Any) -> lmb.Tool:
    parameters = {"type": "object", "properties": {"question": {"type": "string"}}}
    return lmb.Tool(lmb.ToolSpec(name, f"A tool: {name}.", parameters), colour=colour, **flags)


_TOOLS = (
    _tool("look"),
    _tool("look_sync", "sync"),
    _tool("look_async", "async"),
    _tool("break", "sync"),
    _tool("down", "sync"),
    _tool("alone", sequential=True),
    _tool("stop", "sync"),
    _tool("final", "sync", terminal=True),
    _tool("final_async", "async", terminal=True),
    _tool("once", "sync", idempotent=False),
    _tool("once_async", "async", idempotent=False),
    _tool("asks", needs_approval=True),
    _tool("asks_once", "sync", needs_approval=True, idempotent=False),
)
NAMES = (*(tool.name for tool in _TOOLS), "nowhere")


def tools(*names: str) -> tuple[lmb.Tool, ...]:
    """Return these tools, all without a name."""
    return tuple(tool for tool in _TOOLS if not names or tool.name in names)


def answer_to(call: lmb.ToolCall) -> lmb.ToolResult:
    """Return what a tool says to a call: the same whenever it is asked."""
    text = f"{call.name}({call.arguments})"
    if call.name == "break":
        return lmb.ToolResult(call.id, f"ValueError: {text}", is_error=True)
    ends = call.name in ("stop", "final", "final_async")
    return lmb.ToolResult(call.id, text, ends_run=ends, value={"by": text} if ends else None)


class Kit:
    """A toolbox of both colours.

    Args:
        offered: its tools.
        on_call: called with each call before it is answered, on the thread that runs it.

    Attributes:
        ran: the ids of the calls that were run, each with its idempotency key, in the order of their beginning.
    """

    def __init__(self, offered: tuple[lmb.Tool, ...] = _TOOLS, on_call: Callable[..., Any] | None = None) -> None:
        self.ran: list[tuple[str, str]] = []
        self._tools = offered
        self._on_call = on_call
        self._down: set[str] = set()

    def tools(self) -> tuple[lmb.Tool, ...]:
        return self._tools

    def call(self, call: lmb.ToolCall, context: lmb.RunContext[Any]) -> lmb.ToolResult:
        self._begin(call, context)
        return answer_to(call)

    async def acall(self, call: lmb.ToolCall, context: lmb.RunContext[Any]) -> lmb.ToolResult:
        await asyncio.sleep(0)
        self._begin(call, context)
        await asyncio.sleep(0)
        return answer_to(call)

    def _begin(self, call: lmb.ToolCall, context: lmb.RunContext[Any]) -> None:
        assert context.call_id == call.id
        self.ran.append((call.id, context.idempotency_key))
        if self._on_call is not None:
            self._on_call(call, context)
        if call.name == "down" and call.id not in self._down:
            self._down.add(call.id)
            raise lmb.errors.ToolboxUnavailable(f"the server is away: {call.id}")


class Asking:
    """A toolbox around functions that `as_tool` made.

    Args:
        functions: by name.
        flags: of every tool.
    """

    def __init__(self, *functions: Callable[..., Any], **flags: Any) -> None:
        self._functions = {function.__name__: function for function in functions}
        self._flags = flags
        self.threads: set[str] = set()

    def tools(self) -> tuple[lmb.Tool, ...]:
        return tuple(
            _tool(name, "async" if asyncio.iscoroutinefunction(function) else "sync", **self._flags)
            for name, function in self._functions.items()
        )

    def call(self, call: lmb.ToolCall, context: lmb.RunContext[Any]) -> lmb.ToolResult:
        self.threads.add(threading.current_thread().name)
        return lmb.ToolResult(call.id, str(self._functions[call.name](call.arguments, context)))

    async def acall(self, call: lmb.ToolCall, context: lmb.RunContext[Any]) -> lmb.ToolResult:
        return lmb.ToolResult(call.id, str(await self._functions[call.name](call.arguments, context)))
