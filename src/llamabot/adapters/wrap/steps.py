"""What a decorator asks to have done, as data, so that one body serves every colour.

A body is a generator: it yields these operations and is sent what they give. Whatever goes wrong in one is thrown into
it, also that the reader of a stream left (`GeneratorExit`) or that the task was cancelled; what the body yields then is
still done. The drivers in `driving` know nothing of decorators.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeAlias

from llamabot.ports.assembly import assemble
from llamabot.ports.clock import ClockPort
from llamabot.ports.completion import Completion, CompletionChunk

__all__ = ["Ask", "Do", "Give", "Hearing", "Steps", "sleeping"]


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
    """Call a function that may block; or where nothing may block its twin, or itself in a thread."""

    __slots__ = ("_awaited", "_function")

    def __init__(self, function: Callable[[], Any], awaited: Callable[[], Awaitable[Any]] | None = None) -> None:
        self._function, self._awaited = function, awaited

    def do(self, method: str) -> Any:
        """Return what it returns."""
        return self._function()

    async def ado(self, method: str) -> Any:
        """As `do`."""
        return await (asyncio.to_thread(self._function) if self._awaited is None else self._awaited())


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


Steps: TypeAlias = Generator[Ask | Do | Give, Any, Any]
_DEAF = Hearing()


def sleeping(clock: ClockPort, seconds: float) -> Do:
    """Return the operation that waits on a clock."""
    return Do(partial(clock.sleep, seconds), partial(clock.asleep, seconds))
