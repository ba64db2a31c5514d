"""The halves of a search, and the passages behind what they find."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from llamabot.adapters.sqlite.docstore.common_words import telling_words
from llamabot.adapters.sqlite.docstore.encoding import decoded_metadata, decoded_place, encoded_entries, from_blob
from llamabot.adapters.sqlite.docstore.rows import as_list
from llamabot.ports.documents import Match, Metadata, Passage
from llamabot.ports.embedding import Vectors
from llamabot.ports.vectorindex import VectorIndex

__all__ = ["best", "by_keywords", "by_vectors", "passages_that_fit"]

_MOST_WORDS = 64
_LEAST_MORE = 8
_DECIMALS = 6
_NEAR = 2e-6  # what rounding may make equal

_VECTORS = """
SELECT passages.key, vectors.vector FROM passages JOIN vectors ON vectors.key = passages.vector
WHERE passages.key IN (SELECT value FROM json_each(?))
"""
_WORDS = "SELECT rowid, -rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
_WORDS_AMONG = """
SELECT rowid, -rank FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?)) ORDER BY rank LIMIT ?
"""
_PASSAGES = """
SELECT passages.key, documents.id, passages.number, passages.text, passages.place, documents.source, documents.metadata
FROM passages JOIN documents ON documents.key = passages.document
WHERE passages.key IN (SELECT value FROM json_each(?))
"""


def passages_that_fit(connection: sqlite3.Connection, where: Metadata) -> list[int]:
    """Return the passages of the documents that have all of these entries, by ascending key."""
    entries = encoded_entries(where)
    if len(entries) < len(where):
        return []
    documents = " INTERSECT ".join("SELECT document FROM entries WHERE entry = ?" for _ in entries)
    rows = connection.execute(
        f"SELECT key FROM passages WHERE document IN ({documents}) ORDER BY key",  # noqa: S608 - values are bound
        tuple(entries),
    )
    return [key for (key,) in rows]


def by_vectors(
    connection: sqlite3.Connection, index: VectorIndex, query: Vectors, k: int, among: list[int] | None
) -> dict[int, float]:
    """Return at least the k passages closest to a vector, with all that are as close as the last, and their cosines."""
    import numpy as np

    allowed = None if among is None else np.array(among, dtype=np.int64)

    def closest(count: int) -> list[tuple[int, float]]:
        keys, scores = index.search(query, count, allowed)
        return list(zip(keys.tolist(), scores.tolist(), strict=True))

    return _cosines(connection, [key for key, _ in _deep_enough(closest, k)], query)


def by_keywords(connection: sqlite3.Connection, query: str, k: int, among: list[int] | None) -> dict[int, float]:
    """Return at least the k passages best by BM25, with all that are as good as the last."""
    words = telling_words(connection, query.encode(errors="replace").decode())
    if not words:
        return {}
    wanted = " OR ".join(f'"{word}"' for word in words[:_MOST_WORDS])
    listed = None if among is None else as_list(among)

    def best_of(count: int) -> list[tuple[int, float]]:
        if listed is None:
            return connection.execute(_WORDS, (wanted, count)).fetchall()
        return connection.execute(_WORDS_AMONG, (wanted, listed, count)).fetchall()

    return dict(_deep_enough(best_of, k))


def best(connection: sqlite3.Connection, scores: Mapping[int, float], k: int) -> tuple[Match, ...]:
    """Return the k best passages, the best first; of equals, the lower document id, then the lower number."""
    if not scores:
        return ()
    ranked = sorted(scores.values(), reverse=True)
    last = ranked[min(k, len(ranked)) - 1]
    rivals = as_list(key for key, score in scores.items() if score >= last)
    found = [
        Match(
            Passage(
                from_blob(id_),
                number,
                from_blob(text),
                decoded_place(place, from_blob(source)),
                decoded_metadata(metadata),
            ),
            scores[key],
        )
        for key, id_, number, text, place, source, metadata in connection.execute(_PASSAGES, (rivals,)).fetchall()
    ]
    found.sort(key=lambda match: (-match.score, match.passage.document_id, match.passage.number))
    return tuple(found[:k])


def _deep_enough(find: Callable[[int], list[tuple[int, float]]], k: int) -> list[tuple[int, float]]:
    """Return the k best and more, so many that none that is as good as the k-th is left out."""
    depth = k + max(_LEAST_MORE, k)
    while True:
        found = find(depth)
        if len(found) < depth or found[-1][1] < found[k - 1][1] - _NEAR:
            return found
        depth *= 2


def _cosines(connection: sqlite3.Connection, keys: list[int], query: Vectors) -> dict[int, float]:
    """Return the cosines, from the vectors themselves: the same whatever the index is.

    They are rounded to where the order of additions, which differs between machines, does not show.
    """
    import numpy as np

    rows = connection.execute(_VECTORS, (as_list(keys),)).fetchall()
    if not rows:
        return {}
    vectors = np.frombuffer(b"".join([vector for _, vector in rows]), dtype="<f4").reshape(len(rows), -1)
    return {
        key: round(score, _DECIMALS) + 0.0 for (key, _), score in zip(rows, (vectors @ query).tolist(), strict=True)
    }
