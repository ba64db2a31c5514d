"""The JSON of a type: its schema, self-contained, and its values.

The root of a schema is inlined and every reference leads somewhere. Pydantic models are known by their structure, alone
or inside of other types, and pydantic is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import msgspec

from llamabot.ports.learning import learn

__all__ = ["decoded", "is_pydantic", "is_strict", "schema_of", "wrapped"]

_REFERENCE = "#/$defs/{name}"
_SHARED = ("$defs", "definitions")


def schema_of(type_: Any) -> dict[str, Any]:
    """Return the JSON schema of a type that msgspec or pydantic knows; objects with known properties allow no others.

    Raises:
        TypeError: it has none.
    """
    if is_pydantic(type_):
        schema: dict[str, Any] = _closed(_inlined(type_.model_json_schema()))
        return schema
    with suppress(TypeError):  # msgspec says below what is wrong with it, if it has no schema
        learn(type_)
    (root,), components = msgspec.json.schema_components([type_], schema_hook=_pydantic_schema, ref_template=_REFERENCE)
    if "$ref" in root:
        root = components[_referred(root["$ref"])]
    definitions = dict(components)
    root = _closed(_hoisted(root, definitions))
    for name, component in components.items():
        definitions[name] = _hoisted(component, definitions)
    used = sorted(_used(root, definitions))
    return {**root, "$defs": {name: _closed(definitions[name]) for name in used}} if used else root


def is_strict(schema: Any) -> bool:
    """Say whether every object in a schema requires all of its properties and allows no other."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and not _names_all(schema):
        return False
    return all(map(is_strict, schema.values()))


def wrapped(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the schema of an object whose only property is the given schema; its references lead where they led."""
    shared = {key: schema[key] for key in _SHARED if key in schema}
    inner = _moved({key: value for key, value in schema.items() if key not in shared}, f"#/properties/{name}")
    shared = {key: _moved(value, f"#/properties/{name}") for key, value in shared.items()}
    return {"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": False, **shared}


def decoded(data: str | bytes, type_: Any) -> Any:
    """Return the value of a type that JSON text stands for: strictly, else with numbers as text and the like.

    Raises:
        msgspec.ValidationError: it stands for none; what was wrong strictly is told, with the path.
        msgspec.DecodeError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if is_pydantic(type_):
        try:
            return type_.model_validate_json(data)
        except ValueError as error:
            path, problem = _first_problem(error)
            raise msgspec.ValidationError(f"{problem} - at `${path}`") from error
    try:
        return msgspec.json.decode(data, type=type_, dec_hook=_nested)
    except msgspec.ValidationError as error:
        try:
            return msgspec.json.decode(data, type=type_, strict=False, dec_hook=_nested)
        except msgspec.ValidationError:
            raise error from None


def is_pydantic(type_: Any) -> bool:
    """Say whether a type is a pydantic model, by its structure."""
    return isinstance(type_, type) and hasattr(type_, "model_validate_json") and hasattr(type_, "model_json_schema")


def _nested(type_: Any, value: Any) -> Any:
    if not is_pydantic(type_):
        raise NotImplementedError(f"{type_!r} has no JSON form")
    try:
        return type_.model_validate(value)
    except ValueError as error:
        path, problem = _first_problem(error)
        raise ValueError(f"{problem}, in `{path}`" if path else problem) from error  # msgspec adds the path to here


def _first_problem(error: ValueError) -> tuple[str, str]:
    """Return the path and the text of the first problem of a pydantic error."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return "", str(error)
    first = errors()[0]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    return path, first["msg"]


def _pydantic_schema(type_: Any) -> dict[str, Any]:
    if is_pydantic(type_):
        schema: dict[str, Any] = type_.model_json_schema()
        return schema
    raise NotImplementedError(f"{type_!r} has no JSON form")


def _moved(schema: Any, place: str) -> Any:
    """Return a schema that has gone to another place of its document; only the shared definitions have stayed."""
    if isinstance(schema, list):
        return [_moved(item, place) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {name: _moved(value, place) for name, value in schema.items()}
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith(tuple(f"#/{key}/" for key in _SHARED)):
        moved["$ref"] = place + reference.removeprefix("#")
    return moved


def _names_all(schema: Mapping[str, Any]) -> bool:
    named = set(schema.get("properties", ()))
    return schema.get("additionalProperties") is False and set(schema.get("required", ())) == named


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


def _hoisted(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema whose inner definitions have moved to `definitions`, where references look for them.

    Where one of their names is taken by something else, they all get another.
    """
    if isinstance(schema, list):
        return [_hoisted(item, definitions) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$defs" in schema:
        schema = next(named for named in _namings(schema) if _is_free(named["$defs"], definitions))
        definitions |= schema["$defs"]
    return {name: _hoisted(value, definitions) for name, value in schema.items() if name != "$defs"}


def _namings(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for number in count(2):
        names = {name: f"{name}_{number}" for name in schema["$defs"]}
        renamed = _renamed(
            schema, {_REFERENCE.format(name=old): _REFERENCE.format(name=new) for old, new in names.items()}
        )
        yield {**renamed, "$defs": {names[name]: definition for name, definition in renamed["$defs"].items()}}


def _renamed(schema: Any, references: Mapping[str, str]) -> Any:
    """Return a schema with other references, those that tell alternatives apart included."""
    if isinstance(schema, str):
        return references.get(schema, schema)
    if isinstance(schema, list):
        return [_renamed(item, references) for item in schema]
    if isinstance(schema, Mapping):
        return {name: _renamed(value, references) for name, value in schema.items()}
    return schema


def _is_free(named: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    return all(definitions.get(name, definition) == definition for name, definition in named.items())


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose root is no reference."""
    if "$ref" not in schema:
        return schema
    return {**schema["$defs"][_referred(schema["$ref"])], "$defs": schema["$defs"]}


def _used(schema: Any, definitions: Mapping[str, Any]) -> set[str]:
    """Return the names of the definitions that a schema needs, those that they need included."""
    used: set[str] = set()
    waiting = [schema]
    while waiting:
        match waiting.pop():
            case list() as items:
                waiting += items
            case dict() as item:
                waiting += item.values()
                name = _referred(item.get("$ref"))
                if name in definitions and name not in used:
                    used.add(name)
                    waiting.append(definitions[name])
    return used


def _referred(reference: Any) -> str:
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""
