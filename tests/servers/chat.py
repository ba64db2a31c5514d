"""What a chat-completions provider says: bodies, streamed events, errors, as plain JSON values and bytes.

Everything is a default that a test may override; nothing here checks that a reply is sensible, because hostile ones
are the point.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.servers.loopback import LoopbackServer
from tests.servers.replies import Exchange, Raw, Reply, Stream

__all__ = [
    "DONE",
    "ChatServer",
    "answer",
    "anything",
    "body",
    "call",
    "delta",
    "event",
    "failure",
    "finish",
    "sse",
    "stream_of",
    "usage",
    "usage_event",
]

DONE = b"data: [DONE]\n\n"
MODEL = "scripted-1"


class ChatServer(LoopbackServer):
    """A loopback server with the address that chat-completions clients want."""

    @property
    def api_base(self) -> str:
        """What goes into the option `api_base`."""
        return f"{self.url}/v1"


def usage(prompt: int = 7, completion: int = 3, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """Return a usage object with details."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def call(name: str = "look", arguments: str | None = "{}", id: str | None = "call_1", **more: Any) -> dict[str, Any]:  # noqa: A002 - the wire's name
    """Return a call of a tool, or with `index=` a fragment of one."""
    wire: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": arguments}, **more}
    return wire if id is None else {"id": id, **wire}


def body(message: Mapping[str, Any], *, finish_reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    """Return a whole chat completion around a message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    envelope = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return {**envelope, "choices": [choice], "usage": usage(), **more}


def answer(text: str | None = "hello", *, status: int = 200, delay_s: float = 0.0, **more: Any) -> Raw:
    """Reply with a whole answer; more fields go into its message."""
    data = json.dumps(body({"content": text, **more})).encode()
    return Raw(data, status=status, delay_s=delay_s)


def failure(status: int, message: str = "it failed", *, headers: Mapping[str, str] | None = None, **more: Any) -> Raw:
    """Reply with an error as providers write it; more fields go into its `error` object."""
    error = {"message": message, "type": "scripted_error", "param": None, "code": None, **more}
    return Raw(json.dumps({"error": error}).encode(), status=status, headers=headers or {})


def delta(*, finish_reason: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """Return one streamed chunk with these fields in its delta."""
    choice = {"index": index, "delta": fields, "finish_reason": finish_reason}
    envelope = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return {**envelope, "choices": [choice]}


def finish(reason: str = "stop") -> dict[str, Any]:
    """Return the chunk that says why the answer ended."""
    return delta(finish_reason=reason)


def usage_event(**tokens: int) -> dict[str, Any]:
    """Return the last chunk of a stream: tokens and no choices."""
    return {**delta(), "choices": [], "usage": usage(**tokens)}


def event(chunk: Mapping[str, Any], *, end_of_line: str = "\n") -> bytes:
    """Return a chunk as a server-sent event."""
    return f"data: {json.dumps(chunk)}{end_of_line}{end_of_line}".encode()


def sse(*chunks: Mapping[str, Any], done: bool = True, pause_s: float = 0.0, cut: bool = False) -> Stream:
    """Reply with these chunks, an event a packet."""
    packets = [event(chunk) for chunk in chunks]
    return Stream([*packets, DONE] if done else packets, pause_s=pause_s, cut=cut)


def stream_of(
    fragments: Iterable[str], *, pause_s: float = 0.0, more: Sequence[Mapping[str, Any]] = (), **tokens: int
) -> Stream:
    """Reply with a text in fragments, a finish reason, and the usage."""
    chunks = [delta(role="assistant", content=""), *(delta(content=text) for text in fragments), *more]
    return sse(*chunks, finish(), usage_event(**tokens), pause_s=pause_s)


def anything(exchange: Exchange) -> Reply:
    """Reply "fine" to any request, whole or in two fragments."""
    return stream_of(["fi", "ne"]) if exchange.body.get("stream") else answer("fine")
