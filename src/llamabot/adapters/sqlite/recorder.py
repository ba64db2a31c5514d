"""The log of runs in a SQLite file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from types import TracebackType
from typing import Literal, Self

import msgspec

from llamabot.adapters.sqlite import leaving
from llamabot.adapters.sqlite.claims import Claims, HeldClaim
from llamabot.adapters.sqlite.connection import KeptConnection, SqliteFile, file_at
from llamabot.adapters.sqlite.entries import encode_entry
from llamabot.adapters.sqlite.pace import Pace
from llamabot.adapters.sqlite.pruning import delete_run, prune_runs
from llamabot.adapters.sqlite.reading import read_events, read_runs
from llamabot.adapters.sqlite.schema import LOG
from llamabot.adapters.sqlite.writer import LogWriter, Ticket
from llamabot.ports.errors import ConfigurationError, RecorderError
from llamabot.ports.exports import export_run
from llamabot.ports.recorder import RunEvent, RunStatus
from llamabot.ports.summary import RunFilter, RunSummary

__all__ = ["RecorderHealth", "SqliteRecorder"]

_LOG = logging.getLogger("llamabot")
_SYNCHRONOUS = ("off", "normal", "full", "extra")
_FLUSH_S = 10.0
_SLICE_S = 0.25  # of waiting for other writers; between two of them a fork or a reader has its turn


class RecorderHealth(msgspec.Struct, frozen=True):
    """How recording goes.

    Attributes:
        ok: the last write went well.
        lost_events: events that will never be in the file.
        queued_bytes: what waits to be written.
        last_error: what is wrong, in words; None when all is well.
    """

    ok: bool
    lost_events: int
    queued_bytes: int
    last_error: str | None


class SqliteRecorder:
    """Keeps the log in a SQLite file, which processes may share.

    The file and its folder are made with the first event, readable by their owner alone. Writing is done by a thread
    of the recorder's; an end of the process waits for it, up to five seconds. What `flush` or `close` has returned for
    survives a kill of the process; a kill may cost the last milliseconds before.

    In normal mode nothing that happens to the file reaches a bot. Failures are told once on the logger `llamabot` and
    shown by `health`; events wait in memory until writing works again, up to `max_queued_bytes`, and are lost beyond.

    Args:
        path: of the file; `~` is expanded.
        durable: `append` returns a ticket that resolves when the events are committed, and nothing is kept or tried
            again after a failure.
        synchronous: SQLite's setting. `normal` covers the death of the process; `full` covers a loss of power too, at
            the price of a disk's flush for each commit.
        max_queued_bytes: most that waits to be written, roughly.
        patience_s: how long other processes may lock the file before that counts as a failure.

    Attributes:
        path: the file, as an absolute path.
        durable: as given.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durable: bool = False,
        synchronous: Literal["off", "normal", "full", "extra"] = "normal",
        max_queued_bytes: int = 64 * 2**20,
        patience_s: float = 5.0,
    ) -> None:
        if synchronous not in _SYNCHRONOUS:
            raise ConfigurationError(f"synchronous is one of {', '.join(_SYNCHRONOUS)}; got {synchronous!r}")
        self.path = file_at(path)
        self.durable = durable
        file = SqliteFile(self.path, LOG, RecorderError, synchronous, busy_s=patience_s)
        written = KeptConnection(msgspec.structs.replace(file, busy_s=min(_SLICE_S, patience_s)))
        self._read = KeptConnection(file)
        self._writer = LogWriter(written, max_queued_bytes=max_queued_bytes, pace=Pace(patience_s=patience_s))
        self._claims = Claims(self.path)
        self._told_lost = 0

    @property
    def health(self) -> RecorderHealth:
        """How recording goes just now."""
        backlog = self._writer.backlog
        error = backlog.last_error
        told = None if error is None else str(error)
        return RecorderHealth(error is None, backlog.lost_events, backlog.queued_bytes, told)

    def append(self, events: Sequence[RunEvent]) -> Future[None] | None:
        """Take events in, all or none. Returns at once: None, or a ticket if the recorder is durable."""
        ticket = Ticket(self._writer) if self.durable else None
        try:
            entry = encode_entry(events)
        except Exception as error:  # noqa: BLE001 - a recorder never fails a bot, whatever a tool has returned
            return self._unencodable(len(events), error, ticket)
        if entry.size_bytes:
            entry.ticket = ticket
            self._writer.put(entry)
        elif ticket is not None:
            ticket.set_result(None)
        return ticket

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return a run's blobs and then its events in the order of appending; () for a run that is not known.

        Raises:
            RecorderError: the file cannot be read, or what was appended before cannot be written.
        """
        self._see_all()
        return read_events(self._read, run_id)

    def runs(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        status: RunStatus | str | None = None,
        since: datetime | None = None,
        parent_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[RunSummary]:
        """Yield summaries of the runs that fit every filter, the latest start first.

        Raises:
            RecorderError: the file cannot be read, or what was appended before cannot be written.
        """
        wanted = RunFilter(tags, status, since, parent_id, limit)
        self._see_all()
        return read_runs(self._read, wanted)

    def claim(self, run_id: str) -> HeldClaim:
        """Take a run in hand. The claim ends when it is released, or with the process.

        Raises:
            RunBusy: another process, another recorder on this file or another thread has it.
            RecorderError: the folder of the log cannot be written to.
        """
        with self._read.file.errors("claim a run in"):
            return self._claims.claim(run_id)

    def export(self, run_id: str, path: str | os.PathLike[str]) -> None:
        """Write a run and the runs inside it to one JSON file, readable by its owner alone, credentials taken out.

        Raises:
            UsageError: there is no such run.
            RecorderError: the log cannot be read, or the file not be written.
        """
        export_run(self, run_id, path)

    def prune(self, keep_days: float = 30) -> int:
        """Delete the runs that nothing was written to for so long, neither to them nor to a run inside them.

        Others may write meanwhile. The file does not shrink; what becomes free is used again.

        Returns:
            How many runs were deleted.

        Raises:
            RecorderError: the file cannot be written to.
        """
        self._see_all()
        with self._read.file.errors("prune"):
            self._claims.clear()
        return prune_runs(self._read, keep_days)

    def delete(self, run_id: str) -> bool:
        """Delete a run, the runs inside it, and the blobs that no other run uses; say whether there was anything.

        Raises:
            RecorderError: the file cannot be written to.
        """
        self._see_all()
        return delete_run(self._read, run_id)

    def flush(self, timeout_s: float = 10.0) -> None:
        """Return when all that was appended before is committed.

        Raises:
            RecorderError: it could not be, or not in time, or events were lost since the last flush.
        """
        self._writer.flush(timeout_s)
        self._check_losses()

    def close(self, timeout_s: float = 10.0) -> None:
        """Flush, end the thread and let the file go. An `append` after it begins again; a second close does nothing.

        Raises:
            RecorderError: as `flush`; what was not committed is lost.
        """
        try:
            self._writer.stop(timeout_s)
        except RecorderError:
            self._told_lost = self._writer.backlog.lost_events
            raise
        finally:
            self._read.close()
        self._check_losses()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RecorderError:
            # An error that is on its way already says more than this one, which was told when it happened.
            if error is None:
                raise

    def __repr__(self) -> str:
        return f"SqliteRecorder({str(self.path)!r}, durable={self.durable})"

    def _see_all(self) -> None:
        """Wait until the file has what this process was given for it, by whichever recorder."""
        self._writer.flush(_FLUSH_S)
        for other in leaving.at_work():
            if isinstance(other, LogWriter) and other.path == self.path:
                other.flush(_FLUSH_S)

    def _check_losses(self) -> None:
        lost, self._told_lost = self._writer.backlog.lost_events - self._told_lost, self._writer.backlog.lost_events
        if lost > 0:
            raise RecorderError(f"{lost:,} events could not be recorded to {str(self.path)!r}; the logger said why")

    def _unencodable(self, count: int, error: Exception, ticket: Future[None] | None) -> Future[None] | None:
        why = f"an event of a run has no JSON form: {error}"
        if ticket is None:
            self._writer.backlog.lose(count, why)
            return None
        ticket.set_exception(RecorderError(why))
        return ticket
