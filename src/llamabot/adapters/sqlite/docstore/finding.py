"""A search: the scores of its two halves made one, and the passages behind what is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing

import msgspec

from llamabot.adapters.sqlite.docstore.common_words import telling_words
from llamabot.adapters.sqlite.docstore.encoding import decoded_metadata, decoded_place, encoded_entries, from_blob
from llamabot.adapters.sqlite.docstore.rows import as_list
from llamabot.ports.documents import Match, Metadata, Passage
from llamabot.ports.embedding import Vectors
from llamabot.ports.fusion import FusionRule
from llamabot.ports.vectorindex import VectorIndex

__all__ = ["Search", "any_word_of", "best", "passages_that_fit"]

_MOST_WORDS = 64
_DEEPER, _LEAST_MORE = 4, 16  # so that 95 of 100 searches need not go deeper
_DECIMALS = 6
_NEAR = 2e-6  # what rounding may make equal

_VECTORS = """
SELECT passages.key, vectors.vector FROM passages JOIN vectors ON vectors.key = passages.vector
WHERE passages.key IN (SELECT value FROM json_each(?))
"""
_WORDS = "SELECT rowid, -rank FROM words WHERE words MATCH ? ORDER BY rank"
_WORDS_AMONG = """
SELECT rowid, -rank FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?)) ORDER BY rank
"""
_WORDS_OF = """
SELECT rowid, -bm25(words) FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?))
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


class Search(msgspec.Struct, frozen=True):
    """What is looked for, and where.

    Attributes:
        index: of the vectors; None where the rule does not use them.
        vector: of the query.
        words: the query of FTS5; "" is none.
        among: the passages that may be found; None is all.
    """

    connection: sqlite3.Connection
    index: VectorIndex | None
    vector: Vectors | None
    words: str
    among: list[int] | None

    def scores(self, rule: FusionRule, k: int) -> dict[int, float]:
        """Return the scores of at least the k best passages, with all that are as good as the last.

        Each half tells its best, to the same depth. No passage that neither has told of can be better than the last
        cosine and the last BM25 together: if the k-th best so far is, nothing is missing, else both go deeper.

        Source: Fagin, Lotem, Naor, Optimal aggregation algorithms for middleware (PODS 2001), the threshold algorithm.
        """
        has_two_halves = self.vector is not None and self.words
        depth = (_DEEPER if has_two_halves else 1) * k + _LEAST_MORE
        by_words: dict[int, float] = {}
        with closing(self._sharing_words()) as rows:
            while True:
                by_words.update(rows.fetchmany(depth - len(by_words)))
                by_vectors = self._closest(depth)
                scores = self._fused(rule, by_vectors, by_words)
                if len(by_words if self.vector is None else by_vectors) < depth:
                    return scores
                least = min(by_words.values()) if len(by_words) == depth else 0.0
                unseen = rule.score(min(by_vectors.values(), default=0.0), least)
                if sorted(scores.values())[-k] > unseen + _NEAR:
                    return scores
                depth *= 2

    def _fused(
        self, rule: FusionRule, by_vectors: Mapping[int, float], by_words: Mapping[int, float]
    ) -> dict[int, float]:
        """Return the scores of what either half has told of; what the other does not say is looked up."""
        cosines = {**by_vectors, **self._cosines(by_words.keys() - by_vectors.keys())}
        bm25 = {**by_words, **self._bm25(by_vectors.keys() - by_words.keys())}
        return {key: rule.score(cosines.get(key, 0.0), bm25.get(key, 0.0)) for key in cosines | bm25}

    def _closest(self, count: int) -> dict[int, float]:
        import numpy as np

        if self.index is None or self.vector is None:
            return {}
        allowed = None if self.among is None else np.array(self.among, dtype=np.int64)
        return self._cosines(self.index.search(self.vector, count, allowed)[0].tolist())

    def _cosines(self, keys: Collection[int]) -> dict[int, float]:
        """Return the cosines, from the vectors themselves: the same whatever the index is.

        They are rounded to where the order of additions, which differs between machines and with the number of rows,
        does not show; in single precision one in a thousand would be rounded otherwise among other rows.
        """
        import numpy as np

        if self.vector is None or not keys:
            return {}
        rows = self.connection.execute(_VECTORS, (as_list(keys),)).fetchall()
        if not rows:
            return {}
        vectors = np.frombuffer(b"".join([vector for _, vector in rows]), dtype="<f4").reshape(len(rows), -1)
        cosines = (vectors.astype(np.float64) @ self.vector.astype(np.float64)).tolist()
        return {key: round(cosine, _DECIMALS) + 0.0 for (key, _), cosine in zip(rows, cosines, strict=True)}

    def _sharing_words(self) -> sqlite3.Cursor:
        """Return a cursor over the passages that share a word, the best first, with their BM25."""
        if not self.words:
            return self.connection.cursor()
        if self.among is None:
            return self.connection.execute(_WORDS, (self.words,))
        return self.connection.execute(_WORDS_AMONG, (self.words, as_list(self.among)))

    def _bm25(self, keys: Collection[int]) -> dict[int, float]:
        if not self.words or not keys:
            return {}
        return dict(self.connection.execute(_WORDS_OF, (self.words, as_list(keys))))


def any_word_of(connection: sqlite3.Connection, query: str) -> str:
    """Return the query of FTS5 for passages that share a telling word with a question."""
    words = telling_words(connection, query.encode(errors="replace").decode())
    return " OR ".join(f'"{word}"' for word in words[:_MOST_WORDS])


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
