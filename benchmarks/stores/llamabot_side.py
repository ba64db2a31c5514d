"""`FaissDocStore`, and the bare calls that it is made of."""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import llamabot as lmb
from benchmarks.side import median_ms, resident_mib, serve
from benchmarks.stores.corpus import CLOSEST, DIMENSIONS, Corpus, recall
from llamabot.adapters.faiss.index import approximately
from llamabot.adapters.faiss.threads import one_thread
from llamabot.adapters.sqlite.docstore.common_words import telling_words
from llamabot.ports.fusion import VectorsOnly

_BATCH = 1_000
_FREE = 20_000
_PAID = 64
_APPENDED = 25
_FTS = "SELECT rowid, -rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"


class Free:
    """An embedder that looks its answers up."""

    name, dimensions = "looked-up", DIMENSIONS

    def __init__(self, corpus: Corpus) -> None:
        self._vectors = corpus.vectors()
        self.known = dict(zip(corpus.queries(), corpus.query_vectors(), strict=True))

    def embed(self, texts: Sequence[str]) -> Any:
        """Return the vectors of queries, or those of passages by their numbers."""
        if len(texts) == 1 and texts[0] in self.known:
            return self.known[texts[0]][None]
        places = [int(text[1 : text.index(" ")]) % len(self._vectors) for text in texts]
        return np.asarray(self._vectors[places])


class Whole:
    """A passage is a document."""

    name = "whole"

    def split(self, document: lmb.Document) -> tuple[lmb.Passage, ...]:
        """Return the one passage."""
        place = lmb.Place(document.source, 0, len(document.text))
        return (lmb.Passage(document.id, 0, document.text, place, document.metadata),)


class Side:
    """The commands."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        self._corpus, self._folder, self._embedding = corpus, folder, Free(corpus)
        self._queries = corpus.queries()
        self._number = itertools.count(time.time_ns())
        self._meaning, self._both = self._store(folder, fusion=VectorsOnly()), self._store(folder)

    def commands(self) -> dict[str, Callable[[], Any]]:
        """Return them by name."""
        return {
            "build": self.build,
            "open": self.open,
            "memory": resident_mib,
            "vectors": lambda: median_ms(lambda query: self._meaning.search(query, k=CLOSEST), self._queries),
            "with keywords": lambda: median_ms(lambda query: self._both.search(query, k=CLOSEST), self._queries),
            "filtered": lambda: median_ms(
                lambda query: self._meaning.search(query, k=CLOSEST, where={"lang": "de"}), self._queries[:50]
            ),
            "bare": self.bare,
            "recall": self.recall,
            "append": self.append,
            "free": self.free,
            "paid": self.paid,
        }

    def build(self) -> float:
        """Add everything, and return how many passages a second that was."""
        begin = time.perf_counter()
        with self._store(self._folder) as store:
            for batch in _batches(self._documents(self._corpus.texts())):
                store.add(batch)
        return self._corpus.size / (time.perf_counter() - begin)

    def open(self) -> float:
        """Return the seconds until a store that was just opened has answered."""
        begin = time.perf_counter()
        self._meaning.search(self._queries[0])
        return time.perf_counter() - begin

    def bare(self) -> dict[str, float]:
        """Return the milliseconds of FAISS alone, of FTS5 with the words that the store takes, and with all of them."""
        with self._meaning._cache.lent() as (connection, _, index):  # noqa: SLF001 - nothing public gets at what is bare
            parameters = approximately(index._kind, CLOSEST)  # noqa: SLF001 - as above
            rows = index._rows  # noqa: SLF001 - as above
            words = [telling_words(connection, query) for query in self._queries]

            def faiss(query: str) -> object:
                with one_thread():
                    return rows.search(self._embedding.known[query][None], CLOSEST, params=parameters)

            def fts(chosen: Sequence[str]) -> object:
                asked = " OR ".join(f'"{word}"' for word in chosen)
                return connection.execute(_FTS, (asked, CLOSEST)).fetchall()

            return {
                "faiss": median_ms(faiss, self._queries),
                "fts": median_ms(fts, words),
                "fts of all words": median_ms(lambda query: fts(query.replace('"', " ").split()), self._queries[:50]),
            }

    def recall(self) -> float:
        """Return the part of the ten closest that are found."""
        found = [[match.score for match in self._meaning.search(query, k=CLOSEST)] for query in self._queries]
        return recall(found, self._corpus.closest())

    def append(self) -> float:
        """Return the median of the milliseconds that adding one document takes."""
        texts = [f"p{next(self._number)} {text}" for text in itertools.islice(self._corpus.texts(), _APPENDED)]
        return median_ms(lambda document: self._meaning.add([document]), list(self._documents(texts)))

    def free(self) -> float:
        """Return how many passages a second a new store takes, when embedding takes no time."""
        documents = list(self._documents(itertools.islice(self._corpus.texts(), _FREE)))
        with tempfile.TemporaryDirectory() as folder, self._store(Path(folder)) as store:
            begin = time.perf_counter()
            for batch in _batches(documents):
                store.add(batch)
            return len(documents) / (time.perf_counter() - begin)

    def paid(self) -> dict[str, float]:
        """Return the CPU seconds that MiniLM takes for some passages, and those that adding them takes."""
        embedding = lmb.OnnxEmbedding(Path(sys.argv[4]))
        embedding.embed(["warm"])
        texts = list(itertools.islice(self._corpus.texts(), 2 * _PAID))
        with tempfile.TemporaryDirectory() as folder, self._store(Path(folder), embedding=embedding) as store:
            store.add(self._documents(["first"]))
            alone, added = [], []
            for part in range(0, _PAID, 16):
                some = texts[part : part + 16]
                alone.append(_cpu_s(lambda some=some: embedding.embed(some)))
                added.append(_cpu_s(lambda some=some: store.add(self._documents(some))))
        return {"alone": statistics.median(alone), "added": statistics.median(added)}

    def _store(self, folder: Path, **changes: Any) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(folder, **{"embedding": self._embedding, "splitter": Whole(), **changes})

    def _documents(self, texts: Any) -> Iterator[lmb.Document]:
        for number, text in enumerate(texts):
            yield lmb.Document(text.split(" ", 1)[0], text, {"lang": "de" if number % 10 == 0 else "en"})


def _batches(documents: Any) -> Iterator[list[lmb.Document]]:
    iterator = iter(documents)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _cpu_s(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Serve."""
    serve(Side(Corpus(Path(sys.argv[1]), int(sys.argv[2])), Path(sys.argv[3])).commands())


if __name__ == "__main__":
    main()
