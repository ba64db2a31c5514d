"""What a fork must not carry into the child: connections, held locks, threads.

SQLite keeps the locks of a process in its own memory, so a connection that is open while the process forks spoils
even a fresh one that the child makes. Everything registered here is asked to let go before a fork and told afterwards
on which side of it it is.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

__all__ = ["survive_forks"]


class _Forkable(Protocol):
    """Something that takes part in forks."""

    def before_fork(self) -> None:
        """Let go of what must not be carried, and hold still."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin afresh; no other thread exists."""


class _Registry:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: weakref.WeakSet[_Forkable] = weakref.WeakSet()
        self._held: list[_Forkable] = []
        self._hooked = False

    def add(self, member: _Forkable) -> None:
        with self._lock:
            self._members.add(member)
            if not self._hooked and hasattr(os, "register_at_fork"):
                self._hooked = True
                os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    def _before(self) -> None:
        self._lock.acquire()
        self._held = list(self._members)
        for member in self._held:
            member.before_fork()

    def _in_parent(self) -> None:
        for member in self._held:
            member.after_fork_in_parent()
        self._held = []
        self._lock.release()

    def _in_child(self) -> None:
        for member in self._held:
            member.after_fork_in_child()
        self._held = []
        self._lock.release()


_REGISTRY = _Registry()


def survive_forks(member: _Forkable) -> None:
    """Let an object take part in forks as long as it lives."""
    _REGISTRY.add(member)
