"""Ingesting: what is new or changed in a folder goes into the store, what is gone goes out, the rest is left alone.

A document's fingerprint says that it came from here, what its file held, and where that was. One file's documents go in
by one `add`, so whatever stops the work, a file that the store knows is known whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec

from llamabot.adapters.loaders.files import FileLoader
from llamabot.adapters.loaders.folders import File, Listing, matching
from llamabot.app.ingest.report import IngestFailure, IngestProgress, IngestReport
from llamabot.app.ingest.roots import Paths, Root, list_root, read_roots, same_name
from llamabot.app.ingest.steps import asked, done
from llamabot.domain.drivers import NO_WORLD, adrive, drive
from llamabot.domain.operations import Steps
from llamabot.ports.docstore import AsyncCataloguePort, CataloguePort, Known
from llamabot.ports.documents import Document
from llamabot.ports.errors import DocumentUnreadable, UsageError
from llamabot.ports.loader import AsyncLoaderPort, LoaderPort
from llamabot.ports.provider import overrides

__all__ = ["aingest", "ingest"]

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
    return drive(_ingestion(paths, _store(docstore), _loader(loader), _globs(glob), progress), NO_WORLD)


async def aingest(
    paths: Paths,
    *,
    docstore: CataloguePort | AsyncCataloguePort | None = None,
    glob: str | Iterable[str] = (),
    loader: LoaderPort | AsyncLoaderPort | None = None,
    progress: Callable[[IngestProgress], None] | None = None,
) -> IngestReport:
    """As `ingest`, without blocking the event loop.

    A store or a loader that is only sync works in a thread, and so does all that looks at files. Who cancels it keeps
    what was added; a file that is read or added at that moment is done with unseen.

    Args:
        paths: as in `ingest`.
        docstore: where the documents go; of either colour.
        glob: as in `ingest`.
        loader: reads the files, of either colour; `FileLoader()` if unsaid.
        progress: is called on the event loop.

    Raises:
        UsageError: as `ingest`.
    """
    store, reader = _store(docstore, "aknown"), _loader(loader, "aload")
    return await adrive(_ingestion(paths, store, reader, _globs(glob), progress), NO_WORLD)


_Store: TypeAlias = CataloguePort | AsyncCataloguePort
_Loader: TypeAlias = LoaderPort | AsyncLoaderPort
_Telling: TypeAlias = Callable[[IngestProgress], None] | None


def _ingestion(
    paths: Paths, store: _Store, loader: _Loader, globs: tuple[str, ...], progress: _Telling
) -> Steps[IngestReport]:
    roots = yield done(read_roots, paths)
    work = _Work(store, loader, progress)
    yield from work.look_up()
    found: dict[str, tuple[Root, File]] = {}
    for root in roots:
        files = yield from work.compare(root, (yield done(list_root, root)), globs)
        found |= {root.source(file.name): (root, file) for file in files}
    yield from work.read(found)
    return work.report()


def _globs(glob: str | Iterable[str]) -> tuple[str, ...]:
    return (glob,) if isinstance(glob, str) else tuple(glob)


def _store(docstore: Any, also: str = "known") -> Any:
    """Return the store to ingest into; it has `known`, or the other method that will do."""
    docstore = overrides().get("docstore", docstore)
    if docstore is None:
        raise UsageError('a store is missing: ingest(…, docstore=lmb.FaissDocStore("store/"))')
    _refuse_async(docstore, "known", also)
    if not hasattr(docstore, "known") and not hasattr(docstore, also):
        raise UsageError(
            f"{type(docstore).__name__} cannot say what it has: a store to ingest into has a method `known`"
        )
    return docstore


def _loader(loader: Any, also: str = "load") -> Any:
    loader = FileLoader() if loader is None else loader
    _refuse_async(loader, "load", also)
    return loader


def _refuse_async(port: Any, method: str, also: str) -> None:
    """Refuse what can only be awaited where nothing is."""
    if also == method and not hasattr(port, method) and hasattr(port, f"a{method}"):
        raise UsageError(f"{type(port).__name__} is async, and so is what takes it: await lmb.aingest(…)")


class _Work:
    """One call of `ingest` or `aingest`, as steps."""

    def __init__(self, store: _Store, loader: _Loader, progress: _Telling) -> None:
        self._store, self._loader, self._progress = store, loader, progress
        self._known: dict[str, list[Known]] = {}
        self._waiting: list[tuple[str, tuple[Document, ...]]] = []
        self._waiting_characters = self._waiting_bytes = 0
        self._done: dict[str, set[str]] = {
            name: set() for name in ("added", "changed", "unchanged", "removed", "left_out")
        }
        self._failed: dict[str, str] = {}

    def look_up(self) -> Steps[None]:
        """Learn what the store has."""
        self._known = _by_source((yield asked(self._store, "known")))

    def compare(self, root: Root, listing: Listing, globs: Sequence[str]) -> Steps[list[File]]:
        """Take out of the store what a folder no longer has, and return the files that are to be looked at."""
        ours = {source: known for source, known in self._known.items() if source.startswith(f"{root.name}/")}
        yield done(_refuse_a_namesake, root, list(ours.values()))
        self._failed |= {root.source(name): reason for name, reason in listing.closed}
        self._done["left_out"] |= {root.source(name) for name in listing.left_out}
        if root.file is None:
            there = {root.source(file.name) for file in listing.files} | self._done["left_out"]
            closed = tuple(root.source(name) for name, _ in listing.closed)
            gone = {source for source in ours if source not in there and not source.startswith(closed)}
            yield from self._remove(known.id for source in sorted(gone) for known in ours[source])
            self._done["removed"] |= gone
        files: list[File] = yield done(_matching, listing.files, globs)
        return files

    def read(self, files: Mapping[str, tuple[Root, File]]) -> Steps[None]:
        """Add what is new or changed of the files with these sources."""
        size, done_bytes = sum(file.size_bytes for _, file in files.values()), 0
        for number, (source, (root, file)) in enumerate(files.items()):
            done_files = number - len(self._waiting)
            self._tell(IngestProgress(source, done_files, len(files), done_bytes - self._waiting_bytes, size))
            yield from self._look_at(source, root, file)
            done_bytes += file.size_bytes
        yield from self._add_waiting()
        self._tell(IngestProgress("", len(files), len(files), done_bytes, size))

    def report(self) -> IngestReport:
        """Return what was done."""
        failed = tuple(IngestFailure(source, reason) for source, reason in sorted(self._failed.items()))
        done = {name: tuple(sorted(sources)) for name, sources in self._done.items()}
        return IngestReport(**done, failed=failed)

    def _look_at(self, source: str, root: Root, file: File) -> Steps[None]:
        known = self._known.get(source, ())
        try:
            # Taken before the file is read: if it changes meanwhile, the next time shows it.
            content = _without_colons((yield asked(self._loader, "fingerprint", file.path, source=source)))
            if known and all(_content(each) == content for each in known):
                self._done["unchanged"].add(source)
                return
            documents = yield asked(self._loader, "load", file.path, source=source)
        except DocumentUnreadable as error:
            self._failed[source] = error.reason
            return
        fingerprint = f"{_MARK}:{content}:{root.place}"
        ready = tuple(msgspec.structs.replace(each, fingerprint=fingerprint, source=source) for each in documents)
        self._waiting.append((source, ready))
        self._waiting_bytes += file.size_bytes
        self._waiting_characters += sum(len(document.text) for document in ready)
        if self._waiting_characters >= _BATCH_CHARACTERS:
            yield from self._add_waiting()

    def _add_waiting(self) -> Steps[None]:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._waiting_characters = self._waiting_bytes = 0
        yield asked(self._store, "add", [document for _, documents in waiting for document in documents])
        for source, documents in waiting:
            kept = {document.id for document in documents}
            yield from self._remove(known.id for known in self._known.get(source, ()) if known.id not in kept)
            self._done["changed" if source in self._known else "added"].add(source)

    def _remove(self, ids: Iterable[str]) -> Steps[None]:
        given = list(ids)
        if given:
            yield asked(self._store, "remove", given)

    def _tell(self, progress: IngestProgress) -> None:
        if self._progress is not None:
            self._progress(progress)


def _matching(files: Sequence[File], globs: Sequence[str]) -> list[File]:
    return list(matching(files, globs))


def _refuse_a_namesake(root: Root, ours: Iterable[Sequence[Known]]) -> None:
    """Refuse a folder whose name another one has that is still there; one that is gone has been moved here."""
    for folder in sorted({_folder(each) for known in ours for each in known} - {root.place}):
        if Path(folder).is_dir():
            raise UsageError(same_name(root.name, folder, root.place))


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
