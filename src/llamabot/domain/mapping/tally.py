"""How far a map is, summed up item by item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from llamabot.domain.mapping.item import MapItem
from llamabot.ports.progress import MapProgress

__all__ = ["Tally"]


class Tally:
    """Counts items, and tells whoever shows how far it is.

    Args:
        show: is told; None for nobody.
        total: how many inputs there are, None if that is not known.
    """

    def __init__(self, show: Callable[[MapProgress], object] | None, total: int | None) -> None:
        self._show = show
        self._now = MapProgress(total)

    def tell(self) -> None:
        """Tell how far it is."""
        if self._show is not None:
            self._show(self._now)

    def count(self, item: MapItem[Any], running: int) -> None:
        """Take in an item, and tell."""
        if self._show is None:
            return
        now = self._now
        spends = not item.from_log and item.run_id is not None
        self._now = msgspec.structs.replace(
            now,
            done=now.done + 1,
            failed=now.failed + (item.error is not None),
            from_log=now.from_log + item.from_log,
            running=running,
            usage=now.usage + item.usage if spends else now.usage,
            cost_usd=now.cost_usd + (item.cost_usd or 0.0) if spends else now.cost_usd,
            is_priced=now.is_priced and not (spends and item.error is None and item.cost_usd is None),
        )
        self.tell()
