"""What `bot.stream(…)` returns: events to iterate, in a `with` block or without one."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import FrameType
from typing import Any, Generic, TypeVar

from llamabot.domain.result import Finished, Result, StreamEvent, TextDelta
from llamabot.ports.closing import AsyncClosing, Closing
from llamabot.ports.errors import UsageError

__all__ = ["AsyncEventStream", "EventStream"]

T = TypeVar("T")
_DROPPED = "a stream of events was dropped before it finished; use it in a `with` block or close it"


class _Events(Generic[T]):
    """What both colours keep: the result, and whether anything has been asked for."""

    def __init__(self) -> None:
        self._result: Result[T] | None = None
        self._begun = False

    @property
    def result(self) -> Result[T]:
        """The result, once `Finished` has been seen.

        Raises:
            UsageError: the stream has not finished.
        """
        if self._result is None:
            raise UsageError("the stream has not finished: iterate it to its end before asking for its result")
        return self._result

    def _warn_if_open(self, frame: FrameType | None) -> None:
        if self._begun and frame is not None and self._result is None:
            warnings.warn(_DROPPED, ResourceWarning, source=self, stacklevel=3)


class EventStream(_Events[T], Closing):
    """The events of one run, as they happen. The run starts with the first event asked for.

    Leaving the `with` block, or `close()`, stops the provider.
    """

    def __init__(self, events: Generator[StreamEvent[T], None, None]) -> None:
        super().__init__()
        self._events = events

    def __iter__(self) -> Iterator[StreamEvent[T]]:
        return self

    def __next__(self) -> StreamEvent[T]:
        self._begun = True
        event = next(self._events)
        if type(event) is Finished:
            self._result = event.result
        return event

    def text(self) -> Iterator[str]:
        """Yield the text alone, piece by piece."""
        return (event.text for event in self if isinstance(event, TextDelta))

    def close(self) -> None:
        """Stop the run and the provider; nothing happens if it is over."""
        self._events.close()

    def __del__(self) -> None:
        events: Any = self._events
        self._warn_if_open(events.gi_frame)
        self.close()


class AsyncEventStream(_Events[T], AsyncClosing):
    """As `EventStream`, for `async with` and `async for`."""

    def __init__(self, events: AsyncGenerator[StreamEvent[T], None]) -> None:
        super().__init__()
        self._events = events

    def __aiter__(self) -> AsyncIterator[StreamEvent[T]]:
        return self

    async def __anext__(self) -> StreamEvent[T]:
        self._begun = True
        event = await anext(self._events)
        if type(event) is Finished:
            self._result = event.result
        return event

    async def text(self) -> AsyncIterator[str]:
        """Yield the text alone, piece by piece."""
        async for event in self:
            if isinstance(event, TextDelta):
                yield event.text

    async def aclose(self) -> None:
        """Stop the run and the provider; nothing happens if it is over."""
        await self._events.aclose()

    def __del__(self) -> None:
        # The event loop closes the generator itself once it is collected; only telling is left to do.
        events: Any = self._events
        self._warn_if_open(events.ag_frame)
