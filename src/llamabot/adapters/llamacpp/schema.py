"""JSON schemas in the forms that llama.cpp takes, and as a model reads them.

`enforceable` gives what the runtime can hold a model to; `sketch` gives the same in few tokens, for the prompt: the
runtime enforces a schema without telling the model what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llamabot.ports.errors import RequestRejected

__all__ = ["enforceable", "sketch"]

_DEFINITIONS = "#/$defs/"
_NAMED = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
_LISTED = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_VERBATIM = frozenset({"const", "default", "enum", "examples", "required"})
# llama.cpp never comes back from a range that is empty.
_RANGES = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"))
_DEEPEST_SKETCH = 4


def enforceable(schema: Mapping[str, Any], definitions: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the schema as llama.cpp takes it, and put its `$defs` into `definitions`, their names prefixed.

    `pattern` is left out: the runtime knows few of them, says so on stderr, and does not come back from some.

    Raises:
        RequestRejected: a range in it is empty.
    """
    whole = dict(schema)
    for name, definition in whole.pop("$defs", {}).items():
        definitions[prefix + name] = _rewritten(definition, prefix)
    rewritten: dict[str, Any] = _rewritten(whole, prefix)
    return rewritten


def _rewritten(schema: Any, prefix: str) -> Any:
    if schema is True:
        return {}
    if not isinstance(schema, Mapping):
        return schema
    _refuse_empty_ranges(schema)
    kept = {key: value for key, value in schema.items() if key != "pattern" and not (key == "items" and value is False)}
    return {key: _value(key, value, prefix) for key, value in kept.items()}


def _value(key: str, value: Any, prefix: str) -> Any:
    if key in _VERBATIM:
        return value
    if key == "$ref" and isinstance(value, str) and value.startswith(_DEFINITIONS):
        return _DEFINITIONS + prefix + value.removeprefix(_DEFINITIONS)
    if key in _NAMED and isinstance(value, Mapping):
        return {name: _rewritten(inner, prefix) for name, inner in value.items()}
    if key in _LISTED and isinstance(value, list | tuple):
        return [_rewritten(inner, prefix) for inner in value]
    return value if key == "additionalProperties" and isinstance(value, bool) else _rewritten(value, prefix)


def _refuse_empty_ranges(schema: Mapping[str, Any]) -> None:
    for low, high in _RANGES:
        least, most = schema.get(low), schema.get(high)
        if isinstance(least, int) and isinstance(most, int) and least > most:
            raise RequestRejected(f"nothing fits a schema with {low} {least} and {high} {most}; mend the schema")


def sketch(schema: Any, definitions: Mapping[str, Any], depth: int = 0) -> str:
    """Return a schema as a line that a small model can follow, like `{"name": string, "age": integer}`."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST_SKETCH:
        return "any"
    for key, draw in _DRAWN:
        if key in schema:
            return draw(schema[key], lambda inner: sketch(inner, definitions, depth + 1), definitions)
    kind = schema.get("type", "any")
    return " | ".join(kind) if isinstance(kind, list | tuple) else str(kind)


_Draw = Callable[[Any, Callable[[Any], str], Mapping[str, Any]], str]


def _draw_reference(value: Any, inner: Callable[[Any], str], definitions: Mapping[str, Any]) -> str:
    return inner(definitions.get(str(value).removeprefix(_DEFINITIONS)))


def _draw_constant(value: Any, _: Callable[[Any], str], __: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _draw_constants(values: Any, _: Callable[[Any], str], __: Mapping[str, Any]) -> str:
    return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)


def _draw_choice(values: Any, inner: Callable[[Any], str], _: Mapping[str, Any]) -> str:
    return " | ".join(inner(value) for value in values)


def _draw_object(properties: Any, inner: Callable[[Any], str], _: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f'"{name}": {inner(value)}' for name, value in properties.items()) + "}"


def _draw_tuple(values: Any, inner: Callable[[Any], str], _: Mapping[str, Any]) -> str:
    return "[" + ", ".join(inner(value) for value in values) + "]"


def _draw_array(value: Any, inner: Callable[[Any], str], _: Mapping[str, Any]) -> str:
    return f"[{inner(value)}, …]"


_DRAWN: tuple[tuple[str, _Draw], ...] = (
    ("$ref", _draw_reference),
    ("const", _draw_constant),
    ("enum", _draw_constants),
    ("anyOf", _draw_choice),
    ("oneOf", _draw_choice),
    ("properties", _draw_object),
    ("prefixItems", _draw_tuple),
    ("items", _draw_array),
)
