"""Document stores with one bug each in what they find of some sources alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from tests.falsify.plain_docstore import Found, PlainDocStore, StoreHooks, replaced
from tests.falsify.wrong import wrong

from llamabot.ports.documents import Match, Metadata
from llamabot.testing.contracts import SourceSearchContract

_ALL = 1_000_000
source_search = wrong(StoreHooks, SourceSearchContract)


class PlainSourceSearch(PlainDocStore):
    """A right store: searches all, and leaves out what is from elsewhere. What it is made of are its methods."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        names = tuple(sources)
        found = self.search(query, k=_ALL, where=where)
        return tuple(match for match in found if self.is_in(match.passage.place.source, names))[:k]

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        """Say whether a source is one of those, or in one of the folders."""
        return any(source.startswith(name) if name.endswith("/") else source == name for name in names)


@source_search
class BestFirstThenSources(PlainSourceSearch):
    """Takes the best k first, and then those of them that are from the sources."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        names = tuple(sources)
        found = self.search(query, k=k, where=where)
        return tuple(match for match in found if self.is_in(match.passage.place.source, names))


@source_search
class LooksAtTenTimesAsMany(PlainSourceSearch):
    """Looks at the best ten times k, in the hope that there are k of the sources among them."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        names = tuple(sources)
        found = self.search(query, k=10 * k, where=where)
        return tuple(match for match in found if self.is_in(match.passage.place.source, names))[:k]


@source_search
class NoFolders(PlainSourceSearch):
    """Takes the name of a folder for that of a file."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return source in names


@source_search
class AllAreFolders(PlainSourceSearch):
    """Takes what begins with the name of a file for that file."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return any(source.startswith(name) if name else not source for name in names)


@source_search
class NoSourceIsEverySource(PlainSourceSearch):
    """Takes the name of what has no source for that of everything."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return "" in names or super().is_in(source, names)


@source_search
class FilesOfTheFolderAlone(PlainSourceSearch):
    """Does not look into folders within a folder."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return source in names or source[: source.rfind("/") + 1] in names


@source_search
class FolderItselfToo(PlainSourceSearch):
    """Finds with `a/` the file `a` too."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return super().is_in(source, names) or f"{source}/" in names


@source_search
class FoldersAnywhere(PlainSourceSearch):
    """Finds a folder of that name in any other."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return super().is_in(source, names) or any(f"/{name}" in source for name in names if name.endswith("/"))


@source_search
class NoNamesAreAll(PlainSourceSearch):
    """Searches everywhere where no source is named."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return not names or super().is_in(source, names)


@source_search
class PatternsOfSql(PlainSourceSearch):
    """Asks with LIKE, to which `_` and `%` are any letters."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return any(
            re.fullmatch(
                re.escape(name).replace("%", ".*").replace("_", ".") + (".*" if name[-1:] == "/" else ""), source
            )
            for name in names
        )


@source_search
class PatternsOfShells(PlainSourceSearch):
    """Takes `*`, `?` and brackets for patterns."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return any(fnmatchcase(source, f"{name}*" if name.endswith("/") else name) for name in names)


@source_search
class CapitalsAlike(PlainSourceSearch):
    """Does not tell capitals from small letters in names."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return super().is_in(source.lower(), tuple(name.lower() for name in names))


@source_search
class LettersOfAscii(PlainSourceSearch):
    """Keeps names in ASCII, with a question mark for what is not in it."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        known = [name.encode("ascii", "replace").decode() for name in names if name.isascii()]
        return super().is_in(source.encode("ascii", "replace").decode(), tuple(known))


@source_search
class OneNameAlone(PlainSourceSearch):
    """Searches in the first of the names."""

    def is_in(self, source: str, names: tuple[str, ...]) -> bool:
        return super().is_in(source, names[:1])


@source_search
class EachNameOnItsOwn(PlainSourceSearch):
    """Searches for each name, and puts what it found one behind the other: twice what two of them name."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = [
            match
            for name in sources
            for match in super(EachNameOnItsOwn, self).search_in([name], query, k=_ALL, where=where)
        ]
        return tuple(sorted(found, key=lambda match: (-match.score, match.passage.document_id, match.passage.number)))[
            :k
        ]


@source_search
class BySource(PlainSourceSearch):
    """Returns the matches in the order of their sources."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return tuple(sorted(super().search_in(sources, query, k=k, where=where), key=_source))


@source_search
class ScoredAmongThemselves(PlainSourceSearch):
    """Gives the best of the sources the score 1, and the others less in proportion."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        found = super().search_in(sources, query, k=k, where=where)
        return tuple(replaced(match, score=match.score / found[0].score) for match in found)


@source_search
class WhereForgotten(PlainSourceSearch):
    """Looks at no metadata."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return super().search_in(sources, query, k=k)


@source_search
class NoughtIsEight(PlainSourceSearch):
    """Takes k = 0 for the default."""

    def search_in(self, sources: Iterable[str], query: str, *, k: int = 8, where: Metadata | None = None) -> Found:
        return super().search_in(sources, query, k=k or 8, where=where)


def _source(match: Match) -> Any:
    return match.passage.place.source
