"""Finding the numbers that an answer cites in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["cited_numbers"]

# Longer numbers are years and the like.
_MOST_DIGITS = 3

_BRACKET = re.compile(r"[\[【［]([^\[\]【】［］\n]{1,200})[\]】］]")
# What may stand beside the numbers: `[^1]`, `[#1]`, `[Passage 1]`, `[doc1]`, `[citation:1]`, `【1†source】`.
_WORDS = "citation|cite|document|doc|no|passage|quotation|reference|ref|source"
_DRESSING = re.compile(rf"[\^#]|\b(?:{_WORDS})s?(?=\b|[\d_])[.:_]?|†[^,;、，；]*", re.IGNORECASE)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_DASHES = "‐‑–—-"  # in a set of characters, the plain one comes last
_BETWEEN = rf"[,;、，；]\s*(?:&|\band\b)?|[&{_DASHES}]|\band\b|\s"
_NUMBERS = re.compile(rf"\s*\d+(?:\s*(?:{_BETWEEN})\s*\d+)*\s*", re.IGNORECASE)
_TOKEN = re.compile(rf"\d+|[{_DASHES}]")

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_TICKS = re.compile(r"`+")
_CODE = "\ufffc"

# A name as programs have them, right before the bracket: a letter alone, with an underscore, or with a dot inside.
_NAME = re.compile(r"(?:(?<![\w'’])[a-z]|\w*_\w*|[a-z_]\w*\.[a-z_]\w*)(?:\[[^\[\]\s]*\])*\Z", re.ASCII | re.IGNORECASE)
_LONGEST_NAME = 80
# What only an element of a list has right after the bracket.
_USED = re.compile(r"\s?=(?!=)|\.[a-z_]")


def cited_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers that a text cites, each once, in the order of first use.

    They stand in square brackets, which may be full-width: `[1]`, `[1, 2, and 3]`, `[1][2]`, `[1-3]`, `[^1]`, `[¹]`,
    `[Passage 1]`, `[doc1]`, `[citation:1]`, `【1】`. Not cited is what stands in code, what looks like an element of a
    list (`a[1]`, `sys.argv[1]`), a page (`[p. 1]`), and what has a 0 among its numbers or one of more than three
    digits, such as a year.
    """
    numbers: dict[int, None] = {}
    prose = _without_code(text)
    for bracket in _BRACKET.finditer(prose):
        if not _is_element(prose, bracket):
            numbers.update(dict.fromkeys(_numbers_in(bracket[1])))
    return tuple(numbers)


def _numbers_in(content: str) -> tuple[int, ...]:
    """Return the numbers in a bracket, ranges filled in; () if there is anything else in it."""
    content = _DRESSING.sub(" ", content.translate(_RAISED))
    if not _NUMBERS.fullmatch(content):
        return ()
    tokens = _TOKEN.findall(content)
    if any(token not in _DASHES and (len(token) > _MOST_DIGITS or int(token) == 0) for token in tokens):
        return ()
    numbers: list[int] = []
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token in _DASHES:
            continue
        number = int(token)
        first = numbers[-1] + 1 if before and before in _DASHES else number
        numbers += range(first, number + 1) if first <= number else (number,)
    return tuple(numbers)


def _is_element(prose: str, bracket: re.Match[str]) -> bool:
    """Say whether a bracket takes an element of a list."""
    start, end = bracket.span()
    before = prose[max(0, start - _LONGEST_NAME) : start]
    if not before or before[-1].isspace():
        return False
    return _NAME.search(before) is not None or (before[-1].isalnum() and _USED.match(prose, end) is not None)


def _without_code(text: str) -> str:
    """Return a text with a single character in the place of each piece of code."""
    return "".join(_prose(_FENCE.sub(_CODE, text)))


def _prose(text: str) -> Iterator[str]:
    """Yield what is between spans of code: those between two runs of as many backticks."""
    ticks = list(_TICKS.finditer(text))
    place = index = 0
    while index < len(ticks):
        opening = ticks[index]
        closing = next((i for i in range(index + 1, len(ticks)) if len(ticks[i][0]) == len(opening[0])), None)
        if closing is None:
            index += 1
            continue
        yield text[place : opening.start()] + _CODE
        place, index = ticks[closing].end(), closing + 1
    yield text[place:]
