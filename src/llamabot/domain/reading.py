"""How a streamed answer is read, in both colours, and how long an effect may take."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from inspect import isgenerator
from typing import Any, TypeVar

import msgspec

from llamabot.domain.operations import DeadlinePassed, Step
from llamabot.domain.result import ReasoningDelta, TextDelta
from llamabot.domain.threads import call_within
from llamabot.domain.world import World
from llamabot.ports.assembly import Assembler
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.effect_context import current_effect

__all__ = ["Reading", "aread", "awithin", "bounded", "positive", "read"]

T = TypeVar("T")
_END: Any = object()


class Reading:
    """A streamed completion as it arrives; belongs to one step.

    Attributes:
        feed: takes a chunk in; returns the text and the reasoning that it lets the reader see, each maybe "".
    """

    def __init__(self, step: Step, request: CompletionRequest, world: World) -> None:
        self.request = bounded(request, step)
        self._step = step
        self.told = step.told
        self._clock = world.clock
        self._assembler = Assembler()
        self.feed = self._assembler.feed
        self.ends_at_s = None if step.timeout_s is None else time.monotonic() + step.timeout_s

    def inside(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of the port, which may ask what effect it serves."""
        before = current_effect.set(self.told)
        try:
            return function(*arguments)
        finally:
            current_effect.reset(before)

    def left_s(self) -> float:
        """Return the seconds until the deadline, infinite without one.

        Raises:
            DeadlinePassed: none are left; time also passes while the reader is busy.
        """
        return math.inf if self.ends_at_s is None else positive(self.ends_at_s - time.monotonic())

    def begun(self, chunk: CompletionChunk) -> CompletionChunk:
        """Note when the first chunk came, if it is one; return it."""
        if chunk is not _END:
            self._step.first_at_ns = self._clock.monotonic_ns()
        return chunk

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
    late: Future[Any] | None = None
    try:
        chunk = reading.begun(_next(stream, reading))
        while chunk is not _END:
            text, reasoning = reading.feed(chunk)
            if reasoning:
                yield ReasoningDelta(reasoning)
            if text:
                yield TextDelta(text)
            chunk = _next(stream, reading)
        yield from _deltas(*reading.rest())
        return reading.completion()
    except BaseException as error:
        reading.broke()
        late = error.late if isinstance(error, DeadlinePassed) else None
        raise
    finally:
        _close(stream, late)


async def aread(reading: Reading, world: World) -> AsyncGenerator[TextDelta | ReasoningDelta, None]:
    """Yield a streamed answer; what it is in the end, `reading` knows."""
    port: Any = world.completion
    stream = reading.inside(port.astream, reading.request)
    try:
        chunk = reading.begun(await _anext(stream, reading))
        while chunk is not _END:
            text, reasoning = reading.feed(chunk)
            if reasoning:
                yield ReasoningDelta(reasoning)
            if text:
                yield TextDelta(text)
            chunk = await _anext(stream, reading)
        for event in _deltas(*reading.rest()):
            yield event
    except BaseException:
        reading.broke()
        raise
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _next(stream: Iterator[CompletionChunk], reading: Reading) -> CompletionChunk:
    """Return the next fragment, `_END` after the last, or raise `DeadlinePassed`."""
    # Set here, and not around a `yield`: whoever iterates the run has a context of his own.
    before = current_effect.set(reading.told)
    try:
        if reading.ends_at_s is None:
            return next(stream, _END)
        chunk: CompletionChunk = call_within(reading.left_s(), next, stream, _END)
        return chunk
    finally:
        current_effect.reset(before)


async def _anext(stream: AsyncIterator[CompletionChunk], reading: Reading) -> CompletionChunk:
    """As `_next`."""
    before = current_effect.set(reading.told)
    try:
        if reading.ends_at_s is None:
            return await anext(stream, _END)
        left_s = reading.left_s()  # which may raise: before anything is made that nobody would await
        chunk: CompletionChunk = await awithin(left_s, anext(stream, _END))
        return chunk
    finally:
        current_effect.reset(before)


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


def _close(stream: Any, late: Future[Any] | None) -> None:
    """Close a stream; a generator that a thread is still inside of is closed by that thread, once it comes back."""
    close = getattr(stream, "close", None)
    if close is None:
        return
    if late is not None and isgenerator(stream):
        late.add_done_callback(lambda _: close())
    else:
        close()


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
