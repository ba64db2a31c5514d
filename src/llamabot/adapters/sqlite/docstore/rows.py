"""Many rows in one statement.

`executemany` gives the interpreter's lock away for each row and, beside a busy thread, waits up to 5 ms to have it
back. So a statement has many rows. What is looked up goes over as one JSON text, many blobs as one long one, which
SQLite takes apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, islice
from typing import Any, TypeAlias

import msgspec

__all__ = ["BLOBS", "Row", "Table", "as_blobs", "as_list", "in_batches"]

Row: TypeAlias = tuple[Any, ...]

# Selects what `as_blobs` has made of many blobs.
BLOBS = "SELECT substr(:data, json_extract(value, '$[0]'), json_extract(value, '$[1]')) FROM json_each(:places)"
_ENCODER = msgspec.json.Encoder()
_MOST_ROWS = 256


class Table:
    """Columns of a table that rows are added to."""

    def __init__(self, name: str, *columns: str) -> None:
        self._insert = f"INSERT INTO {name} ({', '.join(columns)}) VALUES "  # noqa: S608 - names of ours
        self._row = f"({', '.join('?' * len(columns))})"

    def insert(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Add rows."""
        for some in in_batches(rows, _MOST_ROWS):
            place = 0
            while left := len(some) - place:
                # Powers of two: there are few different statements, and SQLite is told each but once.
                count = 1 << left.bit_length() - 1
                values = list(chain.from_iterable(some[place : place + count]))
                connection.execute(self._insert + ", ".join([self._row] * count), values)
                place += count


def as_blobs(values: Iterable[bytes]) -> dict[str, str | bytes]:
    """Return blobs as the parameters of `BLOBS`."""
    blobs = list(values)
    sizes = list(map(len, blobs))
    # The first byte is nobody's: of a blob of none, `substr` gives NULL.
    return {"places": as_list(zip(accumulate(sizes, initial=2), sizes, strict=False)), "data": b"\0" + b"".join(blobs)}


def as_list(values: Iterable[Any]) -> str:
    """Return values as JSON for `json_each`."""
    return _ENCODER.encode(list(values)).decode()


def in_batches(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield the values in lists of at most so many."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
