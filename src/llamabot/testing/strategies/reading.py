"""What a JSON schema says: what its parts add up to, what they lead to, and whether a value fits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ["Schema", "asks_more", "fits", "implied_type", "looked_up", "merged", "says_nothing", "without"]

Schema: TypeAlias = Mapping[str, Any]

# Keywords that are not drawn, or not together with others.
_CHECKED = frozenset(
    [
        "allOf",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "oneOf",
        "patternProperties",
        "propertyNames",
        "then",
        "uniqueItems",
        "unevaluatedProperties",
    ]
)
_SAYS_NOTHING = frozenset(
    ["$comment", "$defs", "$id", "$schema", "default", "deprecated", "description", "examples", "title"]
)
_LOWER = frozenset(["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"])
_UPPER = frozenset(["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"])


def fits(schema: Schema) -> Callable[[Any], bool]:
    """Return a function that says whether a value fits a schema; formats are not looked at."""
    from jsonschema import Draft202012Validator

    is_valid: Callable[[Any], bool] = Draft202012Validator(schema).is_valid
    return is_valid


def asks_more(schema: Any) -> bool:
    """Say whether values that are drawn may still not fit."""
    if isinstance(schema, list):
        return any(map(asks_more, schema))
    if not isinstance(schema, Mapping):
        return False
    step = schema.get("multipleOf", 1)
    return (
        not _CHECKED.isdisjoint(schema)
        or isinstance(step, float)
        or any(name in schema and not says_nothing(without(schema, name)) for name in ("$ref", "anyOf"))
        or any(map(asks_more, schema.values()))
    )


def implied_type(schema: Schema) -> str | None:
    """Return the type that a schema without one is about, None if it is about any."""
    return next((kind for kind, names in _IMPLYING.items() if not names.isdisjoint(schema)), None)


_IMPLYING = {
    "object": frozenset(
        ["properties", "required", "additionalProperties", "minProperties", "maxProperties", "propertyNames"]
    ),
    "array": frozenset(["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"]),
    "string": frozenset(["pattern", "format", "minLength", "maxLength"]),
    "number": frozenset(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
}


def merged(*several: Schema) -> dict[str, Any]:
    """Return one schema that says what several say: all properties, the closer bounds, else what the last says."""
    whole: dict[str, Any] = {}
    for schema in several:
        both = {
            "properties": {**whole.get("properties", {}), **schema.get("properties", {})},
            "required": [*whole.get("required", ()), *schema.get("required", ())],
        }
        closer = {name: max(schema[name], whole[name]) for name in _LOWER & schema.keys() & whole.keys()}
        closer |= {name: min(schema[name], whole[name]) for name in _UPPER & schema.keys() & whole.keys()}
        whole = {**whole, **schema, **{name: value for name, value in both.items() if value}, **closer}
    return whole


def says_nothing(schema: Schema) -> bool:
    """Say whether any value fits a schema, as one of titles and descriptions alone."""
    return _SAYS_NOTHING.issuperset(schema)


def without(schema: Schema, keyword: str) -> dict[str, Any]:
    """Return a schema without one of its keywords."""
    return {name: value for name, value in schema.items() if name != keyword}


def looked_up(document: Schema, reference: str) -> Schema:
    """Return what a reference into a document leads to.

    Raises:
        ValueError: it leads nowhere.
    """
    place: Any = document
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, Mapping) or name not in place:
            raise ValueError(f"the reference {reference!r} leads nowhere")
        place = place[name]
    found: Schema = place
    return found
