"""The body of an HTTP answer as it arrives: unpacked, and counted, for a small archive can become a huge text."""

from __future__ import annotations

import zlib
from typing import Any

__all__ = ["NotUnpacked", "TooLarge", "Unpacker"]

_ANY_HEADER = 47  # zlib: with the header of gzip or its own, whichever is there


class NotUnpacked(Exception):
    """The body is not packed as its head says."""


class TooLarge(Exception):
    """The body is larger than an answer may be."""


class Unpacker:
    """The body of one answer.

    Args:
        coding: what the head says of it: "" is as it is, `gzip` and `deflate` are known.
        most_bytes: more than that are not taken in.

    Raises:
        NotUnpacked: another coding, which nobody has asked for.
    """

    def __init__(self, coding: str, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._left = most_bytes
        self._packed: Any = None
        if coding in ("gzip", "x-gzip", "deflate"):
            self._packed = zlib.decompressobj(_ANY_HEADER)
        elif coding not in ("", "identity"):
            raise NotUnpacked(f"it is packed as {coding!r}")

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes are.

        Raises:
            NotUnpacked: they are no part of an archive.
            TooLarge: they are more than an answer may have.
        """
        if self._packed is not None:
            try:
                data = self._packed.decompress(data, self._left + 1)
            except zlib.error as error:
                raise NotUnpacked(f"it is no archive: {error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"it has more than {self._most_bytes:,} bytes")
        return data
