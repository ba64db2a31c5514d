"""Pieces of OpenAI's client before LiteLLM reads them: it drops those whose text is not in `content`, or no text."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from llamabot.ports.errors import BadCompletion

__all__ = ["hear_all"]


def hear_all(stream: Any, model: str) -> None:
    """Let LiteLLM's stream pass on what a model says when it refuses, instead of an empty answer.

    While it is read, a text that is none raises `BadCompletion`.
    """
    openai: Any = importlib.import_module("openai")
    within = getattr(stream, "completion_stream", None)
    if isinstance(within, openai.Stream):
        stream.completion_stream = _Heard(within, model)
    elif isinstance(within, openai.AsyncStream):
        stream.completion_stream = _AsyncHeard(within, model)


class _Heard:
    def __init__(self, stream: Any, model: str) -> None:
        self._stream = stream
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        piece = next(self._stream)
        return piece if _is_plain(piece) else _spoken(piece, self._model)


class _AsyncHeard:
    def __init__(self, stream: Any, model: str) -> None:
        self._stream = stream
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        piece = await anext(self._stream)
        return piece if _is_plain(piece) else _spoken(piece, self._model)


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
            raise BadCompletion(f"{model}: the provider's 'content' is no text but a {type(content).__name__}")
        refusal = getattr(delta, "refusal", None)
        if refusal and not content:
            delta.content = refusal
    return piece
