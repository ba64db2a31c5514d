"""JSON for the log of what users, tools and stores may have given: whatever it is, no answer is lost for it."""

from __future__ import annotations

import reprlib
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.ports.assembly import mend_text
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.documents import Passage
from llamabot.ports.messages import Message
from llamabot.ports.recorder import as_json

__all__ = ["digest_of", "encoded", "kept", "what_json_has"]

_REPR_CHARACTERS = 1000
_NOT_RECORDED = "[not recorded]"

_ENCODER = msgspec.json.Encoder(enc_hook=as_json)


def kept(value: Any) -> tuple[Any, str | None]:
    """Return an object as JSON, or the beginning of its repr."""
    try:
        if hasattr(value, "model_dump_json"):
            return msgspec.json.decode(value.model_dump_json()), None
        return msgspec.json.decode(msgspec.json.encode(value)), None
    except Exception:  # noqa: BLE001 - the object is the user's own: whatever it does, the answer is not lost
        return None, _cut_repr(value)


def _cut_repr(value: Any) -> str:
    try:
        return mend_text(reprlib.repr(value) if isinstance(value, _CONTAINERS) else repr(value))[:_REPR_CHARACTERS]
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__qualname__}>"


_CONTAINERS = (str, bytes, bytearray, list, tuple, dict, set, frozenset)


def digest_of(data: bytes) -> str:
    """Return the name of a blob."""
    return blake2b(data, digest_size=16).hexdigest()


def encoded(value: CompletionRequest | Message | Passage) -> bytes:
    """Return a request, a message or a passage as the JSON that the log keeps of it."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        # Options and messages are the user's own and may hold what JSON cannot: no answer is lost for that.
        return _ENCODER.encode(_what_can_be_told(value))


def what_json_has(value: Any) -> Any:
    """Return a value, or words that say that it has no JSON form."""
    try:
        _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _NOT_RECORDED
    return value


def _what_can_be_told(value: CompletionRequest | Message | Passage) -> CompletionRequest | Message | Passage:
    if isinstance(value, Passage):
        return msgspec.structs.replace(value, metadata={})
    if isinstance(value, CompletionRequest):
        return msgspec.structs.replace(value, options=dict.fromkeys(map(mend_text, value.options), _NOT_RECORDED))
    return type(value)(mend_text(value.text))
