"""How documents become columns. All text is UTF-8 in blobs, in which half a surrogate pair has a place too."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from llamabot.ports.documents import Document, Metadata, Place, Scalar, Section

__all__ = [
    "decoded_document",
    "decoded_metadata",
    "decoded_place",
    "digest_of",
    "encoded_entries",
    "encoded_metadata",
    "encoded_place",
    "encoded_sections",
    "from_blob",
    "text_digest",
    "to_blob",
]


_ENCODER = msgspec.json.Encoder(order="deterministic")
# The standard library's takes ten times as long, and has a form for half a surrogate pair and for what is no number.
_ENCODER_OF_ANYTHING = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"))
_METADATA = msgspec.json.Decoder(dict[str, Scalar])
_PLACE = msgspec.json.Decoder(tuple[int, int, tuple[str, ...], int | None])


def to_blob(text: str) -> bytes:
    """Return any text as bytes, which sort as the texts do."""
    return text.encode("utf-8", "surrogatepass")


def from_blob(data: bytes) -> str:
    """Return the text."""
    return data.decode("utf-8", "surrogatepass")


def digest_of(document: Document) -> bytes:
    """Return what differs whenever anything of a document does."""
    head = (document.id, document.source, document.format, document.fingerprint)
    parts = (_json(head), encoded_metadata(document.metadata), encoded_sections(document.sections))
    return _digest((*parts, to_blob(document.text)))


def text_digest(text: str) -> bytes:
    """Return the key of a text's vector."""
    return _digest((to_blob(text),))


def encoded_metadata(metadata: Metadata) -> bytes:
    """Return metadata as JSON, whatever order it was written in."""
    return _json(metadata, metadata.values())


def decoded_metadata(data: bytes) -> Metadata:
    """Return the metadata."""
    try:
        return _METADATA.decode(data)
    except msgspec.DecodeError:  # half a surrogate pair, or not-a-number
        metadata: Metadata = json.loads(data)
        return metadata


def encoded_entries(metadata: Metadata) -> set[bytes]:
    """Return the entries by which a filter finds a document: equal ones are equal bytes, of one type alone."""
    # What is not equal to itself (not-a-number) is equal to nothing that is looked for.
    return {_json((name, _plain(value)), (value,)) for name, value in metadata.items() if value == value}


def encoded_sections(sections: Iterable[Section]) -> bytes:
    """Return the sections as JSON."""
    return _json([(section.start, section.heading, section.page) for section in sections])


def encoded_place(place: Place) -> bytes:
    """Return a place as JSON, without its source, which the document has."""
    return _json((place.start, place.end, place.heading, place.page))


def decoded_place(data: bytes, source: str) -> Place:
    """Return the place."""
    try:
        return Place(source, *_PLACE.decode(data))
    except msgspec.DecodeError:  # half a surrogate pair
        start, end, heading, page = json.loads(data)
        return Place(source, start, end, tuple(heading), page)


def decoded_document(row: Mapping[str, Any]) -> Document:
    """Return the document of a row."""
    return Document(
        from_blob(row["id"]),
        from_blob(row["text"]),
        decoded_metadata(row["metadata"]),
        from_blob(row["source"]),
        tuple(Section(start, tuple(heading), page) for start, heading, page in json.loads(row["sections"])),
        from_blob(row["format"]),
        from_blob(row["fingerprint"]),
    )


def _plain(value: Scalar) -> Scalar:
    return 0.0 if isinstance(value, float) and value == 0 else value


def _json(value: object, scalars: Iterable[Scalar] = ()) -> bytes:
    """Return a value as JSON.

    Args:
        value: of strings, numbers, lists and tables.
        scalars: those in it that may be infinite or not-a-number.
    """
    if not _have_none(scalars):
        try:
            return _ENCODER.encode(value)
        except UnicodeEncodeError:
            pass
    return _ENCODER_OF_ANYTHING.encode(value).encode()


def _have_none(scalars: Iterable[Scalar]) -> bool:
    """Say whether JSON has no form for one of them."""
    for scalar in scalars:  # noqa: SIM110 - takes half as long as `any`, and each document comes here four times
        if isinstance(scalar, float) and not math.isfinite(scalar):
            return True
    return False


def _digest(parts: Iterable[bytes]) -> bytes:
    return blake2b(b"".join([_sized(part) for part in parts]), digest_size=16).digest()


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(8, "little") + part
