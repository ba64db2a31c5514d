"""A function's parameters as one type: what the model fills in, and what the run injects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import NoneType, SimpleNamespace
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from llamabot.adapters.local.annotations import bare, describe_fields, readable
from llamabot.adapters.local.options import NAME
from llamabot.ports.errors import ToolDefinitionError
from llamabot.ports.schema import schema_of
from llamabot.ports.tools import RunContext

__all__ = ["Parameters", "read_parameters"]

_UNWANTED = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only, but a model names its arguments; take the / away",
    inspect.Parameter.VAR_POSITIONAL: "takes any number of values; take one list instead, as values: list[str]",
    inspect.Parameter.VAR_KEYWORD: "takes any names; name each parameter, or take one dict[str, …]",
}


class Parameters(msgspec.Struct, frozen=True):
    """What a function takes.

    Attributes:
        arguments: the Struct that a call's JSON is decoded into; what was left out is `UNSET`.
        schema: its JSON schema, as JSON.
        contexts: the parameters that the run context is put into.
        described: the parameters whose annotation has a description.
    """

    arguments: type[msgspec.Struct]
    schema: bytes
    contexts: tuple[str, ...]
    described: frozenset[str]


def read_parameters(function: Callable[..., Any], name: str) -> Parameters:
    """Return the parameters of a function.

    Raises:
        ToolDefinitionError: one of them has no type, or none that JSON can express.
    """
    fields: dict[str, tuple[Any, inspect.Parameter]] = {}
    contexts: list[str] = []
    for parameter in _asked_of_the_caller(function):
        where = f"tool {name!r}: parameter {parameter.name!r}"
        type_ = _type_of(function, parameter, where)
        if _is_context(type_, where):
            contexts.append(parameter.name)
        else:
            _check_name(parameter.name, where)
            fields[parameter.name] = (readable(type_, where), parameter)
    arguments, schema = _described(fields, f"tool {name!r}")
    described = frozenset(field for field, shown in schema["properties"].items() if "description" in shown)
    return Parameters(arguments, msgspec.json.encode(schema), tuple(contexts), described)


def _asked_of_the_caller(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters without the `self` that a method gets from its object."""
    parameters = list(inspect.signature(function).parameters.values())
    return parameters[1:] if is_method(function) else parameters


def is_method(function: Callable[..., Any]) -> bool:
    """Say whether a function was defined in a class and wants an object first."""
    place = function.__qualname__.rpartition(".")[0]
    if inspect.ismethod(function) or not place or place.endswith("<locals>"):
        return False
    return next(iter(inspect.signature(function).parameters), None) in ("self", "cls")


def _type_of(function: Callable[..., Any], parameter: inspect.Parameter, where: str) -> Any:
    if parameter.kind in _UNWANTED:
        raise ToolDefinitionError(f"{where} {_UNWANTED[parameter.kind]}")
    if parameter.annotation is parameter.empty:
        raise ToolDefinitionError(f"{where} has no type; write one, as {parameter.name}: str")
    shim: Any = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    names = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        type_ = get_type_hints(shim, globalns=names, include_extras=True)[parameter.name]
    except NameError as error:
        raise ToolDefinitionError(
            f"{where} has the type {parameter.annotation!r}, where {error}; a type that is named in quotes or under "
            "`from __future__ import annotations` must be known at the top level of the module, before the function"
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise ToolDefinitionError(f"{where} has the type {parameter.annotation!r}, which is none: {error}") from error
    return type_ | None if parameter.default is None and not _takes_none(type_) else type_


def _takes_none(type_: Any) -> bool:
    """Say whether None is among the alternatives; `x: str = None` is read as `x: str | None = None`."""
    plain = bare(type_)
    return plain in (Any, NoneType) or NoneType in get_args(plain) or None in get_args(plain) or _is_run_context(plain)


def _is_context(type_: Any, where: str) -> bool:
    if _is_run_context(bare(type_)):
        return True
    if any(map(_is_run_context, map(bare, get_args(bare(type_))))):
        raise ToolDefinitionError(f"{where} is the run's context or something else; annotate it as RunContext alone")
    return False


def _is_run_context(type_: Any) -> bool:
    return (get_origin(type_) or type_) is RunContext


def _check_name(name: str, where: str) -> None:
    if not NAME.fullmatch(name):
        raise ToolDefinitionError(f"{where} has a name that providers refuse; they take a-z, A-Z, 0-9 and _")


def _described(
    fields: Mapping[str, tuple[Any, inspect.Parameter]], where: str
) -> tuple[type[msgspec.Struct], dict[str, Any]]:
    """Return the Struct of the arguments and its schema."""
    try:
        arguments = _struct(fields)
        schema = schema_of(arguments)
        msgspec.json.Decoder(arguments)
    except Exception as error:
        for name, field in fields.items():
            _check_alone(name, field, where)
        raise ToolDefinitionError(f"{where}: its parameters have no JSON schema together: {error}") from error
    del schema["title"]
    describe_fields(schema, {name: type_ for name, (type_, _) in fields.items()})
    for name, (_, parameter) in fields.items():
        _show_default(schema["properties"][name], parameter.default)
    return arguments, schema


def _check_alone(name: str, field: tuple[Any, inspect.Parameter], where: str) -> None:
    try:
        schema_of(alone := _struct({name: field}))
        msgspec.json.Decoder(alone)
    except Exception as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ToolDefinitionError(
            f"{where}: parameter {name!r} has the type {field[0]!r}, which has no JSON schema: {reason}. Take text, "
            "numbers, lists, dicts, Literals, enums, Structs, dataclasses, TypedDicts or pydantic models; an object of "
            "the program comes through RunContext.state"
        ) from error


def _struct(fields: Mapping[str, tuple[Any, inspect.Parameter]]) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        "Arguments",
        [_field(name, type_, parameter) for name, (type_, parameter) in fields.items()],
        forbid_unknown_fields=True,
        kw_only=True,
    )


def _field(name: str, type_: Any, parameter: inspect.Parameter) -> Any:
    if parameter.default is parameter.empty:
        return name, type_
    return name, type_, msgspec.field(default_factory=_left_out)


def _left_out() -> Any:
    """Return what stands for an argument that the function's own default is for, whatever that default is."""
    return msgspec.UNSET


def _show_default(shown: dict[str, Any], default: Any) -> None:
    """Put a default into the schema, if it has a JSON form."""
    if default is inspect.Parameter.empty:
        return
    try:
        shown["default"] = msgspec.json.decode(msgspec.json.encode(default))
    except Exception:  # noqa: BLE001 - whatever a default's own code raises, it has no JSON form then
        return
