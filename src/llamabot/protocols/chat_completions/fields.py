"""What whole answers and streams have in common: reasons, tokens, texts, the provider's own fields, errors in a 200."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from llamabot.ports.assembly import mend_text
from llamabot.ports.completion import FinishReason, Usage
from llamabot.ports.errors import BadCompletion
from llamabot.ports.kinds import a_kind
from llamabot.protocols.failures import Told, status_in
from llamabot.protocols.words import one_line, sentence_in

__all__ = [
    "CALL_KNOWN",
    "KNOWN",
    "NO_COMPLETION",
    "ProviderFailed",
    "cost_in",
    "decoded",
    "finish_reason",
    "merged",
    "model_in",
    "own_fields",
    "refusal_in",
    "text_in",
    "tokens_of",
    "told_in",
    "usage_in",
    "usd_of",
]

T = TypeVar("T")

_MOST_TOKENS = 10**12
_MOST_USD = 1e9

NO_COMPLETION = "the provider answered with something that is no completion"

_REASONS = {
    "content_filter": FinishReason.CONTENT_FILTER,
    "function_call": FinishReason.TOOL_CALLS,
    "length": FinishReason.LENGTH,
    "stop": FinishReason.STOP,
    "tool_calls": FinishReason.TOOL_CALLS,
}

KNOWN = frozenset({"audio", "content", "function_call", "images", "reasoning_content", "refusal", "role", "tool_calls"})
"""What a message's or a delta's fields are to us already; sounds and pictures are no state of its own."""

CALL_KNOWN = frozenset({"function", "id", "index", "type"})
"""The same of a call's."""

_KNOWN_HERE = KNOWN | {"reasoning"}


class ProviderFailed(Exception):
    """The provider says, inside of an answer that began well, that it failed."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.words)
        self.told = told


def decoded(data: bytes | str, decoder: msgspec.json.Decoder[T], kind: type[Any]) -> T:
    """Return what JSON holds; what is no JSON to the letter, halves of characters for example, is read leniently.

    Raises:
        BadCompletion: it is no JSON, or not made as an answer.
    """
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found: T = _read_leniently(data, kind)
        return found


def _read_leniently(data: bytes | str, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(json.loads(data.decode() if isinstance(data, bytes) else data), kind)
    except UnicodeDecodeError as error:
        raise BadCompletion(f"{NO_COMPLETION}: {error}") from error
    except msgspec.ValidationError as error:
        raise BadCompletion(f"the provider's answer is not made as one: {error}") from error
    except ValueError as error:
        raise BadCompletion("the provider answered with something that is not JSON") from error
    except RecursionError as error:
        raise BadCompletion(f"{NO_COMPLETION}: {error}") from error


def finish_reason(reason: str | None) -> FinishReason:
    """Return why an answer ended, in our words."""
    return _REASONS.get(reason or "stop", FinishReason.OTHER)


def usage_in(counts: Any) -> Usage | None:
    """Return the tokens, or None where the provider counted none."""
    if not isinstance(counts, dict):
        return None
    prompt, completion = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    if not prompt and not completion:
        return None
    sent, generated = counts.get("prompt_tokens_details"), counts.get("completion_tokens_details")
    cached = _count(sent, "cached_tokens") if isinstance(sent, dict) else 0
    reasoning = _count(generated, "reasoning_tokens") if isinstance(generated, dict) else 0
    return Usage(prompt, completion, cached, reasoning)


def _count(counts: Mapping[str, Any], name: str) -> int:
    return tokens_of(counts.get(name))


def tokens_of(value: Any) -> int:
    """Return a number of tokens, 0 for what is none: a budget, a limit and a database have to add it up."""
    return value if type(value) is int and 0 < value < _MOST_TOKENS else 0


def cost_in(counts: Any) -> float | None:
    """Return the price that the provider wrote beside the tokens, or None."""
    return usd_of(counts.get("cost")) if isinstance(counts, dict) else None


def usd_of(value: Any) -> float | None:
    """Return an amount of US dollars, None for what is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _MOST_USD else None


def model_in(model: Any) -> str | None:
    """Return the model that answered, as the provider names it."""
    return mend_text(model) if isinstance(model, str) and model else None


def text_in(fields: Mapping[str, Any], name: str) -> str:
    """Return a text of a message or a delta, "" where it has none; parts that are texts are joined.

    Raises:
        BadCompletion: it is something else.
    """
    text = fields.get(name)
    if text is None or isinstance(text, str):
        return text or ""
    if isinstance(text, list):
        parts = [part.get("text") if isinstance(part, dict) else None for part in text]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "".join(texts)
    raise BadCompletion(f"the provider's {name!r} is no text but {a_kind(text)}")


def refusal_in(fields: Mapping[str, Any]) -> str:
    """Return what a model says when it refuses, or ""."""
    return text_in(fields, "refusal")


def own_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provider's own of the fields of a message or a delta, those that hold something."""
    return {name: value for name, value in fields.items() if value and name not in _KNOWN_HERE}


def told_in(error: Any, status: int | None = None) -> Told:
    """Return what an error object, or the whole body of a refusal, says."""
    inner = error.get("error", error) if isinstance(error, Mapping) else error
    code = ""
    if isinstance(inner, Mapping):
        told = [str(inner[name]) for name in ("code", "type") if inner.get(name) is not None]
        code = told[0] if told and status_in(told[0]) else " ".join(told)
    words = one_line(sentence_in(error)) or one_line(str(error or ""))
    return Told(status, code, words or "it says no more")


def merged(fields: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stream's fields with those of its next fragment: lists and mappings grow."""
    whole = dict(fields)
    for name, value in more.items():
        before = whole.get(name)
        if name == "thinking_blocks" and _are_blocks(value) and _are_blocks(before or []):
            whole[name] = _thought(before or (), value)
        elif isinstance(before, list) and isinstance(value, list):
            whole[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            whole[name] = merged(before, value)
        else:
            whole[name] = value
    return whole


def _are_blocks(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(block, Mapping) for block in value)


def _thought(blocks: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    """Return thinking blocks with further fragments: one block goes on until its signature has come."""
    whole = [*blocks]
    for block in more:
        last = whole[-1] if whole else {}
        if block.get("type") == last.get("type") == "thinking" and not last.get("signature"):
            thinking = f"{last.get('thinking') or ''}{block.get('thinking') or ''}"
            whole[-1] = {**last, **block, "thinking": thinking}
        else:
            whole.append(block)
    return whole
