"""Document stores that are wrong. The contract is not told how they score, as it is not of a user's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.falsify.wrong import wrong

from llamabot.adapters.fake.docstore import InMemoryDocStore
from llamabot.ports.docstore import AddReport, Known
from llamabot.ports.documents import Document, Match, Metadata, Place
from llamabot.testing.contracts import AsyncDocStoreContract, DocStoreContract
from llamabot.testing.contracts.docstore_model import LineSplitter

replaced: Any = msgspec.structs.replace
Found = tuple[Match, ...]


class PlainDocStore(InMemoryDocStore):
    """A right store: one passage a line. Serves both colours."""

    def __init__(self) -> None:
        super().__init__(splitter=LineSplitter())

    async def aadd(self, documents: Iterable[Document]) -> AddReport:
        return self.add(documents)

    async def aremove(self, ids: Iterable[str]) -> int:
        return self.remove(ids)

    async def asearch(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return self.search(query, k=k, where=where)

    async def acount(self) -> int:
        return self.count()


class StoreHooks:
    adapter: Any
    examples = 12
    folder: Path

    def make(self) -> Any:
        return self.adapter()


class SavedHooks(StoreHooks):
    """Of stores that are saved when they are closed, and loaded again."""

    def reopen(self, store: Any) -> Any:
        return self.adapter.loaded(store.saved())


sync = wrong(StoreHooks, DocStoreContract)
saved = wrong(SavedHooks, DocStoreContract)
awaited = wrong(StoreHooks, AsyncDocStoreContract)


@sync
class Unsorted(PlainDocStore):
    """Returns the matches in the order of the documents, not of the scores."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=k, where=where)
        return tuple(sorted(found, key=lambda match: (match.passage.document_id, match.passage.number)))


@sync
class RemovedIsFound(PlainDocStore):
    """Removes the document, and leaves its rows in the index of words."""

    def remove(self, ids: Iterable[str]) -> int:
        passages = self._passages
        gone = super().remove(ids)
        self._passages = passages
        return gone


@sync
class OneMore(PlainDocStore):
    """Returns one match more than it may."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return super().search(query, k=k + 1 if k > 0 else k, where=where)


@sync
class NoughtIsAll(PlainDocStore):
    """Takes k = 0 for no limit."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return super().search(query, k=k or 1_000_000, where=where)


@sync
class FiltersTooLate(PlainDocStore):
    """Takes the best k first, and then those of them that fit the metadata."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        fitting = super().search(query, k=1_000_000, where=where)
        return tuple(match for match in super().search(query, k=k) if match in fitting)


@sync
class TrueIsOne(PlainDocStore):
    """Compares metadata by `==`, so that True is 1."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        super().search("", k=k, where=where)
        found = super().search(query, k=1_000_000)
        return tuple(match for match in found if _equal(match.passage.metadata, where or {}))[:k]


def _equal(metadata: Metadata, where: Metadata) -> bool:
    return all(name in metadata and metadata[name] == value for name, value in where.items())


@sync
class MissingIsNone(PlainDocStore):
    """Finds with None what has no such metadata."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        rest = {name: value for name, value in (where or {}).items() if value is not None}
        absent = [name for name, value in (where or {}).items() if value is None]
        found = super().search(query, k=1_000_000 if k > 0 else k, where=rest)
        return tuple(match for match in found if all(match.passage.metadata.get(name) is None for name in absent))[:k]


@sync
class OldVersionIsFound(PlainDocStore):
    """Adds the passages of a changed document to those of the older one."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        before = getattr(self, "_passages", {})
        report = super().add(documents)
        for id_ in report.changed:
            new = self._passages[id_]
            kept = tuple(old for old in before[id_] if old not in new)
            self._passages[id_] = (*new, *(replaced(old, number=len(new) + n) for n, old in enumerate(kept)))
        return report


@sync
class HalfOfAnAdd(PlainDocStore):
    """Adds the documents before the one that it refuses."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        given = list(documents)
        reports = [super(HalfOfAnAdd, self).add([document]) for document in {d.id: d for d in given}.values()]
        return AddReport(*(tuple(id_ for report in reports for id_ in part) for part in map(list, _parts(reports))))


def _parts(reports: list[AddReport]) -> Iterator[list[str]]:
    for name in ("added", "changed", "unchanged"):
        yield [id_ for report in reports for id_ in getattr(report, name)]


@sync
class ReportInOrderOfIds(PlainDocStore):
    """Sorts the ids of its report."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        report = super().add(documents)
        return AddReport(*(tuple(sorted(ids)) for ids in (report.added, report.changed, report.unchanged)))


@sync
class OnlyTextCounts(PlainDocStore):
    """Takes a document whose text is the same for unchanged, whatever else of it differs."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        known = getattr(self, "_documents", {})
        given = list(documents)
        return super().add(
            known[d.id] if isinstance(d, Document) and d.id in known and known[d.id].text == d.text else d
            for d in given
        )


@sync
class TiesAsTheyCame(PlainDocStore):
    """Leaves passages with equal scores in the order in which they were added."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=1_000_000 if k > 0 else k, where=where)
        order = list(self._passages)
        key = [(-match.score, order.index(match.passage.document_id), match.passage.number) for match in found]
        return tuple(match for _, match in sorted(zip(key, found, strict=True), key=lambda pair: pair[0]))[:k]


@sync
class BlankIsNotKept(PlainDocStore):
    """Leaves out documents without text."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        return super().add([d for d in documents if not isinstance(d, Document) or str(d.text).strip()])


@sync
class PlacesOfTheTrimmedText(PlainDocStore):
    """Counts places from the first character that is not blank."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return tuple(self._moved(match) for match in super().search(query, k=k, where=where))

    def _moved(self, match: Match) -> Match:
        text = self._documents[match.passage.document_id].text
        ahead = len(text) - len(text.lstrip())
        place: Place = match.passage.place
        moved = replaced(place, start=place.start - ahead, end=place.end - ahead)
        return Match(replaced(match.passage, place=moved), match.score)


@sync
class CountsWhatItWasAsked(PlainDocStore):
    """Says of every id that it was given that it has removed it."""

    def remove(self, ids: Iterable[str]) -> int:
        given = list(ids)
        super().remove(given)
        return len(given)


@sync
class KnownAsTheyCame(PlainDocStore):
    """Tells what it has in the order in which it came."""

    def known(self) -> Iterator[Known]:
        for document in self._documents.values():
            yield Known(document.id, document.source, document.fingerprint)


@sync
class QueryIsAPattern(PlainDocStore):
    """Takes the query for a regular expression first."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        re.compile(query)
        return super().search(query, k=k, where=where)


@sync
class FirstOfTwoCounts(PlainDocStore):
    """Keeps of two documents with one id in a call the first."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        return super().add({document.id: document for document in reversed(list(documents))}.values())


@sync
class LostUpdates(PlainDocStore):
    """Adds without a lock: reads what is there, and writes it back with what is new."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        before = dict(getattr(self, "_documents", {})), dict(getattr(self, "_passages", {}))
        time.sleep(0.0005 if before[0] else 0)
        given = list(documents)
        report = super().add(given)
        self._documents = {**before[0], **{d.id: d for d in given}}
        self._passages = {**before[1], **{d.id: self._split(d) for d in given}}
        return report


@sync
class HalfIsSeen(PlainDocStore):
    """Lets who searches meanwhile see a part of what is being added."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        given = list({d.id: d for d in documents}.values()) if hasattr(self, "_documents") else []
        if len(given) < 2:
            return super().add(given)
        reports = [super().add(given[:1])]
        time.sleep(0.001)
        reports.append(super().add(given[1:]))
        return AddReport(*(tuple(ids) for ids in _parts(reports)))


@sync
class CountsFromTheEnd(PlainDocStore):
    """Takes a negative k as a slice does."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=1_000_000, where=where)
        return found[:k]


@sync
class BlankFindsAll(PlainDocStore):
    """Finds everything where nothing is looked for."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        if query.strip():
            return super().search(query, k=k, where=where)
        super().search(query, k=k, where=where)
        return tuple(Match(passage, 0.0) for passages in self._passages.values() for passage in passages)[:k]


@sync
class LongQueryRefused(PlainDocStore):
    """Raises for a query that is longer than its engine takes."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        if len(query) > 100_000:
            raise OverflowError("string or blob too big")
        return super().search(query, k=k, where=where)


@sync
class ReadsTwice(PlainDocStore):
    """Reads the ids that it is given twice, which a generator gives once."""

    def remove(self, ids: Iterable[str]) -> int:
        there = sum(id_ in self._documents for id_ in ids)
        super().remove(ids)
        return there


@sync
class FilterChangesScores(PlainDocStore):
    """Scores against the best of what fits the filter, so that the filter changes the scores."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=k, where=where)
        return tuple(Match(match.passage, match.score / found[0].score) for match in found) if where else found


@sync
class FoundTwice(PlainDocStore):
    """Finds a passage once by its words and once by its beginning, and returns both."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=k, where=where)
        return tuple(match for match in found for _ in range(2))[:k]


@sync
class SourceForgotten(PlainDocStore):
    """Leaves the source of a document out of its passages."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=k, where=where)
        return tuple(Match(replaced(m.passage, place=replaced(m.passage.place, source="")), m.score) for m in found)


@saved
class RemovedIsBack(PlainDocStore):
    """Keeps a journal of what was added alone: what was removed is back after it is opened again."""

    def __init__(self) -> None:
        self.journal: list[Document] = []
        super().__init__()

    def add(self, documents: Iterable[Document]) -> AddReport:
        given = list(documents)
        report = super().add(given)
        self.journal += given
        return report

    def saved(self) -> list[Document]:
        return self.journal

    @classmethod
    def loaded(cls, documents: list[Document]) -> PlainDocStore:
        store = cls()
        store.add(documents)
        return store


@saved
class MetadataAsText(PlainDocStore):
    """Saves metadata as text: after it is opened again a 1 is a "1"."""

    def saved(self) -> list[Document]:
        return [
            replaced(d, metadata={name: str(value) for name, value in d.metadata.items()})
            for d in self._documents.values()
        ]

    @classmethod
    def loaded(cls, documents: list[Document]) -> PlainDocStore:
        store = cls()
        store.add(documents)
        return store


@awaited
class TwinIgnoresTheFilter(PlainDocStore):
    """Searches everything in the async twin, whatever `where` says."""

    async def asearch(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return self.search(query, k=k)


@awaited
class TwinHasItsOwnLimit(PlainDocStore):
    """Returns eight matches at most in the async twin, whatever k is."""

    async def asearch(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return self.search(query, k=k, where=where)[:8]
