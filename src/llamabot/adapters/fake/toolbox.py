"""A toolbox whose answers depend on the call alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from llamabot.ports.errors import ToolDefinitionError
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult, ToolSpec

__all__ = ["EchoToolbox"]


class EchoToolbox:
    """Answers a call with the call, `look({"day": 1})`: the same each time that it is made, in either colour.

    So it can be crashed, resumed and replayed, and what a model is told shows which call was answered. An unknown name,
    and arguments that are no JSON object or leave out what the tool requires, are answered with an error. A `terminal`
    tool ends the run with its text.

    Args:
        tools: what it offers; a spec is a tool without flags. Names must be unique.
        answer: gives another text for a call; it should look at nothing but the call.

    Attributes:
        ran: each call that was answered and the idempotency key that it was made under, in their order.
    """

    def __init__(
        self, tools: Iterable[Tool | ToolSpec] = (), *, answer: Callable[[ToolCall], str] | None = None
    ) -> None:
        self._tools = tuple(Tool(tool) if isinstance(tool, ToolSpec) else tool for tool in tools)
        self._by_name = {tool.name: tool for tool in self._tools}
        if len(self._by_name) < len(self._tools):
            raise ToolDefinitionError(f"two tools have one name: {[tool.name for tool in self._tools]}")
        self._answer = answer or (lambda call: f"{call.name}({call.arguments})")
        self.ran: list[tuple[ToolCall, str]] = []

    def tools(self) -> tuple[Tool, ...]:
        """Return the tools, as they were given."""
        return self._tools

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Return the answer to a call."""
        self.ran.append((call, context.idempotency_key))
        tool = self._by_name.get(call.name)
        wrong = f"there is no tool {call.name!r}" if tool is None else _what_is_wrong(tool.spec, call.arguments)
        if tool is None or wrong:
            return ToolResult(call.id, wrong, is_error=True)
        text = self._answer(call)
        return ToolResult(call.id, text, ends_run=tool.terminal, value=text if tool.terminal else None)

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Return the answer to a call."""
        return self.call(call, context)

    def __repr__(self) -> str:
        return f"EchoToolbox([{', '.join(self._by_name)}])"


def _what_is_wrong(spec: ToolSpec, arguments: str) -> str:
    """Return why a call with these arguments cannot be made; "" if it can."""
    try:
        given = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return f"the arguments are no JSON: {error}"
    if not isinstance(given, Mapping):
        return "the arguments are no JSON object"
    missing = [name for name in spec.parameters.get("required", ()) if name not in given]
    return f"the arguments leave out {', '.join(map(repr, missing))}" if missing else ""
