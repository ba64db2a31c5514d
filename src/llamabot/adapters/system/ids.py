"""Ids that sort by time and that no two processes share."""

from __future__ import annotations

import os
import time

__all__ = ["RandomIds"]


class RandomIds:
    """Gives 28 hexadecimal digits: 48 bits of milliseconds since 1970, then 64 random bits of the operating system.

    Source: the layout follows RFC 9562's UUID version 7, without its version and variant bits.
    """

    def new_id(self) -> str:
        """Return a new id; ids of different milliseconds sort by time."""
        return f"{time.time_ns() // 1_000_000:012x}{os.urandom(8).hex()}"
