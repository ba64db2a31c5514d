"""A search: the scores of its two halves made one, and the passages behind what is found."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing

import msgspec

from llamabot.adapters.sqlite.docstore.by_words import WordSearch
from llamabot.adapters.sqlite.docstore.encoding import (
    decoded_metadata,
    decoded_place,
    encoded_entries,
    from_blob,
    to_blob,
)
from llamabot.adapters.sqlite.docstore.rows import BLOBS, Row, as_blobs, as_list
from llamabot.ports.documents import Match, Metadata, Passage
from llamabot.ports.embedding import Vectors
from llamabot.ports.fusion import FusionRule
from llamabot.ports.vectorindex import VectorIndex

__all__ = ["Search", "passages_from", "passages_that_fit"]

# How many of the closest are looked at for k, with words and without, and how many times as many if that is too few.
_MORE_OF_NEAR, _LEAST_MORE, _LEAST_MORE_OF_ONE, _DEEPER = 4, 16, 8, 4
_AT_ONCE = 64
_ABOUT = 0.002  # how far an index may be off; one byte a dimension is by less in 99 of 100
_DECIMALS = 6
_NEAR = 2e-6  # what rounding may make equal

_VECTORS = """
SELECT passages.key, vectors.vector FROM passages JOIN vectors ON vectors.key = passages.vector
WHERE passages.key IN (SELECT value FROM json_each(?))
"""
_PASSAGES = """
SELECT passages.key, vectors.vector,
    documents.id, passages.number, passages.text, passages.place, documents.source, documents.metadata
FROM passages JOIN documents ON documents.key = passages.document LEFT JOIN vectors ON vectors.key = passages.vector
WHERE passages.key IN (SELECT value FROM json_each(?))
"""

_FROM = f"""
WITH names (name) AS ({BLOBS}), folders (name) AS (SELECT name FROM names WHERE substr(name, -1) = x'2f')
SELECT key FROM passages WHERE document IN (
    SELECT key FROM documents WHERE source IN (SELECT name FROM names)
    OR EXISTS (SELECT 1 FROM folders WHERE substr(source, 1, length(name)) = name)
) ORDER BY key
"""  # noqa: S608 - SQL of ours


def passages_from(connection: sqlite3.Connection, names: Iterable[str]) -> list[int]:
    """Return the passages of documents with these sources, and below those that end in `/`, by ascending key."""
    return [key for (key,) in connection.execute(_FROM, as_blobs(map(to_blob, names)))]


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
        words: of the query.
        among: the passages that may be found; None is all.
        read: passages as they were read, by key: those that are probably found come with their vectors.
    """

    connection: sqlite3.Connection
    index: VectorIndex | None
    vector: Vectors | None
    words: WordSearch
    among: list[int] | None
    read: dict[int, Row] = {}

    def best(self, rule: FusionRule, k: int) -> tuple[Match, ...]:
        """Return the k best passages, the best first; of equals, the lower document id, then the lower number."""
        scores = self._scores(rule, k)
        least = _last_of(k, scores.values())
        rivals = [key for key, score in scores.items() if score >= least]
        if not self.read.keys() >= scores.keys():
            self._read([key for key in rivals if key not in self.read])
        found = [_match(self.read[key], scores[key]) for key in rivals]
        found.sort(key=lambda match: (-match.score, match.passage.document_id, match.passage.number))
        return tuple(found[:k])

    def _scores(self, rule: FusionRule, k: int) -> dict[int, float]:
        """Return the scores of at least the k best passages, with all that are as good as the last.

        First come the closest by meaning. Any other passage is no closer than the last of them; so it is among the k
        best only if it has enough BM25 for that, and the passages that have are what is asked of the words.
        """
        depth = _MORE_OF_NEAR * k + _LEAST_MORE if self.words.words else k + _LEAST_MORE_OF_ONE
        while self.vector is not None:
            near = self._closest(depth)
            scores = self._of_near(rule, k, near)
            if len(near) < depth:
                return scores
            farthest = min(near.values())
            if rule.score(farthest, 0.0) < _last_of(k, scores.values()):
                return self._with_words(rule, k, scores, farthest)
            depth *= _DEEPER
        return self._with_words(rule, k, {}, 0.0)

    def _of_near(self, rule: FusionRule, k: int, near: Mapping[int, float]) -> dict[int, float]:
        """Return the scores of those of some passages that may be among the k best.

        Args:
            rule: makes the scores.
            k: how many are the best.
            near: about the cosines.
        """
        bm25 = self.words.bm25_of(near)
        surely = {key: rule.score(cosine - _ABOUT, bm25.get(key, 0.0)) for key, cosine in near.items()}
        last = _last_of(k, surely.values())
        rivals = [
            key
            for key, score in surely.items()
            if score >= last or rule.score(near[key] + _ABOUT, bm25.get(key, 0.0)) >= last
        ]
        cosines = self._cosines(self._read(rivals))
        return {key: rule.score(cosine, bm25.get(key, 0.0)) for key, cosine in cosines.items()}

    def _with_words(self, rule: FusionRule, k: int, near: Mapping[int, float], farthest: float) -> dict[int, float]:
        """Return scores, with those of all other passages that may be among the k best.

        Args:
            rule: makes the scores.
            k: how many are the best.
            near: the scores of at least the k best of the closest; none where there are no vectors.
            farthest: the most that the cosine of another one may be.
        """
        scores = dict(near)
        last = _last_of(k, scores.values())
        needed = self.words.needed(lambda bm25: rule.score(farthest, bm25) >= last) if near else self.words.words
        with closing(self.words.best(needed)) as rows:
            while some := rows.fetchmany(_AT_ONCE):
                able = {key: bm25 for key, bm25 in some if rule.score(farthest, bm25) >= last}
                new = able.keys() - scores.keys()
                cosines = self._cosines(self._vectors(new))
                scores.update({key: rule.score(cosines.get(key, 0.0), able[key]) for key in new})
                if len(able) < len(some):
                    break
                last = _last_of(k, scores.values())
        return scores

    def _closest(self, count: int) -> dict[int, float]:
        """Return the passages whose vectors are the closest, with about their cosines, as far as the index knows."""
        import numpy as np

        if self.index is None or self.vector is None:
            return {}
        allowed = None if self.among is None else np.array(self.among, dtype=np.int64)
        keys, products = self.index.search(self.vector, count, allowed)
        return dict(zip(keys.tolist(), products.tolist(), strict=True))

    def _read(self, keys: Collection[int]) -> list[Row]:
        """Return passages with their vectors, and keep them for who is found."""
        rows = self.connection.execute(_PASSAGES, (as_list(keys),)).fetchall()
        self.read.update({row[0]: row for row in rows})
        return rows

    def _vectors(self, keys: Collection[int]) -> list[Row]:
        """Return the vectors of passages, most of which will not be found."""
        if self.vector is None or not keys:
            return []
        return self.connection.execute(_VECTORS, (as_list(keys),)).fetchall()

    def _cosines(self, rows: Sequence[Row]) -> dict[int, float]:
        """Return the cosines, from the vectors themselves: the same whatever the index is.

        They are rounded to where the order of additions, which differs between machines and with the number of rows,
        does not show; in single precision one in a thousand would be rounded otherwise among other rows.
        """
        import numpy as np

        if self.vector is None or not rows:
            return {}
        vectors = np.frombuffer(b"".join([row[1] for row in rows]), dtype="<f4").reshape(len(rows), -1)
        cosines = (vectors.astype(np.float64) @ self.vector.astype(np.float64)).round(_DECIMALS) + 0.0
        return dict(zip([row[0] for row in rows], cosines.tolist(), strict=True))


def _last_of(k: int, scores: Collection[float]) -> float:
    """Return the least score that may be as good as the k-th best; of fewer than k, any."""
    return sorted(scores, reverse=True)[k - 1] - _NEAR if len(scores) >= k else -math.inf


def _match(row: Row, score: float) -> Match:
    _, _, id_, number, text, place, source, metadata = row
    at = decoded_place(place, from_blob(source))
    return Match(Passage(from_blob(id_), number, from_blob(text), at, decoded_metadata(metadata)), score)
