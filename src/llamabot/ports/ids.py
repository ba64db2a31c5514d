"""The id port: names for runs."""

from __future__ import annotations

from typing import Protocol

__all__ = ["IdPort"]


class IdPort(Protocol):
    """Makes ids. Never blocks, safe to share by threads and across a fork."""

    def new_id(self) -> str:
        """Return an id that no other call returns: printable ASCII without spaces, at most 64 characters."""
