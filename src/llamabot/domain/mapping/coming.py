"""Inputs that may be long in coming, such as the lines of a pipe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Generic, TypeVar

from llamabot.domain.threads import in_thread

__all__ = ["Coming"]

I = TypeVar("I")  # noqa: E741 - an input
_END: Any = object()


class Coming(Generic[I]):
    """Inputs that are drawn in a thread, for a map of either colour: what is done leaves while the next is waited for.

    A thread that waits for an input cannot be stopped. A map that is left leaves it to itself.
    """

    def __init__(self, inputs: Iterable[I]) -> None:
        self._inputs = iter(inputs)

    def __iter__(self) -> Iterator[I]:
        return self

    def __next__(self) -> I:
        return next(self._inputs)

    async def __aiter__(self) -> AsyncIterator[I]:
        while (given := await in_thread(next, self._inputs, _END)) is not _END:
            yield given
