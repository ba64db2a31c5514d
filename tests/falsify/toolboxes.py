"""Toolboxes that are wrong."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from contextlib import suppress
from typing import Any

from tests.falsify.plain_toolbox import (
    FUNCTIONS,
    AwaitedToolbox,
    DottedHooks,
    PlainToolbox,
    awaited,
    fail,
    replaced,
    sync,
)
from tests.falsify.wrong import wrong

from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult
from llamabot.testing.contracts import ToolboxContract


@sync
class AnswersUnderTheName(PlainToolbox):
    """Puts the tool's name in the place of the call's id."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        return replaced(super().call(call, context), call_id=call.name)


@sync
class UnknownNameRaises(PlainToolbox):
    """Raises for a tool that it does not have."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        if call.name not in FUNCTIONS:
            raise KeyError(call.name)
        return super().call(call, context)


@sync
class UnknownNameSaysNothing(PlainToolbox):
    """Answers an unknown name without the names that there are."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        if call.name not in FUNCTIONS:
            return ToolResult(call.id, f"there is no tool {call.name!r}", is_error=True)
        return super().call(call, context)


@sync
class DefaultsForWhatIsMissing(PlainToolbox):
    """Takes 0 for a number that is missing."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        try:
            given = json.loads(call.arguments)
        except (ValueError, RecursionError):
            return super().call(call, context)
        if call.name == "add" and isinstance(given, dict):
            call = replaced(call, arguments=json.dumps({"left": 0, "right": 0, **given}))
        return super().call(call, context)


@sync
class BrokenJsonIsNothing(PlainToolbox):
    """Calls a tool with noughts and empty texts where the arguments cannot be read."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        try:
            json.loads(call.arguments)
        except (ValueError, RecursionError):
            nothing = {"add": {"left": 0, "right": 0}, "echo": {"text": ""}, "fail": {"reason": ""}}
            call = replaced(call, arguments=json.dumps(nothing.get(call.name, {})))
        return super().call(call, context)


@sync
class TracebackTold(PlainToolbox):
    """Tells the model the whole traceback of a tool that failed."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        if call.name == "fail":
            try:
                fail(**json.loads(call.arguments))
            except ValueError:
                return ToolResult(call.id, traceback.format_exc(), is_error=True)
            except (TypeError, RecursionError):
                pass
        return super().call(call, context)


@sync
class FaultSwallowed(PlainToolbox):
    """Answers with an empty text where the tool has failed."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        return ToolResult(call.id, "") if call.name == "fail" else result


@sync
class ReasonKept(PlainToolbox):
    """Says of a tool that failed that it failed, and not why."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        return replaced(result, text="the tool failed") if call.name == "fail" else result


@sync
class ToolRaises(PlainToolbox):
    """Lets out what the tool raises."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        if call.name == "fail" and not (result := super().call(call, context)).text.startswith("the arguments"):
            raise ValueError(result.text)
        return super().call(call, context)


@sync
class AnotherOrderEachTime(PlainToolbox):
    """Lists its tools in another order each time."""

    listed = 0

    def tools(self) -> Any:
        self.listed += 1
        tools = super().tools()
        return (*tools[self.listed % 3 :], *tools[: self.listed % 3])


@sync
class OneCallAtATime(PlainToolbox):
    """Keeps the call that it runs in itself, where another thread finds it."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        self.running = call
        time.sleep(0.001)
        return super().call(self.running, context)


@sync
class DeepNestingRaises(PlainToolbox):
    """Reads arguments with a parser that gives up on deep nesting, and lets its error out."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        with suppress(ValueError):
            json.loads(call.arguments)
        return super().call(call, context)


@wrong(DottedHooks, ToolboxContract)
class DottedNames(PlainToolbox):
    """Puts the server's name and a dot before the names of its tools."""

    def tools(self) -> Any:
        return tuple(replaced(tool, spec=replaced(tool.spec, name=f"sums.{tool.name}")) for tool in super().tools())

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        return super().call(replaced(call, name=call.name.removeprefix("sums.")), context)


@sync
class ParametersByReference(PlainToolbox):
    """Leaves a `$ref` at the root of the parameters, as generators of schemas do."""

    def tools(self) -> Any:
        return tuple(_referred(tool) for tool in super().tools())


def _referred(tool: Tool) -> Any:
    parameters = {"$ref": "#/$defs/Arguments", "$defs": {"Arguments": tool.spec.parameters}, "type": "object"}
    return replaced(tool, spec=replaced(tool.spec, parameters=parameters))


@sync
class TextInQuotes(PlainToolbox):
    """Writes text as JSON, in quotes."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        return replaced(result, text=json.dumps(result.text)) if call.name == "echo" and not result.is_error else result


@sync
class ErrorSticks(PlainToolbox):
    """Answers every call after one that failed with an error."""

    failed = False

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        self.failed = self.failed or result.is_error
        return replaced(result, is_error=self.failed)


@sync
class TextTrimmed(PlainToolbox):
    """Trims what a tool returns."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        return replaced(result, text=result.text.strip())


@sync
class LongTextCut(PlainToolbox):
    """Cuts what a tool returns after ten thousand characters."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        return replaced(result, text=result.text[:10_000])


@sync
class CapitalsAlike(PlainToolbox):
    """Finds a tool whose name is written in capitals."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        return super().call(replaced(call, name=call.name.lower()), context)


@sync
class HalfCharacterRaises(PlainToolbox):
    """Encodes the arguments as UTF-8, which half a character is not."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        given = call.arguments
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return super().call(call, context)
        json.dumps(given, ensure_ascii=False).encode()
        return super().call(call, context)


@sync
class AlwaysEnds(PlainToolbox):
    """Marks every answer as one that ends the run."""

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        result = super().call(call, context)
        return replaced(result, ends_run=not result.is_error)


@sync
class AsyncToolsOffered(PlainToolbox):
    """Offers to who calls it tools that can only be awaited."""

    def tools(self) -> Any:
        return tuple(replaced(tool, colour="async") for tool in super().tools())


@awaited
class TwinAnswersTheLastCall(AwaitedToolbox):
    """Keeps the call that it runs in itself, where the next task overwrites it."""

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        self.running = call
        await asyncio.sleep(0.001)
        return self.call(self.running, context)


@awaited
class TwinSwallowsFaults(AwaitedToolbox):
    """Says of a tool that failed that it is well, in the async twin alone."""

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        return replaced(await super().acall(call, context), is_error=False)


@awaited
class SessionOfTheFirstLoop(AwaitedToolbox):
    """Keeps a session of the first event loop."""

    loop: asyncio.AbstractEventLoop | None = None

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError("Event loop is closed")
        return await super().acall(call, context)
