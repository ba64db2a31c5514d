"""Models that block, with one bug each in their streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.falsify.plain_completion import CompletionHooks, PlainCompletion, replaced
from tests.falsify.wrong import wrong

from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import CompletionChunk, CompletionRequest, FinishReason
from llamabot.ports.errors import StreamTruncated
from llamabot.ports.messages import AssistantMessage
from llamabot.testing.contracts import CompletionContract

sync = wrong(CompletionHooks, CompletionContract)


@sync
class LastFragmentLost(PlainCompletion):
    """Holds each text back until the next fragment comes, and forgets the one held at the end."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        held = ""
        for chunk in super().stream(request):
            yield replaced(chunk, text=held)
            held = chunk.text


@sync
class StopsReadingAtTheFinish(PlainCompletion):
    """Stops reading a stream at its finish reason; the usage that comes after it is lost."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        for chunk in super().stream(request):
            yield chunk
            if chunk.finish_reason:
                return


@sync
class AsksTooSoon(PlainCompletion):
    """Makes the request of a stream when it is made, not when it is first read."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        chunks = self.received(request)

        def read() -> Iterator[CompletionChunk]:
            assembler = Assembler()
            for chunk in chunks:
                assembler.feed(chunk)
                yield chunk
            assembler.completion()

        return read()


@sync
class TruncationSwallowed(PlainCompletion):
    """Takes an answer that broke off for a whole one."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        finished = False
        for chunk in super().received(request):
            finished = finished or chunk.finish_reason is not None
            yield chunk
        if not finished:
            yield CompletionChunk(finish_reason=FinishReason.STOP)


@sync
class AsksAgainForTheEnd(PlainCompletion):
    """Reads a stream to its end before it gives any of it, and asks a second time where it broke off."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        assembler = Assembler()
        chunks = list(self.received(request))
        if not any(chunk.finish_reason for chunk in chunks):
            chunks = list(self.received(request))
        for chunk in chunks:
            assembler.feed(chunk)
            yield chunk
        assembler.completion()


@sync
class NothingLeftOfATruncation(PlainCompletion):
    """Says that a stream broke off, and throws away what had arrived."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        try:
            yield from super().stream(request)
        except StreamTruncated as error:
            raise StreamTruncated(str(error), partial=AssistantMessage()) from error


@sync
class FinishedTwice(PlainCompletion):
    """Says at its end once more why the stream has ended."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        reason = None
        for chunk in super().stream(request):
            reason = chunk.finish_reason or reason
            yield chunk
        yield CompletionChunk(finish_reason=reason)


@sync
class OneStreamAtATime(PlainCompletion):
    """Keeps the stream that it reads in itself, so that a second one goes on with the first one's fragments."""

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        self.reading = super().stream(request)
        while True:
            try:
                yield next(self.reading)
            except StopIteration:
                return


@sync
class DeafToClose(PlainCompletion):
    """Goes on with a stream that was closed."""

    def stream(self, request: CompletionRequest) -> Any:
        class Reading:
            def __init__(self, chunks: Iterator[CompletionChunk]) -> None:
                self.chunks = chunks

            def __iter__(self) -> Any:
                return self

            def __next__(self) -> CompletionChunk:
                return next(self.chunks)

            def close(self) -> None:
                pass

        return Reading(super().stream(request))


@sync
class EndsAtAnEmptyFragment(PlainCompletion):
    """Takes an empty fragment for the end of the text."""

    def received(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        ended = False
        for chunk in super().received(request):
            ended = ended or chunk == CompletionChunk()
            yield replaced(chunk, text="") if ended else chunk
