"""The conversation of a ticket: a `MemoryPort` on the desk's own file, where the web reads it too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import llamabot as lmb
from support_desk.adapters.database import Database

_LATEST = "SELECT coalesce(max(turn), 0) FROM messages WHERE ticket = ?"
_RECALL = "SELECT message FROM messages WHERE ticket = ? AND turn > ? ORDER BY seq"


class SqliteThread:
    """Keeps the turns of one ticket, a row for each message; a turn is there as a whole or not at all.

    Args:
        database: where.
        ticket_id: whose.
        turns: most turns to recall, the latest; None recalls all.
    """

    def __init__(self, database: Database, ticket_id: str, *, turns: int | None = 20) -> None:
        self._database = database
        self._ticket_id = ticket_id
        self._turns = turns

    def recall(self) -> tuple[lmb.Message, ...]:
        """Return the conversation, oldest first."""
        with _errors(), self._database.reading() as file:
            before = 0 if self._turns is None else self._latest(file) - self._turns
            rows = file.execute(_RECALL, (self._ticket_id, before)).fetchall()
        return tuple(lmb.from_json(message) for (message,) in rows)

    def remember(self, turn: Sequence[lmb.Message]) -> None:
        """Add one turn."""
        messages = [lmb.to_json(message) for message in turn]
        with _errors(), self._database.writing() as file:
            number = self._latest(file) + 1
            rows = [(self._ticket_id, number, message) for message in messages]
            file.executemany("INSERT INTO messages (ticket, turn, message) VALUES (?, ?, ?)", rows)

    def _latest(self, file: sqlite3.Connection) -> int:
        number: int = file.execute(_LATEST, (self._ticket_id,)).fetchone()[0]
        return number


@contextmanager
def _errors() -> Iterator[None]:
    """Translate what the file may raise."""
    try:
        yield
    except sqlite3.Error as error:
        raise lmb.errors.MemoryFailed(f"the ticket's conversation cannot be reached: {error}") from error
