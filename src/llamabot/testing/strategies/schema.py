"""JSON schemas as tools and outputs have them; for the values that fit one, see `fitting`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.testing.strategies.fitting import FORMATS
from llamabot.testing.strategies.value import texts

__all__ = ["schemas"]

_PATTERNS = (r"^[a-z]{2,5}$", r"^\d{4}-\d{2}$", r"^(north|south)-[0-9]+$")
_NAMES = ("city", "day", "limit", "query", "größe", "a b", "$defs")


def schemas(*, depth: int = 2) -> SearchStrategy[dict[str, Any]]:
    """Schemas of objects, as tools have them: properties of every kind, enums, patterns, bounds; `depth` levels."""
    return _object_schemas(_any_schemas(depth - 1))


def _any_schemas(depth: int) -> SearchStrategy[dict[str, Any]]:
    if depth < 0:
        return _leaf_schemas()
    inner = st.deferred(lambda: _any_schemas(depth - 1))
    lists = st.builds(
        lambda items, size: {"type": "array", "items": items, **size}, inner, _sizes("minItems", "maxItems", 3)
    )
    tables = st.builds(lambda values: {"type": "object", "additionalProperties": values}, inner)
    either = st.lists(inner, min_size=2, max_size=3).map(lambda several: {"anyOf": several})
    return _leaf_schemas() | _object_schemas(inner) | lists | tables | either


def _object_schemas(inner: SearchStrategy[dict[str, Any]]) -> SearchStrategy[dict[str, Any]]:
    named = st.dictionaries(st.sampled_from(_NAMES), st.tuples(inner, st.booleans()), max_size=3)
    return named.map(
        lambda properties: {
            "type": "object",
            "properties": {name: schema for name, (schema, _) in properties.items()},
            "required": [name for name, (_, is_required) in properties.items() if is_required],
            "additionalProperties": False,
        }
    )


def _leaf_schemas() -> SearchStrategy[dict[str, Any]]:
    plain = st.sampled_from(["boolean", "null", "number", "integer", "string"]).map(lambda kind: {"type": kind})
    strings = _sizes("minLength", "maxLength", 6).map(lambda sizes: {"type": "string", **sizes})
    numbers = st.builds(
        lambda kind, sizes: {"type": kind, **sizes},
        st.sampled_from(["integer", "number"]),
        _sizes("minimum", "maximum", 9) | _sizes("exclusiveMinimum", "exclusiveMaximum", 9, apart=2),
    )
    enums = st.lists(texts(max_size=4), min_size=1, max_size=3, unique=True).map(lambda values: {"enum": values})
    several = st.just({"type": ["string", "null"]}) | st.just({"type": "integer", "multipleOf": 5})
    formats = st.sampled_from(sorted(FORMATS)).map(lambda name: {"type": "string", "format": name})
    patterns = st.sampled_from(_PATTERNS).map(lambda pattern: {"type": "string", "pattern": pattern})
    return plain | strings | numbers | enums | several | formats | patterns


def _sizes(lower: str, upper: str, most: int, apart: int = 0) -> SearchStrategy[dict[str, int]]:
    """Bounds, either or both left out now and then, the upper one no less than `apart` above the lower."""
    return st.builds(
        lambda low, more, kept: {name: value for name, value in ((lower, low), (upper, low + more)) if name in kept},
        st.integers(0, most),
        st.integers(apart, most + apart),
        st.sets(st.sampled_from([lower, upper])),
    )
