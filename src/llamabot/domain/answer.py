"""An answer from documents, with what it is from."""

from __future__ import annotations

import msgspec

from llamabot.domain.citations import cited_numbers
from llamabot.ports.documents import Match

__all__ = ["Answer", "answer_from", "cited_sources"]


class Answer(msgspec.Struct, frozen=True):
    """What a `QueryBot` answers; its `str` is the text.

    Attributes:
        text: as the model wrote it; `[1]` in it is `sources[0]`.
        sources: every match that the model was sent, the closest first; () if nothing relevant was found, and the model
            was not asked.
        citations: those of `sources` that the text cites, in the order of first use.
        unknown_citations: how many numbers the text cites that no source has.
    """

    text: str
    sources: tuple[Match, ...] = ()
    citations: tuple[Match, ...] = ()
    unknown_citations: int = 0

    def __str__(self) -> str:
        return self.text


def answer_from(text: str, sources: tuple[Match, ...], begun: str = "") -> Answer:
    """Return the answer that a text makes of its sources; where its beginning was given, that is read with it."""
    numbers = cited_numbers(begun + text)
    known = [number for number in numbers if number <= len(sources)]
    return Answer(text, sources, tuple(sources[number - 1] for number in known), len(numbers) - len(known))


def cited_sources(answer: Answer) -> str:
    """Return a line for each passage that an answer cites, with its number and its place; "" if it cites none."""
    numbers = {id(source): number for number, source in enumerate(answer.sources, 1)}
    lines = (f"[{numbers[id(match)]}] {' '.join(str(match.passage.place).split())}" for match in answer.citations)
    return "\n".join(lines)
