"""The end of a streamed answer: what was held back is told, whatever kind of iterator a port has given."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

import llamabot as lmb
from llamabot.ports.completion import CompletionChunk, CompletionRequest, FinishReason
from llamabot.testing import FunctionCompletion, InMemoryRecorder


class Iterating:
    """An iterator of either colour, and nothing more: it cannot be closed."""

    def __init__(self, *chunks: CompletionChunk) -> None:
        self._chunks = iter(chunks)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> CompletionChunk:
        return next(self._chunks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CompletionChunk:
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None


class Halving(FunctionCompletion):
    """A model that ends in the middle of a character."""

    def __init__(self) -> None:
        super().__init__(lambda request: "")

    def stream(self, request: CompletionRequest) -> Any:
        return Iterating(CompletionChunk("a"), CompletionChunk("\ud83d", finish_reason=FinishReason.STOP))

    astream = stream


def streamed() -> list[Any]:
    with lmb.SimpleBot(completion=Halving(), recorder=InMemoryRecorder()).stream("?") as events:
        return list(events)


def astreamed() -> list[Any]:
    async def read() -> list[Any]:
        async with lmb.AsyncSimpleBot(completion=Halving(), recorder=InMemoryRecorder()).stream("?") as events:
            return [event async for event in events]

    return asyncio.run(read())


@pytest.mark.parametrize("way", [streamed, astreamed])
def test_half_a_character_at_the_end_is_told_as_what_it_is(way: Any) -> None:
    *told, last = way()
    assert told == [lmb.TextDelta("a"), lmb.TextDelta("\ufffd")]
    assert last.result.text == "a\ufffd"
