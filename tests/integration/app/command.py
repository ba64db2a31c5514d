"""How a command that ran in this process ended."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

__all__ = ["Command", "Ended"]


class Ended(msgspec.Struct):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]
