"""What a decorator asks to have done, as data, so that one body serves every colour.

A body is a generator: it yields these operations and is sent what they give. Whatever goes wrong in one is thrown into
it, also that the reader of a stream left (`GeneratorExit`) or that the task was cancelled; what the body yields then is
still done. The drivers in `driving` know nothing of decorators.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

from llamabot.ports.assembly import assemble
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import Completion, CompletionChunk
from llamabot.ports.errors import SharedStateError

__all__ = ["Ask", "Do", "Give", "Hearing", "Operation", "Steps", "acquired", "calling", "noting", "sleeping"]


class Shared(Protocol):
    """What all ports of shared state have.

    Attributes:
        blocks: whether its methods may wait for a disk or for another process.
    """

    @property
    def blocks(self) -> bool: ...


class Hearing:
    """Takes note of an answer, and may change it on its way; this one lets everything pass."""

    def whole(self, answer: Any) -> Any:
        """Return what is handed on in the place of a whole answer."""
        return answer

    def fragment(self, chunk: CompletionChunk) -> CompletionChunk:
        """Return what is handed on in the place of a fragment."""
        return chunk


class Ask:
    """Ask the port inside: a completion port for an answer, an embedder for vectors. Made anew for each attempt.

    It gives the whole answer; None where the answer is streamed, whose fragments have been handed on by then.

    Attributes:
        has_given: whether something was handed on, so that nothing may be asked in its place.
    """

    __slots__ = ("_given", "_hearing", "_port", "has_given")

    def __init__(self, port: Any, given: Any, hearing: Hearing | None = None) -> None:
        self._port, self._given, self._hearing = port, given, hearing or _DEAF
        self.has_given = False

    def do(self, method: str) -> Any:
        """Return what the port's method gives."""
        return self._hearing.whole(getattr(self._port, method)(self._given))

    async def ado(self, method: str) -> Any:
        """As `do`, of the method's twin."""
        return self._hearing.whole(await getattr(self._port, f"a{method}")(self._given))

    def fragments(self) -> Generator[CompletionChunk, None, None]:
        """Yield the fragments of the port's stream, and close it."""
        stream = self._port.stream(self._given)
        try:
            for chunk in stream:
                heard = self._hearing.fragment(chunk)
                self.has_given = True
                yield heard
        finally:
            if hasattr(stream, "close"):
                stream.close()

    async def afragments(self) -> AsyncGenerator[CompletionChunk, None]:
        """As `fragments`."""
        stream = self._port.astream(self._given)
        try:
            async for chunk in stream:
                heard = self._hearing.fragment(chunk)
                self.has_given = True
                yield heard
        finally:
            if hasattr(stream, "aclose"):
                await stream.aclose()


class Do:
    """Call a function that may block; or where nothing may block its twin, or itself in a thread.

    Attributes:
        returned: what it returned, in a list, also where whoever asked was cancelled before.
    """

    __slots__ = ("_awaited", "_function", "returned")

    def __init__(self, function: Callable[[], Any], awaited: Callable[[], Awaitable[Any]] | None = None) -> None:
        self._function, self._awaited = function, awaited
        self.returned: list[Any] = []

    def do(self, method: str) -> Any:
        """Return what it returns."""
        self.returned.append(self._function())
        return self.returned[0]

    async def ado(self, method: str) -> Any:
        """As `do`. A thread that has begun is waited for, also by a task that is cancelled: what it does is short."""
        if self._awaited is not None:
            return await self._awaited()
        work = asyncio.ensure_future(asyncio.to_thread(self.do, method))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # seen, so that nobody is told of it
            raise


class Give:
    """Hand an answer on that nobody was asked for now."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Sequence[CompletionChunk]) -> None:
        self._chunks = chunks

    def do(self, method: str) -> Completion:
        """Return it whole."""
        return assemble(self._chunks)

    async def ado(self, method: str) -> Completion:
        """As `do`."""
        return assemble(self._chunks)

    def fragments(self) -> Generator[CompletionChunk, None, None]:
        """Yield its fragments."""
        yield from self._chunks

    async def afragments(self) -> AsyncGenerator[CompletionChunk, None]:
        """As `fragments`."""
        for chunk in self._chunks:
            yield chunk


class Operation(Protocol):
    """What a body may yield; an `Ask` and a `Give` have fragments too."""

    def do(self, method: str) -> Any:
        """Return what it gives. `method` is the one that was called of the decorator, in either colour."""

    async def ado(self, method: str) -> Any:
        """As `do`, without blocking the event loop."""


Steps: TypeAlias = Generator[Operation, Any, Any]
_DEAF = Hearing()


def sleeping(clock: ClockPort, seconds: float) -> Do:
    """Return the operation that waits on a clock."""
    return Do(partial(clock.sleep, seconds), partial(clock.asleep, seconds))


def calling(shared: Shared, function: Callable[[], Any]) -> Do:
    """Return the operation that calls a function of what is shared: in a thread only where it may block."""
    return Do(function) if shared.blocks else Do(function, partial(_at_once, function))


def noting(shared: Shared, function: Callable[[], Any]) -> Do:
    """As `calling`, of what an answer that is there must not be lost for: failures are told on the logger alone."""
    return calling(shared, partial(_noted, function))


def acquired(operation: Do, undo: Callable[[Any], Do | None]) -> Steps:
    """Return what an operation gives; undo it if whoever asked was gone before they had it."""
    try:
        return (yield operation)
    except BaseException:
        undone = undo(operation.returned[0]) if operation.returned else None
        if undone is not None:
            yield undone
        raise


async def _at_once(function: Callable[[], Any]) -> Any:
    return function()


def _noted(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except SharedStateError as error:
        logging.getLogger("llamabot").warning("%s", error)
        return None
