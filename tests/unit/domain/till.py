"""A till, for tests of what breaks off, waits or is told again."""

from __future__ import annotations

from typing import Any

import llamabot as lmb

__all__ = ["Till"]


class Till:
    """Tools that note what they did; the first `broken` calls of `pay` are cut off after they had their effect."""

    def __init__(self, broken: int = 0) -> None:
        self.did: list[str] = []
        self.keys: list[str] = []
        self._broken = broken

    @lmb.tool
    def look(self) -> str:
        """Look."""
        self.did.append("look")
        return "seen"

    @lmb.tool
    def pay(self, context: lmb.RunContext[Any]) -> str:
        """Pay; again is the same."""
        return self._paid("pay", context)

    @lmb.tool(idempotent=False)
    def pay_once(self, context: lmb.RunContext[Any]) -> str:
        """Pay, but never twice."""
        return self._paid("pay_once", context)

    @lmb.tool(needs_approval=True)
    def refund(self, order: str, euros: int) -> str:
        """Pay back."""
        self.did.append(f"refund {euros}")
        return f"{euros} euros were paid back for {order}"

    def _paid(self, name: str, context: lmb.RunContext[Any]) -> str:
        self.did.append(name)
        self.keys.append(context.idempotency_key)
        if len(self.did) <= self._broken:
            raise KeyboardInterrupt
        return "paid"
