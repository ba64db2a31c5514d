"""Values as text that a person reads and compares line by line; what is shown of a model can be pasted into a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

__all__ = ["line_of", "lines_of"]

_WIDTH = 100
_PIECE = 80


def line_of(value: Any) -> str:
    """Return a value on one line: as its `repr`, without the fields that have their defaults."""
    parts = _parts(value)
    if parts is None:
        return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)
    inside = ", ".join(f"{name}{line_of(item)}" for name, item in parts.items)
    return f"{parts.opening}{inside}{parts.closing}"


def lines_of(value: Any) -> list[str]:
    """Return a value on as many lines as make each of them short, its parts below each other."""
    whole = line_of(value)
    if len(whole) <= _WIDTH:
        return [whole]
    parts = _parts(value)
    if parts is None:
        return _pieces(value) if isinstance(value, str) else [whole]
    return [parts.opening, *_inside(parts.items), parts.closing[-1]]


class _Parts(NamedTuple):
    opening: str
    items: list[tuple[str, Any]]
    closing: str


def _parts(value: Any) -> _Parts | None:
    """Return what a value is made of, each part with its name; None for one that has none."""
    if isinstance(value, msgspec.Struct):
        fields = [(f"{name}=", getattr(value, name)) for name in _changed(value)]
        return _Parts(f"{type(value).__name__}(", fields, ")")
    if isinstance(value, Mapping):
        return _Parts("{", [(f"{name!r}: ", item) for name, item in value.items()], "}")
    if isinstance(value, list):
        return _Parts("[", [("", item) for item in value], "]")
    if isinstance(value, tuple):
        return _Parts("(", [("", item) for item in value], ",)" if len(value) == 1 else ")")
    return None


def _changed(value: msgspec.Struct) -> Iterable[str]:
    """Yield the names of fields that are not as they are by default."""
    for field in msgspec.structs.fields(value):
        if field.required or getattr(value, field.name) != _default(field):
            yield field.name


def _default(field: Any) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _inside(items: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, item in items:
        first, *others = lines_of(item)
        *lines, last = [f"{name}{first}", *others]
        yield from (f"  {line}" for line in (*lines, f"{last},"))


def _pieces(text: str) -> list[str]:
    """Return a long text in pieces, so that a difference is seen in the piece that it is in."""
    return [repr(text[start : start + _PIECE]) for start in range(0, len(text), _PIECE)]
