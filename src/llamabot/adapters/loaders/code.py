"""Source code: text as it is, and for Python the names of its classes and functions."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise

from llamabot.adapters.loaders.parsed import Parsed, line_starts
from llamabot.ports.documents import Section

__all__ = ["parse_code"]

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def parse_code(text: str, language: str) -> Parsed:
    """Return a text with a section for each class and function, if they can be told."""
    return Parsed(text, _python_sections(text) if language == "python" else (), language)


def _python_sections(text: str) -> tuple[Section, ...]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what the code does, which is not ours to judge
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of another version, or made to break parsers
        return ()
    starts = line_starts(text)
    found = [Section(starts[line - 1], heading) for line, heading in _places(module.body, ())]
    return tuple(one for one, other in pairwise([*found, Section(len(text) + 1)]) if one.start < other.start)


def _places(body: Sequence[ast.stmt], heading: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the line where each definition begins, and the line behind it, where the outer heading goes on."""
    for node in body:
        if isinstance(node, _Definition):
            yield min([node.lineno, *(each.lineno for each in node.decorator_list)]), (*heading, node.name)
            if isinstance(node, ast.ClassDef):
                yield from _places(node.body, (*heading, node.name))
            yield (node.end_lineno or node.lineno) + 1, heading
