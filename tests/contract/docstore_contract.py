"""What every document store does: a class of tests to inherit."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.contract.docstore_machine import DocStoreMachine
from tests.contract.docstore_model import Model, Scorer, by_meaning

from llamabot.ports.docstore import AddReport
from llamabot.ports.documents import Document
from llamabot.ports.errors import UsageError

HOSTILE = (
    'AND (" * "',
    "NEAR(a b)",
    "linker OR",
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


class DocStoreContract:
    """Say how a store is made that splits with `LineSplitter` and scores as `score` does."""

    score: Scorer = staticmethod(by_meaning)
    examples = 20

    def make(self, folder: Path) -> Any:
        """Return an empty store; what it keeps on a disk is in the folder."""
        raise NotImplementedError

    def reopen(self, store: Any, folder: Path) -> Any:
        """Return the store as who comes later finds it; by default nobody does."""
        return store

    def rebuild(self, store: Any, folder: Path) -> None:
        """Make anew what can be; by default that is nothing."""

    def close(self, store: Any) -> None:
        """Let go of a store."""
        if hasattr(store, "close"):
            store.close()

    @contextmanager
    def made(self) -> Iterator[Any]:
        """Lend a store to one example."""
        with TemporaryDirectory() as folder:
            store = self.make(Path(folder))
            yield store
            self.close(store)

    @pytest.fixture
    def store(self) -> Iterator[Any]:
        with self.made() as store:
            yield store

    def test_agrees_with_a_dictionary_in_any_order_of_operations(self) -> None:
        run_state_machine_as_test(
            lambda: DocStoreMachine(self),
            settings=settings(
                max_examples=self.examples, stateful_step_count=15, suppress_health_check=list(HealthCheck)
            ),
        )

    def test_finds_nothing_in_an_empty_store(self, store: Any) -> None:
        assert (store.search("linker"), store.count(), list(store.known())) == ((), 0, [])
        assert store.remove(["a"]) == 0
        assert store.add([]) == AddReport()

    @pytest.mark.parametrize("query", ["", " \n\t"])
    def test_finds_nothing_for_an_empty_query(self, store: Any, query: str) -> None:
        store.add([Document("a", "linker")])
        assert store.search(query) == ()

    def test_takes_a_filter_for_what_it_says(self, store: Any) -> None:
        values = [1, 1.0, True, "1", None, 0, False, 0.0, "", 2**70]
        store.add([Document(str(place), "linker", {"v": value}) for place, value in enumerate(values)])
        for place, value in enumerate(values):
            found = store.search("linker", k=99, where={"v": value})
            assert [match.passage.document_id for match in found] == [str(place)]
        assert store.search("linker", where={"w": None}) == ()
        assert store.search("linker", where={"v": float("nan")}) == ()
        assert len(store.search("linker", k=99, where={})) == len(values)

    def test_a_filter_has_all_its_matches_however_far_they_are(self, store: Any) -> None:
        near = [Document(f"near-{number}", "linker", {"lang": "en"}) for number in range(150)]
        store.add([*near, Document("far", "linker loader symbol table mold", {"lang": "de"})])
        assert [match.passage.document_id for match in store.search("linker", where={"lang": "de"})] == ["far"]

    def test_of_many_it_finds_the_best_whatever_k_and_the_filter_are(self, store: Any) -> None:
        draw, model = random.Random(3), Model(self.score)
        words = [f"word{number}" for number in range(60)]
        for number in range(600):
            text = " ".join(draw.choices(words, k=draw.randint(3, 12)))
            model.documents[f"{number}"] = Document(f"{number}", text, {"odd": number % 2})
        store.add(model.documents.values())
        for _ in range(4):
            query = " ".join(draw.sample(words, k=4))
            for where in (None, {"odd": 1}):
                found = store.search(query, k=40, where=where)
                model.check(found, query, 40, where)
                assert [store.search(query, k=k, where=where) for k in (1, 8, 30)] == [found[:k] for k in (1, 8, 30)]

    def test_equal_scores_come_in_the_order_of_their_ids_whatever_k_is(self, store: Any) -> None:
        names = sorted(f"{number}" for number in range(300))
        store.add([Document(name, "the same linker") for name in reversed(names)])
        for k in (1, 8, 70, 299):
            assert [match.passage.document_id for match in store.search("linker", k=k)] == names[:k]

    def test_what_was_removed_makes_room_for_what_is_farther(self, store: Any) -> None:
        near = [Document(f"near-{number}", "linker " * 30 + "loader " * number) for number in range(150)]
        store.add([*near, Document("far", "linker " + "symbol " * 60)])
        assert "far" not in {match.passage.document_id for match in store.search("linker", k=150)}
        assert store.remove(document.id for document in near) == 150
        assert [match.passage.document_id for match in store.search("linker", k=3)] == ["far"]

    @pytest.mark.parametrize("query", HOSTILE)
    def test_any_text_is_a_query(self, store: Any, query: str) -> None:
        store.add([Document("a", "a linker"), Document("b", "loaders\0 \ud800 too")])
        expected = store.search("linker") if "linker" in query and "\0" not in query else None
        found = store.search(query)
        assert len(found) <= 2
        if expected:
            assert found[0].passage == expected[0].passage

    def test_a_query_of_a_megabyte_is_a_query(self, store: Any) -> None:
        store.add([Document("a", "linker"), Document("b", "loader")])
        assert store.search("linker " * 150_000)[0].passage.document_id == "a"
        store.search(" ".join(f"word{number}" for number in range(100_000)))
        store.search("x" * 1_000_000)

    def test_keeps_any_text_as_it_is(self, store: Any) -> None:
        odd = "half \ud83d a pair, nul \0, tab \t, e\u0301 \xe9 \N{LLAMA}"
        document = Document(odd, odd, {odd: odd}, source=odd)
        store.add([document])
        assert store.add([document]).unchanged == (odd,)
        (match,) = store.search("half a pair", where={odd: odd})
        passage = match.passage
        assert (passage.document_id, passage.text, passage.metadata) == (odd, odd, {odd: odd})
        assert passage.place.source == odd
        assert next(iter(store.known())).id == odd
        assert store.remove([odd]) == 1

    def test_of_the_same_id_twice_the_last_counts(self, store: Any) -> None:
        assert store.add([Document("a", "linker"), Document("a", "loader")]) == AddReport(added=("a",))
        assert [match.passage.text for match in store.search("loader linker")] == ["loader"]

    def test_a_document_without_text_is_there_and_not_found(self, store: Any) -> None:
        store.add([Document("empty", ""), Document("blank", " \n "), Document("a", "linker")])
        assert store.count() == 3
        assert {match.passage.document_id for match in store.search("linker empty", k=9)} == {"a"}
        assert store.add([Document("a", "")]).changed == ("a",)
        assert store.search("linker") == ()

    def test_says_what_it_knows_of_sources(self, store: Any) -> None:
        store.add([Document("b", "x", source="b.md", fingerprint="2"), Document("a", "x", source="a.md")])
        assert [(k.id, k.source, k.fingerprint) for k in store.known()] == [("a", "a.md", ""), ("b", "b.md", "2")]

    @pytest.mark.parametrize(
        ("document", "complaint"),
        [
            (Document("", "x"), "empty"),
            (Document("a", "x", {"tags": ["x"]}), "'tags' of document 'a' is a list"),  # type: ignore[dict-item]  # the point
            (Document("a", "x", {1: "x"}), "no string"),  # type: ignore[dict-item]  # the point
            (Document("a", None), "text of document 'a'"),  # type: ignore[arg-type]  # the point
            (Document(7, "x"), "id of document 7"),  # type: ignore[arg-type]  # the point
            ("text", "not str"),
        ],
        ids=["no id", "list", "name", "no text", "number", "text"],
    )
    def test_refuses_what_is_no_document_and_adds_none(self, store: Any, document: Any, complaint: str) -> None:
        with pytest.raises(UsageError, match=complaint):
            store.add([Document("good", "linker"), document])
        assert store.count() == 0

    def test_refuses_a_search_that_cannot_be(self, store: Any) -> None:
        with pytest.raises(UsageError, match="k=-1"):
            store.search("linker", k=-1)
        with pytest.raises(UsageError, match="'lang'"):
            store.search("linker", where={"lang": ["en", "de"]})

    def test_readers_in_threads_see_each_add_whole(self, store: Any) -> None:
        batches = [[Document(f"{batch}-{n}", f"linker {batch}") for n in range(20)] for batch in range(15)]
        seen: list[int] = []
        done = threading.Event()
        failures: list[BaseException] = []

        def read() -> None:
            try:
                while not done.is_set():
                    seen.append(len(store.search("linker", k=1_000)))
            except BaseException as error:
                failures.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for batch in batches:
            store.add(batch)
        done.set()
        for reader in readers:
            reader.join(60)
        assert failures == []
        assert {count % 20 for count in seen} <= {0}
        assert len(store.search("linker", k=1_000)) == 300

    def test_writers_in_threads_lose_nothing(self, store: Any) -> None:
        failures: list[BaseException] = []

        def write(thread: int) -> None:
            try:
                for number in range(10):
                    store.add([Document(f"{thread}-{number}", "linker"), Document("shared", f"loader {thread}")])
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert store.count() == 41
        assert len(store.search("linker loader", k=99)) == 41
