"""Choosing the excerpts of a text that match a question best, within a number of tokens.

Splitting is semantic-text-splitter's work, ranking SQLite's: bm25 over a full-text index in memory.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import msgspec

from llamabot.adapters.sqlite.ranking import rank_texts
from llamabot.ports.errors import MissingExtra

__all__ = ["Excerpt", "Excerpts", "choose_excerpts"]

# Measured with the demo's model on questions about two dozen texts: with more, or longer ones, it answers from the
# wrong sentence more often.
_LONGEST_CHARACTERS = 300
_MOST_EXCERPTS = 1

# The splitter's time grows with the square of a text's length: it gets texts of this size.
_SECTION_CHARACTERS = 20_000

_MOST_WORDS = 100

# Comments, and blocks of code: what there is in them is not said in sentences.
_NOT_PROSE = re.compile(r"<!--.*?-->|^(?P<fence> *(?:```|~~~)).*?^(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE)
# A line end inside of a paragraph is no boundary: what follows it is neither blank nor the start of a list or heading.
_WRAPPED_LINE = re.compile(r"(?<=[\w,;:)\"'’`-])\n(?=[ \t]*[\w(\"'`])(?![ \t]*\d+[.)] )")

# Words of a question that say nothing of what it is about; a text that shares only these does not match.
_EMPTY_WORDS = """
    a about an and any are as at be been by can could did do does for from had has have how i if in into is it its
    may me might must my no nor not of on or our shall she should so some than that the their them then there these
    they this those to was we were what when where which while who whom whose why will with would you your
"""


class Excerpt(msgspec.Struct, frozen=True):
    """A piece of a text, its white space made single spaces, and the line it begins in, from 1."""

    text: str
    line: int


class Excerpts(msgspec.Struct, frozen=True):
    """What was chosen.

    Attributes:
        chosen: the best match first; () if nothing matches.
        tokens: of all of them together.
        pieces: how many the text was split into.
        words: of the question, those that were looked for.
    """

    chosen: tuple[Excerpt, ...]
    tokens: int
    pieces: int
    words: tuple[str, ...]


def choose_excerpts(
    text: str, question: str, *, most_tokens: int, count_tokens: Callable[[str], int], markdown: bool = False
) -> Excerpts:
    """Return the pieces of a text that match a question best.

    Args:
        text: its lines end with a line feed.
        question: only its words count, in any of their English forms.
        most_tokens: of all pieces together.
        count_tokens: in the model's own tokens.
        markdown: leave out comments and blocks of code.
    """
    pieces = tuple(_pieces(text, markdown=markdown))
    words = _telling_words(question)
    first = {piece.text: piece for piece in reversed(pieces)}
    chosen: list[Excerpt] = []
    tokens = 0
    for ranked in rank_texts(first, words):
        fitting, cost = _fitting(ranked, most_tokens - tokens, count_tokens)
        if fitting:
            chosen.append(Excerpt(fitting, first[ranked].line))
            tokens += cost
        if len(chosen) == _MOST_EXCERPTS:
            break
    return Excerpts(tuple(chosen), tokens, len(pieces), words)


def _pieces(text: str, *, markdown: bool) -> Iterator[Excerpt]:
    """Yield a text's pieces, in their order. What is left out becomes spaces, so that places stay what they were."""
    if markdown:
        text = _NOT_PROSE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    split = _splitter(markdown=markdown)
    line = 1
    for section in _sections(text):
        for place, piece in split(_WRAPPED_LINE.sub(" ", section)):
            begin = place + len(piece) - len(piece.lstrip())
            yield Excerpt(" ".join(piece.split()), line + section.count("\n", 0, begin))
        line += section.count("\n")


def _splitter(*, markdown: bool) -> Callable[[str], list[tuple[int, str]]]:
    try:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter
    except ImportError as error:
        raise MissingExtra.for_package("semantic-text-splitter", "local") from error
    return (MarkdownSplitter if markdown else TextSplitter)(_LONGEST_CHARACTERS).chunk_indices


def _sections(text: str) -> Iterator[str]:
    """Yield a text in parts that end with a line, or in the middle of one that is too long."""
    lines = io.StringIO(text)
    while whole := "".join(lines.readlines(_SECTION_CHARACTERS)):
        for start in range(0, len(whole), 2 * _SECTION_CHARACTERS):
            yield whole[start : start + 2 * _SECTION_CHARACTERS]


def _telling_words(question: str) -> tuple[str, ...]:
    """Return what a question is about; all of its words if they all are empty ones."""
    words = dict.fromkeys(re.findall(r"\w+", question.lower()))
    empty = _EMPTY_WORDS.split()
    return tuple([word for word in words if word not in empty] or words)[:_MOST_WORDS]


def _fitting(text: str, most_tokens: int, count_tokens: Callable[[str], int]) -> tuple[str, int]:
    """Return a text with the number of its tokens, or as much of its beginning as fits: some scripts take many."""
    cost = count_tokens(text)
    while cost > most_tokens:
        shorter = text[: len(text) * most_tokens // cost]
        text = shorter.rpartition(" ")[0] or shorter
        cost = count_tokens(text) if text else 0
    return text, cost
