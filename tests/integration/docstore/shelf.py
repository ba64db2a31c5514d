"""A document store of the tests' own: small vectors, a passage a line, an index that notes what it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.contract.scores import by_both

from llamabot.adapters.faiss import FaissIndexes
from llamabot.adapters.sqlite.docstore import SqliteDocStore
from llamabot.ports.documents import Document
from llamabot.ports.vectorindex import VectorIndex, VectorSource
from llamabot.testing import HashedEmbedding
from llamabot.testing.contracts.docstore_model import LineSplitter, Model

ENOUGH_TO_SAVE = 1_100


class NotingIndexes:
    """Makes real indexes and notes how."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self._real = FaissIndexes()

    def build(self, source: VectorSource) -> VectorIndex:
        self.made.append("built")
        return self._real.build(source)

    def load(self, file: Path) -> VectorIndex:
        self.made.append("loaded")
        return self._real.load(file)


def shelf(folder: Path, **changes: Any) -> SqliteDocStore:
    """Return a store in a folder."""
    settings = {"embedding": HashedEmbedding(16), "index": NotingIndexes(), "splitter": LineSplitter()}
    return SqliteDocStore(folder, **{**settings, **changes})


def books(count: int, first: int = 0) -> list[Document]:
    """Return documents of two passages each."""
    return [Document(f"book {n:05}", f"linker {n % 7}\nvolume {n}") for n in range(first, first + count)]


def files(folder: Path) -> list[Path]:
    """Return the files of indexes."""
    return sorted(folder.glob("*.faiss"))


def check(store: SqliteDocStore, documents: Iterable[Document], *, broken_off: bool = False) -> None:
    """Say whether a store has these documents, no others, and finds them as it must; and whether its file is sound.

    Args:
        broken_off: a large `add` was, which leaves vectors for the next one.
    """
    expected = {document.id: document for document in documents}
    assert [known.id for known in store.known()] == sorted(expected)
    model = Model(by_both)
    model.documents = expected
    for query in ("linker 3", f"volume {len(expected) - 1}"):
        model.check(store.search(query, k=40), query, 40, None)
    if store.path is not None and (store.path / "documents.db").exists():
        check_file(store.path / "documents.db", broken_off=broken_off)


def check_file(path: Path, *, broken_off: bool = False) -> None:
    """Say whether nothing in a file points at what is not there."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for question in (*_ORPHANS, *(() if broken_off else (_SPARE_VECTORS,))):
            assert connection.execute(question).fetchone() == (0,), question
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        connection.rollback()


_SPARE_VECTORS = "SELECT count(*) FROM vectors WHERE key NOT IN (SELECT vector FROM passages WHERE vector IS NOT NULL)"
_ORPHANS = (
    "SELECT count(*) FROM passages WHERE document NOT IN (SELECT key FROM documents)",
    "SELECT count(*) FROM entries WHERE document NOT IN (SELECT key FROM documents)",
    "SELECT count(*) FROM passages WHERE vector NOT IN (SELECT key FROM vectors)",
    "SELECT abs((SELECT count(*) FROM passages) - (SELECT count(*) FROM words))",
    "SELECT count(*) FROM removed WHERE passage IN (SELECT key FROM passages)",
)


class Failing:
    """An embedder that fails on a text, or gives what it must not."""

    name, dimensions = "hashed-words-16", 16

    def __init__(self, given: Any = None) -> None:
        self._given = given
        self._real = HashedEmbedding(16)

    def embed(self, texts: Sequence[str]) -> Any:
        if any("poison" in text for text in texts):
            if isinstance(self._given, BaseException):
                raise self._given
            return self._given(self._real.embed(texts))
        return self._real.embed(texts)


def lines(printed: str) -> Iterator[str]:
    """Yield the whole lines of what a killed child has printed."""
    yield from printed[: printed.rfind("\n") + 1].splitlines()
