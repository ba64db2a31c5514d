"""What decorators of ports share by a SQLite file: among threads, and among processes, over restarts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from llamabot.adapters.sqlite.connection import KeptConnection, SqliteFile, file_at, transaction
from llamabot.adapters.sqlite.schema import SHARED
from llamabot.ports.errors import SharedStateError
from llamabot.ports.ledger import Balance
from llamabot.ports.turns import CLOCK_SET_BACK_NS, MINUTE_NS, Rate, Turn, earliest_ns, room_for

__all__ = ["SqliteCache", "SqliteLedger", "SqliteTurns"]

_FORGET_OLD = "DELETE FROM turns WHERE queue = ? AND start_ns <= ?"
_FORGET_MADE_AFTER = "DELETE FROM turns WHERE queue = ? AND made_ns > ?"
_LAST_MADE = "SELECT made_ns FROM turns WHERE queue = ? ORDER BY start_ns DESC, number DESC LIMIT 1"
_LATEST = "SELECT start_ns FROM turns WHERE queue = ? ORDER BY start_ns DESC LIMIT 1 OFFSET ?"
_TOKENS = "SELECT sum(tokens) FROM turns WHERE queue = ?"
_SPENDING = "SELECT start_ns, tokens FROM turns WHERE queue = ? ORDER BY start_ns DESC, number DESC"
_TAKE = "INSERT INTO turns (queue, start_ns, made_ns, tokens) VALUES (?, ?, ?, ?)"
_CORRECT = "UPDATE turns SET tokens = ? WHERE queue = ? AND number = ?"
_GIVE_BACK = "DELETE FROM turns WHERE queue = ? AND number = ?"

_SPENT = "SELECT spent_nusd FROM spendings WHERE account = ? AND period = ?"
_SPEND = """
    INSERT INTO spendings (account, period, spent_nusd) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET spent_nusd = spent_nusd + excluded.spent_nusd
"""

_READ = "SELECT key, value FROM cached WHERE at_ns >= ? AND key IN (SELECT value FROM json_each(CAST(? AS TEXT)))"
_WRITE = """
    INSERT INTO cached (key, at_ns, value) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET at_ns = excluded.at_ns, value = excluded.value
"""


class _Shared:
    """A SQLite file that threads and processes share; made with the first use, readable by its owner alone.

    Several kinds of shared state may be in one file. A copy that was pickled opens the same file.

    Args:
        path: of the file; `~` is expanded.
        patience_s: how long others may lock the file before that counts as a failure.

    Attributes:
        blocks: True: there is a disk, and there may be other processes.
    """

    blocks = True

    def __init__(self, path: str | os.PathLike[str], *, patience_s: float = 10.0) -> None:
        self.path = file_at(path)
        self._patience_s = patience_s
        self._connection = KeptConnection(SqliteFile(self.path, SHARED, SharedStateError, busy_s=patience_s))

    def close(self) -> None:
        """Let the file go. The next use opens it again."""
        self._connection.close()

    @contextmanager
    def _opened(self, doing: str) -> Iterator[sqlite3.Connection]:
        with self._connection.file.errors(doing), self._connection.writing() as opened:
            yield opened

    def __reduce__(self) -> Any:
        return _made_again, (type(self), str(self.path), self._patience_s)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


class SqliteTurns(_Shared):
    """Turns for all processes that use the file."""

    def take(self, queue: str, rate: Rate, tokens: int, *, now_ns: int, latest_ns: int) -> Turn:
        """Take the next turn; none if it would start after `latest_ns`."""
        with self._opened("take a turn from") as opened, transaction(opened):
            _forget(opened, queue, now_ns)
            start_ns = earliest_ns(
                now_ns,
                last_ns=_first(opened, _LATEST, queue, 0),
                full_ns=_first(opened, _LATEST, queue, rate.requests - 1) if rate.requests else None,
                spent_ns=None if rate.tokens is None else _spent_ns(opened, queue, room_for(rate, tokens)),
            )
            if start_ns > latest_ns:
                return Turn(start_ns, None)
            return Turn(start_ns, opened.execute(_TAKE, (queue, start_ns, now_ns, tokens)).lastrowid)

    def correct(self, queue: str, number: int, tokens: int) -> None:
        """Say what a turn has taken in the end."""
        with self._opened("correct a turn in") as opened:
            opened.execute(_CORRECT, (tokens, queue, number))

    def give_back(self, queue: str, number: int) -> None:
        """Give a turn back that was not used."""
        with self._opened("give a turn back to") as opened:
            opened.execute(_GIVE_BACK, (queue, number))


class SqliteLedger(_Shared):
    """What all processes that use the file have spent."""

    def reserve(self, account: str, period: str, amount_nusd: int, *, limit_nusd: int) -> Balance:
        """Set an amount aside, if with it no more than the limit is spent."""
        with self._opened("set an amount aside in") as opened, transaction(opened):
            spent = _spent(opened, account, period)
            if spent + amount_nusd > limit_nusd:
                return Balance(False, spent)
            opened.execute(_SPEND, (account, period, amount_nusd))
            return Balance(True, spent + amount_nusd)

    def settle(self, account: str, period: str, *, reserved_nusd: int, spent_nusd: int) -> None:
        """Put what was spent in the place of what was set aside."""
        with self._opened("settle in") as opened:
            opened.execute(_SPEND, (account, period, spent_nusd - reserved_nusd))

    def spent_nusd(self, account: str, period: str) -> int:
        """Return what was spent and is set aside."""
        with self._opened("read") as opened:
            return _spent(opened, account, period)


class SqliteCache(_Shared):
    """Values for all processes that use the file; nothing is forgotten but by `clear`."""

    def read(self, keys: Sequence[str], *, since_ns: int = 0) -> Mapping[str, bytes]:
        """Return what is kept under these keys and is no older."""
        with self._opened("read from") as opened:
            return dict(opened.execute(_READ, (since_ns, msgspec.json.encode(keys))).fetchall())

    def write(self, items: Mapping[str, bytes], *, now_ns: int) -> None:
        """Keep these, in the place of what was there."""
        with self._opened("write to") as opened, transaction(opened):
            opened.executemany(_WRITE, [(key, now_ns, value) for key, value in items.items()])

    def clear(self) -> None:
        """Forget all."""
        with self._opened("clear") as opened:
            opened.execute("PRAGMA secure_delete = ON")
            opened.execute("DELETE FROM cached")


def _forget(opened: sqlite3.Connection, queue: str, now_ns: int) -> None:
    """Take out what no longer counts: turns of more than a minute ago, and those from before the clock was set back."""
    opened.execute(_FORGET_OLD, (queue, now_ns - MINUTE_NS))
    made_ns = _first(opened, _LAST_MADE, queue)
    if made_ns is not None and made_ns > now_ns + CLOCK_SET_BACK_NS:
        opened.execute(_FORGET_MADE_AFTER, (queue, now_ns + CLOCK_SET_BACK_NS))


def _spent_ns(opened: sqlite3.Connection, queue: str, room: int) -> int | None:
    """Return the start of the latest turn with which, and all after it, more tokens are taken than there is room."""
    if (_first(opened, _TOKENS, queue) or 0) <= room:
        return None
    total = 0
    for start_ns, tokens in opened.execute(_SPENDING, (queue,)):
        total += tokens
        if total > room:
            return int(start_ns)
    return None


def _spent(opened: sqlite3.Connection, account: str, period: str) -> int:
    return _first(opened, _SPENT, account, period) or 0


def _first(opened: sqlite3.Connection, query: str, *values: Any) -> int | None:
    """Return the only column of the first row, None if there is none."""
    row = opened.execute(query, values).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _made_again(kind: Any, path: str, patience_s: float) -> Any:
    return kind(path, patience_s=patience_s)
