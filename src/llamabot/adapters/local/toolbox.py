"""The toolbox of plain functions: decodes a call's arguments, runs the function, tells what it gave.

A function runs where it is called: no threads, no time-outs, no locks. Those are the callers' matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import msgspec

from llamabot.adapters.local.definition import Definition, definition_of, place_of
from llamabot.adapters.local.results import answered, failed
from llamabot.ports.assembly import mend_text
from llamabot.ports.errors import RunBusy, RunPaused, ToolDefinitionError, UsageError
from llamabot.ports.schema import decoded
from llamabot.ports.tools import RunContext, Tool, ToolCall, ToolResult

__all__ = ["LocalToolbox"]


class LocalToolbox:
    """A `ToolboxPort` and an `AsyncToolboxPort` of plain functions. Safe to share by threads: it keeps nothing else.

    Args:
        functions: decorated with `tool`, or plain ones, which are taken as if they were; methods of an object too.

    Raises:
        ToolDefinitionError: one of them cannot be a tool, or two have one name.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        if not isinstance(functions, Iterable):
            raise ToolDefinitionError(f"a toolbox takes a list of functions, not {functions!r:.80}; put [ ] around it")
        self._functions: dict[str, tuple[Definition, Callable[..., Any]]] = {}
        for function in functions:
            definition = definition_of(function)
            _, other = self._functions.get(definition.name, (None, None))
            if other is not None:
                raise ToolDefinitionError(
                    f"two tools are named {definition.name!r}: {place_of(other)} and {place_of(function)}; "
                    "give one of them another name with @tool(name=…)"
                )
            self._functions[definition.name] = definition, function

    def tools(self) -> tuple[Tool, ...]:
        """Return the tools in the order of the functions."""
        return tuple(self._tools.values())

    def call(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Run a sync function.

        Raises:
            UsageError: it is an async one, which `acall` is for.
        """
        tool = self._tools.get(call.name)
        if tool is not None and tool.colour == "async":
            raise UsageError(f"the tool {call.name!r} is async; call it through acall()")
        prepared = self._prepare(call, context)
        if isinstance(prepared, ToolResult):
            return prepared
        definition, function, arguments = prepared
        try:
            value = function(**arguments)
        except (RunPaused, RunBusy):  # a run inside the tool waits, and so does the one that called
            raise
        except asyncio.CancelledError as error:
            if _is_cancelled(context):
                raise
            return failed(call, error)  # of something that the tool has awaited
        except Exception as error:  # noqa: BLE001 - what a tool raises is an answer to the model
            return failed(call, error)
        return answered(call, self._tools[call.name], value, returns_nothing=definition.returns_nothing)

    async def acall(self, call: ToolCall, context: RunContext[Any]) -> ToolResult:
        """Run a function, and await it if it is an async one."""
        prepared = self._prepare(call, context)
        if isinstance(prepared, ToolResult):
            return prepared
        definition, function, arguments = prepared
        tool = self._tools[call.name]
        try:
            value = await function(**arguments) if tool.colour == "async" else function(**arguments)
        except (RunPaused, RunBusy):  # a run inside the tool waits, and so does the one that called
            raise
        except asyncio.CancelledError as error:
            if _is_cancelled(context):
                raise
            return failed(call, error)  # of something that the tool has awaited
        except Exception as error:  # noqa: BLE001 - what a tool raises is an answer to the model
            return failed(call, error)
        return answered(call, tool, value, returns_nothing=definition.returns_nothing)

    @cached_property
    def _tools(self) -> dict[str, Tool]:
        """Made when first wanted: to read docstrings takes time."""
        return {name: definition.tool(function) for name, (definition, function) in self._functions.items()}

    def _prepare(
        self, call: ToolCall, context: RunContext[Any]
    ) -> tuple[Definition, Callable[..., Any], dict[str, Any]] | ToolResult:
        """Return what is to be called and with what, or why it cannot be."""
        found = self._functions.get(call.name)
        if found is None:
            names = ", ".join(self._functions) or "none at all"
            return ToolResult(
                call.id, f"there is no tool {mend_text(call.name)!r:.80}; there are: {names}", is_error=True
            )
        definition, function = found
        try:
            values = decoded(_object_in(call.arguments), definition.parameters.arguments)
        except Exception as error:  # noqa: BLE001 - types check themselves with code of their own
            return ToolResult(call.id, _advice(definition, error), is_error=True)
        given = msgspec.structs.asdict(values)
        arguments = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        for name in definition.parameters.contexts:
            arguments[name] = context
        return definition, function, arguments


def _is_cancelled(context: RunContext[Any]) -> bool:
    """Say whether who called is no longer interested, or its task is being cancelled."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        task = None
    return context.cancelled or (task is not None and task.cancelling() > 0)


def _object_in(arguments: str) -> str:
    """Return the JSON that is meant: models leave it out, or write null, where there is nothing to say."""
    return "{}" if arguments.strip() in ("", "null") else mend_text(arguments)


def _advice(definition: Definition, error: Exception) -> str:
    """Return what the model should change."""
    match error:
        case msgspec.ValidationError():
            problem = f"do not fit: {error}"
        case msgspec.DecodeError():
            problem = f"are not JSON: {str(error).removeprefix('JSON is malformed: ')}"
        case RecursionError():
            problem = "are nested too deeply"
        case _:
            problem = f"do not fit: {type(error).__name__}: {mend_text(str(error))}"
    fields = msgspec.structs.fields(definition.parameters.arguments)
    known = ", ".join(field.name if field.required else f"{field.name} (optional)" for field in fields) or "none"
    return f"the arguments of {definition.name} {problem}. Its parameters: {known}. Send one JSON object that fits."
