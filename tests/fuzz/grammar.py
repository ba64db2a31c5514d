"""Streams written as bytes: most stand for a piece of what servers send, the rest for themselves."""

from __future__ import annotations

__all__ = ["stream_of"]

_DELTAS = (
    b'{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
    '{"choices":[{"index":0,"delta":{"content":"π🦙"}}]}'.encode(),
    b'{"choices":[{"delta":{"content":"\\ud83e"}}]}',
    b'{"choices":[{"delta":{"content":null,"refusal":"no","reasoning":"hm","mine":[1]}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"add","arguments":null}}]}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\\"a\\":"}},{"index":0,"id":"a"}]}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":"x","id":7,"function":{"name":["n"],"arguments":{"b":2}}}]}}]}',
    b'{"choices":[{"delta":{},"finish_reason":"stop"}]}',
    b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":-1}}',
    b'{"error":{"message":"no","code":429}}',
    b'{"choices":null}',
    b"null",
    b"[DONE]",
)
_EVENTS = tuple(b"data: " + delta + b"\n\n" for delta in _DELTAS)
_MARKS = (b"data: ", b"data:", b"data", b"event: error", b"event:", b"id: 1", b"retry: 2", b":", b"\xef\xbb\xbf")
_ENDS = (b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n")
_PIECES = (*_EVENTS, *_DELTAS, *_MARKS, *_ENDS, *_ENDS, b"{", b"a", b"\0")
_WRITTEN = 256 // len(_PIECES) * len(_PIECES)


def stream_of(program: bytes) -> bytes:
    """Return the stream that a program writes."""
    return b"".join(_PIECES[sign % len(_PIECES)] if sign < _WRITTEN else bytes([sign]) for sign in program)
