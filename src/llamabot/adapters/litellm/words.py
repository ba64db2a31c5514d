"""What an error says: the provider's own sentence out of LiteLLM's wrapping, on one line, without any key."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from llamabot.ports.secrets import Secret, Secrets, split_secrets

__all__ = ["Scrubber", "chain_of", "names_of", "one_line", "retry_after_s", "said_by"]

_LONGEST = 400
_LONGEST_READ = 20_000
_BOILERPLATE = re.compile(r"^(?:litellm\.)?[A-Za-z_.]*(?:Error|Exception|Timeout)(?: [A-Za-z ]*Error)?\s*(?:-|:)\s*")
_ASIDES = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|Original exception:|Learn more:|Received Model Group=|LiteLLM Retried:"
    r"|Give Feedback / Get Help:|Check the reverse proxy|Received Chunk=|Pass model as E\.g\.|- timeout value="
    r"|, Received response - <).*",
    re.DOTALL,
)
_TAGS = re.compile(r"<[^<>]{1,200}>")
_KEY_NAMES = ("_API_KEY", "_ACCESS_KEY", "_AUTH", "_KEY", "_PASSWORD", "_SECRET", "_TOKEN")
# Shorter ones are placeholders (`ollama`, `EMPTY`) that would black out words.
_SHORTEST_KEY = 8


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
        if words := _sentence(body):
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
    return _sentence(body) or words


def _sentence(body: Any, depth: int = 8) -> str:
    """Return the sentence in an error's body, of which every provider has its own form."""
    if isinstance(body, str):
        return body
    if not isinstance(body, Mapping) or not depth:
        return ""
    inner = (_sentence(body.get(name), depth - 1) for name in ("error", "message", "detail", "error_message"))
    return next(filter(None, inner), "")


def one_line(words: str) -> str:
    """Return words without tags, line ends and what a terminal would obey, at most a few lines of it."""
    plain = _TAGS.sub(" ", words[:_LONGEST_READ])
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split()).strip(" -:.")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


class Scrubber:
    """Blacks out the keys that a call knew of: its options', and those of the environment that a provider may echo."""

    def __init__(self, arguments: Mapping[str, Any], secrets: Secrets) -> None:
        _, own = split_secrets(arguments)
        self._secrets = (own, secrets, Secrets(dict(_environment())))

    def scrubbed(self, text: str) -> str:
        """Return the text without keys."""
        for secrets in self._secrets:
            text = secrets.scrubbed(text)
        return text

    def finds_any_in(self, chain: Sequence[BaseException]) -> bool:
        """Whether a traceback of these errors would show a key."""
        try:
            return any(self.scrubbed(text) != text for error in chain for text in _texts(error))
        except RecursionError:
            # A body too deep to be looked through.
            return True


def _environment() -> Iterator[tuple[str, Secret]]:
    for name, value in os.environ.items():
        if name.upper().endswith(_KEY_NAMES) and len(value) >= _SHORTEST_KEY:
            yield name, Secret(value)


def _texts(error: BaseException) -> Iterator[str]:
    """Yield what an error shows of itself: some keep a whole body in an attribute."""
    yield str(error)
    yield repr(error)
    yield repr(vars(error))
    yield from getattr(error, "__notes__", ())


def retry_after_s(chain: Sequence[BaseException], now_s: float) -> float | None:
    """Return how long the provider asks to wait, whether it says so in seconds or as a date."""
    for error in chain:
        for headers in _headers(error):
            lower = {str(name).lower(): str(value) for name, value in headers.items()}
            if (seconds := _seconds(lower.get("retry-after"), now_s)) is not None:
                return seconds
    return None


def _headers(error: BaseException) -> Iterator[Mapping[str, Any]]:
    response = getattr(error, "response", None)
    for headers in (getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)):
        if headers is not None and hasattr(headers, "items"):
            yield headers


def _seconds(written: str | None, now_s: float) -> float | None:
    if written is None:
        return None
    try:
        seconds = float(written)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(written).timestamp() - now_s
        except (OverflowError, ValueError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
