"""The ledger port: what was spent on whose account, so that a budget holds for all who share it."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["Balance", "LedgerPort"]


class Balance(msgspec.Struct, frozen=True):
    """How an account stands, after a reservation or without it.

    Amounts are whole nano-dollars, so that sums are exact.

    Attributes:
        is_reserved: whether the amount was set aside.
        spent_nusd: what was spent and what is set aside.
    """

    is_reserved: bool
    spent_nusd: int


class LedgerPort(Protocol):
    """Keeps sums by account and period. Safe to share by threads.

    What is set aside counts as spent until it is settled: also where the process that set it aside has died, for then
    nobody knows what was paid.

    Attributes:
        blocks: whether its methods may wait for a disk or for another process.
    """

    @property
    def blocks(self) -> bool: ...  # noqa: D102 - told above

    def reserve(self, account: str, period: str, amount_nusd: int, *, limit_nusd: int) -> Balance:
        """Set an amount aside, if with it no more than the limit is spent; whole or not at all.

        Law: however many ask at once, what is set aside and spent never passes the limit.

        Raises:
            SharedStateError: the ledger cannot be read or written.
        """

    def settle(self, account: str, period: str, *, reserved_nusd: int, spent_nusd: int) -> None:
        """Put what was spent in the place of what was set aside; more than that is spent all the same."""

    def spent_nusd(self, account: str, period: str) -> int:
        """Return what was spent and is set aside; 0 of an account that is not known."""
