"""Bodies are unpacked as they arrive, and never to more than an answer may have."""

from __future__ import annotations

import gzip
import zlib

import pytest

from llamabot.protocols.unpacking import NotUnpacked, TooLarge, Unpacker

TEXT = b"llamas hum " * 50


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
    ],
)
def test_unpacks_what_arrives_a_byte_at_a_time(coding: str, packed: bytes) -> None:
    unpacker = Unpacker(coding, len(TEXT))
    assert b"".join(unpacker.feed(bytes([byte])) for byte in packed) == TEXT


@pytest.mark.parametrize(("coding", "packed"), [("", TEXT), ("gzip", gzip.compress(b"\0" * 10_000_000, mtime=0))])
def test_takes_no_more_in_than_it_may(coding: str, packed: bytes) -> None:
    with pytest.raises(TooLarge, match="more than 549 bytes"):
        Unpacker(coding, len(TEXT) - 1).feed(packed)


def test_says_what_it_cannot_unpack() -> None:
    with pytest.raises(NotUnpacked, match="'br'"):
        Unpacker("br", 10)
    with pytest.raises(NotUnpacked, match="no archive"):
        Unpacker("gzip", 10).feed(TEXT)
