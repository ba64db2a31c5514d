"""What is wrong with a transcript, each wrong with a name."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from llamabot.ports.messages import AssistantMessage, Message, Text, ToolMessage

__all__ = ["HUGE", "Breakage", "Transcript", "breakages"]

HUGE = 1_000_000
"""Characters from which on a text of a message is huge."""
_LONGEST_SHOWN = 2_000


class Breakage(StrEnum):
    """How a transcript can be broken: providers refuse the first six, programs stumble over the others."""

    ORPHAN_RESULT = "a result without a call before it"
    MISSING_RESULT = "a call without its result"
    DUPLICATE_IDS = "two calls with one id"
    EMPTY_ID = "a call without an id"
    RESULTS_OUT_OF_ORDER = "results in another order than their calls"
    EMPTY_PARTS = "content of no parts, or of an empty one"
    LONE_SURROGATES = "half a character"
    HUGE_TEXT = "a text of a million characters"


class Transcript(tuple[Message, ...]):
    """The messages of a transcript: a tuple that is shown without the middle of what is long."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"({', '.join(map(_shown, self))},)" if self else "()"


def breakages(messages: Iterable[Message]) -> frozenset[Breakage]:
    """Return all that is wrong with a transcript; nothing, for one that every provider takes.

    A result answers a call of the assistant's message before it, with nothing but other results between.
    """
    found: set[Breakage] = set()
    seen: set[str] = set()
    results = _Results([])
    for message in messages:
        found |= _of_content(message)
        if isinstance(message, ToolMessage):
            found |= results.take(message.call_id)
            continue
        found |= results.missing()
        ids = [call.id for call in message.tool_calls] if isinstance(message, AssistantMessage) else []
        found |= _of_ids(ids, seen)
        results = _Results(ids)
    return frozenset(found | results.missing())


class _Results:
    """The results of one message's calls, as they come."""

    def __init__(self, ids: list[str]) -> None:
        self._waiting = list(enumerate(ids))
        self._last = -1

    def take(self, call_id: str) -> set[Breakage]:
        """Take a result, and say what is wrong with its place."""
        place = next((place for place, id_ in self._waiting if id_ == call_id), None)
        if place is None:
            return {Breakage.ORPHAN_RESULT}
        self._waiting.remove((place, call_id))
        before, self._last = self._last, place
        return {Breakage.RESULTS_OUT_OF_ORDER} if place < before else set()

    def missing(self) -> set[Breakage]:
        return {Breakage.MISSING_RESULT} if self._waiting else set()


def _of_ids(ids: list[str], seen: set[str]) -> set[Breakage]:
    """Look at the ids of one message, and note them."""
    found = set()
    for id_ in ids:
        if not id_:
            found.add(Breakage.EMPTY_ID)
        elif id_ in seen:
            found.add(Breakage.DUPLICATE_IDS)
        seen.add(id_)
    return found


def _of_content(message: Message) -> set[Breakage]:
    found = set()
    pieces = _texts(message)
    if not isinstance(message.content, str):
        parts = message.content
        if not parts or any(not part.text for part in parts if isinstance(part, Text)):
            found.add(Breakage.EMPTY_PARTS)
    if any(len(piece) >= HUGE for piece in pieces):
        found.add(Breakage.HUGE_TEXT)
    if any("\ud800" <= character <= "\udfff" for piece in pieces if not piece.isascii() for character in piece):
        found.add(Breakage.LONE_SURROGATES)
    return found


def _texts(message: Message) -> list[str]:
    """Return every text that a message has."""
    content = message.content
    said = [content] if isinstance(content, str) else [part.text for part in content if isinstance(part, Text)]
    if isinstance(message, AssistantMessage):
        said += [message.reasoning or "", *(call.arguments for call in message.tool_calls)]
    return said


def _shown(message: Message) -> str:
    text = repr(message)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:200]}… {len(text):,} characters …{text[-100:]}"
