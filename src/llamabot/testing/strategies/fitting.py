"""JSON values that fit a schema.

Drawn directly is the part of JSON Schema that tools and outputs are described in: types and lists of them, `enum`,
`const`, `anyOf`, `allOf`, `$ref` into the document (recursion too), bounds, `multipleOf`, `pattern`, the usual formats,
`required`, `additionalProperties` and `propertyNames`. What else a schema asks (`oneOf`, `not`, `if`, `contains`, …),
and what several parts of it ask of one value, is kept by drawing again; hypothesis says so where it finds too little.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llamabot.testing.strategies.reading import (
    Schema,
    asks_more,
    fits,
    implied_type,
    looked_up,
    merged,
    says_nothing,
    without,
)
from llamabot.testing.strategies.value import json_values, texts

__all__ = ["FORMATS", "Schema", "valid_values"]

FORMATS: Mapping[str, Callable[[], SearchStrategy[str]]] = {
    "date": lambda: st.dates().map(str),
    "date-time": lambda: st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    "time": lambda: st.times(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    "duration": lambda: st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
    "email": lambda: st.emails(domains=st.sampled_from(["example.org", "example.com"])),
    "hostname": lambda: st.from_regex(r"[a-z]{1,8}(\.example)?", fullmatch=True),
    "ipv4": lambda: st.ip_addresses(v=4).map(str),
    "ipv6": lambda: st.ip_addresses(v=6).map(str),
    "uri": lambda: st.from_regex(r"https://example\.org/[a-z0-9]{0,8}", fullmatch=True),
    "uuid": lambda: st.uuids().map(str),
}
_MOST_DRAWN = 4
_DEEPEST = 3


def valid_values(schema: Schema) -> SearchStrategy[Any]:
    """JSON values that fit a schema; optional properties come and go, and recursion ends.

    Raises:
        ValueError: a reference leads nowhere, or a pattern is none that Python reads.
    """
    drawn = _Drawer(schema).values(schema)
    return drawn.filter(fits(schema)) if asks_more(schema) else drawn


class _Drawer:
    """Strategies for the values of one document.

    References may lead round in circles: what they lead to is made for each depth anew, and at the last one without
    what could be left out.
    """

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._referred: dict[tuple[str, int], SearchStrategy[Any]] = {}

    def values(self, schema: Schema | bool, depth: int = 0) -> SearchStrategy[Any]:
        """Values that fit a schema of the document, which was come to through `depth` references."""
        if isinstance(schema, bool):
            return json_values() if schema else st.nothing()
        if "$ref" in schema:
            return self._reference(schema, depth + 1)
        for several in ("anyOf", "oneOf"):
            if several in schema:
                rest = without(schema, several)
                return st.one_of([self._both(rest, one, depth) for one in _enough(schema[several], depth)])
        if "allOf" in schema:
            rest = without(schema, "allOf")
            return self.values(merged(rest, *map(self._referred_to, schema["allOf"])), depth)
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(list(schema["enum"]))
        kinds = schema.get("type", implied_type(schema))
        if kinds is None:
            return json_values()
        kinds = [kinds] if isinstance(kinds, str) else kinds
        return st.one_of([self._of_type(kind, schema, depth) for kind in kinds])

    def _referred_to(self, schema: Schema) -> Schema:
        return looked_up(self._document, schema["$ref"]) if "$ref" in schema else schema

    def _both(self, schema: Schema, other: Schema | bool, depth: int) -> SearchStrategy[Any]:
        """Values that fit two schemas, of which the first may say nothing of them."""
        if isinstance(other, bool) or says_nothing(schema):
            return self.values(other, depth)
        return self.values(merged(schema, other), depth)

    def _reference(self, schema: Schema, depth: int) -> SearchStrategy[Any]:
        found, rest = looked_up(self._document, schema["$ref"]), without(schema, "$ref")
        if not says_nothing(rest):
            return st.deferred(lambda: self.values(merged(found, rest), depth))
        key = schema["$ref"], depth
        if key not in self._referred:
            self._referred[key] = st.deferred(lambda: self.values(found, depth))
        return self._referred[key]

    def _of_type(self, kind: str, schema: Schema, depth: int) -> SearchStrategy[Any]:
        match kind:
            case "object":
                return self._objects(schema, depth)
            case "array":
                return self._arrays(schema, depth)
            case "string":
                return _strings(schema)
            case "integer":
                return _integers(schema)
            case "number":
                return _numbers(schema) if "multipleOf" in schema else _integers(schema) | _numbers(schema)
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

    def _objects(self, schema: Schema, depth: int) -> SearchStrategy[dict[str, Any]]:
        required = set(schema.get("required", ()))
        named = schema.get("properties", {})
        if depth >= _DEEPEST:
            named = {name: value for name, value in named.items() if name in required}
        properties = {name: self.values(value, depth) for name, value in named.items()}
        known = {name: properties.get(name, json_values()) for name in sorted(required)}
        optional = {name: value for name, value in properties.items() if name not in known}
        fixed = st.fixed_dictionaries(known, optional=optional)
        more = schema.get("additionalProperties", False)
        least = max(0, schema.get("minProperties", 0) - len(known))
        if (isinstance(more, bool) or depth >= _DEEPEST) and not least:
            return fixed
        naming = {"type": "string", **schema["propertyNames"]} if "propertyNames" in schema else {"maxLength": 8}
        names = _strings(naming).filter(lambda name: name not in schema.get("properties", {}))
        most = min(schema.get("maxProperties", least + 3) - len(known), least + 3)
        added = st.dictionaries(names, self.values(more, depth), min_size=least, max_size=max(least, most))
        return st.builds(lambda some, others: {**some, **others}, fixed, added)

    def _arrays(self, schema: Schema, depth: int) -> SearchStrategy[list[Any]]:
        first = [self.values(item, depth) for item in schema.get("prefixItems", ())]
        items = schema.get("items", not first)
        least = max(0, schema.get("minItems", 0) - len(first))
        if items is False or (depth >= _DEEPEST and not least):
            return st.tuples(*first).map(list)
        most = min(schema.get("maxItems", math.inf) - len(first), least + _MOST_DRAWN)
        rest = st.lists(
            self.values(items, depth),
            min_size=least,
            max_size=int(most),
            unique_by=_as_key if schema.get("uniqueItems") else None,
        )
        return st.builds(lambda some, others: [*some, *others], st.tuples(*first), rest) if first else rest


def _enough(alternatives: Sequence[Schema], depth: int) -> Sequence[Schema]:
    """Return alternatives, those first that end there; at the last depth those alone, if any does."""
    inner = [one for one in alternatives if "$ref" in json.dumps(one)]
    ending = [one for one in alternatives if one not in inner]
    return ending if ending and depth >= _DEEPEST else [*ending, *inner]


def _as_key(value: Any) -> str:
    """Return a text that is the same for values that JSON Schema holds for equal: 1 and 1.0 are."""
    return json.dumps(value, sort_keys=True).replace(".0", "")


def _strings(schema: Schema) -> SearchStrategy[str]:
    least = schema.get("minLength", 0)
    most = schema.get("maxLength", max(20, least + _MOST_DRAWN))
    if "pattern" in schema:
        fitting = st.from_regex(_compiled(schema["pattern"]))
        return fitting.filter(lambda text: least <= len(text) <= schema.get("maxLength", math.inf))
    if (made := FORMATS.get(schema.get("format", ""))) is not None:
        return made().filter(lambda text: least <= len(text) <= schema.get("maxLength", math.inf))
    return texts(min_size=least, max_size=most)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_ending(pattern))
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} is none that Python reads: {error}") from error


def _ending(pattern: str) -> str:
    """Return a pattern whose `$` is the very end; Python's is also before a last line end, JavaScript's is not."""
    return f"{pattern[:-1]}\\Z" if re.search(r"(?<!\\)(\\\\)*\$$", pattern) else pattern


def _integers(schema: Schema) -> SearchStrategy[int]:
    lowest, highest = _bounds(schema)
    low = None if lowest is None else math.ceil(lowest)
    high = None if highest is None else math.floor(highest)
    if low is not None and low == schema.get("exclusiveMinimum"):
        low += 1
    if high is not None and high == schema.get("exclusiveMaximum"):
        high -= 1
    return _multiples(low, high, schema.get("multipleOf", 1)).map(int)


def _multiples(low: float | None, high: float | None, step: float) -> SearchStrategy[Any]:
    """Return multiples of a step between bounds that JSON libraries agree on, with those given kept."""
    first = -(2**53) if low is None else math.ceil(low / step)
    last = 2**53 if high is None else math.floor(high / step)
    if first > last:
        return st.nothing()
    exact = Decimal(str(step))  # 3 * 0.1 is no multiple of 0.1
    return st.integers(first, last).map(lambda count: count * step if isinstance(step, int) else float(count * exact))


def _numbers(schema: Schema) -> SearchStrategy[float]:
    lowest, highest = _bounds(schema)
    excluded = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if "multipleOf" in schema:
        return _multiples(lowest, highest, schema["multipleOf"]).filter(lambda number: number not in excluded)
    return st.floats(
        None if lowest is None else float(lowest),
        None if highest is None else float(highest),
        allow_nan=False,
        allow_infinity=False,
        exclude_min=lowest is not None and lowest == excluded[0],
        exclude_max=highest is not None and highest == excluded[1],
    )


def _bounds(schema: Schema) -> tuple[float | None, float | None]:
    lows = [schema[name] for name in ("minimum", "exclusiveMinimum") if name in schema]
    highs = [schema[name] for name in ("maximum", "exclusiveMaximum") if name in schema]
    return max(lows, default=None), min(highs, default=None)
