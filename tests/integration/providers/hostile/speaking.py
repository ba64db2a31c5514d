"""What a hostile server says, byte by byte."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.chat import DONE, body, delta, event, finish

__all__ = ["BEGIN", "CANARY", "END", "JSON_HEAD", "SSE_HEAD", "WHOLE_BODY", "chunk_of", "chunked", "opening", "without"]

CANARY = "sk-canary-4f9a1c7e"
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WHOLE_BODY = json.dumps(body({"content": "hello"})).encode()
BEGIN, END = event(delta(content="hel")), event(delta(content="lo")) + event(finish()) + DONE


def chunk_of(**fields: Any) -> bytes:
    return event({**delta(content="hel"), **fields})


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def without(name: str, call: dict[str, Any]) -> dict[str, Any]:
    return {other: value for other, value in call.items() if other != name}


def opening(name: str = "look", arguments: Any = "", index: Any = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}
