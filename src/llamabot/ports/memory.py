"""The memory port: the messages of one conversation. It is not a document store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from llamabot.ports.errors import ConfigurationError
from llamabot.ports.messages import Message

__all__ = ["AsyncMemoryPort", "MemoryPort", "check_turns"]


class MemoryPort(Protocol):
    """Keeps a conversation as turns. Safe to share by threads.

    A turn is what one successful call adds: the user's messages, and all that followed up to the answer. System
    messages are not part of it. A memory that lies on a disk has the turns for who opens it again, too.

    Raises `MemoryFailed` where the world behind it fails.
    """

    def recall(self) -> tuple[Message, ...]:
        """Return the conversation, oldest first, () if there is none.

        A window, where an adapter has one, is made of whole turns, so that calls are never apart from their results.
        """

    def remember(self, turn: Sequence[Message]) -> None:
        """Add one turn, whole or not at all. An empty turn adds nothing.

        Law: `recall` after `remember(turn)` ends with the turn, message for message.
        """


class AsyncMemoryPort(Protocol):
    """As `MemoryPort`, without blocking the event loop. A memory that is only sync runs in a worker thread."""

    async def arecall(self) -> tuple[Message, ...]:
        """Return the conversation, oldest first."""

    async def aremember(self, turn: Sequence[Message]) -> None:
        """Add one turn, whole or not at all."""


def check_turns(turns: Any) -> None:
    """Raise `ConfigurationError` unless a window counts turns, or is None for no window."""
    if turns is not None and (not isinstance(turns, int) or turns < 1):
        raise ConfigurationError(f"turns must be a whole number from 1 on, or None to keep all; got {turns!r}")
