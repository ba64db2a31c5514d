"""Bytes become text: by their byte order mark, by what a page declares, else in the encoding that is expected."""

from __future__ import annotations

import codecs
import re

from llamabot.adapters.loaders.parsed import NotReadable

__all__ = ["cleaned", "decoded", "decoded_page"]

# The longest mark first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
_WHERE_DECLARED = 1024
_NO_TEXT = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b"))
_SURROGATES = re.compile("[\ud800-\udfff]")


def decoded(data: bytes, encoding: str) -> str:
    """Return the text of a file, cleaned.

    Raises:
        NotReadable: it is binary, or in another encoding.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if marked is None and _is_binary(data):
        raise NotReadable("is binary, of no kind that is known here")
    try:
        return cleaned(data.decode(marked or encoding))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotReadable(
            f"is not in {marked or encoding}: there is a byte 0x{data[error.start]:02x} in line {line}; "
            "name its encoding, or convert it"
        ) from error


def decoded_page(data: bytes, encoding: str) -> str:
    """Return the text of a web page; where it declares no encoding and is in none that is expected, as browsers do."""
    declared = _DECLARED.search(data[:_WHERE_DECLARED])
    names = [declared.group(1).decode("ascii")] if declared else []
    for name in (*names, encoding):
        try:
            codecs.lookup(name)
            return decoded(data, name)
        except (LookupError, NotReadable):
            continue
    if _is_binary(data):
        raise NotReadable("is binary, and no web page")
    return cleaned(data.decode("windows-1252", errors="replace"))


def cleaned(text: str) -> str:
    """Return a text whose lines end with a line feed, without what no store can hold: NUL, lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return _SURROGATES.sub("\ufffd", text)


def _is_binary(data: bytes) -> bool:
    """Say whether there is a NUL, or one control character in ten, which no text has."""
    return b"\0" in data or len(data) - len(data.translate(None, _NO_TEXT)) > len(data) // 10
