"""Output types: the JSON schema of a type, and its values out of a model's text.

msgspec knows Structs, dataclasses, TypedDicts, enums, Literals and what is made of them. Pydantic models are accepted
by structure, alone or inside of others, without importing pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from llamabot.ports.completion import OutputSchema
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.schema import decoded, is_strict, schema_of, wrapped

__all__ = ["Output", "OutputRejected", "PydanticModel", "SchemaOutput", "output_of"]

T = TypeVar("T")
# JSON has no line end inside of a string, so a fence that begins or ends a line is never part of one.
_FENCED = re.compile(r"```(?:[A-Za-z][\w-]*(?=\s))?(.*?)(?:\n[ \t]*```|```[ \t]*(?=\r?\n|\Z))", re.DOTALL)
_WRAPPED = "value"


class PydanticModel(Protocol):
    """What we need of a pydantic model's class."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema."""

    @classmethod
    def model_validate_json(cls, json_data: str | bytes) -> Any:
        """Return an instance, or raise a ValueError."""


class OutputRejected(Exception):
    """A text is no value of the type; the message says where and why, for the model to read."""


class Output(Generic[T]):
    """A type as an output.

    Attributes:
        schema: an object at the root; any other type is wrapped into one with the single property `value`.
    """

    def __init__(self, type_: Any) -> None:
        schema = schema_of(type_)
        self._bare = type_
        self._wrapper: Any = None
        if schema.get("type") != "object":
            self._wrapper = msgspec.defstruct("Answer", [(_WRAPPED, type_)], forbid_unknown_fields=True)
            schema = schema_of(self._wrapper)
        self.schema = OutputSchema(_name_of(type_), schema, is_strict(schema))

    def decode(self, text: str) -> T:
        """Return the value that a model's text stands for; a fence around the JSON is taken off.

        Raises:
            OutputRejected: it stands for none.
        """
        data = _json_in(text)
        try:
            value: T = self._value(data)
        except RecursionError:
            raise OutputRejected("the JSON is nested too deeply") from None
        except msgspec.ValidationError as error:
            raise OutputRejected(str(error)) from error
        except msgspec.DecodeError as error:
            reason = str(error).removeprefix("JSON is malformed: ")
            raise OutputRejected(f"malformed JSON: {reason}" if data else "the answer is empty") from error
        return value

    def _value(self, data: str) -> Any:
        parsed = msgspec.json.decode(data)
        if self._wrapper is not None and _is_wrapped(parsed):
            return decoded(data, self._wrapper).value
        return decoded(data, self._bare)


class SchemaOutput(Output[Any]):
    """A JSON schema as an output; its values are plain JSON.

    Args:
        schema: of any kind.
        problem: says what a value lacks to fit the schema, with the path, for the model to read; None if it fits.
        name: how the provider is told to call it.
    """

    def __init__(
        self, schema: Mapping[str, Any], problem: Callable[[Any], str | None], *, name: str = "Answer"
    ) -> None:
        self._problem = problem
        root = schema if schema.get("type") == "object" else wrapped(schema, _WRAPPED)
        self._wraps = root is not schema
        self.schema = OutputSchema(re.sub(r"[^\w-]+", "_", name).strip("_")[:64] or "Answer", root, is_strict(root))

    def _value(self, data: str) -> Any:
        parsed = msgspec.json.decode(data)
        value = parsed[_WRAPPED] if self._wraps and _is_wrapped(parsed) else parsed
        problem = self._problem(value)
        if problem is not None:
            raise OutputRejected(problem)
        return value


def output_of(type_: Any) -> Output[Any]:
    """Return a type as an output; an output is returned as it is.

    Raises:
        ConfigurationError: the type has no JSON schema.
    """
    if isinstance(type_, Output):
        return type_
    try:
        return _made(type_)
    except (TypeError, NameError, RuntimeError, ValueError) as error:
        reason = [line for line in str(error).splitlines() if "further information" not in line and line.strip()]
        raise ConfigurationError(
            f"output={type_!r} has no JSON schema: {reason[-1].rstrip('.')}. Use a msgspec Struct, "
            "a dataclass, a TypedDict, a pydantic model, or lists, dicts, Literals, enums and scalars"
        ) from error


@lru_cache(maxsize=256)
def _made(type_: Any) -> Output[Any]:
    return Output(type_)


def _name_of(type_: Any) -> str:
    """Return a name that providers take: `Person`, `list_Person`; modules are left out."""
    name = type_.__name__ if isinstance(type_, type) else re.sub(r"\w+\.", "", str(type_))
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:64] or "Answer"


def _is_wrapped(parsed: Any) -> bool:
    return isinstance(parsed, dict) and parsed.keys() == {_WRAPPED}


def _json_in(text: str) -> str:
    fenced = _FENCED.findall(text)
    return (fenced[0] if len(fenced) == 1 else text).strip()
