"""What waits to be written to the log, and its way into the file: a batch at a time, by whichever thread is there.

The thread of the writer commits here, and so does who waits for a commit, in place. An interrupt may break off the
latter at any point, also between a commit and the note that it was made; so a batch that was broken off is looked for
in the file before it is written. An entry leaves the queue last of all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from itertools import islice

from llamabot.adapters.sqlite.connection import KeptConnection, is_busy, is_of_the_data
from llamabot.adapters.sqlite.entries import Entry, are_written, write_entries
from llamabot.adapters.sqlite.pace import Pace
from llamabot.ports.errors import PortError

__all__ = ["Backlog"]

_LOG = logging.getLogger("llamabot")


class Backlog:
    """Entries in the order in which they are committed.

    `add` may be called by the garbage collector in the middle of anything. Counters are changed by augmented
    assignments alone, which CPython does not interrupt.

    Attributes:
        queued_bytes: what waits.
        lost_events: how many will never be written.
        last_error: of the last failure, None once writing works again.
    """

    def __init__(self, connection: KeptConnection, pace: Pace) -> None:
        self.queued_bytes = 0
        self.lost_events = 0
        self.last_error: PortError | None = None
        self._connection = connection
        self._pace = pace
        self._waiting: deque[Entry] = deque()
        self._writing = threading.Lock()
        self._broken_off: list[Entry] = []
        self._stored: set[str] = set()
        self._alone = 0
        self._loss_told = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, entry: Entry) -> None:
        """Let an entry wait."""
        self.queued_bytes += entry.size_bytes
        self._waiting.append(entry)

    def write_batch(self) -> bool:
        """Commit what waits, or as much of it as one batch takes; say whether the file can be written to."""
        with self._writing:
            return self._write_batch()

    def write_until_settled(self, ticket: Future[None]) -> None:
        """Commit until a ticket is settled, unless another thread has seen to that."""
        with self._writing:
            while self._waiting and not ticket.done():
                self._write_batch()

    def close(self) -> None:
        """Close the file; the next batch opens it."""
        with self._writing:
            self._connection.close()

    def lose(self, count: int, why: str) -> None:
        """Count events that will not be written, and tell so, once until writing works again."""
        self.lost_events += count
        if count and not self._loss_told:
            self._loss_told = True
            _LOG.warning("events of runs are lost, and are counted in `health`: %s", why)

    def tell_failure(self, failure: PortError) -> None:
        """Note why nothing is written, and tell it, once until writing works again."""
        known, self.last_error = self.last_error, failure
        if known is None:
            _LOG.warning("%s; bots go on, their runs wait in memory", failure)

    def _write_batch(self) -> bool:
        broken_off, batch = bool(self._broken_off), self._broken_off or self._batch()
        self._broken_off = batch
        error = self._attempt(batch, broken_off=broken_off)
        if error is None:
            self._committed(batch)
        elif not is_of_the_data(error):
            self._failed(error)
        elif len(batch) > 1:
            self._alone = len(batch)
        else:
            self._refuse(batch[0], error)
        self._broken_off = []
        return error is None or is_of_the_data(error)

    def _batch(self) -> list[Entry]:
        batch: list[Entry] = []
        rows = size = 0
        for entry in list(islice(self._waiting, 1 if self._alone else self._pace.batch_rows)):
            batch.append(entry)
            rows += entry.count
            size += entry.size_bytes
            if rows >= self._pace.batch_rows or size >= self._pace.batch_bytes:
                break
        self._alone = max(0, self._alone - 1)
        return batch

    def _attempt(self, batch: list[Entry], *, broken_off: bool) -> Exception | None:
        if not any(entry.size_bytes for entry in batch):
            return None
        deadline = time.monotonic() + self._pace.patience_s
        while True:
            try:
                with self._connection.writing() as connection:
                    if not (broken_off and are_written(connection, batch)):
                        write_entries(connection, batch, self._stored)
            except Exception as error:  # noqa: BLE001 - a writer goes on, whatever it meets
                if not is_busy(error) or time.monotonic() >= deadline:
                    return error
            else:
                return None

    def _committed(self, batch: list[Entry]) -> None:
        for entry in batch:
            self._leave(entry)
        if self.last_error is not None and any(entry.size_bytes for entry in batch):
            self.last_error = None
            self._loss_told = False
            _LOG.info("runs are recorded again")

    def _failed(self, error: Exception) -> None:
        """Fail those who wait and keep the rest; if somebody waits for the end, there is no use in keeping it."""
        failure = self._connection.file.error("record runs to", error)
        self.tell_failure(failure)
        waiting = list(self._waiting)
        is_the_end = any(entry.last for entry in waiting)
        for entry in waiting:
            if entry.ticket is not None:
                self._leave(entry, failure, error)
            elif is_the_end:
                self.lose(entry.count, str(failure))
                self._leave(entry)

    def _refuse(self, entry: Entry, error: Exception) -> None:
        failure = self._connection.file.error("record an event to", error)
        if entry.ticket is None:
            self.lose(entry.count, str(failure))
        self._leave(entry, failure, error)

    def _leave(self, entry: Entry, failure: PortError | None = None, cause: Exception | None = None) -> None:
        """Tell who waits how it went; only then let go of the entry."""
        entry.settle(failure, cause)
        if entry in self._waiting:  # mostly it is the first
            place = self._waiting.index(entry)
            del self._waiting[place]  # with no call between, no interrupt comes between either
            self.queued_bytes -= entry.size_bytes
