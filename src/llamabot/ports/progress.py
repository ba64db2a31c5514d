"""How far a map over many inputs is, and who shows it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from llamabot.ports.completion import NO_USAGE, Usage

__all__ = ["MapProgress", "ProgressPort"]


class MapProgress(msgspec.Struct, frozen=True):
    """How far a map is.

    Attributes:
        total: how many inputs there are; None where that is not known before their end.
        done: items that there are by now, those that failed and those from the log among them.
        failed: items with an error.
        from_log: items that were told from the log, at no cost.
        running: inputs that are worked on.
        usage: tokens of the runs that were performed, those of failed ones too.
        cost_usd: of the same runs, as far as it is known.
        is_priced: whether the price of all of them is known.
    """

    total: int | None = None
    done: int = 0
    failed: int = 0
    from_log: int = 0
    running: int = 0
    usage: Usage = NO_USAGE
    cost_usd: float = 0.0
    is_priced: bool = True


class ProgressPort(Protocol):
    """Shows how far a map is. Called on the thread, or the event loop, that takes the items."""

    def __call__(self, progress: MapProgress) -> object:
        """Take in how far it is: at the start, and whenever an item is done."""

    def close(self) -> None:
        """Show nothing more."""
