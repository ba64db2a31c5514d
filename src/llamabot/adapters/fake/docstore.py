"""A document store in memory that finds passages by the words they share with the query."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from llamabot.ports.docstore import AddReport, Known, check_documents, check_ids, check_search
from llamabot.ports.documents import Document, Match, Metadata, Passage, Place
from llamabot.ports.splitter import SplitterPort

__all__ = ["InMemoryDocStore"]

_WORD = re.compile(r"\w+")


class InMemoryDocStore:
    """Keeps documents as long as the process lives. Needs no extra and no model: for tests and examples.

    The score is the cosine of the words' counts, so a passage that shares no word with the query is not found. A search
    looks at all of them; `FaissDocStore()` is in memory too, and finds by meaning.

    Args:
        documents: to begin with.
        splitter: cuts documents into passages; None makes each one passage.
        relevant_score: what the store says of itself; by default it cannot tell.
    """

    def __init__(
        self,
        documents: Iterable[Document] = (),
        *,
        splitter: SplitterPort | None = None,
        relevant_score: float = 0.0,
    ) -> None:
        self.relevant_score = relevant_score
        self._splitter = splitter
        self._lock = threading.Lock()
        self._documents: dict[str, Document] = {}
        self._passages: dict[str, tuple[Passage, ...]] = {}
        self.add(documents)

    def add(self, documents: Iterable[Document]) -> AddReport:
        """Add documents, each under its id in the place of an older one; all of them or none."""
        given = {document.id: document for document in check_documents(documents)}
        passages = {id_: self._split(document) for id_, document in given.items()}
        with self._lock:
            known = self._documents
            report = AddReport(
                tuple(id_ for id_ in given if id_ not in known),
                tuple(id_ for id_, document in given.items() if id_ in known and known[id_] != document),
                tuple(id_ for id_, document in given.items() if id_ in known and known[id_] == document),
            )
            # Replaced, not changed: whoever searches meanwhile sees all of this or nothing.
            self._documents = {**known, **given}
            self._passages = {**self._passages, **passages}
        return report

    def remove(self, ids: Iterable[str]) -> int:
        """Remove documents and return how many were there."""
        gone = set(check_ids(ids))
        with self._lock:
            before = len(self._documents)
            self._documents = {id_: kept for id_, kept in self._documents.items() if id_ not in gone}
            self._passages = {id_: kept for id_, kept in self._passages.items() if id_ not in gone}
            return before - len(self._documents)

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> tuple[Match, ...]:
        """Return the passages that share the most words with the query, the closest first."""
        check_search(query, k, where)
        wanted = _words(query)
        matches = [
            Match(passage, score)
            for passages in self._passages.values()
            for passage in passages
            if _fits(passage.metadata, where or {}) and (score := _cosine(wanted, _words(passage.text))) > 0
        ]
        matches.sort(key=lambda match: (-match.score, match.passage.document_id, match.passage.number))
        return tuple(matches[:k])

    def count(self) -> int:
        """Return how many documents there are."""
        return len(self._documents)

    def known(self) -> Iterator[Known]:
        """Yield the documents, in the order of their ids."""
        for id_, document in sorted(self._documents.items()):
            yield Known(id_, document.source, document.fingerprint)

    def __repr__(self) -> str:
        return f"InMemoryDocStore({self.count()} documents)"

    def _split(self, document: Document) -> tuple[Passage, ...]:
        if self._splitter is not None:
            return self._splitter.split(document)
        if not document.text.strip():
            return ()
        first = next(iter(document.sections), None)
        place = Place(
            document.source, 0, len(document.text), first.heading if first else (), first.page if first else None
        )
        return (Passage(document.id, 0, document.text, place, document.metadata),)


def _fits(metadata: Metadata, where: Metadata) -> bool:
    return all(
        name in metadata and type(metadata[name]) is type(value) and metadata[name] == value
        for name, value in where.items()
    )


def _words(text: str) -> Mapping[str, int]:
    return Counter(_WORD.findall(text.casefold()))


def _cosine(some: Mapping[str, int], others: Mapping[str, int]) -> float:
    shared = sum(count * others[word] for word, count in some.items() if word in others)
    return shared / (_length(some) * _length(others)) if shared else 0.0


def _length(words: Mapping[str, int]) -> float:
    return math.sqrt(sum(count * count for count in words.values()))
