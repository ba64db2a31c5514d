"""Document stores with one bug each in what they find."""

from __future__ import annotations

import re

from tests.falsify.plain_docstore import Found, PlainDocStore, awaited, replaced, sync

from llamabot.ports.documents import Match, Metadata, Place


@sync
class Unsorted(PlainDocStore):
    """Returns the matches in the order of the documents, not of the scores."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=k, where=where)
        return tuple(sorted(found, key=lambda match: (match.passage.document_id, match.passage.number)))


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
class TiesAsTheyCame(PlainDocStore):
    """Leaves passages with equal scores in the order in which they were added."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search(query, k=1_000_000 if k > 0 else k, where=where)
        order = list(self._passages)
        key = [(-match.score, order.index(match.passage.document_id), match.passage.number) for match in found]
        return tuple(match for _, match in sorted(zip(key, found, strict=True), key=lambda pair: pair[0]))[:k]


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
class QueryIsAPattern(PlainDocStore):
    """Takes the query for a regular expression first."""

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        re.compile(query)
        return super().search(query, k=k, where=where)


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
