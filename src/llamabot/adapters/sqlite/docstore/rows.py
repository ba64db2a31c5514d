"""Many rows in one statement.

`executemany` gives the interpreter's lock away for each row and, beside a busy thread, waits up to 5 ms to have it
back. So numbers go over as one JSON text and blobs as one long one, which SQLite takes apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any, TypeAlias

import msgspec

__all__ = ["BLOBS", "Row", "Table", "as_blobs", "as_list", "in_batches"]

Row: TypeAlias = tuple[Any, ...]

# Selects what `as_blobs` has made of many blobs.
BLOBS = "SELECT substr(:data, json_extract(value, '$[0]'), json_extract(value, '$[1]')) FROM json_each(:places)"
_ENCODER = msgspec.json.Encoder()
_MOST_ROWS = 4_096
_MOST_BYTES = 2**26


class Table:
    """Columns of a table that rows are added to.

    Args:
        name: of the table.
        numbers: the columns of integers or None, which come first in a row.
        blobs: the columns of bytes.
    """

    def __init__(self, name: str, numbers: Sequence[str], blobs: Sequence[str]) -> None:
        self._numbers = len(numbers)
        taken = [f"json_extract(value, '$[{place}]')" for place in range(len(numbers))]
        taken += [
            f"substr(:data, json_extract(value, '$[{place}]'), json_extract(value, '$[{place + 1}]'))"
            for place in range(len(numbers), len(numbers) + 2 * len(blobs), 2)
        ]
        columns = ", ".join((*numbers, *blobs))
        self._insert = f"INSERT INTO {name} ({columns}) SELECT {', '.join(taken)} FROM json_each(:rows)"  # noqa: S608 - names of ours

    def insert(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Add rows."""
        numbers: list[list[int | None]] = []
        data: list[bytes] = []
        place = 1
        for row in rows:
            values = list(row[: self._numbers])
            for blob in row[self._numbers :]:
                size = len(blob)
                values.append(place)
                values.append(size)
                data.append(blob)
                place += size
            numbers.append(values)
            if len(numbers) >= _MOST_ROWS or place > _MOST_BYTES:
                self._insert_all(connection, numbers, data)
                numbers, data, place = [], [], 1
        if numbers:
            self._insert_all(connection, numbers, data)

    def _insert_all(
        self, connection: sqlite3.Connection, numbers: Sequence[Sequence[int | None]], data: Sequence[bytes]
    ) -> None:
        connection.execute(self._insert, {"rows": as_list(numbers), "data": b"".join(data)})


def as_blobs(values: Iterable[bytes]) -> dict[str, str | bytes]:
    """Return blobs as the parameters of `BLOBS`."""
    blobs = list(values)
    sizes = list(map(len, blobs))
    return {"places": as_list(zip(accumulate(sizes, initial=1), sizes, strict=False)), "data": b"".join(blobs)}


def as_list(values: Iterable[Any]) -> str:
    """Return values as JSON for `json_each`."""
    return _ENCODER.encode(list(values)).decode()


def in_batches(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield the values in lists of at most so many."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
