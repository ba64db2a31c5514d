"""A search sees one state of everything, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.docstore.shelf import NotingIndexes, books, check, shelf

from llamabot.ports.vectorindex import VectorIndex, VectorSource


class Watched(NotingIndexes):
    """Makes indexes that tell before they are searched or added to."""

    def __init__(self, *, searching: Callable[[], Any] = bool, adding: Callable[[], Any] = bool) -> None:
        super().__init__()
        self.searching, self.adding = searching, adding

    def build(self, source: VectorSource) -> Any:
        return _WatchedIndex(super().build(source), self)


class _WatchedIndex:
    def __init__(self, real: VectorIndex, watch: Watched) -> None:
        self._real, self._watch = real, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def search(self, *given: Any) -> Any:
        self._watch.searching()
        return self._real.search(*given)

    def add(self, *given: Any) -> None:
        self._real.add(*given)
        self._watch.adding()


def test_what_is_removed_by_others_in_the_middle_of_a_search_is_found_to_its_end(tmp_path: Path) -> None:
    with shelf(tmp_path) as other:
        other.add(books(30))
        watched = Watched(searching=lambda: other.remove([book.id for book in books(30)]))
        with shelf(tmp_path, index=watched) as store:
            assert len(store.search("volume", k=60)) == 60
            assert store.search("volume", k=60) == ()


def test_a_change_that_is_half_taken_in_is_taken_in_anew(tmp_path: Path) -> None:
    failures = [MemoryError()]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    watched = Watched(adding=fail_once)
    with shelf(tmp_path, index=watched) as store, shelf(tmp_path) as other:
        other.add(books(10))
        check(store, books(10))
        other.add(books(10, 10))
        with pytest.raises(MemoryError):
            store.search("volume")
        check(store, books(20))
        # An index that has taken in half of a change would take in that half twice.
        assert watched.made == ["built", "built"]


def test_nothing_is_added_to_an_index_while_it_is_searched(tmp_path: Path) -> None:
    searching, overlaps = [], []
    pause = threading.Event()

    def search() -> None:
        searching.append(1)
        pause.wait(0.001)
        searching.pop()

    watched = Watched(searching=search, adding=lambda: overlaps.append(len(searching)))
    with shelf(tmp_path, index=watched) as store:
        store.add(books(1))
        store.search("volume")
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                store.search("volume")

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(1, 30):
            store.add(books(1, number))
        done.set()
        for reader in readers:
            reader.join(60)
        assert len(overlaps) >= 29
        assert set(overlaps) == {0}
        check(store, books(30))
