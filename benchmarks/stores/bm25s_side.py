"""bm25s: the index in memory, its own English stop words."""

from __future__ import annotations

import sys
from pathlib import Path

import bm25s

from benchmarks.side import median_ms, resident_mib, serve
from benchmarks.stores.corpus import CLOSEST, Corpus


def main() -> None:
    """Serve `keywords` and `memory`."""
    corpus = Corpus(Path(sys.argv[1]), int(sys.argv[2]))
    index = bm25s.BM25()
    index.index(bm25s.tokenize(list(corpus.texts()), stopwords="en", show_progress=False), show_progress=False)
    queries = corpus.queries()

    def search(query: str) -> object:
        return index.retrieve(
            bm25s.tokenize(query, stopwords="en", show_progress=False), k=CLOSEST, show_progress=False
        )

    serve({"keywords": lambda: median_ms(search, queries), "memory": resident_mib})


if __name__ == "__main__":
    main()
