"""The thread that writes the log: one for each recorder and process, begun with the first entry, ended when idle.

Who puts an entry in is never blocked: the thread gathers what comes into batches and writes them. Who waits for a
commit makes it in place, with all that waits before it: to wake a thread takes longer than to commit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from llamabot.adapters.sqlite import leaving
from llamabot.adapters.sqlite.backlog import Backlog
from llamabot.adapters.sqlite.connection import KeptConnection
from llamabot.adapters.sqlite.entries import Entry
from llamabot.adapters.sqlite.forks import survive_forks
from llamabot.adapters.sqlite.pace import Pace
from llamabot.ports.errors import RecorderError

__all__ = ["LogWriter", "Ticket"]

_LOG = logging.getLogger("llamabot")


class LogWriter:
    """Commits entries in the order they were put in.

    An entry with a ticket fails with the first failure. All others are kept and tried again, up to `max_queued_bytes`;
    beyond that new ones are lost, counted and told.

    Attributes:
        path: the file.
        backlog: what waits, and how writing goes.
    """

    def __init__(self, connection: KeptConnection, *, max_queued_bytes: int, pace: Pace) -> None:
        self.path = connection.file.path
        self._connection = connection
        self._max_queued_bytes = max_queued_bytes
        self._pace = pace
        self._ending: bool
        self._idle: bool
        self._begin_afresh()
        survive_forks(self)

    def put(self, entry: Entry) -> None:
        """Take an entry. Neither blocks nor raises."""
        backlog = self.backlog
        if backlog.queued_bytes > self._max_queued_bytes and entry.ticket is None:
            backlog.lose(entry.count, f"more than {self._max_queued_bytes:,} bytes wait to be written")
            return
        backlog.add(entry)
        if self._idle:
            self._idle = False
            self.hurry()
        if not self._running.locked():
            self._start()

    def commit(self, ticket: Future[None]) -> None:
        """Settle the ticket of an entry that was put in, on this thread."""
        self.backlog.write_until_settled(ticket)

    def hurry(self) -> None:
        """Let the thread write at once what it has. Not an `Event`, which the garbage collector must not set twice."""
        with suppress(RuntimeError):
            self._calm.release()

    def flush(self, timeout_s: float) -> None:
        """Return when all that was put in before is committed.

        Raises:
            RecorderError: it could not be, or not in time.
        """
        # An entry leaves the backlog when it is committed: if it is empty, the thread need not be woken to say so.
        if len(self.backlog):
            self._wait_for(Entry(), timeout_s)

    def stop(self, timeout_s: float) -> None:
        """Flush, end the thread and close the file; what cannot be committed is lost. The next entry begins another.

        Raises:
            RecorderError: something could not be committed, or not in time.
        """
        deadline = time.monotonic() + timeout_s
        try:
            if self._is_at_work():
                self._wait_for(Entry(last=True), timeout_s)
        finally:
            self._ending = True
            self.hurry()
            if self._running.acquire(timeout=max(0.0, deadline - time.monotonic())):
                self._run(idle_s=0)

    def leave(self, timeout_s: float) -> None:
        """Stop as the process ends; tell what is lost."""
        try:
            self.stop(timeout_s)
        except RecorderError as error:
            _LOG.warning("the end of the log of runs is lost: %s", error)

    def before_fork(self) -> None:
        """Nothing: the connection sees to it that no batch is half written."""

    def after_fork_in_parent(self) -> None:
        """Nothing: the thread goes on."""

    def after_fork_in_child(self) -> None:
        """Begin with an empty queue: the parent writes what it was given."""
        leaving.forget(self)
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self.backlog = Backlog(self._connection, self._pace)
        self._running = threading.Lock()  # held by the thread, or by whoever works in its place
        self._calm = threading.Lock()  # held as long as nobody is in haste
        self._calm.acquire()
        self._idle = False
        self._ending = False
        self._next_pause_s = self._pace.pause_s

    def _is_at_work(self) -> bool:
        return self._running.locked() or len(self.backlog) > 0

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
            self.backlog.tell_failure(RecorderError(f"cannot begin the thread that records: {error}"))

    def _wait_for(self, marker: Entry, timeout_s: float) -> None:
        ticket = marker.ticket = Future()
        self.put(marker)
        self.hurry()
        if self._running.acquire(blocking=False):
            self._run(idle_s=0)
        try:
            ticket.result(timeout_s)
        except TimeoutError:
            ticket.cancel()
            last_error = self.backlog.last_error
            raise RecorderError(
                f"the log was not committed to {str(self.path)!r} within {timeout_s:g} s"
            ) from last_error

    def _run(self, idle_s: float) -> None:
        """Write what comes until nothing has come for `idle_s`. Begins with `_running` held, ends without."""
        while True:
            self._ending = False
            leaving.wait_for(self)
            try:
                while self._comes(idle_s):
                    self._gather()
                    self._write()
            finally:
                self.backlog.close()
                leaving.forget(self)
                self._running.release()
            # Looked at again for who put something in just before, and saw the lock held.
            if not len(self.backlog) or not self._running.acquire(blocking=False):
                return

    def _comes(self, idle_s: float) -> bool:
        """Wait until there is something to write; say whether there is, and whether to write it."""
        while not (len(self.backlog) or self._ending):
            self._idle = True
            # Looked at again for who put something in just before, and saw nobody idle.
            if len(self.backlog) or not self._calm.acquire(timeout=idle_s):
                break
        self._idle = False
        return len(self.backlog) > 0 and not self._ending

    def _gather(self) -> None:
        """Let a batch grow while more and more comes, and nobody is in haste."""
        before, rest_s = 0, self._pace.longest_gather_s
        while before < len(self.backlog) < self._pace.enough and rest_s > 0 and not leaving.has_begun():
            before, rest_s = len(self.backlog), rest_s - self._pace.gather_s
            if self._calm.acquire(timeout=self._pace.gather_s):
                return

    def _write(self) -> None:
        """Write a batch; after a failure pause, a while longer each time, or until somebody is in haste."""
        if self.backlog.write_batch():
            self._next_pause_s = self._pace.pause_s
            return
        self._calm.acquire(timeout=self._next_pause_s)
        self._next_pause_s = min(2 * self._next_pause_s, self._pace.longest_pause_s)


class Ticket(Future[None]):
    """Resolves when its entry is committed, at the latest when the thread has gathered enough.

    Who waits for it without a limit commits it; with a limit, or awaiting it, they have the thread make haste.
    """

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def result(self, timeout: float | None = None) -> None:
        """Return once the entry is committed.

        Raises:
            RecorderError: it cannot be.
        """
        if timeout is None:
            self._writer.commit(self)
        else:
            self._writer.hurry()
        super().result(timeout)

    def add_done_callback(self, function: Callable[[Future[None]], object]) -> None:
        """Call a function once the entry is committed."""
        super().add_done_callback(function)
        self._writer.hurry()
