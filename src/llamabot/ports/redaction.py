"""Taking credentials out of what is shown to others: of any text, and of a run's events.

`secrets` keeps apart what was given as a secret; here it is found by how it looks, in what people and tools have said.
The same text always becomes the same, and what was redacted once stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.ports.recorder import Blob, RunEvent, decode_event, encode_event
from llamabot.ports.secrets import HIDDEN, is_secret_name

__all__ = ["redacted_events", "redacted_json", "redacted_text"]

# Each of these is replaced whole, or by what its replacement leaves of it. None takes a quote or a backslash that it
# does not have to: the text may be JSON, and must stay so.
_PATTERNS = (
    (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|$)", HIDDEN),
    (r"(?i)\b(bearer)\s+(?!\[secret\])[\w.~+/=-]{8,}", rf"\1 {HIDDEN}"),
    (r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|token)?\s+)[\w.~+/=-]{8,}", rf"\1{HIDDEN}"),
    (r"(?<![A-Za-z0-9])eyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*", HIDDEN),
    (r"(?<![A-Za-z0-9])(?:sk-[\w-]{16,}|[spr]k_(?:live|test)_\w{10,})", HIDDEN),
    (r"(?<![A-Za-z0-9])(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|hf_\w{16,})", HIDDEN),
    (r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", HIDDEN),
    (r"(?<![A-Za-z0-9])AIza[\w-]{30,}", HIDDEN),
    (r"(?<![A-Za-z0-9])xox[a-z]-[\w-]{10,}", HIDDEN),
    (r"(?<=://)(?!\[secret\]@)[^\s/@:\"'\\]*:[^\s/@\"'\\]+(?=@)", HIDDEN),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), replacement) for pattern, replacement in _PATTERNS)
# `"name": "value"` in JSON text, and in JSON text that is a string of JSON text.
_PAIRS = (
    re.compile(r'("([\w.-]+)"\s*:\s*")((?:[^"\\]|\\.)*)(")', re.DOTALL),
    re.compile(r'(\\"([\w.-]+)\\"\s*:\s*\\")((?:[^"\\]|\\\\(?:\\["\\]|[^"\\]))*)(\\")', re.DOTALL),
)
# Names that are as often those of something harmless.
_PLAIN_NAMES = frozenset({"key", "keys", "token", "pass", "auth", "cookie"})
_OURS = frozenset({"type", "run_id", "parent_id", "path", "effect", "digest"})


def redacted_text(text: str) -> str:
    """Return a text with `[secret]` in the place of all that looks like a key, a password or a private key.

    Law: redacted_text(redacted_text(text)) == redacted_text(text); JSON stays JSON.
    """
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    for pair in _PAIRS:
        text = pair.sub(_hidden_pair, text)
    return text


def redacted_events(events: Iterable[RunEvent]) -> tuple[RunEvent, ...]:
    """Return the events of a run without credentials; it can be gone through again as before.

    A blob that had one gets the digest of what is left, and so does all that refers to it.
    """
    digests: dict[str, str] = {}
    return tuple([_without_secrets(event, digests) for event in events])


def redacted_json(value: Any) -> Any:
    """Return a value that JSON can hold, as an export would hold it.

    Law: redacted_json(redacted_json(value)) == redacted_json(value).
    """
    return _redacted(value, {})


def _without_secrets(event: RunEvent, digests: dict[str, str]) -> RunEvent:
    """Return an event redacted; note the digests that changed, which come before what refers to them."""
    if isinstance(event, Blob):
        data = _redacted_data(event.data)
        if data == event.data:
            return event
        digests[event.digest] = blake2b(data.encode(), digest_size=16).hexdigest()
        return Blob(event.run_id, digests[event.digest], data)
    fields = msgspec.json.decode(encode_event(event))
    shown = {name: value if name in _OURS else _redacted(value, digests) for name, value in fields.items()}
    return decode_event(msgspec.json.encode(shown))


def _redacted(value: Any, digests: dict[str, str]) -> Any:
    if isinstance(value, str):
        return digests.get(value) or redacted_text(value)
    if isinstance(value, list):
        return [_redacted(item, digests) for item in value]
    if isinstance(value, dict):
        return {
            redacted_text(name): HIDDEN if _hides(name, item) else _redacted(item, digests)
            for name, item in value.items()
        }
    return value


def _hidden_pair(pair: re.Match[str]) -> str:
    return pair[1] + HIDDEN + pair[4] if _hides(pair[2], pair[3]) else pair[0]


def _hides(name: str, value: Any) -> bool:
    return isinstance(value, str) and value != "" and name.lower() not in _PLAIN_NAMES and is_secret_name(name)


def _redacted_data(data: str) -> str:
    """Return the JSON text of a blob redacted, unchanged to the letter if there was nothing to redact."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return redacted_text(data)
    shown = _redacted(value, {})
    return data if shown == value else msgspec.json.encode(shown).decode()
