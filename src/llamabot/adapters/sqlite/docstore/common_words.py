"""Words that so many passages have that they tell little and take long to look up: searches leave them out.

They are counted in a sample, each time that the passages have become twice as many.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from llamabot.adapters.sqlite.docstore.encoding import from_blob, to_blob
from llamabot.adapters.sqlite.docstore.rows import BLOBS, as_blobs, as_list
from llamabot.adapters.sqlite.docstore.state import State

__all__ = ["count_common_words", "telling_words"]

_WORD = re.compile(r"\w+")
_COUNTED_FROM = 4_000  # passages; with fewer, no word takes long
_SAMPLE = 1_000
_COMMON = 1 / 16  # of the passages

# Keys have gaps, where passages have gone.
_TEXTS = """
SELECT text FROM passages WHERE key IN (
    SELECT (SELECT min(key) FROM passages WHERE key >= value) FROM json_each(?)
)
"""
_KNOWN = f"SELECT word, share FROM common_words WHERE word IN ({BLOBS})"  # noqa: S608 - SQL of ours


def telling_words(connection: sqlite3.Connection, query: str) -> list[str]:
    """Return the different words of a query that are not common; if all are, the least common one."""
    words = list(dict.fromkeys(_WORD.findall(query)))
    rows = connection.execute(_KNOWN, as_blobs({to_blob(_folded(word)) for word in words}))
    shares = {from_blob(word): share for word, share in rows}
    if not shares:
        return words
    telling = [word for word in words if _folded(word) not in shares]
    return telling or [min(words, key=lambda word: shares[_folded(word)])]


def count_common_words(connection: sqlite3.Connection, state: State) -> State:
    """Count them if it is time to, and return the state after it."""
    passages = state.next_passage - 1
    if passages < max(_COUNTED_FROM, 2 * state.words_counted):
        return state
    keys = [1 + place * passages // _SAMPLE for place in range(_SAMPLE)]
    texts = [from_blob(text) for (text,) in connection.execute(_TEXTS, (as_list(keys),))]
    connection.execute("DELETE FROM common_words")
    for word, share in _shares(texts):
        connection.execute("INSERT INTO common_words (word, share) VALUES (?, ?)", (to_blob(word), share))
    return msgspec.structs.replace(state, words_counted=passages)


def _shares(texts: Sequence[str]) -> Iterable[tuple[str, float]]:
    """Return the common words of texts, each with the part of them that have it."""
    counts = Counter(word for text in texts for word in _words_of(text))
    return [(word, count / len(texts)) for word, count in counts.items() if count >= _COMMON * len(texts)]


def _words_of(text: str) -> set[str]:
    """Return the different words of a text, folded."""
    if text.isascii():
        return set(_WORD.findall(text.lower()))
    return {_folded(word) for word in _WORD.findall(text)}


def _folded(word: str) -> str:
    """Return what the index makes of a word: small letters without accents."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFD", word.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
