"""Every passage compared, with numpy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.side import median_ms, resident_mib, serve
from benchmarks.stores.corpus import CLOSEST, Corpus


def main() -> None:
    """Serve `vectors` and `memory`."""
    corpus = Corpus(Path(sys.argv[1]), int(sys.argv[2]))
    vectors, queries = np.array(corpus.vectors()), corpus.query_vectors()[: int(sys.argv[3])]

    def search(query: np.ndarray) -> object:
        scores = vectors @ query
        best = np.argpartition(-scores, CLOSEST)[:CLOSEST]
        return best[np.argsort(-scores[best])]

    serve({"vectors": lambda: median_ms(search, queries), "memory": resident_mib})


if __name__ == "__main__":
    main()
