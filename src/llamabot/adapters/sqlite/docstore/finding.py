"""A search: the scores of its two halves made one, and the passages behind what is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

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
_MORE_OF_EACH, _LEAST_MORE, _DEEPER = 4, 16, 3  # so that nine of ten searches need not go deeper
_LEAST_MORE_OF_ONE = 8
_ABOUT = 0.005  # how far an index may be off; one byte a dimension is by less than a tenth of that
_DECIMALS = 6
_NEAR = 2e-6  # what rounding may make equal

_VECTORS = """
SELECT passages.key, vectors.vector FROM passages JOIN vectors ON vectors.key = passages.vector
WHERE passages.key IN (SELECT value FROM json_each(?))
"""
# By `rank` FTS5 would put all matches in order, their places in the texts included; this keeps the best alone.
_WORDS = "SELECT rowid, -bm25(words) AS score FROM words WHERE words MATCH ? ORDER BY score DESC LIMIT ?"
_AMONG = "AND +rowid IN (SELECT value FROM json_each(?))"
_WORDS_AMONG = _WORDS.replace("ORDER BY", f"{_AMONG} ORDER BY")
_WORDS_OF = f"SELECT rowid, -bm25(words) FROM words WHERE words MATCH ? {_AMONG}"  # noqa: S608 - SQL of ours
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


class Told(msgspec.Struct, frozen=True):
    """What the two halves have told of, and what follows from it for passages of which one has told, or none.

    Attributes:
        near: about the cosines of the closest, these first.
        by_words: the BM25 of those that share the most telling words, these first.
        most_unseen: no passage outside `by_words` has more BM25.
    """

    rule: FusionRule
    k: int
    near: Mapping[int, float]
    by_words: Mapping[int, float]
    most_unseen: float

    @property
    def unseen(self) -> float:
        """The most that a passage may score of which neither has told."""
        return self.rule.score(min(self.near.values(), default=0.0), self.most_unseen)

    def rivals(self) -> list[int]:
        """Return the passages that may be among the k best."""
        score, bm25, near = self.rule.score, self.by_words.get, self.near
        if not near:
            return list(self.by_words)
        last = _last_of(self.k, [score(cosine - _ABOUT, bm25(key, 0.0)) for key, cosine in near.items()])
        rivals = [key for key, cosine in near.items() if score(cosine + _ABOUT, bm25(key, self.most_unseen)) >= last]
        farthest = min(near.values())
        for key, words in self.by_words.items():
            if score(farthest + _ABOUT, words) < last:
                break
            if key not in near:
                rivals.append(key)
        return rivals

    def to_look_up(self, scores: Mapping[int, float], cosines: Mapping[int, float]) -> list[int]:
        """Return the passages that may be among the k best, if the BM25 that nobody told of is high enough.

        Args:
            scores: of all rivals, where such a BM25 counts 0.
            cosines: of all rivals.
        """
        if not self.most_unseen:
            return []
        last = _last_of(self.k, scores.values()) - _NEAR
        unknown = scores.keys() - self.by_words.keys()
        return [key for key in unknown if self.rule.score(cosines[key], self.most_unseen) >= last]


def _last_of(k: int, scores: Iterable[float]) -> float:
    """Return the k-th best score; of fewer, the last."""
    return sorted(scores, reverse=True)[:k][-1]


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
        depth = _MORE_OF_EACH * k + _LEAST_MORE if has_two_halves else k + _LEAST_MORE_OF_ONE
        while True:
            near, by_words = self._closest(depth), self._sharing_words(depth)
            most_unseen = min(by_words.values()) if len(by_words) == depth else 0.0
            told = Told(rule, k, near, by_words, most_unseen)
            scores = self._exactly(told)
            if len(by_words if self.vector is None else near) < depth:
                return scores
            if _last_of(k, scores.values()) > told.unseen + _NEAR:
                return scores
            depth *= _DEEPER

    def _exactly(self, told: Told) -> dict[int, float]:
        """Return the scores of those that may be among the k best; others may be there with less than is due."""
        rivals = told.rivals()
        cosines = self._cosines(rivals)
        score, by_words = told.rule.score, told.by_words
        scores = {key: score(cosines.get(key, 0.0), by_words.get(key, 0.0)) for key in rivals}
        bm25 = self._bm25(told.to_look_up(scores, cosines)) if scores else {}
        return scores | {key: score(cosines[key], words) for key, words in bm25.items()}

    def _closest(self, count: int) -> dict[int, float]:
        """Return the passages whose vectors are the closest, with about their cosines, as far as the index knows."""
        import numpy as np

        if self.index is None or self.vector is None:
            return {}
        allowed = None if self.among is None else np.array(self.among, dtype=np.int64)
        keys, products = self.index.search(self.vector, count, allowed)
        return dict(zip(keys.tolist(), products.tolist(), strict=True))

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
        cosines = np.round(vectors.astype(np.float64) @ self.vector.astype(np.float64), _DECIMALS) + 0.0
        return dict(zip([key for key, _ in rows], cosines.tolist(), strict=True))

    def _sharing_words(self, count: int) -> dict[int, float]:
        """Return the passages that share the most telling words, with their BM25."""
        if not self.words:
            return {}
        if self.among is None:
            return dict(self.connection.execute(_WORDS, (self.words, count)))
        return dict(self.connection.execute(_WORDS_AMONG, (self.words, as_list(self.among), count)))

    def _bm25(self, keys: Collection[int]) -> dict[int, float]:
        return dict(self.connection.execute(_WORDS_OF, (self.words, as_list(keys)))) if keys else {}


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
