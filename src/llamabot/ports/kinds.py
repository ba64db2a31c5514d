"""How errors name what they were given instead of what they want."""

from __future__ import annotations

__all__ = ["a_kind"]


def a_kind(value: object) -> str:
    """Return the name of a value's type with its article: `an int`, `a list`."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
