"""The help pages: a `DocStorePort`, and a catalogue that `lmb.ingest` keeps in step with a folder.

A help centre has hundreds of passages, not millions. So a search reads them all and scores each by the share of the
question's words that it has, rare words counting more: no index that could be out of step.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

import llamabot as lmb
from llamabot.ports.docstore import Known, check_documents, check_ids, check_search
from llamabot.ports.documents import Metadata
from llamabot.ports.splitter import SplitterPort
from support_desk.adapters.database import Database

_WORD = re.compile(r"\w+")
_PUT = "INSERT OR REPLACE INTO help_pages VALUES (?, ?, ?)"


class SqliteHelpPages:
    """Keeps documents with their passages in the desk's file.

    Args:
        database: where.
        splitter: cuts documents into passages.

    Attributes:
        relevant_score: a passage that has less of the question's words is about something else.
    """

    relevant_score = 0.3

    def __init__(self, database: Database, splitter: SplitterPort) -> None:
        self._database = database
        self._splitter = splitter

    def add(self, documents: Iterable[lmb.Document]) -> lmb.AddReport:
        """Add documents, each under its id in the place of an older one; all of them or none."""
        given = {document.id: document for document in check_documents(documents)}
        rows = {id_: self._row(document) for id_, document in given.items()}
        with _errors(), self._database.writing() as file:
            known = dict(file.execute("SELECT id, document FROM help_pages"))
            file.executemany(_PUT, rows.values())
        return lmb.AddReport(
            tuple(id_ for id_, (key, _, _) in rows.items() if key not in known),
            tuple(id_ for id_, (key, text, _) in rows.items() if known.get(key, text) != text),
            tuple(id_ for id_, (key, text, _) in rows.items() if known.get(key) == text),
        )

    def remove(self, ids: Iterable[str]) -> int:
        """Remove documents and return how many were there."""
        keys = [(json.dumps(id_),) for id_ in set(check_ids(ids))]
        with _errors(), self._database.writing() as file:
            return file.executemany("DELETE FROM help_pages WHERE id = ?", keys).rowcount if keys else 0

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> tuple[lmb.Match, ...]:
        """Return the passages that have most of the query's words, the closest first."""
        check_search(query, k, where)
        passages = [(passage, _words(passage.text)) for passage in self._passages()]
        weights = _weights(_words(query), [words for _, words in passages])
        matches = [
            lmb.Match(passage, score)
            for passage, words in passages
            if (score := _score(weights, words)) > 0 and _fits(passage.metadata, where or {})
        ]
        matches.sort(key=lambda match: (-match.score, match.passage.document_id, match.passage.number))
        return tuple(matches[:k])

    def count(self) -> int:
        """Return how many documents there are."""
        with _errors(), self._database.reading() as file:
            number: int = file.execute("SELECT count(*) FROM help_pages").fetchone()[0]
        return number

    def known(self) -> Iterator[Known]:
        """Yield the documents, in the order of their ids."""
        with _errors(), self._database.reading() as file:
            documents = [json.loads(text) for (text,) in file.execute("SELECT document FROM help_pages")]
        for document in sorted(documents, key=lambda one: str(one["id"])):
            yield Known(document["id"], document["source"], document["fingerprint"])

    def _row(self, document: lmb.Document) -> tuple[str, str, str]:
        """Return a document as it is kept: in ASCII, so that any text comes back as it was."""
        passages = [(passage.text, msgspec.to_builtins(passage.place)) for passage in self._splitter.split(document)]
        whole = json.dumps(msgspec.to_builtins(document), sort_keys=True)
        return json.dumps(document.id), whole, json.dumps(passages)

    def _passages(self) -> list[lmb.Passage]:
        with _errors(), self._database.reading() as file:
            rows = file.execute("SELECT document, passages FROM help_pages").fetchall()
        found = []
        for document, passages in ((json.loads(one), json.loads(many)) for one, many in rows):
            for number, (text, place) in enumerate(passages):
                at = lmb.Place(**{**place, "heading": tuple(place["heading"])})
                found.append(lmb.Passage(document["id"], number, text, at, document["metadata"]))
        return found


def _words(text: str) -> Mapping[str, int]:
    return Counter(_WORD.findall(text.casefold()))


def _weights(wanted: Iterable[str], passages: list[Mapping[str, int]]) -> Mapping[str, float]:
    """Return what each word of a query counts, all together 1; the fewer passages have it, the more."""
    seen = Counter(word for words in passages for word in words)
    rare = {word: math.log(1 + (len(passages) + 1) / (seen[word] + 1)) for word in wanted}
    whole = math.fsum(rare.values())
    return {word: weight / whole for word, weight in rare.items()}


def _score(weights: Mapping[str, float], words: Mapping[str, int]) -> float:
    return math.fsum(weight for word, weight in weights.items() if word in words)


def _fits(metadata: Metadata, where: Metadata) -> bool:
    return all(
        name in metadata and type(metadata[name]) is type(value) and metadata[name] == value
        for name, value in where.items()
    )


@contextmanager
def _errors() -> Iterator[None]:
    """Translate what the file may raise."""
    try:
        yield
    except sqlite3.Error as error:
        raise lmb.errors.DocStoreError(f"the help pages cannot be reached: {error}") from error
