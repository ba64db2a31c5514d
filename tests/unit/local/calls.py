"""Calling a tool in a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from llamabot.adapters.local import LocalToolbox
from llamabot.ports.tools import RunContext, ToolCall, ToolResult, ToolSpec

__all__ = ["ask", "context_of", "spec_of"]


def context_of(state: Any = None) -> RunContext[Any]:
    return RunContext(run_id="r", call_id="c", idempotency_key="k", state=state)


def ask(function: Callable[..., Any], arguments: str = "{}", state: Any = None) -> ToolResult:
    """Call a function as the only tool of a toolbox."""
    box = LocalToolbox([function])
    return box.call(ToolCall("c", box.tools()[0].name, arguments), context_of(state))


def spec_of(function: Callable[..., Any]) -> ToolSpec:
    spec = LocalToolbox([function]).tools()[0].spec
    json.dumps(spec.parameters)
    return spec
