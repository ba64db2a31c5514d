"""Reading the text that the demo is asked about."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from llamabot.ports.errors import UsageError

__all__ = ["Source", "own_text", "source_of"]

_LARGEST_BYTES = 5_000_000
_MARKDOWN = (".md", ".markdown")


class Source(msgspec.Struct, frozen=True):
    """A text, its lines ended by a single line feed, and how people call it."""

    name: str
    text: str
    markdown: bool


def own_text() -> Source:
    """Return this project's README: the checkout's, or what the installed package has of it."""
    readme = Path(__file__).resolve().parents[4] / "README.md"
    if readme.is_file() and readme.with_name("pyproject.toml").is_file():
        return msgspec.structs.replace(source_of(readme), name=readme.name)
    from importlib.metadata import metadata

    return Source("README.md", str(metadata("llamabot").json["description"]), markdown=True)


def source_of(file: Path) -> Source:
    """Return the text in a file, of which never more than the largest text allowed is read.

    Raises:
        UsageError: there is no such file, or it is too large, empty, or no UTF-8 text.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST_BYTES + 1)
            size_bytes = max(len(data), os.fstat(opened.fileno()).st_size)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if b"\0" in data:
        raise UsageError(f"{file} is a binary file; the demo reads plain text")
    if size_bytes > _LARGEST_BYTES:
        raise UsageError(f"{file} is too large; the demo reads up to {_LARGEST_BYTES / 1e6:.0f} MB of text")
    return Source(str(file), _decoded(data, file), markdown=file.suffix.lower() in _MARKDOWN)


def _decoded(data: bytes, file: Path) -> str:
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text (byte {error.start:,}); the demo reads plain text") from error
    if not text.strip():
        raise UsageError(f"{file} is empty")
    return text
