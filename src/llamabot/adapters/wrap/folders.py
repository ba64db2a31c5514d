"""A store of many folders, seen as some of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llamabot.ports.docstore import AddReport, DocStorePort
from llamabot.ports.documents import Document, Match, Metadata

__all__ = ["FoldersOfStore"]


class FoldersOfStore:
    """Finds what came from some folders, in the order and with the scores that it has among all.

    Args:
        store: with all of it.
        names: of what is seen: `papers/` is all that `ingest` took from a folder of this name, `papers/a.md` one file.
    """

    def __init__(self, store: DocStorePort, names: Iterable[str]) -> None:
        self._store = store
        self._files = frozenset(names)
        self._folders = tuple(name for name in self._files if name.endswith("/"))

    @property
    def relevant_score(self) -> float:
        """As the store's."""
        return self._store.relevant_score

    def search(self, query: str, *, k: int = 8, where: Metadata | None = None) -> tuple[Match, ...]:
        """Return the closest passages from these folders, the closest first.

        They are often among the first k of all. If they are not, a store that can search in them alone does (it has
        `search_in`), and of another more and more is looked at: all of it where the folders have fewer than k.
        """
        search_in: Any = getattr(self._store, "search_in", None)
        looked_at = k
        while True:
            found = self._store.search(query, k=looked_at, where=where)
            ours = [match for match in found if self._is_seen(match.passage.place.source)]
            if len(ours) >= k or len(found) < looked_at:
                return tuple(ours[:k])
            if search_in is not None:
                return tuple(search_in(self._files, query, k=k, where=where))
            looked_at *= 4

    def _is_seen(self, source: str) -> bool:
        return source in self._files or source.startswith(self._folders)

    def add(self, documents: Iterable[Document]) -> AddReport:
        """Add documents to the store; those from elsewhere are not found here."""
        return self._store.add(documents)

    def remove(self, ids: Iterable[str]) -> int:
        """Remove documents from the store, wherever they are from."""
        return self._store.remove(ids)

    def count(self) -> int:
        """Return how many documents the store has, those from elsewhere too."""
        return self._store.count()
