"""Pieces of OpenAI's client before LiteLLM reads them: it drops those whose text is not in `content`, or no text."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from llamabot.ports.errors import BadCompletion
from llamabot.ports.kinds import a_kind

__all__ = ["hear_all"]


def hear_all(stream: Any, model: str) -> None:
    """Let LiteLLM's stream pass on what a model says when it refuses, instead of an empty answer.

    While it is read, a text that is none raises `BadCompletion`.
    """
    openai: Any = importlib.import_module("openai")
    within: Any = getattr(stream, "completion_stream", None)
    # In the client's own iterator: a stream around the client's would cost each piece one more call.
    if isinstance(within, openai.Stream):
        within._iterator = _heard(within._iterator, model)  # noqa: SLF001 - as above
    elif isinstance(within, openai.AsyncStream):
        within._iterator = _aheard(within._iterator, model)  # noqa: SLF001 - as above


def _heard(pieces: Iterator[Any], model: str) -> Iterator[Any]:
    for piece in pieces:
        yield piece if _is_plain(piece) else _spoken(piece, model)


async def _aheard(pieces: AsyncIterator[Any], model: str) -> AsyncIterator[Any]:
    async for piece in pieces:
        yield piece if _is_plain(piece) else _spoken(piece, model)


def _is_plain(piece: Any) -> bool:
    """Say whether a piece is what nearly all are: one choice with a text."""
    try:
        (choice,) = piece.choices
        return type(choice.delta.content) is str
    except (AttributeError, TypeError, ValueError):
        return False


def _spoken(piece: Any, model: str) -> Any:
    """Return a piece with the model's words where LiteLLM looks for them; the client checks no types."""
    for choice in getattr(piece, "choices", None) or ():
        delta: Any = getattr(choice, "delta", None)
        content = getattr(delta, "content", None)
        if content is not None and not isinstance(content, str):
            raise BadCompletion(f"{model}: the provider's 'content' is no text but {a_kind(content)}")
        refusal = getattr(delta, "refusal", None)
        if refusal and not content:
            delta.content = refusal
    return piece
