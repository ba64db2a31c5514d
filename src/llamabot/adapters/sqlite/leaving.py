"""The end of the process: writers that are at work are waited for, for a bounded time."""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import Protocol

__all__ = ["at_work", "forget", "has_begun", "wait_for"]

_LONGEST_WAIT_S = 5.0


class _Worker(Protocol):
    def leave(self, timeout_s: float) -> None:
        """Finish the work; tell, rather than raise, what could not be finished."""


class _Leaving:
    def __init__(self) -> None:
        self.workers: dict[_Worker, None] = {}
        self.begun = False
        self.atexit_registered = False
        self.finalizer_pid: int | None = None


_LEAVING = _Leaving()


def has_begun() -> bool:
    """Say whether the process is ending, so that no thread would be waited for."""
    return _LEAVING.begun


def wait_for(worker: _Worker) -> None:
    """Let the end of the process wait for a worker."""
    _LEAVING.workers[worker] = None
    if not _LEAVING.atexit_registered:
        _LEAVING.atexit_registered = True
        atexit.register(_leave)
    # A child of multiprocessing ends without atexit; its own finalizers are forgotten when it begins.
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _LEAVING.finalizer_pid != os.getpid():
        _LEAVING.finalizer_pid = os.getpid()
        util.Finalize(None, _leave, exitpriority=100)


def at_work() -> list[_Worker]:
    """Return the workers that the end of the process would wait for."""
    return list(_LEAVING.workers)


def forget(worker: _Worker) -> None:
    """Wait no more for a worker."""
    _LEAVING.workers.pop(worker, None)


def _leave() -> None:
    _LEAVING.begun = True
    deadline = time.monotonic() + _LONGEST_WAIT_S
    for worker in list(_LEAVING.workers):
        worker.leave(max(0.0, deadline - time.monotonic()))
