"""JSON lines and CSV: each row is a document; its text is in one column, what else is scalar becomes metadata."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from llamabot.adapters.loaders.decoding import cleaned
from llamabot.adapters.loaders.parsed import NotReadable, Parsed
from llamabot.ports.documents import Scalar
from llamabot.ports.kinds import a_kind

__all__ = ["parse_csv", "parse_json_lines"]

_SEPARATORS = ",;\t|"
_LARGEST = 2**63  # of whole numbers, in SQLite and elsewhere


def parse_json_lines(text: str, text_column: str, id_column: str) -> tuple[Parsed, ...]:
    """Return a document for each line that has a text."""
    return _documents(_objects(text), text_column, id_column)


def parse_csv(text: str, text_column: str, id_column: str) -> tuple[Parsed, ...]:
    """Return a document for each row that has a text. The first row names the columns."""
    whole, text = text, text.lstrip("\n")  # some programs leave lines above the header
    above = len(whole) - len(text)
    header = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return _documents(((above + reader.line_num, row) for row in reader), text_column, id_column)
    except csv.Error as error:
        raise NotReadable(_complaint(above + reader.reader.line_num, error)) from error


def _complaint(line: int, error: csv.Error) -> str:
    """Return what is wrong with a line. How long a field may be is one number for the process: not ours to change."""
    if "field larger than field limit" not in str(error):
        return f"is no CSV: line {line}: {error}"
    return (
        f"has a field of more than {csv.field_size_limit():,} characters in line {line}, the most that Python takes; "
        "call csv.field_size_limit(…) with a larger number before, or keep the rows as JSON lines"
    )


def _objects(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                raise NotReadable(f"has no JSON in line {number}: {error}") from error
            if not isinstance(row, dict):
                raise NotReadable(f"has no object in line {number}")
            yield number, row


def _documents(rows: Iterable[tuple[int, Mapping[str, Any]]], text_column: str, id_column: str) -> tuple[Parsed, ...]:
    found: dict[str, Parsed] = {}
    for count, (line, row) in enumerate(rows, 1):
        if text_column not in row:
            columns = ", ".join(map(repr, row))
            raise NotReadable(
                f"has no column {text_column!r} in line {line}, but {columns}; name the one with the text"
            )
        text = row[text_column]
        if not isinstance(text, str | None):
            raise NotReadable(f"has {a_kind(text)} where the text should be, in line {line}")
        key = _key(row.get(id_column)) or str(count)
        if key in found:
            raise NotReadable(f"has two rows with the id {key!r}, the second one in line {line}")
        found[key] = Parsed(cleaned(text or ""), key=key, metadata=dict(_scalars(row, text_column)))
    return tuple(parsed for parsed in found.values() if parsed.text.strip())


def _key(value: object) -> str:
    return cleaned(str(value)).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _scalars(row: Mapping[str, Any], text_column: str) -> Iterator[tuple[str, Scalar]]:
    for name, value in row.items():
        if name == text_column or not isinstance(name, str):  # csv puts what is too much under None
            continue
        if isinstance(value, str):
            yield cleaned(name), cleaned(value)
        elif isinstance(value, float | bool | None) or (isinstance(value, int) and -_LARGEST <= value < _LARGEST):
            yield cleaned(name), value
