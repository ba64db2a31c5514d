"""A function as a tool: what is known of it before it is ever called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import msgspec

from llamabot.adapters.local.docstrings import read_docstring
from llamabot.adapters.local.options import NAME, ToolOptions, check_options
from llamabot.adapters.local.parameters import Parameters, is_method, read_parameters
from llamabot.ports.errors import ToolDefinitionError
from llamabot.ports.tools import Tool, ToolSpec

__all__ = ["ATTRIBUTE", "Definition", "define", "definition_of", "place_of"]

ATTRIBUTE = "__llamabot_tool__"


@dataclass(frozen=True, eq=False)
class Definition:
    """A tool's name, parameters and options. Immutable: any number of toolboxes may share it.

    Attributes:
        function: what was decorated; a toolbox may hold a method or a wrapper of it instead.
        wants_object: it is a method, to be taken from an object.
        options: as they were given.
    """

    name: str
    function: Callable[..., Any]
    parameters: Parameters
    wants_object: bool
    options: Mapping[str, Any]

    def tool(self, function: Callable[..., Any]) -> Tool:
        """Return a new description of the tool, as this function carries it out."""
        flags = {key: value for key, value in self.options.items() if key not in ("name", "description")}
        spec = msgspec.json.decode(self._spec, type=ToolSpec)
        return Tool(spec, colour="async" if inspect.iscoroutinefunction(function) else "sync", **flags)

    @cached_property
    def returns_nothing(self) -> bool:
        """Whether it is declared to return None."""
        return self.function.__annotations__.get("return", "") in (None, "None")

    @cached_property
    def _spec(self) -> bytes:
        """The spec as JSON: what is kept cannot be changed through what is given out."""
        description, of_parameters = read_docstring(self.function)
        schema = msgspec.json.decode(self.parameters.schema)
        for name, shown in schema["properties"].items():
            if name in of_parameters and name not in self.parameters.described:
                shown["description"] = of_parameters[name]
        given = self.options.get("description")
        return msgspec.json.encode(ToolSpec(self.name, description if given is None else given, schema))


def define(function: Callable[..., Any], options: ToolOptions) -> Definition:
    """Return a function's definition.

    Raises:
        ToolDefinitionError: it cannot be a tool.
    """
    check_options(options)
    _check_kind(function)
    name = options.get("name") or _name_of(function)
    parameters = read_parameters(function, name)
    return Definition(name, function, parameters, is_method(function), MappingProxyType({**options}))


def definition_of(function: Any) -> Definition:
    """Return the definition that `tool` attached to a function; a plain function gets one.

    Raises:
        ToolDefinitionError: it cannot be a tool.
    """
    definition = getattr(function, ATTRIBUTE, None)
    if not isinstance(definition, Definition):
        definition = define(function, {})
    if definition.wants_object and not inspect.ismethod(function):
        raise ToolDefinitionError(
            f"{place_of(function)} is a method; hand over the one of an object, as thing.{function.__name__}"
        )
    return definition


def place_of(function: Any) -> str:
    """Return where a function is defined, for people."""
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"


def _check_kind(function: Any) -> None:
    if isinstance(function, staticmethod | classmethod):
        raise ToolDefinitionError(f"put @tool below @{type(function).__name__}, next to the function")
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        raise ToolDefinitionError(f"a tool is a function, not {function!r:.80}; write a def around it")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(f"{place_of(function)} is a generator; let it return a list")


def _name_of(function: Callable[..., Any]) -> str:
    name = function.__name__
    if name == "<lambda>":
        raise ToolDefinitionError("a lambda has neither a name nor types that a model could be told; write a def")
    if not NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"the name {name!r} is refused by providers; give another with @tool(name=…): 1 to 64 of the characters "
            "a-z, A-Z, 0-9, _ and -"
        )
    return name
