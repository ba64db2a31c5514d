"""Ids that can be foretold."""

from __future__ import annotations

from itertools import count

__all__ = ["CountingIds"]


class CountingIds:
    """Gives `run-1`, `run-2`, …."""

    def __init__(self, prefix: str = "run") -> None:
        self._prefix = prefix
        self._numbers = count(1)

    def new_id(self) -> str:
        """Return the next id."""
        return f"{self._prefix}-{next(self._numbers)}"
