"""Stopping a provider: leaving LiteLLM's stream alone would let it send, and bill, to the end.

What holds the connection differs by provider: the OpenAI client's stream, an HTTP response, or a generator over its
lines. All of them are closed; what has ended already does not mind.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

__all__ = ["aclose_stream", "close_stream"]

_INSIDE = ("http_response", "streaming_response", "response_iterator")


def close_stream(stream: Any) -> None:
    """Close the connection behind a stream. Never raises."""
    for part in _parts(stream):
        close = getattr(part, "close", None)
        if callable(close) and not inspect.iscoroutinefunction(close):
            with contextlib.suppress(Exception):
                close()


async def aclose_stream(stream: Any) -> None:
    """Close the connection behind a stream. Never raises."""
    for part in _parts(stream):
        close = getattr(part, "aclose", None) or getattr(part, "close", None)
        if callable(close):
            with contextlib.suppress(Exception):
                closing = close()
                if inspect.isawaitable(closing):
                    await closing


def _parts(stream: Any) -> Iterator[Any]:
    """Yield what may hold the connection, the innermost first."""
    within = getattr(stream, "completion_stream", None)
    yield from (part for name in _INSIDE if (part := getattr(within, name, None)) is not None)
    if within is not None:
        yield within
