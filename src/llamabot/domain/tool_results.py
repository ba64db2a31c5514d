"""What the model is told of a call: results within bounds, and the words for calls that gave none."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from llamabot.ports.assembly import mend_text
from llamabot.ports.tools import Tool, ToolCall, ToolResult

__all__ = ["bounded", "not_run", "timed_out", "unknown_tool"]


def bounded(result: ToolResult, call: ToolCall, max_characters: int) -> ToolResult:
    """Return the result of this call with its text mended, and cut if it is too long; the text says so."""
    text = mend_text(result.text)
    if len(text) > max_characters:
        text = f"{text[:max_characters]}\n[cut: the first {max_characters:,} of {len(text):,} characters]"
    if text is result.text and result.call_id == call.id:
        return result
    return msgspec.structs.replace(result, call_id=call.id, text=text)


def timed_out(call: ToolCall, tool: Tool) -> ToolResult:
    """Return what is told of a tool that took too long."""
    words = f"{call.name} did not answer within {tool.timeout_s:g} seconds. It may still have had an effect."
    return ToolResult(call.id, words, is_error=True)


def unknown_tool(call: ToolCall, names: Iterable[str]) -> ToolResult:
    """Return what is told of a call of a tool that does not exist."""
    there_are = ", ".join(names) or "none"
    return ToolResult(
        call.id, f"There is no tool named {mend_text(call.name)!r}; there are: {there_are}.", is_error=True
    )


def not_run(call: ToolCall, ended_by: ToolCall) -> ToolResult:
    """Return what is told of a call that came after the one that ended the run."""
    return ToolResult(call.id, f"The call was not run: {ended_by.name} had ended the run before it.", is_error=True)
