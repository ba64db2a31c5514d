"""A conversation in a SQLite file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

import msgspec

from llamabot.adapters.sqlite.connection import KeptConnection, SqliteFile, file_at
from llamabot.adapters.sqlite.schema import MEMORY
from llamabot.ports.closing import Closing
from llamabot.ports.errors import ConfigurationError, MemoryFailed
from llamabot.ports.memory import check_turns
from llamabot.ports.messages import Message

__all__ = ["SqliteMemory"]

_LATEST = "SELECT messages FROM turns WHERE conversation = ? ORDER BY seq DESC LIMIT ?"
_ADD = "INSERT INTO turns (conversation, messages) VALUES (?, ?)"
_CLEAR = "DELETE FROM turns WHERE conversation = ?"

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[tuple[Message, ...]] = msgspec.json.Decoder(tuple[Message, ...])


class SqliteMemory(Closing):
    """Keeps a conversation in a SQLite file, which may hold many, and which processes may share.

    The file and its folder are made with the first turn, readable by their owner alone. Nothing is ever taken out of
    it but by `clear`; `turns` says how far back `recall` looks.

    Args:
        path: of the file; `~` is expanded.
        conversation: which one; any text.
        turns: most turns to recall, the latest; None recalls all.
        patience_s: how long other processes may lock the file before that counts as a failure.
    """

    def __init__(
        self, path: str | os.PathLike[str], conversation: str, *, turns: int | None = 20, patience_s: float = 10.0
    ) -> None:
        check_turns(turns)
        try:
            conversation.encode()
        except (AttributeError, UnicodeEncodeError) as error:
            raise ConfigurationError(f"{conversation!r} cannot name a conversation: {error}") from error
        self.path = file_at(path)
        self.conversation = conversation
        self._turns = turns
        self._connection = KeptConnection(SqliteFile(self.path, MEMORY, MemoryFailed, busy_s=patience_s))

    def recall(self) -> tuple[Message, ...]:
        """Return the conversation, oldest first, () if there is none.

        Raises:
            MemoryFailed: the file cannot be read.
        """
        file = self._connection.file
        with file.errors("recall from"), self._connection.existing(keep=True) as opened:
            limit = -1 if self._turns is None else self._turns
            rows = [] if opened is None else opened.execute(_LATEST, (self.conversation, limit)).fetchall()
        try:
            turns = [_DECODER.decode(messages) for (messages,) in reversed(rows)]
        except (msgspec.MsgspecError, RecursionError) as error:
            raise MemoryFailed(f"a turn in {str(self.path)!r} cannot be read: {error}") from error
        return tuple(chain.from_iterable(turns))

    def remember(self, turn: Sequence[Message]) -> None:
        """Add one turn, whole or not at all. An empty turn adds nothing.

        Raises:
            MemoryFailed: the file cannot be written to, or a message has no JSON form.
        """
        if not turn:
            return
        try:
            messages = _ENCODER.encode(turn).decode()
        except (TypeError, ValueError, RecursionError) as error:
            raise MemoryFailed(f"a message cannot be stored: {error}") from error
        with self._connection.file.errors("remember in"), self._connection.writing() as opened:
            opened.execute(_ADD, (self.conversation, messages))

    def clear(self) -> None:
        """Forget this conversation; others in the file stay.

        Raises:
            MemoryFailed: the file cannot be written to.
        """
        with self._connection.file.errors("forget in"), self._connection.existing(keep=True) as opened:
            if opened is not None:
                opened.execute("PRAGMA secure_delete = ON")
                opened.execute(_CLEAR, (self.conversation,))

    def close(self) -> None:
        """Let the file go. Using the memory again opens it again."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"SqliteMemory({str(self.path)!r}, {self.conversation!r}, turns={self._turns})"
