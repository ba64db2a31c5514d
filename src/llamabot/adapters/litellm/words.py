"""What an error says: the provider's own sentence out of LiteLLM's wrapping, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llamabot.protocols.words import one_line, seconds_to_wait, sentence_in

__all__ = ["chain_of", "names_of", "retry_after_s", "said_by"]

_BOILERPLATE = re.compile(r"^(?:litellm\.)?[A-Za-z_.]*(?:Error|Exception|Timeout)(?: [A-Za-z ]*Error)?\s*(?:-|:)\s*")
_ASIDES = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|Original exception:|Learn more:|Received Model Group=|LiteLLM Retried:"
    r"|Give Feedback / Get Help:|Check the reverse proxy|Received Chunk=|Pass model as E\.g\.|- timeout value="
    r"|, Received response - <).*",
    re.DOTALL,
)


def chain_of(error: BaseException, outer: BaseException | None) -> list[BaseException]:
    """Return an error and what it came from, latest first, up to `outer`: what was being handled before the call."""
    chain: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting:
        found = waiting.pop(0)
        if found is outer or any(found is known for known in chain):
            continue
        chain.append(found)
        waiting += [link for link in (found.__cause__, found.__context__) if link is not None]
        waiting += getattr(found, "exceptions", ())
    return chain


def names_of(chain: Sequence[BaseException]) -> frozenset[str]:
    """Return the names of all classes that the errors of a chain belong to."""
    return frozenset(kind.__name__ for error in chain for kind in type(error).__mro__)


def said_by(chain: Sequence[BaseException]) -> str:
    """Return what the provider said, or else what the original error says, in one line."""
    for error in reversed(chain):
        body = getattr(error, "body", None)
        if words := sentence_in(body):
            return one_line(words)
    for error in chain:
        for words in (str(error), str(getattr(error, "message", ""))):
            if plain := one_line(_unwrapped(words)):
                return plain
    return type(chain[-1]).__name__


def _unwrapped(words: str) -> str:
    """Return the words without LiteLLM's, and out of JSON if they are in it."""
    words = _ASIDES.sub("", words).strip()
    while (shorter := _BOILERPLATE.sub("", words)) != words:
        words = shorter
    brace = words.find("{")
    if brace < 0:
        return words
    try:
        body, _ = json.JSONDecoder().raw_decode(words[brace:])
    except ValueError:
        return words
    return sentence_in(body) or words


def retry_after_s(chain: Sequence[BaseException], now_s: float) -> float | None:
    """Return how long the provider asks to wait, whether it says so in seconds or as a date."""
    for error in chain:
        for headers in _headers(error):
            lower = {str(name).lower(): str(value) for name, value in headers.items()}
            if (seconds := seconds_to_wait(lower.get("retry-after"), now_s)) is not None:
                return seconds
    return None


def _headers(error: BaseException) -> Iterator[Mapping[str, Any]]:
    response = getattr(error, "response", None)
    for headers in (getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)):
        if headers is not None and hasattr(headers, "items"):
            yield headers
