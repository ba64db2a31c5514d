"""Tools: what a model sees of them, toolboxes, and arguments that fit them or nearly do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.adapters.fake.toolbox import EchoToolbox
from llamabot.ports.tools import Tool, ToolCall, ToolSpec
from llamabot.testing.strategies.fitting import valid_values
from llamabot.testing.strategies.mistake import nearly_valid_json
from llamabot.testing.strategies.schema import schemas
from llamabot.testing.strategies.value import texts

__all__ = [
    "AnyTool",
    "arguments",
    "calls_of",
    "nearly_valid_arguments",
    "tool_names",
    "tool_specs",
    "toolboxes",
    "tools",
]

AnyTool: TypeAlias = Tool | ToolSpec

_NAMES = ("look", "search", "refund", "send_mail", "get-weather", "x" * 64)


@cache
def tool_names() -> SearchStrategy[str]:
    """Names that every provider takes: 1 to 64 of ASCII letters, digits, `_` and `-`."""
    return st.sampled_from(_NAMES) | st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,9}", fullmatch=True)


@cache
def tool_specs() -> SearchStrategy[ToolSpec]:
    """Tools as a model sees them, with parameters of every kind."""
    return st.builds(ToolSpec, tool_names(), texts(max_size=20), schemas())


@cache
def tools() -> SearchStrategy[Tool]:
    """Tools as a toolbox offers them, with every flag that may be drawn for any bot.

    `needs_approval` is left out, since a run with such a tool waits for someone: `msgspec.structs.replace` adds it. So
    is `timeout_s`, and `colour` is `both`.
    """
    return st.builds(
        lambda spec, terminal, once, alone: Tool(spec, terminal=terminal, idempotent=not once, sequential=alone),
        tool_specs(),
        *[st.booleans()] * 3,
    )


def toolboxes(*, min_size: int = 0, max_size: int = 3) -> SearchStrategy[EchoToolbox]:
    """Toolboxes of tools with different names; what they answer depends on the call alone."""
    several = st.lists(tools(), min_size=min_size, max_size=max_size, unique_by=lambda tool: tool.name)
    return several.map(EchoToolbox)


def arguments(tool: AnyTool) -> SearchStrategy[str]:
    """JSON text of arguments that fit a tool: bounds, patterns, enums, nested and recursive types."""
    return valid_values(_spec(tool).parameters).map(json.dumps)


def nearly_valid_arguments(tool: AnyTool) -> SearchStrategy[str]:
    """JSON text of arguments with one thing wrong, as models get it wrong; see `nearly_valid_json`."""
    return nearly_valid_json(_spec(tool).parameters)


def calls_of(
    offered: Sequence[AnyTool], *, min_size: int = 0, max_size: int = 3
) -> SearchStrategy[tuple[ToolCall, ...]]:
    """Calls of one message, all well formed: of these tools, with arguments that fit, ids unique in the message."""
    one = st.one_of([st.tuples(st.just(_spec(tool).name), arguments(tool)) for tool in offered])
    several = st.lists(one, min_size=min_size, max_size=max_size) if offered else st.just([])
    return several.map(lambda some: tuple(ToolCall(f"call-{at}", *call) for at, call in enumerate(some, 1)))


def _spec(tool: AnyTool) -> ToolSpec:
    return tool.spec if isinstance(tool, Tool) else tool
