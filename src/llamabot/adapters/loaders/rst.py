"""reStructuredText: its titles. The text stays as it was written.

It is not parsed whole: what a directive or a role means depends on who reads it (Sphinx, mostly), and docutils alone
drops the content of those that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from llamabot.adapters.loaders.parsed import Parsed, line_starts, nested_sections

__all__ = ["parse_rst"]

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}")
_LONG_ENOUGH = 4  # an underline may be shorter than its title from here on
_ROLE = re.compile(r":[\w:+.-]+:(?=`)")


def parse_rst(text: str) -> Parsed:
    """Return a text with the sections that its titles make, each style of them a level, in the order of their use."""
    levels: dict[str, int] = {}
    headings = [
        (start, levels.setdefault(style, len(levels) + 1), words)
        for start, style, words in _titles(text.split("\n"), text)
    ]
    return Parsed(text, nested_sections(headings))


def _titles(lines: list[str], text: str) -> Iterator[tuple[int, str, str]]:
    """Yield where each title starts, how it is adorned, and its words."""
    starts = line_starts(text)
    number = 0
    while number < len(lines) - 1:
        above, title, below = "", lines[number], lines[number + 1].rstrip()
        is_free = number == 0 or not lines[number - 1].strip()
        if is_free and _ADORNMENT.fullmatch(title.rstrip()) and number + 2 < len(lines):
            above, title, below = title.rstrip(), lines[number + 1], lines[number + 2].rstrip()
        if is_free and _is_title(above, title, below):
            yield starts[number], above[:1] + below[0], _plain(title)
            number += 2 if above else 1
        number += 1


def _is_title(above: str, title: str, below: str) -> bool:
    if not (title.strip() and _ADORNMENT.fullmatch(below)) or _ADORNMENT.fullmatch(title.strip()):
        return False
    fits = len(below) >= min(len(title.rstrip()), _LONG_ENOUGH)
    return fits and above in ("", below)


def _plain(title: str) -> str:
    return re.sub(r"[`*]+", "", _ROLE.sub("", title)).strip()
