"""The contract of document stores."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from llamabot.ports.docstore import AddReport
from llamabot.ports.documents import Document
from llamabot.ports.errors import UsageError
from llamabot.testing.contracts.at_once import Awaited
from llamabot.testing.contracts.contract import needs, not_made
from llamabot.testing.contracts.docstore_machine import DocStoreMachine
from llamabot.testing.contracts.docstore_model import Model, fits
from llamabot.testing.contracts.found import Found

__all__ = ["AsyncDocStoreContract", "DocStoreContract"]

_HOSTILE = (
    'AND (" * "',
    "NEAR(a b)",
    "linker OR",
    "linker NOT loader",
    "text : linker",
    "linker*",
    "^linker",
    "'; DROP TABLE documents; --",
    '"',
    "___",
    "linker \ud800",
    "linker\0loader",
    "%_%",
    "\N{LLAMA}",
)
_NO_DOCUMENTS = {
    "no id": Document("", "x"),
    "list": Document("a", "x", {"tags": ["x"]}),  # type: ignore[dict-item]  # the point
    "name": Document("a", "x", {1: "x"}),  # type: ignore[dict-item]  # the point
    "no text": Document("a", None),  # type: ignore[arg-type]  # the point
    "number": Document(7, "x"),  # type: ignore[arg-type]  # the point
    "text": "text",
}


class DocStoreContract(Found):
    """Promises of `DocStorePort` and `CataloguePort`: `add`, `remove`, `search`, `count`, `known`.

        class TestMyDocStore(DocStoreContract):
            def make(self):
                return MyDocStore(self.folder / "store")

    In any order of operations a store agrees with a dictionary of documents by id:

    - `add` puts each document in the place of an older one with its id; of one id twice in a call the last counts. The
      `AddReport` names the ids in the order of their first place in the call: added, changed (any field differs),
      unchanged. Adding twice is adding once. Of an `add` with anything that is no document (an empty id, a text that is
      no string, metadata that are no scalars), nothing is added, and `UsageError` is raised.
    - `remove` returns how many of the ids were there, each counted once; unknown ones are ignored. What was removed is
      never found.
    - Both take whatever can be read once, and two thousand at a time; one document, or one id, is a `UsageError`. Ids
      are compared to the letter: `a`, `A`, `a ` and `\u00e1` in its two spellings are five.
    - `count` counts documents. `known` yields id, source and fingerprint of each, in the order of the ids.
    - Empty and blank documents are kept and counted, and never found.
    - What is found is a span of its document, `text[place.start:place.end]`, not blank, with the document's metadata
      and source. No passage is found twice.
    - `search` has the highest score first; of equal scores the lower document id, then the lower number, whatever k is.
      There are at most k; `search(k)` is the beginning of `search(k + 1)`; k = 0 finds nothing.
    - With k large enough, every document that shares a word with the query is found. A passage that says exactly what
      the query says scores no less than any that shares no word with it.
    - `where` leaves out what has not all of these metadata with equal values of the same type (`True` is not 1, 1 not
      1.0, None must be there; NaN equals nothing), and changes neither scores nor order of the rest: of the matches
      that fit, the first k are found however far they are. Whole numbers may have any size.
    - Any text is a query; nothing in it is syntax. An empty one, or one of white space, finds nothing. One of a
      megabyte is a query too. What is no text, a k that is negative or no whole number, or a value of `where` that is
      no scalar, is a `UsageError`.
    - Any text comes back as it was given: half characters, NUL, accents; in ids, texts, metadata and sources.
    - Threads share it. Who searches while another adds sees all of one `add` or nothing of it; nothing is lost when
      several add.
    - `relevant_score` is a float that stays.
    - What was closed is found again by who opens it (`reopen`), the same in every respect.

    Attributes:
        folder: an empty folder for what the store keeps on a disk; of one example, and gone after it.
        score: a function (`Scorer`) that tells how a store that is made with `LineSplitter()` scores; then every
            search is compared with it. For one with `HashedEmbedding(16)` it is `staticmethod(by_meaning)`.
        tolerance: how far from it a score may be.
    """

    capabilities: ClassVar = {
        "catalogue": "`known` tells what the store has",
        "any text": "half characters and NUL, in ids, texts and metadata",
        "large queries": "queries of a megabyte",
    }
    examples: ClassVar[int] = 20
    score: Any = None
    tolerance: ClassVar[float] = 1e-5
    folder: Path

    def make(self) -> Any:
        """Return an empty store."""
        raise not_made(self)

    def reopen(self, store: Any) -> Any:
        """Return the store as who comes later finds it: closed, and made again. By default it lives in memory."""
        return store

    def rebuild(self, store: Any) -> None:
        """Make anew what can be, as an index; by default that is nothing."""

    def called(self, store: Any) -> Any:
        """Return a store as the tests call it."""
        return store

    def port_of(self, store: Any) -> Any:
        """Return the store that `make` made."""
        return store

    def reopened(self, store: Any) -> Any:
        """Return what the tests call, reopened; it is what is closed in the end."""
        self._open = self.reopen(self.port_of(store))
        return self.called(self._open)

    @contextmanager
    def made(self) -> Iterator[Any]:
        """Lend a store to one example."""
        with TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self._open = self.make()
            try:
                yield self.called(self._open)
            finally:
                _close(self._open)

    def test_agrees_with_a_dictionary_in_any_order_of_operations(self) -> None:
        run_state_machine_as_test(
            lambda: DocStoreMachine(self),  # type: ignore[arg-type]  # a factory serves too
            settings=settings(self.searching, stateful_step_count=15, suppress_health_check=list(HealthCheck)),
        )

    def test_finds_nothing_in_an_empty_store(self) -> None:
        with self.made() as store:
            assert (store.search("linker"), store.count()) == ((), 0)
            assert store.remove(["a"]) == 0
            assert store.add([]) == AddReport()

    @pytest.mark.parametrize("query", ["", " \n\t"])
    def test_finds_nothing_for_an_empty_query(self, query: str) -> None:
        with self.made() as store:
            store.add([Document("a", "linker")])
            assert store.search(query) == ()

    def test_takes_a_filter_for_what_it_says(self) -> None:
        values: list[Any] = [1, 1.0, True, "1", None, 0, False, 0.0, "", 2**70]
        with self.made() as store:
            store.add([Document(str(place), "linker", {"v": value}) for place, value in enumerate(values)])
            for place, value in enumerate(values):
                assert _ids(store.search("linker", k=99, where={"v": value})) == [str(place)]
            assert store.search("linker", where={"w": None}) == ()
            assert store.search("linker", where={"v": float("nan")}) == ()
            assert len(store.search("linker", k=99, where={})) == len(values)

    def test_a_filter_has_all_its_matches_however_far_they_are(self) -> None:
        with self.made() as store:
            near = [Document(f"near-{number}", "linker", {"lang": "en"}) for number in range(150)]
            store.add([*near, Document("far", "linker loader symbol table mold", {"lang": "de"})])
            assert _ids(store.search("linker", where={"lang": "de"})) == ["far"]

    def test_of_many_it_finds_the_best_whatever_k_and_the_filter_are(self) -> None:
        draw, model = random.Random(3), Model(self.score, self.tolerance)
        words = [f"word{number}" for number in range(60)]
        for n in range(600):
            model.documents[f"{n}"] = Document(f"{n}", " ".join(draw.choices(words, k=3 + n % 10)), {"odd": n % 2})
        with self.made() as store:
            store.add(model.documents.values())
            for where in (None, {"odd": 1}) * 4:
                query = " ".join(draw.sample(words, k=4))
                found = store.search(query, k=40, where=where)
                model.check(found, query, 40, where)
                assert list(found) == [m for m in store.search(query, k=600) if fits(m.passage.metadata, where)][:40]
                assert [store.search(query, k=k, where=where) for k in (1, 8, 30)] == [found[:k] for k in (1, 8, 30)]

    def test_equal_scores_come_in_the_order_of_their_ids_whatever_k_is(self) -> None:
        names = sorted(f"{number}" for number in range(300))
        with self.made() as store:
            store.add([Document(name, "the same linker") for name in reversed(names)])
            for k in (1, 8, 70, 299):
                assert _ids(store.search("linker", k=k)) == names[:k]

    def test_what_was_removed_makes_room_for_what_is_farther(self) -> None:
        with self.made() as store:
            near = [Document(f"near-{number}", "linker " * 30 + "loader " * number) for number in range(150)]
            store.add([*near, Document("far", "linker " + "symbol " * 60)])
            if self.score is not None:
                assert "far" not in _ids(store.search("linker", k=150))
            assert store.remove(document.id for document in near) == 150
            assert set(_ids(store.search("linker", k=3))) == {"far"}

    @pytest.mark.parametrize("query", _HOSTILE)
    def test_any_text_is_a_query(self, query: str) -> None:
        with self.made() as store:
            store.add([Document("a", "a linker"), Document("b", "loaders too")])
            expected = store.search("linker")
            found = store.search(query)
            if "linker" in query.split() and "loader" not in query:
                assert found[0].passage == expected[0].passage
            elif "linker" in query.split():
                assert "a" in _ids(found)
            assert (store.search("linker"), store.count()) == (expected, 2)

    @needs("large queries")
    def test_a_query_of_a_megabyte_is_a_query(self) -> None:
        with self.made() as store:
            store.add([Document("a", "linker"), Document("b", "loader")])
            assert _ids(store.search("linker " * 150_000))[0] == "a"
            store.search(" ".join(f"word{number}" for number in range(100_000)))
            store.search("x" * 1_000_000)

    @needs("any text")
    def test_keeps_any_text_as_it_is(self) -> None:
        odd = "half \ud83d a pair, nul \0, tab \t, e\u0301 \xe9 \N{LLAMA}"
        document = Document(odd, odd, {odd: odd}, source=odd)
        with self.made() as store:
            store.add([document])
            assert store.add([document]).unchanged == (odd,)
            (match,) = store.search("half a pair", where={odd: odd})
            passage = match.passage
            assert (passage.document_id, passage.text, passage.metadata) == (odd, odd, {odd: odd})
            assert passage.place.source == odd
            assert store.remove([odd]) == 1

    def test_of_the_same_id_twice_the_last_counts(self) -> None:
        with self.made() as store:
            assert store.add([Document("a", "linker"), Document("a", "loader")]) == AddReport(added=("a",))
            assert [match.passage.text for match in store.search("loader linker")] == ["loader"]

    def test_a_document_without_text_is_there_and_not_found(self) -> None:
        with self.made() as store:
            store.add([Document("empty", ""), Document("blank", " \n "), Document("a", "linker")])
            assert store.count() == 3
            assert set(_ids(store.search("linker empty", k=9))) == {"a"}
            assert store.add([Document("a", "")]).changed == ("a",)
            assert store.search("linker") == ()

    @needs("catalogue")
    def test_says_what_it_knows_of_sources(self) -> None:
        with self.made() as store:
            assert list(store.known()) == []
            store.add([Document("b", "x", source="b.md", fingerprint="2"), Document("a", "x", source="a.md")])
            assert [(k.id, k.source, k.fingerprint) for k in store.known()] == [("a", "a.md", ""), ("b", "b.md", "2")]

    @pytest.mark.parametrize("kind", _NO_DOCUMENTS)
    def test_refuses_what_is_no_document_and_adds_none(self, kind: str) -> None:
        with self.made() as store:
            with pytest.raises(UsageError):
                store.add([Document("good", "linker"), _NO_DOCUMENTS[kind]])
            assert (store.count(), store.search("linker")) == (0, ())

    def test_says_what_score_is_relevant_and_stays_with_it(self) -> None:
        with self.made() as store:
            before = store.relevant_score
            assert isinstance(before, float)
            store.add([Document("a", "linker")])
            assert store.relevant_score == before


class AsyncDocStoreContract(DocStoreContract):
    """Promises of `AsyncDocStorePort`: as `DocStoreContract`, kept by `aadd`, `aremove`, `asearch` and `acount`.

    `known`, where there is one, is not awaited.
    """

    def called(self, store: Any) -> Any:
        """Return a store as the tests call it."""
        return Awaited(store)

    def port_of(self, store: Any) -> Any:
        """Return the store that `make` made."""
        return store.port


def _ids(matches: Any) -> list[str]:
    return [match.passage.document_id for match in matches]


def _close(store: Any) -> None:
    if hasattr(store, "close"):
        store.close()
    elif hasattr(store, "aclose"):
        Awaited(store).close()
