"""LanceDB with its default vector index."""

from __future__ import annotations

import sys
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa

from benchmarks.side import median_ms, resident_mib, serve
from benchmarks.stores.corpus import CLOSEST, DIMENSIONS, Corpus, recall


def main() -> None:
    """Serve `vectors`, `recall` and `memory`."""
    corpus = Corpus(Path(sys.argv[1]), int(sys.argv[2]))
    table = _table(corpus, Path(sys.argv[3]))
    queries, vectors = corpus.query_vectors(), corpus.vectors()

    def search(query: np.ndarray) -> list[int]:
        return table.search(query).metric("cosine").limit(CLOSEST).to_arrow()["id"].to_pylist()

    def found() -> float:
        scores = [sorted((vectors[search(query)] @ query).tolist(), reverse=True) for query in queries]
        return recall(scores, corpus.closest())

    serve({"vectors": lambda: median_ms(search, queries), "recall": found, "memory": resident_mib})


def _table(corpus: Corpus, folder: Path) -> lancedb.table.Table:
    database = lancedb.connect(folder)
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), DIMENSIONS)), ("text", pa.string())])

    def batches() -> object:
        texts, vectors = corpus.texts(), corpus.vectors()
        for begin in range(0, corpus.size, 10_000):
            block = np.asarray(vectors[begin : begin + 10_000])
            flat = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), DIMENSIONS)
            ids = pa.array(range(begin, begin + len(block)), pa.int64())
            yield pa.record_batch([ids, flat, pa.array([next(texts) for _ in block])], schema=schema)

    table = database.create_table("passages", batches(), schema=schema)
    table.create_index(metric="cosine", vector_column_name="vector")
    return table


if __name__ == "__main__":
    main()
