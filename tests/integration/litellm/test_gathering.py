"""Of a stream LiteLLM keeps nothing that nobody will ask for."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import aclosing

import pytest
from tests.integration.providers.ways import asking
from tests.servers.chat import ChatServer, stream_of

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.ports.assembly import assemble
from llamabot.ports.completion import CompletionChunk, Usage

pytestmark = pytest.mark.loopback

WORDS = tuple(f"word {number} " for number in range(60))


class Reader:
    """Reads a stream, and counts LiteLLM's pieces as the last word arrives."""

    def __init__(self) -> None:
        self.chunks: list[CompletionChunk] = []
        self.alive = 0

    def take(self, chunk: CompletionChunk) -> None:
        self.chunks.append(chunk)
        if chunk.text == WORDS[-1]:
            self.alive = sum(type(thing).__name__ == "ModelResponseStream" for thing in gc.get_objects())

    def read(self, port: LiteLLMCompletion) -> None:
        for chunk in port.stream(asking()):
            self.take(chunk)

    def aread(self, port: LiteLLMCompletion) -> None:
        asyncio.run(self._aread(port))

    async def _aread(self, port: LiteLLMCompletion) -> None:
        async with aclosing(port.astream(asking())) as stream:
            async for chunk in stream:
                self.take(chunk)


@pytest.mark.parametrize("way", [Reader.read, Reader.aread])
def test_a_long_text_is_not_kept_twice_and_its_tokens_are_counted(
    server: ChatServer, port: LiteLLMCompletion, way: Callable[[Reader, LiteLLMCompletion], None]
) -> None:
    server.script(stream_of(WORDS, prompt=7, completion=60))
    reader = Reader()
    way(reader, port)
    answer = assemble(reader.chunks)
    assert (answer.message.text, answer.usage) == ("".join(WORDS), Usage(7, 60))
    assert reader.alive < 10
