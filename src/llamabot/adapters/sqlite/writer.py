"""The thread that writes the log: one for each recorder and process, begun with the first entry, ended when idle.

Entries wait in a queue that never blocks whoever puts one in: `SimpleQueue.put` may even be called by the garbage
collector in the middle of another one. All that belongs to the thread is touched by nobody else, but for counters
that are only ever added to or read: an augmented assignment to an attribute is not interrupted on CPython.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue

from llamabot.adapters.sqlite import leaving
from llamabot.adapters.sqlite.connection import KeptConnection, is_busy, is_of_the_data
from llamabot.adapters.sqlite.entries import Entry, write_entries
from llamabot.adapters.sqlite.forks import survive_forks
from llamabot.adapters.sqlite.pace import Pace
from llamabot.ports.errors import PortError, RecorderError

__all__ = ["LogWriter"]

_LOG = logging.getLogger("llamabot")


class LogWriter:
    """Commits entries in the order they were put in.

    An entry that someone waits for fails with the first failure. All others are kept and tried again, up to
    `max_queued_bytes`; beyond that new ones are lost, counted and told.

    Attributes:
        path: the file.
        queued_bytes: what waits.
        lost_events: how many will never be written.
        last_error: of the last failure, None once writing works again.
    """

    def __init__(self, connection: KeptConnection, *, max_queued_bytes: int, pace: Pace) -> None:
        self.path = connection.file.path
        self._connection = connection
        self._max_queued_bytes = max_queued_bytes
        self._pace = pace
        self._loss_told = False
        self._begin_afresh()
        survive_forks(self)

    def put(self, entry: Entry) -> None:
        """Take an entry. Neither blocks nor raises."""
        if self.queued_bytes > self._max_queued_bytes and entry.ticket is None:
            self.lose(entry.count, f"more than {self._max_queued_bytes:,} bytes wait to be written")
            return
        self.queued_bytes += entry.size_bytes
        self._inbox.put(entry)
        if entry.ticket is not None:
            self._hurry()
        if not self._running.locked():
            self._start()

    def flush(self, timeout_s: float) -> None:
        """Return when all that was put in before is committed.

        Raises:
            RecorderError: it could not be, or not in time.
        """
        if self._running.locked() or not self._inbox.empty():
            self._wait_for(Entry(), timeout_s)

    def stop(self, timeout_s: float) -> None:
        """Flush and end the thread; what cannot be committed is lost. The next entry begins another.

        Raises:
            RecorderError: something could not be committed, or not in time.
        """
        if self._running.locked() or not self._inbox.empty():
            self._wait_for(Entry(last=True), timeout_s)

    def leave(self, timeout_s: float) -> None:
        """Stop as the process ends; tell what is lost."""
        try:
            self.stop(timeout_s)
        except RecorderError as error:
            _LOG.warning("the end of the log of runs is lost: %s", error)

    def lose(self, count: int, why: str) -> None:
        """Count events that will not be written, and tell so, once until writing works again."""
        self.lost_events += count
        if count and not self._loss_told:
            self._loss_told = True
            _LOG.warning("events of runs are lost, and are counted in `health`: %s", why)

    def before_fork(self) -> None:
        """Nothing: the connection sees to it that no batch is half written."""

    def after_fork_in_parent(self) -> None:
        """Nothing: the thread goes on."""

    def after_fork_in_child(self) -> None:
        """Begin with an empty queue: the parent writes what it was given."""
        leaving.forget(self)
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self.queued_bytes = 0
        self.lost_events = 0
        self.last_error: PortError | None = None
        self._loss_told = False
        self._inbox: SimpleQueue[Entry] = SimpleQueue()
        self._waiting: deque[Entry] = deque()
        self._running = threading.Lock()  # held by the thread, or by whoever works in its place
        self._calm = threading.Lock()  # held as long as nobody is in haste
        self._calm.acquire()
        self._stored: set[str] = set()
        self._farewells: list[Callable[[], None]] = []
        self._alone = 0
        self._next_pause_s = self._pace.pause_s

    def _start(self) -> None:
        if not self._running.acquire(blocking=False):
            return
        leaving.wait_for(self)
        if leaving.has_begun():
            self._run(idle_s=0)
            return
        try:
            threading.Thread(target=self._run, args=(self._pace.idle_s,), name="llamabot-recorder", daemon=True).start()
        except RuntimeError as error:
            # No thread to be had: the entry waits for the next one, or for a flush, which works in its place.
            self._running.release()
            self._tell_failure(RecorderError(f"cannot begin the thread that records: {error}"))

    def _wait_for(self, marker: Entry, timeout_s: float) -> None:
        ticket = marker.ticket = Future()
        self.put(marker)
        if self._running.acquire(blocking=False):
            self._run(idle_s=0)
        try:
            ticket.result(timeout_s)
        except TimeoutError:
            ticket.cancel()
            path = str(self._connection.file.path)
            raise RecorderError(f"the log was not committed to {path!r} within {timeout_s:g} s") from self.last_error

    def _run(self, idle_s: float) -> None:
        """Write what comes until nothing has come for `idle_s`. Begins with `_running` held, ends without."""
        while True:
            leaving.wait_for(self)
            try:
                while not self._farewells and (self._waiting or self._receive(idle_s)):
                    self._gather()
                    self._write()
            finally:
                self._connection.close()
                farewells, self._farewells = self._farewells, []
                leaving.forget(self)
                self._running.release()
            for farewell in farewells:
                farewell()
            # Looked at again for who put something in just before, and saw the lock held.
            if (self._inbox.empty() and not self._waiting) or not self._running.acquire(blocking=False):
                return

    def _receive(self, timeout_s: float) -> bool:
        try:
            self._waiting.append(self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait())
        except Empty:
            return False
        return True

    def _gather(self) -> None:
        """Let a batch grow while more and more comes, and nobody waits."""
        self._receive_all()
        before, rest = 0, self._pace.longest_gather_s
        while before < len(self._waiting) < self._pace.enough and rest > 0 and not self._is_in_haste():
            before, rest = len(self._waiting), rest - self._pace.gather_s
            self._calm.acquire(timeout=self._pace.gather_s)
            self._receive_all()

    def _receive_all(self) -> None:
        for _ in range(self._pace.batch_rows):
            if not self._receive(0):
                return

    def _hurry(self) -> None:
        """Wake the thread out of its gathering. Not an `Event`, which the garbage collector must not set twice."""
        with suppress(RuntimeError):
            self._calm.release()

    def _is_in_haste(self) -> bool:
        return self._waiting[-1].ticket is not None or leaving.has_begun()

    def _write(self) -> None:
        batch = self._batch()
        error = self._attempt(batch)
        if error is None:
            self._committed(batch)
        elif not is_of_the_data(error):
            self._failed(error)
        elif len(batch) > 1:
            self._alone = len(batch)
        else:
            self._refuse(self._take_first(), error)

    def _batch(self) -> list[Entry]:
        batch: list[Entry] = []
        rows = size = 0
        for entry in islice(self._waiting, 1 if self._alone else None):
            batch.append(entry)
            rows += entry.count
            size += entry.size_bytes
            if entry.last or rows >= self._pace.batch_rows or size >= self._pace.batch_bytes:
                break
        self._alone = max(0, self._alone - 1)
        return batch

    def _attempt(self, batch: list[Entry]) -> Exception | None:
        if not any(entry.size_bytes for entry in batch):
            return None
        deadline = time.monotonic() + self._pace.patience_s
        while True:
            try:
                with self._connection.writing() as connection:
                    write_entries(connection, batch, self._stored)
            except Exception as error:  # noqa: BLE001 - the thread lives on, whatever it meets
                if not is_busy(error) or time.monotonic() >= deadline:
                    return error
            else:
                return None

    def _committed(self, batch: list[Entry]) -> None:
        for _ in batch:
            self._settle(self._take_first())
        if self.last_error is not None and any(entry.size_bytes for entry in batch):
            self.last_error = None
            self._loss_told = False
            self._next_pause_s = self._pace.pause_s
            _LOG.info("runs are recorded again")

    def _failed(self, error: Exception) -> None:
        """Fail those who wait, keep the rest, and pause."""
        failure = self._connection.file.error("record runs to", error)
        self._tell_failure(failure)
        kept: list[Entry] = []
        while self._waiting:
            entry = self._take_first()
            if entry.ticket is None:
                kept.append(entry)
            else:
                self._settle(entry, failure, error)
        if self._farewells:
            self.lose(sum(entry.count for entry in kept), str(failure))
            return
        self._waiting.extend(kept)
        self.queued_bytes += sum(entry.size_bytes for entry in kept)
        self._pause()

    def _pause(self) -> None:
        """Wait a while, or until somebody waits for us."""
        deadline = time.monotonic() + self._next_pause_s
        self._next_pause_s = min(2 * self._next_pause_s, self._pace.longest_pause_s)
        while (rest_s := deadline - time.monotonic()) > 0 and self._receive(rest_s):
            if self._waiting[-1].ticket is not None:
                return

    def _refuse(self, entry: Entry, error: Exception) -> None:
        failure = self._connection.file.error("record an event to", error)
        if entry.ticket is None:
            self.lose(entry.count, str(failure))
        else:
            self._settle(entry, failure, error)

    def _settle(self, entry: Entry, failure: PortError | None = None, cause: Exception | None = None) -> None:
        """Tell who waits; the one who waits for the end, when the connection is closed."""
        if entry.ticket is None:
            return
        settle = partial(entry.settle, failure, cause)
        if entry.last:
            self._farewells.append(settle)
        else:
            settle()

    def _take_first(self) -> Entry:
        entry = self._waiting.popleft()
        self.queued_bytes -= entry.size_bytes
        return entry

    def _tell_failure(self, failure: PortError) -> None:
        known, self.last_error = self.last_error, failure
        if known is None:
            _LOG.warning("%s; bots go on, their runs wait in memory", failure)
