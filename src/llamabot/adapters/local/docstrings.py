"""What a docstring says of a function and of its parameters, in the style of Google, NumPy or reST."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["read_docstring"]


def read_docstring(function: Any) -> tuple[str, dict[str, str]]:
    """Return the summary with the description, and the parameters' descriptions by name."""
    text = inspect.cleandoc(function.__doc__ or "")
    if "\n" not in text:
        return text, {}  # nothing to take apart, and the parser takes 30 ms to load
    import docstring_parser

    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return text, {}
    parts = [part.strip() for part in (parsed.short_description, parsed.long_description) if part]
    parameters = {
        name.strip().lstrip("*"): parameter.description.strip()
        for parameter in parsed.params
        for name in parameter.arg_name.split(",")
        if parameter.description
    }
    return "\n\n".join(parts), parameters
