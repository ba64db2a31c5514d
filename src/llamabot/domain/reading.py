"""How a streamed answer is read, in both colours, and how long an effect may take."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from inspect import isgenerator
from typing import Any

import msgspec

from llamabot.domain.operations import DeadlinePassed, Step
from llamabot.domain.result import ReasoningDelta, TextDelta
from llamabot.domain.threads import call_within
from llamabot.domain.world import World
from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.effect_context import current_effect

__all__ = ["Reading", "aread", "awithin", "bounded", "positive", "read"]

_END: Any = object()


class Reading:
    """A streamed completion as it arrives; belongs to one step.

    Attributes:
        inside: calls a function of the port in a context of this reading's own, where it may ask what effect it serves;
            whoever iterates the run has another.
        feed: takes a chunk in; returns the text and the reasoning that it lets the reader see, each maybe "".
    """

    def __init__(self, step: Step, request: CompletionRequest, world: World) -> None:
        self.request = bounded(request, step)
        self._step = step
        self.told = step.told
        self._clock = world.clock
        self._assembler = Assembler()
        self.feed = self._first
        self.ends_at_s = None if step.timeout_s is None else time.monotonic() + step.timeout_s
        self.inside = copy_context().run
        self.inside(current_effect.set, step.told)

    def left_s(self) -> float:
        """Return the seconds until the deadline, infinite without one.

        Raises:
            DeadlinePassed: none are left; time also passes while the reader is busy.
        """
        return math.inf if self.ends_at_s is None else positive(self.ends_at_s - time.monotonic())

    def _first(self, chunk: CompletionChunk) -> tuple[str, str]:
        self._step.first_at_ns = self._clock.monotonic_ns()
        self.feed = self._assembler.feed
        return self.feed(chunk)

    def rest(self) -> tuple[str, str]:
        """Return what was held back until the end."""
        return self._assembler.rest()

    def broke(self) -> None:
        """Keep what has arrived of an answer that failed or was left, if anything has."""
        if self._step.first_at_ns is not None:
            self._step.partial = self._assembler.message()

    def completion(self) -> Completion:
        """Return the whole answer, or raise `StreamTruncated`."""
        return self._assembler.completion()


def read(reading: Reading, world: World) -> Generator[TextDelta | ReasoningDelta, None, Completion]:
    """Yield a streamed answer and return it; closing this closes the provider's stream."""
    port: Any = world.completion
    stream = reading.inside(port.stream, reading.request)
    take: Callable[..., CompletionChunk] = next if reading.ends_at_s is None else partial(_next_within, reading)
    late: Future[Any] | None = None
    try:
        while (chunk := reading.inside(take, stream, _END)) is not _END:
            text, reasoning = reading.feed(chunk)
            if reasoning:
                yield ReasoningDelta(reasoning)
            if text:
                yield TextDelta(text)
        yield from _deltas(*reading.rest())
        return reading.completion()
    except BaseException as error:
        reading.broke()
        late = error.late if isinstance(error, DeadlinePassed) else None
        raise
    finally:
        _close(stream, late, reading)


async def aread(reading: Reading, world: World) -> AsyncGenerator[TextDelta | ReasoningDelta, None]:
    """Yield a streamed answer; what it is in the end, `reading` knows."""
    port: Any = world.completion
    stream = reading.inside(port.astream, reading.request)
    try:
        while True:
            before = current_effect.set(reading.told)
            try:
                if reading.ends_at_s is None:
                    chunk = await anext(stream, _END)
                else:
                    left_s = reading.left_s()  # which may raise: before anything is made that nobody would await
                    chunk = await awithin(left_s, anext(stream, _END))
            finally:
                current_effect.reset(before)
            if chunk is _END:
                break
            text, reasoning = reading.feed(chunk)
            if reasoning:
                yield ReasoningDelta(reasoning)
            if text:
                yield TextDelta(text)
        for event in _deltas(*reading.rest()):
            yield event
    except BaseException:
        reading.broke()
        raise
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _next_within(reading: Reading, stream: Iterator[CompletionChunk], end: Any) -> CompletionChunk:
    """Return the next fragment as `next` does, or raise `DeadlinePassed`."""
    chunk: CompletionChunk = call_within(reading.left_s(), next, stream, end)
    return chunk


async def awithin(timeout_s: float, coming: Any) -> Any:
    """Wait for something no longer than `timeout_s`.

    Raises:
        DeadlinePassed: it has not come; it is cancelled.
    """
    try:
        async with asyncio.timeout(timeout_s) as deadline:
            return await coming
    except TimeoutError:
        if deadline.expired():
            raise DeadlinePassed from None
        raise


def positive(seconds: float) -> float:
    """Return the seconds that are left, or raise `DeadlinePassed` if none are."""
    if seconds <= 0:
        raise DeadlinePassed
    return seconds


def _close(stream: Any, late: Future[Any] | None, reading: Reading) -> None:
    """Close a stream; a generator that a thread is still inside of is closed by that thread, once it comes back."""
    close = getattr(stream, "close", None)
    if close is None:
        return
    if late is not None and isgenerator(stream):
        late.add_done_callback(lambda _: reading.inside(close))
    else:
        reading.inside(close)


def bounded(request: CompletionRequest, step: Step) -> CompletionRequest:
    """Return a request that waits no longer than the call's deadline leaves."""
    if step.timeout_s is None or step.timeout_s >= request.timeout_s:
        return request
    return msgspec.structs.replace(request, timeout_s=max(step.timeout_s, 0.001))


def _deltas(text: str, reasoning: str) -> Iterator[TextDelta | ReasoningDelta]:
    if reasoning:
        yield ReasoningDelta(reasoning)
    if text:
        yield TextDelta(text)
