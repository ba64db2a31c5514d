"""Who waits for a commit makes it: whatever breaks it off, the log has every event once, and the others are told."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dis import opname
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from llamabot.adapters.sqlite import SqliteRecorder, backlog
from llamabot.testing.runs import a_run

_FOLDER = str(Path(backlog.__file__).parent)


# After these CPython looks whether a signal has come.
_CHECKED = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD", "RESUME"}


@contextmanager
def interrupted_at(place: int) -> Iterator[list[int]]:
    """Raise `KeyboardInterrupt` in this thread at the n-th place in the adapter where a signal may do so.

    Yields:
        How many such places were passed.
    """
    count = [0]
    before: dict[FrameType, str] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_FOLDER):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            last, before[frame] = before.get(frame), opname[frame.f_code.co_code[frame.f_lasti]]
            if last in _CHECKED:
                count[0] += 1
                if count[0] == place:
                    raise KeyboardInterrupt
        return trace

    sys._getframe().f_trace_opcodes = True  # 3.12 asks once, here, whether any frame wants its opcodes traced
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(None)


def _ticket(recorder: SqliteRecorder, run_id: str) -> Future[None]:
    ticket = recorder.append(a_run(run_id))
    assert ticket is not None
    return ticket


def test_an_interrupt_at_any_place_loses_nothing_and_writes_nothing_twice(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db", durable=True) as recorder:
        _ticket(recorder, "before").result()
        tries = interrupts = misses = 0
        place = 1
        while misses < 20:  # what the writer's thread was quicker to commit is tried again
            tries += 1
            first, second = _ticket(recorder, f"{tries} first"), _ticket(recorder, f"{tries} second")
            with interrupted_at(place) as count:
                try:
                    second.result()
                except KeyboardInterrupt:
                    interrupts += 1
            first.result(20)
            second.result(20)
            for name in ("first", "second"):
                assert len(recorder.events(f"{tries} {name}")) == len(a_run("")), place
            missed = count[0] < place
            place, misses = (place, misses + 1) if missed else (place + 1, 0)
        assert recorder.health.queued_bytes == 0
        assert interrupts > 40, "the commit is made in place"
    with closing(sqlite3.connect(tmp_path / "runs.db")) as file:
        assert file.execute("SELECT count(*) FROM runs").fetchone() == (1 + 2 * tries,)


def test_those_who_wait_at_once_share_a_commit(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db", durable=True, patience_s=60) as recorder:
        _ticket(recorder, "before").result()
        log = Path(f"{recorder.path}-wal")
        with closing(sqlite3.connect(recorder.path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            tickets = [_ticket(recorder, f"{number:02}") for number in range(50)]
            waiting = [threading.Thread(target=ticket.result) for ticket in tickets]
            for thread in waiting:
                thread.start()
            before = log.stat().st_size
            holder.execute("COMMIT")
            for thread in waiting:
                thread.join()
        assert all(ticket.done() for ticket in tickets)
        pages = (log.stat().st_size - before) // 4096
        assert 0 < pages < 50, "a commit each would have written several pages each"
        for number in range(50):
            assert len(recorder.events(f"{number:02}")) == len(a_run(""))


def test_tickets_that_nobody_waits_for_resolve_all_the_same(tmp_path: Path) -> None:
    with SqliteRecorder(tmp_path / "runs.db", durable=True) as recorder:
        for number in range(3):  # the second finds the thread idle
            resolved = threading.Event()
            ticket = _ticket(recorder, f"run {number}")
            Future.add_done_callback(ticket, lambda _, event=resolved: event.set())  # the ticket's own makes haste
            assert resolved.wait(8), "the thread is woken, and does not only look again when it ends"
            assert ticket.exception() is None


@pytest.mark.parametrize("ends", ["flush", "close"])
def test_what_nobody_waited_for_is_there_after_a(ends: str, tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "runs.db", durable=True)
    tickets = [_ticket(recorder, f"{number}") for number in range(5)]
    getattr(recorder, ends)()
    assert [ticket.done() for ticket in tickets] == [True] * 5
    assert len(list(recorder.runs())) == 5
    recorder.close()
