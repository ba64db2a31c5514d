"""Ranking texts by their words: SQLite's full-text index in memory, bm25."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["rank_texts"]


def rank_texts(texts: Iterable[str], words: Sequence[str], *, limit: int = 50) -> list[str]:
    """Return the texts that have any of the words, in any of their English forms, the best match first.

    Args:
        texts: equal ones count once.
        words: () finds nothing. What is an operator to the index is a word here.
        limit: most texts to return.
    """
    if not words:
        return []
    from sqlite_utils import Database

    database = Database(memory=True)
    try:
        table = database.table("texts")
        table.insert_all({"text": text} for text in dict.fromkeys(texts))
        table.enable_fts(["text"], tokenize="porter")
        found = table.search(" OR ".join(map(_quoted, words)), limit=limit)
        return [row["text"] for row in found]
    finally:
        database.close()


def _quoted(word: str) -> str:
    """Return a word as a string of the index's language: nothing in it is an operator, halves of characters go."""
    readable = word.encode(errors="ignore").decode().replace("\0", " ")
    return '"' + readable.replace('"', '""') + '"'
