"""Document stores that are wrong. The contract is not told how they score, as it is not of a user's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from tests.falsify.plain_docstore import Found, PlainDocStore, replaced, saved, sync

from llamabot.ports.docstore import AddReport, Known
from llamabot.ports.documents import Document, Match, Metadata


@sync
class RemovedIsFound(PlainDocStore):
    """Removes the document, and leaves its rows in the index of words."""

    def remove(self, ids: Iterable[str]) -> int:
        passages = self._passages
        gone = super().remove(ids)
        self._passages = passages
        return gone


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
class BlankIsNotKept(PlainDocStore):
    """Leaves out documents without text."""

    def add(self, documents: Iterable[Document]) -> AddReport:
        return super().add([d for d in documents if not isinstance(d, Document) or str(d.text).strip()])


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
class ReadsTwice(PlainDocStore):
    """Reads the ids that it is given twice, which a generator gives once."""

    def remove(self, ids: Iterable[str]) -> int:
        there = sum(id_ in self._documents for id_ in ids)
        super().remove(ids)
        return there


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
