"""What a fault does to the fragments of an answer: fed one at a time, it says what is passed on. No colour, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import msgspec

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import CompletionChunk
from llamabot.ports.errors import StreamTruncated
from llamabot.ports.messages import AssistantMessage
from llamabot.testing.faults.fault import (
    CutStream,
    DuplicateFragment,
    LostAnswer,
    MalformedBody,
    NoFinishReason,
    ReorderedFragments,
    Slow,
)
from llamabot.testing.faults.strike import Strike

__all__ = ["Passing"]


class Passing:
    """The fragments of one answer on their way; belongs to one call."""

    def __init__(self, strike: Strike) -> None:
        self._strike = strike
        self._fault = strike.fault
        self._number = 0
        self._passes = 0
        self._held: CompletionChunk | None = None
        self._passed = Assembler()

    def begin(self) -> None:
        """Do what the fault does before there is any answer."""
        if not isinstance(self._fault, Slow):
            self._strike.before()

    def feed(self, fragment: CompletionChunk) -> Iterator[CompletionChunk]:
        """Take in a fragment; yield what is passed on in its place.

        Raises:
            StreamTruncated: the stream is cut here.
            CompletionTimeout: the fragment is too late.
        """
        number, self._number = self._number, self._number + 1
        match self._fault:
            case Slow(seconds, at) if at == number:
                self._strike.wait(seconds, self._partial())
                yield self._pass(fragment)
            case CutStream(after) if after == number or fragment.finish_reason:
                self._cut()
            case NoFinishReason():
                self._strike.has_struck |= fragment.finish_reason is not None
                yield self._pass(msgspec.structs.replace(fragment, finish_reason=None))
            case DuplicateFragment(at) if at == number:
                yield self._pass(fragment)
                self._strike.has_struck = True
                yield self._pass(fragment)
            case ReorderedFragments(at) if at == number:
                self._held = fragment
            case LostAnswer() | MalformedBody():
                pass
            case _:
                yield self._pass(fragment)
                self._strike.has_struck |= self._held is not None
                yield from self._released()

    def rest(self) -> Iterator[CompletionChunk]:
        """Yield what was held back until the end, and raise what the end brings.

        Raises:
            StreamTruncated: it was not said why the answer ended.
        """
        yield from self._released()
        match self._fault:
            case Slow(seconds, at) if at >= self._number:
                self._strike.wait(seconds, self._partial())
            case CutStream():
                self._cut()
            case NoFinishReason():
                self._passed.completion()
        self._strike.after()

    def _cut(self) -> NoReturn:
        self._strike.hit(
            StreamTruncated("the connection broke in the middle of the answer", partial=self._passed.message())
        )

    def _released(self) -> Iterator[CompletionChunk]:
        held, self._held = self._held, None
        if held is not None:
            yield self._pass(held)

    def _pass(self, fragment: CompletionChunk) -> CompletionChunk:
        self._passed.feed(fragment)
        self._passes += 1
        return fragment

    def _partial(self) -> AssistantMessage | None:
        return self._passed.message() if self._passes else None
