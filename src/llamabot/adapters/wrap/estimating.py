"""How many tokens a request will take, roughly: known before it is made, corrected by what the provider counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from llamabot.ports.completion import CompletionChunk, CompletionRequest
from llamabot.ports.messages import AssistantMessage, Image, Message

__all__ = ["answer_tokens", "chunk_tokens", "prompt_tokens", "text_tokens"]

_BYTES_PER_TOKEN = 4
_PER_MESSAGE = 4
_PER_IMAGE = 1000
_UNSAID_ANSWER = 1000
_MOST_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def prompt_tokens(request: CompletionRequest) -> int:
    """Return roughly how many tokens are sent: a token for four bytes of text, a thousand for a picture.

    Source: four characters of English are a token, by OpenAI's rule of thumb; other alphabets have more bytes a
    character, and more tokens.
    """
    sent = sum(map(_message_tokens, request.messages))
    return sent + (text_tokens(msgspec.json.encode(request.tools, enc_hook=str)) if request.tools else 0)


def answer_tokens(request: CompletionRequest) -> int:
    """Return how many tokens the answer may have, by the request or its options; a thousand where nothing is said."""
    said = (request.max_tokens, *(request.options.get(name) for name in _MOST_TOKENS))
    return next((most for most in said if isinstance(most, int)), _UNSAID_ANSWER)


def text_tokens(*texts: str | bytes) -> int:
    """Return roughly how many tokens texts have."""
    return sum(_tokens(text) for text in texts)


def chunk_tokens(chunk: CompletionChunk) -> int:
    """Return roughly how many tokens a fragment has."""
    return text_tokens(chunk.text, chunk.reasoning, *(call.arguments for call in chunk.tool_calls))


def _message_tokens(message: Message) -> int:
    tokens = _PER_MESSAGE + text_tokens(message.text)
    if not isinstance(message.content, str):
        tokens += _PER_IMAGE * _images(message.content)
    if isinstance(message, AssistantMessage):
        tokens += text_tokens(*(call.arguments for call in message.tool_calls))
    return tokens


def _images(parts: Iterable[Any]) -> int:
    return sum(isinstance(part, Image) for part in parts)


def _tokens(text: str | bytes) -> int:
    size = len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // _BYTES_PER_TOKEN)
