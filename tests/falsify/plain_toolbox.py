"""A toolbox that is right, and how the wrong ones are made of it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.adapters.local import LocalToolbox
from llamabot.ports.tools import RunContext, ToolCall, ToolResult
from llamabot.testing.contracts import AsyncToolboxContract, ToolboxContract

replaced: Any = msgspec.structs.replace


def add(left: int, right: int) -> int:
    return left + right


def echo(text: str) -> str:
    return text


def fail(reason: str) -> str:
    raise ValueError(reason)


FUNCTIONS = {"add": add, "echo": echo, "fail": fail}


class PlainToolbox(LocalToolbox):
    """A right toolbox, in both colours."""

    def __init__(self) -> None:
        super().__init__(FUNCTIONS.values())

    def tools(self) -> Any:
        return super().tools()

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        await asyncio.sleep(0)
        return self.call(call, context)


class AwaitedToolbox(PlainToolbox):
    """As it is, with tools that are awaited."""

    def tools(self) -> Any:
        return tuple(replaced(tool, colour="async") for tool in super().tools())


class ToolHooks:
    adapter: Any
    examples = 20

    def make(self) -> Any:
        return self.adapter()


class DottedHooks(ToolHooks):
    def tool_name(self, tool: str) -> str:
        return f"sums.{tool}"


sync = wrong(ToolHooks, ToolboxContract)


awaited = wrong(ToolHooks, AsyncToolboxContract)
