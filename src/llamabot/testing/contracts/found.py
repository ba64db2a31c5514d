"""What document stores promise of few documents, shown plainly; a part of `DocStoreContract`."""

from __future__ import annotations

from typing import Any

from llamabot.ports.documents import Document
from llamabot.testing.contracts.shared_store import SharedStore

__all__ = ["Found"]


class Found(SharedStore):
    """What is found, and how much of it."""

    def reopened(self, store: Any) -> Any:
        """Return what the tests call, reopened."""
        raise NotImplementedError

    def test_finds_as_many_as_are_wanted_and_no_more(self) -> None:
        with self.made() as store:
            store.add([Document(str(number), "linker") for number in range(3)])
            assert [len(store.search("linker", k=k)) for k in range(5)] == [0, 1, 2, 3, 3]

    def test_a_filter_changes_no_score(self) -> None:
        with self.made() as store:
            store.add([Document("a", "linker loader", {"lang": "en"}), Document("b", "linker", {"lang": "de"})])
            plain = {match.passage.document_id: match.score for match in store.search("linker")}
            for id_, lang in (("a", "en"), ("b", "de")):
                (match,) = store.search("linker", where={"lang": lang})
                assert (match.passage.document_id, match.score) == (id_, plain[id_])

    def test_what_was_removed_stays_so_for_who_opens_it(self) -> None:
        with self.made() as store:
            store.add([Document("a", "linker"), Document("b", "linker")])
            store.remove(["a"])
            again = self.reopened(store)
            assert again.count() == 1
            assert [match.passage.document_id for match in again.search("linker")] == ["b"]
