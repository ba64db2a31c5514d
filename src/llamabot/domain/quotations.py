"""Passages as numbered quotations, which nothing in them can end.

Every line that comes from a document begins with `> `, its source and its headings too. So whatever a document says,
a number at the beginning of a line and words without a mark are ours.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from llamabot.ports.documents import Match, Passage
from llamabot.ports.errors import ConfigurationError

__all__ = ["cut_to_fit", "estimated_tokens", "quotation", "quotations", "quoted", "quoted_place"]

_MARK = ">"
_GOES_ON = f"\n{_MARK} …"
_PIECE = re.compile(r"\S{1,40}")  # a word; some languages have none, and more than that is cut anywhere
_BYTES_PER_TOKEN = 3


def quoted(text: str) -> str:
    """Return a text with every line of it marked as a quotation, whatever ends its lines.

    Part of how the log is read (`llamabot.domain.log`): what it gives for a text stays as it is.
    """
    return "\n".join(f"{_MARK} {line}".rstrip() for line in text.splitlines()) or _MARK


def quoted_place(passage: Passage) -> str:
    """Return where a passage stands, as one line of a quotation; "" where nothing is known of it."""
    place = " ".join(str(passage.place).split())
    return quoted(place) if place else ""


def quotation(number: int, match: Match, *, is_cut: bool = False) -> str:
    """Return a passage under its number, with its place above it, and a sign below it if it goes on."""
    place = quoted_place(match.passage)
    head = f"{place}\n{_MARK}\n" if place else ""
    return f"[{number}]\n{head}{quoted(match.passage.text)}{_GOES_ON if is_cut else ''}"


def quotations(matches: Sequence[Match], *, is_cut: bool = False) -> str:
    """Return passages in their order, numbered from 1; each that is cut goes on."""
    return "\n\n".join(quotation(number, match, is_cut=is_cut) for number, match in enumerate(matches, 1))


def cut_to_fit(match: Match, tokens: int) -> Match:
    """Return the beginning of a passage that fits, up to the end of a word.

    Raises:
        ConfigurationError: not even the first word fits.
    """
    ends = [piece.end() for piece in _PIECE.finditer(match.passage.text)]
    fitting = bisect_right(ends, tokens, key=lambda end: _tokens_of(_cut(match, end)))
    if not fitting:
        least = _tokens_of(_cut(match, ends[0] if ends else 0))
        raise ConfigurationError(
            f"context_tokens={tokens} has no room for the closest passage: its number, its place and its first word "
            f"alone take about {least}; all of it fits into {_tokens_of(match)}"
        )
    return _cut(match, ends[fitting - 1])


def _cut(match: Match, end: int) -> Match:
    passage, place = match.passage, match.passage.place
    place = msgspec.structs.replace(place, end=place.start + end)
    return Match(msgspec.structs.replace(passage, text=passage.text[:end], place=place), match.score)


def _tokens_of(cut: Match) -> int:
    return estimated_tokens(quotation(1, cut, is_cut=True))


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, for most models rather too many: one for each three bytes of UTF-8."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
