"""What document stores promise of few documents, shown plainly; a part of `DocStoreContract`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

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

    @pytest.mark.parametrize("field", ["text", "metadata", "source", "fingerprint"])
    def test_any_field_that_differs_is_a_change(self, field: str) -> None:
        one = Document("a", "linker", {"v": 1}, source="a.md", fingerprint="1")
        other = msgspec.structs.replace(one, **{field: _OTHERS[field]})
        with self.made() as store:
            store.add([one])
            assert (store.add([other]).changed, store.add([other]).unchanged) == (("a",), ("a",))
            (match,) = store.search("linker")
            found = match.passage
            assert (found.text, found.metadata, found.place.source) == (other.text, other.metadata, other.source)

    @pytest.mark.parametrize("text", ["linker", " \n linker loader", "first line\n\n\n  linker at last \n"])
    def test_what_is_found_stands_in_its_document(self, text: str) -> None:
        with self.made() as store:
            store.add([Document("a", text)])
            found = [match.passage for match in store.search("linker")]
            assert found
            assert [text[one.place.start : one.place.end] for one in found] == [one.text for one in found]

    def test_metadata_are_of_the_same_types_for_who_opens_it(self) -> None:
        values: list[Any] = [1, 1.5, True, "1", None, "", 2**70]
        with self.made() as store:
            store.add([Document(str(place), "linker", {"v": value}) for place, value in enumerate(values)])
            again = self.reopened(store)
            found = {match.passage.document_id: match.passage.metadata["v"] for match in again.search("linker", k=99)}
            kept = [found[str(place)] for place in range(len(values))]
            assert [(type(value), value) for value in kept] == [(type(value), value) for value in values]


_OTHERS: dict[str, Any] = {"text": "another linker", "metadata": {"v": "1"}, "source": "b.md", "fingerprint": "2"}
