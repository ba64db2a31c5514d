"""The contract of document stores that search in some sources alone."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from llamabot.ports.documents import Document, Match, Metadata
from llamabot.testing.contracts.contract import Contract, not_made

__all__ = ["SourceSearchContract"]

_FOLDERS = ("a/", "a/b/", "ab/", "%/", "*/", "A/", "c/a/", "\N{LLAMA}/")
_SOURCES = ("", "a", "a.md", "a/", "ab.md", *(f"{folder}b.md" for folder in _FOLDERS))
_ASKED: tuple[tuple[str, ...], ...] = (
    *((), ("",), ("a",), ("a/",), ("a/b/", "ab.md"), ("%/",), ("*/", "?.md"), ("_.md", "/")),
    *(("\N{LLAMA}/", "a/b.md"), _SOURCES),
)
_CLOSER = 30
_ALL = 99


class SourceSearchContract(Contract):
    """Promises of `SourceSearchPort`: `search_in`. It is for those stores that have it, beside `DocStoreContract`.

    - It finds what `search` finds, with the same scores and in the same order, but for passages of other sources: the
      first k of those that are left, however far they are.
    - Of a name that ends with `/`, all that begins with it is searched; of any other, what has this source exactly.
      Nothing in a name is a pattern. Of no names, nothing is found.
    - `where` leaves out more.

    Attributes:
        folder: an empty folder for what the store keeps on a disk; of one test, and gone after it.
    """

    folder: Path

    def make(self) -> Any:
        """Return an empty store."""
        raise not_made(self)

    @pytest.mark.parametrize("names", _ASKED, ids=repr)
    def test_finds_what_a_search_finds_of_these_sources(self, names: tuple[str, ...]) -> None:
        with TemporaryDirectory() as folder:
            self.folder = Path(folder)
            store = self.make()
            store.add(
                Document(f"{place}-{number}", f"linker loader {'symbol ' * number}", {"n": number}, source=source)
                for place, source in enumerate(_SOURCES)
                for number in range(3)
            )
            store.add(Document(f"closer-{number}", "linker symbol", source="closer.md") for number in range(_CLOSER))
            for where in (None, {"n": 1}):
                seen = [match for match in self._everything(store, where) if _is_of(match, names)]
                for k in (0, 1, 4, _ALL):
                    assert list(store.search_in(names, "linker symbol", k=k, where=where)) == seen[:k]
            if hasattr(store, "close"):
                store.close()

    def _everything(self, store: Any, where: Metadata | None) -> tuple[Match, ...]:
        found: tuple[Match, ...] = store.search("linker symbol", k=_ALL, where=where)
        return found


def _is_of(match: Match, names: tuple[str, ...]) -> bool:
    source = match.passage.place.source
    return source in names or source.startswith(tuple(name for name in names if name.endswith("/")))
