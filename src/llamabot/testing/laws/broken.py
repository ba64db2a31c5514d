"""What a broken law says."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from llamabot.ports.messages import Message
from llamabot.testing.laws.shown import line_of, lines_of
from llamabot.testing.transcripts import breakages

__all__ = ["Broken", "LawBroken", "check_transcript", "same"]

_MOST_LINES = 40


class LawBroken(AssertionError):
    """A bot does not keep a law; the message has the law, the smallest model that shows it, and what differed.

    Attributes:
        law: its name.
    """

    def __init__(self, message: str, law: str = "") -> None:
        super().__init__(message)
        self.law = law


class Broken(Exception):
    """What differed, on its way to the one who knows which law it is."""


def same(what: str, one: tuple[str, Any], other: tuple[str, Any]) -> None:
    """Raise `Broken` unless two things that were seen, each with its name, are equal."""
    (name, seen), (other_name, other_seen) = one, other
    if seen == other_seen:
        return
    before, after = (lines_of(value) for value in (seen, other_seen))
    lines = list(difflib.unified_diff(before, after, name, other_name, lineterm="", n=2))
    shown = [line[:400] for line in lines[:_MOST_LINES]]
    raise Broken("\n".join([f"{what} differs:", *shown, *(["…"] if len(lines) > _MOST_LINES else [])]))


def check_transcript(what: str, messages: Iterable[Message]) -> None:
    """Raise `Broken` unless every provider would take these messages."""
    messages = tuple(messages)
    if found := breakages(messages):
        told = "\n".join(line_of(message)[:300] for message in messages)
        raise Broken(f"{what} has {' and '.join(sorted(found))}:\n{told}")
