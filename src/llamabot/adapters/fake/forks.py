"""Locks that are held while the process forks, so that no child finds one held by a thread that it lacks."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

__all__ = ["FORKS"]


class _Forks:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guarded: weakref.WeakSet[Any] = weakref.WeakSet()
        self._held: list[Any] = []
        self._registered = False

    def guard(self, lock: Any) -> None:
        """Hold this lock during forks, for as long as it is there."""
        with self._lock:
            self._guarded.add(lock)
            if not self._registered and hasattr(os, "register_at_fork"):
                self._registered = True
                os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._release)

    def _hold(self) -> None:
        self._lock.acquire()
        self._held = list(self._guarded)
        for lock in self._held:
            lock.acquire()

    def _release(self) -> None:
        for lock in self._held:
            lock.release()
        self._held = []
        self._lock.release()


FORKS = _Forks()
