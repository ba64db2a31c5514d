"""One request asked in the four ways that a completion port has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.messages import UserMessage

__all__ = ["WAYS", "outcome", "request"]


def request(text: str = "Hi", model: str = "first", **changes: Any) -> CompletionRequest:
    return CompletionRequest(model, (UserMessage(text),), **changes)


def _complete(port: Any, asked: CompletionRequest) -> Completion:
    return port.complete(asked)


def _acomplete(port: Any, asked: CompletionRequest) -> Completion:
    async def ask() -> Completion:
        return await port.acomplete(asked)

    return asyncio.run(ask())


def _stream(port: Any, asked: CompletionRequest) -> Completion:
    return assemble(port.stream(asked))


def _astream(port: Any, asked: CompletionRequest) -> Completion:
    async def ask() -> Completion:
        async with aclosing(port.astream(asked)) as stream:
            return assemble([chunk async for chunk in stream])

    return asyncio.run(ask())


WAYS: dict[str, Callable[[Any, CompletionRequest], Completion]] = {
    "complete": _complete,
    "acomplete": _acomplete,
    "stream": _stream,
    "astream": _astream,
}


def outcome(way: str, port: Any, asked: CompletionRequest) -> str:
    """Return the text of the answer, or the kind of the error."""
    try:
        return WAYS[way](port, asked).message.text
    except Exception as error:
        return type(error).__name__
