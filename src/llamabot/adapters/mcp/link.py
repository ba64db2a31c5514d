"""The one connection of a toolbox: made when it is needed, made anew when it has ended, closed with the toolbox."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

from llamabot.adapters.mcp.connection import Connection
from llamabot.adapters.mcp.sources import Source
from llamabot.ports.errors import ToolboxUnavailable

__all__ = ["Link"]


class Link:
    """Owned by one toolbox, used by any thread."""

    def __init__(self, source: Source, connect_timeout_s: float) -> None:
        self._source = source
        self._connect_timeout_s = connect_timeout_s
        self._lock = threading.Lock()
        self._closed = False
        self._connection: Connection | None = None
        self._collected: weakref.finalize[Any, Link] | None = None
        _survive_forks(self)

    def present(self) -> Connection | None:
        """Return the connection, if there is one that has not ended."""
        connection = self._connection
        return None if connection is None or connection.ended else connection

    def at_hand(self, *, reopen: bool = False) -> Connection:
        """Return a connection that can be used once it is ready.

        Raises:
            ToolboxUnavailable: it was closed, and is not to be opened again.
        """
        with self._lock:
            if self._closed and not reopen:
                raise ToolboxUnavailable(f"the toolbox of the MCP server '{self._source}' was closed")
            self._closed = False
            if self._connection is None or self._connection.ended:
                self._connection = Connection(self._source, self._connect_timeout_s)
                self._close_when_collected(self._connection)
            return self._connection

    def drop(self, connection: Connection) -> None:
        """Close a connection that is of no use; the next to ask makes another."""
        with self._lock:
            if self._connection is connection:
                self._connection = None
        connection.close()

    def begin_to_close(self) -> Connection | None:
        """Close; return the connection that can be waited for, if there is one."""
        with self._lock:
            connection, self._connection, self._closed = self._connection, None, True
        if connection is not None:
            connection.close()
        return connection

    def renew_lock(self) -> None:
        """Begin afresh in a forked child: a thread that is not there may hold the lock."""
        self._lock = threading.Lock()

    def _close_when_collected(self, connection: Connection) -> None:
        if self._collected is not None:
            self._collected.detach()
        self._collected = weakref.finalize(self, connection.close)
        self._collected.atexit = False  # the connection sees to that, and waits


_links: weakref.WeakSet[Link] = weakref.WeakSet()
_hooked = False


def _survive_forks(link: Link) -> None:
    global _hooked
    _links.add(link)
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked = True
        os.register_at_fork(after_in_child=_renew_locks)


def _renew_locks() -> None:
    for link in list(_links):
        link.renew_lock()
