"""What ingesting did, and how far it is."""

from __future__ import annotations

import msgspec

__all__ = ["IngestFailure", "IngestProgress", "IngestReport"]


class IngestFailure(msgspec.Struct, frozen=True):
    """A file that could not be read. What the store had of it before stays.

    Attributes:
        source: the file, or with a `/` at its end a folder that cannot be looked into.
        reason: in words that go on "it …".
    """

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: it {self.reason}"


class IngestReport(msgspec.Struct, frozen=True):
    """What an `ingest` did: names of files as the documents' `source`s, in the order of their names.

    Attributes:
        added: were not in the store.
        changed: took the place of an older version.
        unchanged: were in the store as they are; they were not parsed again.
        removed: are gone, or ignored now.
        failed: could not be read.
        left_out: links, pictures, sounds and films, which were not tried.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    failed: tuple[IngestFailure, ...] = ()
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = ("added", "changed", "unchanged", "removed", "failed", "left_out")
        return ", ".join(f"{len(getattr(self, name)):,} {name.replace('_', ' ')}" for name in counts)


class IngestProgress(msgspec.Struct, frozen=True):
    """How far an `ingest` is.

    Attributes:
        source: the file that comes next; "" when all are done.
        done_files, done_bytes: of those that are in the store, or were left as they are; small ones go in together.
        files, size_bytes: of all of them.
    """

    source: str
    done_files: int
    files: int
    done_bytes: int
    size_bytes: int
