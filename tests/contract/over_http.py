"""Adapters of the chat-completions wire on a loopback server that says what a contract wants."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pytest
from tests.servers.chat import DONE, ChatServer, answer, body, call, delta, event, stream_of
from tests.servers.replies import Exchange, Raw, Reply, Stream

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import CompletionChunk, ToolCallFragment, Usage


def anything(exchange: Exchange) -> Reply:
    """Answer with an echo, so that two requests get two answers."""
    words = f"you said: {exchange.body['messages'][-1]['content']}"
    return stream_of(words.partition(" ")) if exchange.body.get("stream") else answer(words)


def saying(chunks: Sequence[CompletionChunk]) -> Any:
    """Return what makes a server send these chunks, or the whole that they are."""

    def respond(exchange: Exchange) -> Reply:
        return streamed(chunks) if exchange.body.get("stream") else whole(chunks)

    return respond


def streamed(chunks: Iterable[CompletionChunk]) -> Stream:
    return Stream(chain((event(wire_chunk(chunk)) for chunk in chunks), [DONE]))


def whole(chunks: Sequence[CompletionChunk]) -> Raw:
    said = assemble(chunks)
    calls = [call(one.name, one.arguments, one.id) for one in said.message.tool_calls]
    message = {"content": said.message.text, "reasoning_content": said.message.reasoning, "tool_calls": calls or None}
    told = wire_usage(said.usage) if said.usage else None
    return Raw(json.dumps(body(message, finish_reason=said.finish_reason.value, usage=told)).encode())


def wire_chunk(chunk: CompletionChunk) -> dict[str, Any]:
    if chunk.usage is not None:
        return {**delta(), "choices": [], "usage": wire_usage(chunk.usage)}
    fields: dict[str, Any] = {}
    if chunk.text:
        fields["content"] = chunk.text
    if chunk.reasoning:
        fields["reasoning_content"] = chunk.reasoning
    if chunk.tool_calls:
        fields["tool_calls"] = [wire_fragment(one) for one in chunk.tool_calls]
    return delta(finish_reason=chunk.finish_reason and chunk.finish_reason.value, **fields)


def wire_fragment(fragment: ToolCallFragment) -> dict[str, Any]:
    if fragment.id:
        return call(fragment.name, fragment.arguments, fragment.id, index=fragment.index)
    return {"index": fragment.index, "function": {"arguments": fragment.arguments}}


def wire_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


class OverHttp:
    """The hooks of the contracts; `port` says of which adapter."""

    model = "openai/scripted"

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with ChatServer(anything) as self.server:
            yield

    def port(self) -> Any:
        """Return a port that asks `self.server`."""
        raise NotImplementedError

    def make(self) -> Any:
        self.server.respond = anything
        return self.port()

    def make_saying(self, chunks: Sequence[CompletionChunk]) -> Any:
        port = self.make()
        self.server.respond = saying(chunks)
        return port

    def make_failing(self, status: int) -> Any:
        port = self.make()
        self.server.respond = lambda exchange: Raw(b'{"error": {"message": "no"}}', status)
        return port

    def make_live(self, chunks: Iterator[CompletionChunk]) -> Any:
        port = self.make()
        self.server.respond = lambda exchange: streamed(chunks)
        return port

    def sent(self, port: Any) -> Any:
        return self.server.exchanges[-1].raw

    def requests_made(self, port: Any) -> int:
        return len(self.server.exchanges)
