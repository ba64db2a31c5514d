"""A bot as a tool of another: what both colours of `as_tool` share."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from llamabot.domain.answer import Answer, cited_sources
from llamabot.domain.result import Result
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.tools import RunContext

__all__ = ["child_id", "described", "told"]

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_NAME_CHARACTERS = 64


def child_id(context: RunContext[Any], question: str) -> str:
    """Return the id of the run inside: the same whenever the same call asks the same."""
    return blake2b(f"{context.idempotency_key}\n{question}".encode("utf-8", "replace"), digest_size=14).hexdigest()


def told(result: Result[Any]) -> Any:
    """Return what the other bot's model is told: a message's text, an answer with its sources, or the value itself."""
    if isinstance(result.value, Answer):
        return "\n\n".join(filter(None, (result.text, cited_sources(result.value))))
    return result.text if isinstance(result.value, AssistantMessage) else result.value


def described(ask: Callable[..., Any], bot: Any, name: str | None, description: str | None) -> Callable[..., Any]:
    """Return the function with the name and the words that the model sees."""
    own = name or bot._settings.get("name") or type(bot).__name__  # noqa: SLF001 - it is a bot's own
    ask.__name__ = ask.__qualname__ = _NOT_IN_NAMES.sub("_", own)[:_NAME_CHARACTERS]
    prompt = bot._system[0].text if bot._system else ""  # noqa: SLF001 - as above
    ask.__doc__ = description or f"Ask another assistant. {prompt}".rstrip()
    return ask
