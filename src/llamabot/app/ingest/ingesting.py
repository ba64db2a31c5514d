"""Ingesting: what is new or changed in a folder goes into the store, what is gone goes out, the rest is left alone.

A document's fingerprint says that it came from here, what its file held, and where that was. One file's documents go in
by one `add`, so whatever stops the work, a file that the store knows is known whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from llamabot.adapters.loaders.files import FileLoader
from llamabot.adapters.loaders.folders import File, Listing, matching
from llamabot.app.ingest.report import IngestFailure, IngestProgress, IngestReport
from llamabot.app.ingest.roots import Paths, Root, list_root, read_roots, same_name
from llamabot.ports.docstore import CataloguePort, Known
from llamabot.ports.documents import Document
from llamabot.ports.errors import DocumentUnreadable, UsageError
from llamabot.ports.loader import LoaderPort
from llamabot.ports.provider import overrides

__all__ = ["ingest"]

_MARK = "ingested"

# Characters that are added at once: some sixty passages, which take an embedder on this machine a second or two. More
# would be lost to Ctrl-C, and the bar would stand still; fewer would have the embedder wait for the disk.
_BATCH_CHARACTERS = 50_000


def ingest(
    paths: Paths,
    *,
    docstore: CataloguePort | None = None,
    glob: str | Iterable[str] = (),
    loader: LoaderPort | None = None,
    progress: Callable[[IngestProgress], None] | None = None,
) -> IngestReport:
    """Bring a store into step with folders and files, and return what that took.

    A file is called by its folder's name and its path in there, `papers/2024/a.pdf`, wherever the folder is. Files that
    have not changed are not parsed again. What `.gitignore` files leave out is left out, hidden files too; no link is
    followed. Ctrl-C keeps what was added.

    Args:
        paths: a folder or a file, several, or by the names that they shall have.
        docstore: where the documents go.
        glob: only files that fit a pattern, or several, written as in a `.gitignore`: `*.pdf`, `/2024/`, `!*.py`. Other
            files that the store has already stay in it.
        loader: reads the files; `FileLoader()` if unsaid.
        progress: is told before each file, and at the end.

    Raises:
        UsageError: a path does not exist; two folders have the same name; the store cannot say what it has.
    """
    roots = read_roots(paths)
    work = _Work(_checked(docstore), loader or FileLoader(), progress)
    globs = (glob,) if isinstance(glob, str) else tuple(glob)
    found = [(root, file) for root in roots for file in work.compare(root, list_root(root), globs)]
    work.read({root.source(file.name): (root, file) for root, file in found})
    return work.report()


def _checked(docstore: Any) -> CataloguePort:
    docstore = overrides().get("docstore", docstore)
    if docstore is None:
        raise UsageError('a store is missing: ingest(…, docstore=lmb.FaissDocStore("store/"))')
    if not hasattr(docstore, "known"):
        raise UsageError(
            f"{type(docstore).__name__} cannot say what it has: a store to ingest into has a method `known`"
        )
    store: CataloguePort = docstore
    return store


class _Work:
    """One call of `ingest`."""

    def __init__(
        self, store: CataloguePort, loader: LoaderPort, progress: Callable[[IngestProgress], None] | None
    ) -> None:
        self._store, self._loader, self._progress = store, loader, progress
        self._known = _by_source(store.known())
        self._waiting: list[tuple[str, tuple[Document, ...]]] = []
        self._waiting_characters = 0
        self._done: dict[str, set[str]] = {
            name: set() for name in ("added", "changed", "unchanged", "removed", "left_out")
        }
        self._failed: dict[str, str] = {}

    def compare(self, root: Root, listing: Listing, globs: Sequence[str]) -> Iterator[File]:
        """Take out of the store what a folder no longer has, and yield the files that are to be looked at."""
        ours = {source: known for source, known in self._known.items() if source.startswith(f"{root.name}/")}
        self._refuse_a_namesake(root, ours.values())
        self._failed |= {root.source(name): reason for name, reason in listing.closed}
        self._done["left_out"] |= {root.source(name) for name in listing.left_out}
        if root.file is None:
            there = {root.source(file.name) for file in listing.files} | self._done["left_out"]
            closed = tuple(root.source(name) for name, _ in listing.closed)
            gone = {source for source in ours if source not in there and not source.startswith(closed)}
            self._remove(known.id for source in sorted(gone) for known in ours[source])
            self._done["removed"] |= gone
        yield from matching(listing.files, globs)

    def read(self, files: Mapping[str, tuple[Root, File]]) -> None:
        """Add what is new or changed of the files with these sources."""
        size, done_bytes = sum(file.size_bytes for _, file in files.values()), 0
        for number, (source, (root, file)) in enumerate(files.items()):
            self._tell(IngestProgress(source, number, len(files), done_bytes, size))
            self._look_at(source, root, file)
            done_bytes += file.size_bytes
        self._add_waiting()
        self._tell(IngestProgress("", len(files), len(files), done_bytes, size))

    def report(self) -> IngestReport:
        """Return what was done."""
        failed = tuple(IngestFailure(source, reason) for source, reason in sorted(self._failed.items()))
        done = {name: tuple(sorted(sources)) for name, sources in self._done.items()}
        return IngestReport(**done, failed=failed)

    def _look_at(self, source: str, root: Root, file: File) -> None:
        known = self._known.get(source, ())
        try:
            # Taken before the file is read: if it changes meanwhile, the next time shows it.
            content = _without_colons(self._loader.fingerprint(file.path, source=source))
            if known and all(_content(each) == content for each in known):
                self._done["unchanged"].add(source)
                return
            documents = self._loader.load(file.path, source=source)
        except DocumentUnreadable as error:
            self._failed[source] = error.reason
            return
        fingerprint = f"{_MARK}:{content}:{root.place}"
        ready = tuple(msgspec.structs.replace(each, fingerprint=fingerprint, source=source) for each in documents)
        self._waiting.append((source, ready))
        self._waiting_characters += sum(len(document.text) for document in ready)
        if self._waiting_characters >= _BATCH_CHARACTERS:
            self._add_waiting()

    def _add_waiting(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting, self._waiting_characters = self._waiting, [], 0
        self._store.add([document for _, documents in waiting for document in documents])
        for source, documents in waiting:
            kept = {document.id for document in documents}
            self._remove(known.id for known in self._known.get(source, ()) if known.id not in kept)
            self._done["changed" if source in self._known else "added"].add(source)

    def _remove(self, ids: Iterable[str]) -> None:
        given = list(ids)
        if given:
            self._store.remove(given)

    def _refuse_a_namesake(self, root: Root, ours: Iterable[Sequence[Known]]) -> None:
        """Refuse a folder whose name another one has that is still there; one that is gone has been moved here."""
        for folder in sorted({_folder(each) for known in ours for each in known} - {root.place}):
            if Path(folder).is_dir():
                raise UsageError(same_name(root.name, folder, root.place))

    def _tell(self, progress: IngestProgress) -> None:
        if self._progress is not None:
            self._progress(progress)


def _by_source(known: Iterable[Known]) -> dict[str, list[Known]]:
    """Return what came from files, by their sources; what others have added is none of our business."""
    found: dict[str, list[Known]] = {}
    for each in known:
        if each.fingerprint.startswith(f"{_MARK}:") and each.fingerprint.count(":") >= 2:
            found.setdefault(each.source, []).append(each)
    return found


def _without_colons(content: str) -> str:
    """Return what a loader says of a content, as it can stand before the folder."""
    return quote(content, safe="", errors="replace")


def _content(known: Known) -> str:
    return known.fingerprint.split(":", 2)[1]


def _folder(known: Known) -> str:
    return known.fingerprint.split(":", 2)[2]
