"""What providers say that have a wire of their own: Anthropic's events and Ollama's lines, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.servers.replies import Exchange, Raw, Reply, Stream

__all__ = ["anthropic", "anthropic_event", "anthropic_events", "ollama", "ollama_line"]

_TOKENS = {"input_tokens": 7, "output_tokens": 3}
_LINES = "application/x-ndjson"


def anthropic(exchange: Exchange) -> Reply:
    """Reply "fine" as Anthropic does, whole or in two fragments."""
    if exchange.body.get("stream"):
        return Stream(anthropic_events(["fi", "ne"]))
    content = [{"type": "text", "text": "fine"}]
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": content}
    return Raw(json.dumps({**message, "stop_reason": "end_turn", "usage": _TOKENS}).encode())


def anthropic_events(fragments: Iterable[str], *, ends: bool = True) -> list[bytes]:
    """Return a text as Anthropic streams it."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": _TOKENS}
    events = [
        anthropic_event("message_start", message=message),
        anthropic_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    ]
    deltas = ({"type": "text_delta", "text": text} for text in fragments)
    events += [anthropic_event("content_block_delta", index=0, delta=delta) for delta in deltas]
    if ends:
        events += [
            anthropic_event("content_block_stop", index=0),
            anthropic_event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}),
            anthropic_event("message_stop"),
        ]
    return events


def anthropic_event(kind: str, **fields: Any) -> bytes:
    """Return one server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def ollama(exchange: Exchange) -> Reply:
    """Reply "fine" as Ollama does, whole or in two fragments; of the model, which LiteLLM asks about, nothing."""
    if exchange.path != "/api/chat":
        return Raw(b"{}")
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}
    if exchange.body.get("stream"):
        return Stream([ollama_line("fi"), ollama_line("ne"), ollama_line("", **end)], content_type=_LINES)
    return Raw(ollama_line("fine", **end))


def ollama_line(text: str, **fields: Any) -> bytes:
    """Return one line of an answer."""
    line = {"model": "qwen", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}}
    return json.dumps({**line, "done": False, **fields}).encode() + b"\n"
