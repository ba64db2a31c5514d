"""The half of a search that goes by words: BM25 of no more passages than it must be.

FTS5 finds a thousand passages with a word in 60 µs, and takes 900 µs to score them. So those are left out that have
only words too common to bring them among the best.

Source: Turtle, Flood, Query evaluation: strategies and optimizations (Information Processing & Management 31, 1995),
MaxScore.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Collection, Sequence

import msgspec

from llamabot.adapters.sqlite.docstore.common_words import telling_words
from llamabot.adapters.sqlite.docstore.rows import as_list

__all__ = ["WordSearch", "word_search"]

_MOST_WORDS = 64
_MOST_OF_A_WEIGHT = 2.2  # k1 + 1 of FTS5: a word counts less than so many times its weight, however often it is there
_LEAST_WEIGHT = 1e-6  # FTS5's

_HAVING = "SELECT count(*) FROM words WHERE words MATCH ?"
# Ordered by `rank`, FTS5 would keep for each passage where its words are.
_BEST = """
SELECT rowid, -bm25(words) AS score FROM words
WHERE words MATCH :words {others} {among} ORDER BY score DESC
"""
_WITH = "AND +rowid IN (SELECT rowid FROM words WHERE words MATCH :needed)"
_AMONG = "AND +rowid IN (SELECT value FROM json_each(:among))"
_OF = (
    "SELECT rowid, -bm25(words) FROM words WHERE words MATCH :words AND +rowid IN (SELECT value FROM json_each(:among))"
)


class WordSearch(msgspec.Struct, frozen=True):
    """The words that are looked for, and where.

    Attributes:
        words: different; () finds nothing.
        passages: at least how many there are.
        among: those that may be found; None is all.
    """

    connection: sqlite3.Connection
    words: Sequence[str]
    passages: int
    among: list[int] | None

    def bm25_of(self, keys: Collection[int]) -> dict[int, float]:
        """Return the BM25 of those of some passages that have a word."""
        if not self.words or not keys:
            return {}
        return dict(self.connection.execute(_OF, {"words": _any_of(self.words), "among": as_list(keys)}))

    def best(self, needed: Sequence[str]) -> sqlite3.Cursor:
        """Return a cursor over the passages that have one of the needed words, with their BM25, the best first."""
        if not needed:
            return self.connection.cursor()
        sql = _BEST.format(
            others=_WITH if len(needed) < len(self.words) else "", among=_AMONG if self.among is not None else ""
        )
        parameters = {"words": _any_of(self.words), "needed": _any_of(needed), "among": as_list(self.among or ())}
        return self.connection.execute(sql, parameters)

    def needed(self, is_enough: Callable[[float], bool]) -> list[str]:
        """Return words of which a passage needs one to have enough BM25; [] if all words together are not enough."""
        most = {word: self._most_bm25(word) for word in self.words}
        together, words = 0.0, sorted(most, key=most.__getitem__)
        for place, word in enumerate(words):
            together += most[word]
            if is_enough(together):
                return words[place:]
        return []

    def _most_bm25(self, word: str) -> float:
        """Return more than a word alone can give to any passage."""
        having = self.connection.execute(_HAVING, (_any_of([word]),)).fetchone()[0]
        return _MOST_OF_A_WEIGHT * max(math.log((self.passages - having + 0.5) / (having + 0.5)), _LEAST_WEIGHT)


def word_search(connection: sqlite3.Connection, query: str, passages: int, among: list[int] | None) -> WordSearch:
    """Return the search for passages that share a telling word with a question."""
    words = telling_words(connection, query.encode(errors="replace").decode()) if query else []
    return WordSearch(connection, words[:_MOST_WORDS], passages, among)


def _any_of(words: Sequence[str]) -> str:
    """Return the query of FTS5."""
    return " OR ".join(f'"{word}"' for word in words)
