"""What is seen of a recorder from outside, and what stands in its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from llamabot.adapters.sqlite import SqliteRecorder
from llamabot.ports.recorder import RunEvent

__all__ = ["a_directory", "eventually", "ids", "ticket_of"]


def ids(path: Path) -> list[str]:
    """Return which runs are found by somebody else."""
    return sorted(run.run_id for run in SqliteRecorder(path).runs())


def eventually(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def a_directory(path: Path) -> None:
    path.mkdir(parents=True)


def ticket_of(recorder: SqliteRecorder, events: list[RunEvent]) -> Future[None]:
    ticket = recorder.append(events)
    assert ticket is not None
    return ticket
