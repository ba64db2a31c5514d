"""The cache port: bytes by key, with their age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

__all__ = ["CachePort"]


class CachePort(Protocol):
    """Keeps what is worth keeping, and may forget any of it. Safe to share by threads.

    Attributes:
        blocks: whether its methods may wait for a disk or for another process.
    """

    @property
    def blocks(self) -> bool: ...  # noqa: D102 - told above

    def read(self, keys: Sequence[str], *, since_ns: int = 0) -> Mapping[str, bytes]:
        """Return what is kept under these keys and was written at `since_ns` or later; the others are left out.

        Args:
            keys: of letters and digits.
            since_ns: the time of day; 0 for all.

        Raises:
            SharedStateError: it cannot be read.
        """

    def write(self, items: Mapping[str, bytes], *, now_ns: int) -> None:
        """Keep these, in the place of what was there under the same keys.

        Args:
            items: values by key.
            now_ns: the time of day.

        Raises:
            SharedStateError: it cannot be written.
        """

    def clear(self) -> None:
        """Forget all."""
