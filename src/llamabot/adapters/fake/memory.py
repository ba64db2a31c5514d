"""A conversation in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from llamabot.ports.memory import check_turns
from llamabot.ports.messages import Message

__all__ = ["ChatMemory"]


class ChatMemory:
    """Keeps a conversation as long as the process lives.

    Without a lock, so that neither a thread nor a fork can find one held: `append`, slicing and slice deletion of a
    list are each one step.

    Args:
        turns: most turns to keep, the latest; None keeps all.
    """

    def __init__(self, turns: int | None = 20) -> None:
        check_turns(turns)
        self._window = turns
        self._turns: list[tuple[Message, ...]] = []

    def recall(self) -> tuple[Message, ...]:
        """Return the conversation, oldest first, () if there is none."""
        kept = self._turns[:] if self._window is None else self._turns[-self._window :]
        return tuple(chain.from_iterable(kept))

    def remember(self, turn: Sequence[Message]) -> None:
        """Add one turn. An empty turn adds nothing."""
        if not turn:
            return
        self._turns.append(tuple(turn))
        # Cutting at twice the window makes the cut cost nothing on average.
        if self._window is not None and len(self._turns) >= 2 * self._window:
            del self._turns[: -self._window]

    async def arecall(self) -> tuple[Message, ...]:
        """Return the conversation, oldest first, () if there is none."""
        return self.recall()

    async def aremember(self, turn: Sequence[Message]) -> None:
        """Add one turn. An empty turn adds nothing."""
        self.remember(turn)

    def clear(self) -> None:
        """Forget the conversation."""
        self._turns.clear()

    def __repr__(self) -> str:
        return f"ChatMemory(turns={self._window})"
