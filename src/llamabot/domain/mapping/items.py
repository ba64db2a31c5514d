"""What `bot.map(…)` returns: items to iterate, in a `with` block or without one."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Generic, TypeVar

from llamabot.domain.mapping.item import MapItem
from llamabot.domain.mapping.loops import in_tasks, in_threads
from llamabot.domain.mapping.plan import Plan
from llamabot.ports.closing import AsyncClosing, Closing

__all__ = ["AsyncMapItems", "MapItems"]

T = TypeVar("T")
_DROPPED = "a map was dropped before its end; use it in a `with` block or close it"


class MapItems(Closing, Generic[T]):
    """The items of one map. Nothing happens before the first one is asked for.

    Leaving the `with` block, or `close()`, draws no more inputs and begins nothing more; what a thread is in the middle
    of, which Python cannot stop, is waited for, and is in the log.
    """

    def __init__(self, plan: Plan[T], inputs: Iterable[Any]) -> None:
        self._plan, self._open = plan, False  # before the inputs are asked, which may raise
        self._items = in_threads(plan, iter(inputs))

    def __iter__(self) -> Iterator[MapItem[T]]:
        return self

    def __next__(self) -> MapItem[T]:
        self._open = True
        try:
            return next(self._items)
        except BaseException:
            self._open = False
            raise

    def close(self) -> None:
        """Stop the map; nothing happens if it is over."""
        self._open = False
        self._items.close()

    def leave(self) -> None:
        """Have `close` wait no longer: what threads are in the middle of is left to them. For signal handlers too."""
        self._plan.is_dropped = True

    def __del__(self) -> None:
        if self._open:
            warnings.warn(_DROPPED, ResourceWarning, source=self, stacklevel=2)
            self.leave()  # the garbage collector is not held up
            self.close()


class AsyncMapItems(AsyncClosing, Generic[T]):
    """As `MapItems`, for `async with` and `async for`. Leaving early cancels what is at work."""

    def __init__(self, plan: Plan[T], inputs: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._open = False  # before the inputs are asked, which may raise
        drawn = aiter(inputs) if isinstance(inputs, AsyncIterable) else iter(inputs)
        self._items = in_tasks(plan, drawn)

    def __aiter__(self) -> AsyncIterator[MapItem[T]]:
        return self

    async def __anext__(self) -> MapItem[T]:
        self._open = True
        try:
            return await anext(self._items)
        except BaseException:
            self._open = False
            raise

    async def aclose(self) -> None:
        """Stop the map; nothing happens if it is over."""
        self._open = False
        await self._items.aclose()

    def __del__(self) -> None:
        if self._open:  # the event loop closes the generator itself once it is collected; only telling is left to do
            warnings.warn(_DROPPED, ResourceWarning, source=self, stacklevel=2)
