"""Values fit the schemas they are drawn for, or fail them by one mistake; schemas are schemas."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from tests.property.kit.shrinking import minimal

from llamabot.ports.tools import ToolSpec
from llamabot.testing import strategies

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name", "children"],
    "additionalProperties": False,
}
LINKED: dict[str, Any] = {
    "type": "object",
    "properties": {"head": {"$ref": "#/$defs/Node"}},
    "required": ["head"],
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
        }
    },
}
HAND_WRITTEN: dict[str, dict[str, Any]] = {
    "a tree": TREE,
    "a linked list": LINKED,
    "a pattern": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
    "a pattern somewhere": {"type": "string", "pattern": "ab"},
    "a pattern of a length": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 3},
    "bounds": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
    "bounds of numbers": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "steps": {"type": "integer", "multipleOf": 5, "minimum": 7, "maximum": 21},
    "steps of numbers": {"type": "number", "multipleOf": 0.25, "exclusiveMinimum": 0, "maximum": 1},
    "an enum of all kinds": {"enum": ["a", 1, None, {"b": [2]}]},
    "a constant": {"const": "only"},
    "sets": {"type": "array", "items": {"enum": [1, 1.0, True, "1", [1.0], [1]]}, "uniqueItems": True, "minItems": 2},
    "a pair": {"type": "array", "prefixItems": [{"type": "null"}, {"type": "integer"}], "items": False, "minItems": 2},
    "a table": {"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1},
    "both": {
        "type": "object",
        "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"type": "null"}}, "required": ["b"]}],
        "$defs": {"A": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
    },
    "several types": {"type": ["string", "null", "array"], "items": {"type": "integer"}},
    "no type": {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
    "anything": {},
    "one of two, and not both": {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
    "any of what is required": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "more than the reference": {"$defs": {"P": {"type": "integer", "maximum": 9}}, "$ref": "#/$defs/P", "minimum": 3},
    "bounds of two": {"allOf": [{"type": "integer", "minimum": 3}, {"minimum": 1, "maximum": 5}]},
    "cents": {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 100},
    "names": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": {"type": "integer"}},
    "one with the other": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "dependentRequired": {"a": ["b"]},
    },
    "all but one": {"type": "integer", "not": {"const": 0}},
    "bounds without a type": {"minimum": 3},
    "a short address": {"type": "string", "format": "email", "maxLength": 14},
}


def _fits(value: Any, schema: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


@given(st.data(), strategies.schemas())
def test_values_fit_any_schema_that_is_drawn(data: st.DataObject, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    value = data.draw(strategies.valid_values(schema))
    assert _fits(json.loads(json.dumps(value)), schema)


@pytest.mark.parametrize("schema", HAND_WRITTEN.values(), ids=HAND_WRITTEN)
@given(data=st.data())
@settings(max_examples=12)
def test_values_fit_a_schema_that_someone_wrote(data: st.DataObject, schema: dict[str, Any]) -> None:
    assert _fits(data.draw(strategies.valid_values(schema)), schema)


def test_a_recursive_schema_gives_deep_values_and_ends() -> None:
    deep = minimal(strategies.valid_values(TREE), lambda tree: any(child["children"] for child in tree["children"]))
    assert deep == {"name": "", "children": [{"name": "", "children": [{"name": "", "children": []}]}]}
    assert minimal(strategies.valid_values(LINKED), lambda _: True) == {"head": {"value": 0, "next": None}}


def test_a_pattern_that_ends_leaves_no_line_end_after_it() -> None:
    drawn = strategies.valid_values({"type": "string", "pattern": "^[a-z]$"})
    with pytest.raises(NoSuchExample):
        minimal(drawn, lambda text: text.endswith("\n"))


def test_a_reference_that_leads_nowhere_is_told() -> None:
    with pytest.raises(ValueError, match="'#/\\$defs/Gone' leads nowhere"):
        strategies.valid_values({"$ref": "#/$defs/Gone"})


PERSON = ToolSpec(
    "person",
    "A person.",
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
)


@given(strategies.arguments(PERSON))
@settings(max_examples=20)
def test_arguments_are_json_that_fits_the_tool(arguments: str) -> None:
    assert _fits(json.loads(arguments), PERSON.parameters)


@pytest.mark.parametrize("schema", [*HAND_WRITTEN.values(), {"type": "object", "properties": {}}], ids=str)
@given(data=st.data())
@settings(max_examples=12)
def test_what_nearly_fits_never_fits(data: st.DataObject, schema: dict[str, Any]) -> None:
    text = data.draw(strategies.nearly_valid_json(schema))
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert not _fits(value, schema)


def test_a_pattern_that_python_does_not_read_is_told() -> None:
    with pytest.raises(ValueError, match=r"the pattern '\^\\\\p\{L\}\$' is none that Python reads"):
        strategies.valid_values({"type": "string", "pattern": r"^\p{L}$"})


MISTAKES: dict[str, Any] = {
    "cut": lambda text: text.startswith('{"') and not text.endswith("}"),
    "fenced": lambda text: text.startswith("```json\n"),
    "left out": lambda text: (_loaded(text) or {}).keys() == {"name"},
    "unasked": lambda text: "unasked" in str(_loaded(text)),
    "null": lambda text: (_loaded(text) or {}).get("age", 0) is None,
    "a number as text": lambda text: str((_loaded(text) or {}).get("age")) == (_loaded(text) or {}).get("age"),
    "too small": lambda text: isinstance(age := (_loaded(text) or {}).get("age"), int) and age < 0,
    "too long": lambda text: len(text) > 300,
    "nothing": lambda text: text == "",
}


def _loaded(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_arguments_that_nearly_fit_have_every_mistake_that_models_make(mistake: str) -> None:
    found = minimal(strategies.nearly_valid_arguments(PERSON), MISTAKES[mistake])
    assert _loaded(found) is None or not _fits(_loaded(found), PERSON.parameters)
    assert len(found) < 60 or mistake == "too long"
    assert mistake != "left out" or _loaded(found) == {"name": ""}
