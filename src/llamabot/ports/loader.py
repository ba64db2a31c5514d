"""The loader port: a file becomes documents."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from llamabot.ports.documents import Document

__all__ = ["AsyncLoaderPort", "LoaderPort"]


class LoaderPort(Protocol):
    """Reads files. Knows nothing of stores."""

    def fingerprint(self, path: Path, *, source: str) -> str:
        """Return what stands for a file's content and for the settings of this loader, without parsing it: any text.

        Law: while it is the same, `load` gives the same.

        Raises:
            DocumentUnreadable: the file cannot be read.
        """

    def load(self, path: Path, *, source: str) -> tuple[Document, ...]:
        """Return the documents of a file, in their order; never none.

        A file that is one document gives it the id `source`; one of several (rows, lines of JSON) gives each the id
        `source#n` with n from 1, or with what its own id says. A `#` of the source is written `%23` in ids, and a `%`
        with 23 or 25 after it `%25`.

        Law: documents of different sources have different ids.

        Args:
            path: where the file is.
            source: how it is called by people and in the documents.

        Raises:
            DocumentUnreadable: the file cannot be read, is none that this loader knows, or has no text in it.
        """


class AsyncLoaderPort(Protocol):
    """As `LoaderPort`, without blocking the event loop. A loader that is only sync works in a thread."""

    async def afingerprint(self, path: Path, *, source: str) -> str:
        """As `fingerprint`."""

    async def aload(self, path: Path, *, source: str) -> tuple[Document, ...]:
        """As `load`."""
