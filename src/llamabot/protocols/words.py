"""What a provider says when it refuses: its sentence out of any body, on one line, without any key."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from llamabot.ports.secrets import Secret, Secrets, split_secrets

__all__ = ["Scrubber", "one_line", "seconds_to_wait", "sentence_in"]

_LONGEST = 400
_LONGEST_READ = 20_000
_TAGS = re.compile(r"<[^<>]{1,200}>")
_KEY_NAMES = ("_API_KEY", "_ACCESS_KEY", "_AUTH", "_KEY", "_PASSWORD", "_SECRET", "_TOKEN")
# Shorter ones are placeholders (`ollama`, `EMPTY`) that would black out words.
_SHORTEST_KEY = 8


def sentence_in(body: Any, depth: int = 8) -> str:
    """Return the sentence in an error's body, of which every provider has its own form, or ""."""
    if isinstance(body, str):
        return body
    if not isinstance(body, Mapping) or not depth:
        return ""
    inner = (sentence_in(body.get(name), depth - 1) for name in ("error", "message", "detail", "error_message"))
    return next(filter(None, inner), "")


def one_line(words: str) -> str:
    """Return words without tags, line ends and what a terminal would obey, at most a few lines of it."""
    plain = _TAGS.sub(" ", _cut(words, _LONGEST_READ))
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split()).strip(" -:.")
    return line if len(line) <= _LONGEST else f"{_cut(line, _LONGEST)}…"


def _cut(words: str, most: int) -> str:
    """Return their beginning, without the word that the cut goes through: half a key would not be known for one."""
    if len(words) <= most:
        return words
    whole = words[:most].rsplit(maxsplit=1)
    return whole[0] if len(whole) > 1 else ""


def seconds_to_wait(written: str | None, now_s: float) -> float | None:
    """Return what a `Retry-After` header asks for, whether it says so in seconds or as a date; None if it says nothing.

    Args:
        written: the header's value, or None where there is none.
        now_s: the time, in seconds since the epoch.
    """
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
