"""Passages as numbered quotations, which nothing in them can end.

Every line that comes from a document begins with `> `, its source and its headings too. So whatever a document says,
a number at the beginning of a line and words without a mark are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from llamabot.ports.documents import Match, Passage

__all__ = ["estimated_tokens", "quotation", "quotations", "quoted", "quoted_place"]

_MARK = ">"
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


def quotation(number: int, match: Match) -> str:
    """Return a passage under its number, with its place above it."""
    place = quoted_place(match.passage)
    head = f"{place}\n{_MARK}\n" if place else ""
    return f"[{number}]\n{head}{quoted(match.passage.text)}"


def quotations(matches: Sequence[Match]) -> str:
    """Return passages in their order, numbered from 1."""
    return "\n\n".join(quotation(number, match) for number, match in enumerate(matches, 1))


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, for most models rather too many: one for each three bytes of UTF-8."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
