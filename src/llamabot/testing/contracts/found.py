"""What document stores promise of few documents, shown plainly; a part of `DocStoreContract`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from llamabot.ports.documents import Document
from llamabot.ports.errors import UsageError
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

    def test_tells_ids_apart_that_look_alike(self) -> None:
        ids = ("A", "a", "a ", "a/", "a\u0301", "\xe1")
        with self.made() as store:
            assert store.add([Document(id_, f"linker {place}") for place, id_ in enumerate(ids)]).added == ids
            assert store.count() == len(ids)
            assert store.remove(["a"]) == 1
            found = {match.passage.document_id: match.passage.text for match in store.search("linker", k=9)}
            assert found == {id_: f"linker {place}" for place, id_ in enumerate(ids) if id_ != "a"}

    def test_takes_what_can_be_read_but_once(self) -> None:
        with self.made() as store:
            assert store.add(iter([Document("a", "linker"), Document("b", "loader")])).added == ("a", "b")
            assert store.remove(iter(["a", "c"])) == 1
            assert store.count() == 1

    def test_takes_two_thousand_at_a_time(self) -> None:
        with self.made() as store:
            assert store.add(Document(f"{number}", "") for number in range(2_000)).changed == ()
            assert store.count() == 2_000
            assert store.remove(f"{number}" for number in range(1, 3_000)) == 1_999
            assert store.count() == 1

    def test_counts_what_it_removes_once(self) -> None:
        with self.made() as store:
            store.add([Document("a", "linker"), Document("b", "linker")])
            assert store.remove(["a", "a", "c", "a"]) == 1
            assert store.count() == 1

    def test_a_filter_of_two_wants_both(self) -> None:
        with self.made() as store:
            store.add([Document(f"{x}{y}", "linker", {"x": x, "y": y}) for x in range(2) for y in range(2)])
            assert [match.passage.document_id for match in store.search("linker", where={"x": 1, "y": 0})] == ["10"]

    def test_refuses_one_where_several_are_wanted(self) -> None:
        one: Any = Document("a", "linker")
        with self.made() as store:
            store.add([one])
            with pytest.raises(UsageError):
                store.add(one)
            with pytest.raises(UsageError):
                store.remove("a")
            assert store.count() == 1

    def test_refuses_a_search_that_cannot_be(self) -> None:
        with self.made() as store:
            for k in (-1, 2.5, None):
                with pytest.raises(UsageError):
                    store.search("linker", k=k)
            with pytest.raises(UsageError):
                store.search(None)
            with pytest.raises(UsageError):
                store.search("linker", where={"lang": ["en", "de"]})

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
