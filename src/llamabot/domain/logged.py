"""How the log keeps requests, messages, calls and results: the shapes that `llamabot.domain.log` writes and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from llamabot.domain.limits import NO_LIMITS, Limits
from llamabot.ports.documents import Metadata
from llamabot.ports.messages import (
    AssistantMessage,
    DeveloperMessage,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
)

__all__ = [
    "LoggedCall",
    "LoggedInput",
    "LoggedMatch",
    "LoggedMessage",
    "LoggedRequest",
    "LoggedResult",
    "LoggedRetrieval",
    "LoggedSearch",
    "Produced",
    "Quoted",
    "Quoting",
    "RunInput",
    "Stored",
]


class Produced(msgspec.Struct, frozen=True, tag_field="role", tag="produced"):
    """The message, or the `index`-th of the messages, that the effect at `path` gave."""

    path: str
    index: int = 0


class Stored(msgspec.Struct, frozen=True, tag_field="role", tag="stored"):
    """A message that is kept as a blob."""

    digest: str


class Quoted(msgspec.Struct, frozen=True, tag_field="role", tag="quoted"):
    """The text of a passage as `quoted` gives it; the passage is kept as a blob."""

    digest: str


class Quoting(msgspec.Struct, frozen=True, tag_field="role", tag="quoting"):
    """A message of the user that is put together of texts, of passages, and of what the user has said."""

    parts: tuple[str | Quoted | Produced, ...]


LoggedMessage: TypeAlias = (
    SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | Produced | Stored | Quoting
)


class LoggedRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as a difference.

    Attributes:
        settings: digest of the request without its messages.
        base: path of the earlier `complete` whose messages this one begins with.
        keep: how many of them.
        messages: those that follow.
    """

    settings: str
    messages: tuple[LoggedMessage, ...]
    base: str | None = None
    keep: int = 0


class LoggedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that was run.

    Attributes:
        arguments: None where they are those of the model's completion.
    """

    id: str
    name: str
    arguments: str | None = None


class LoggedSearch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A search of the document store.

    Attributes:
        query: as the user would say it; so a long one that is the question itself is stored once.
    """

    query: LoggedMessage
    k: int
    where: Metadata | None = None


class LoggedMatch(msgspec.Struct, frozen=True):
    """A passage that was found.

    Attributes:
        passage: its digest.
        tokens: about how many it takes as a quotation.
    """

    passage: str
    score: float
    tokens: int


class LoggedRetrieval(msgspec.Struct, frozen=True):
    """What a search gave."""

    matches: tuple[LoggedMatch, ...]
    relevant_score: float


class RunInput(msgspec.Struct, frozen=True):
    """What a call was given, so that it can be gone through again.

    Attributes:
        messages: what the user said.
        options: those of this call alone.
        limits: those of this call, or the bot's.
        settings: those of this call alone that only bots of its kind have.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any] = {}
    limits: Limits = NO_LIMITS
    settings: Mapping[str, Any] = {}


class LoggedInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """`RunInput` as the log keeps it."""

    messages: tuple[LoggedMessage, ...]
    options: Mapping[str, Any] = {}
    limits: Limits = NO_LIMITS
    settings: Mapping[str, Any] = {}


class LoggedResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool's answer.

    Attributes:
        value: of a result that ended the run, as JSON.
        value_repr: its beginning as Python shows it, where it has no JSON form.
    """

    call_id: str
    text: str
    is_error: bool = False
    ends_run: bool = False
    value: Any = None
    value_repr: str | None = None
