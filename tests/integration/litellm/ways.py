"""The four ways to ask a completion port, so that a test can be about all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.messages import UserMessage

Way = Callable[[Any, CompletionRequest], Completion]


def asking(text: str = "hi", *, model: str = "openai/scripted", **changes: Any) -> CompletionRequest:
    """Return a request."""
    return CompletionRequest(model, (UserMessage(text),), **{"timeout_s": 5.0, **changes})


async def afragments(port: Any, request: CompletionRequest) -> list[CompletionChunk]:
    """Return all chunks of a stream."""
    async with aclosing(port.astream(request)) as stream:
        return [chunk async for chunk in stream]


def whole(port: Any, request: CompletionRequest) -> Completion:
    completion: Completion = port.complete(request)
    return completion


def streamed(port: Any, request: CompletionRequest) -> Completion:
    return assemble(port.stream(request))


def awaited(port: Any, request: CompletionRequest) -> Completion:
    completion: Completion = asyncio.run(port.acomplete(request))
    return completion


def astreamed(port: Any, request: CompletionRequest) -> Completion:
    return assemble(asyncio.run(afragments(port, request)))


WHOLE: dict[str, Way] = {"complete": whole, "acomplete": awaited}
STREAMED: dict[str, Way] = {"stream": streamed, "astream": astreamed}
ALL = WHOLE | STREAMED
