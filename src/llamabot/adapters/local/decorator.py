"""The decorator that makes a function a tool and leaves it a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

from llamabot.adapters.local.definition import ATTRIBUTE, Definition, define, place_of
from llamabot.adapters.local.options import ToolOptions
from llamabot.ports.errors import ToolDefinitionError

__all__ = ["tool"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: F, /, **options: Unpack[ToolOptions]) -> F: ...
@overload
def tool(**options: Unpack[ToolOptions]) -> Callable[[F], F]: ...
def tool(function: Any = None, /, **options: Unpack[ToolOptions]) -> Any:
    """Make a function a tool: `@tool`, or `@tool(name=…, terminal=…)`. The same function is returned.

    The model is told what the signature and the docstring say. A parameter annotated `RunContext` or `RunContext[T]` is
    injected and not shown. What is returned reaches the model as it is if it is text, else as JSON; a function declared
    `-> None` is answered with "done".

    Args:
        function: sync or async, every parameter with a type.
        options: `name`, `description`, `terminal`, `timeout_s`, `needs_approval`, `idempotent`, `sequential`.

    Raises:
        ToolDefinitionError: the function cannot be a tool, or an option is wrong; the message says how to mend it.
    """
    if function is None:
        return lambda decorated: _attach(decorated, options)
    return _attach(function, options)


def _attach(function: F, options: ToolOptions) -> F:
    definition = define(function, options)
    known = getattr(function, ATTRIBUTE, None)
    if inspect.ismethod(function):
        raise ToolDefinitionError(f"decorate {place_of(function)} in its class; then hand over the method of an object")
    if isinstance(known, Definition) and known.function is function and known.options != definition.options:
        raise ToolDefinitionError(f"{place_of(function)} is a tool with other options already; write a def around it")
    setattr(function, ATTRIBUTE, definition)
    return function
