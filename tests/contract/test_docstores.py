"""The document stores keep the promises of their port; each is compared with how it scores."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from tests.contract.scores import by_bm25, by_both, by_common_words

import llamabot as lmb
from llamabot.ports.docstore import Known
from llamabot.ports.documents import Document
from llamabot.ports.embedding import Vectors
from llamabot.ports.errors import ConfigurationError, UsageError
from llamabot.ports.fusion import VectorsOnly, WeightedScores
from llamabot.testing import HashedEmbedding, InMemoryDocStore
from llamabot.testing.contracts import AsyncDocStoreContract, DocStoreContract, SourceSearchContract
from llamabot.testing.contracts.docstore_model import LineSplitter, by_meaning
from llamabot.testing.faults import faulty


class TestInMemoryDocStore(DocStoreContract):
    score = staticmethod(by_common_words)

    def make(self) -> InMemoryDocStore:
        return InMemoryDocStore(splitter=LineSplitter())


class TestFaultlessDocStore(DocStoreContract):
    """Here the store cuts and scores as it likes, as the stores of users do."""

    examples = 10

    def make(self) -> InMemoryDocStore:
        return faulty(InMemoryDocStore(), [])


class InAThread:
    """A store whose methods are awaited."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.relevant_score = store.relevant_score

    async def aadd(self, documents: Any) -> Any:
        return await asyncio.to_thread(self._store.add, documents)

    async def aremove(self, ids: Any) -> Any:
        return await asyncio.to_thread(self._store.remove, ids)

    async def asearch(self, query: str, **how: Any) -> Any:
        return await asyncio.to_thread(self._store.search, query, **how)

    async def acount(self) -> Any:
        return await asyncio.to_thread(self._store.count)

    def known(self) -> Iterator[Known]:
        known: Iterator[Known] = self._store.known()
        return known


class TestAsyncDocStore(AsyncDocStoreContract):
    examples = 10

    def make(self) -> Any:
        return InAThread(InMemoryDocStore())


class TestAsyncFaultlessDocStore(TestAsyncDocStore):
    def make(self) -> Any:
        return faulty(InAThread(InMemoryDocStore()), [None])


class _Faiss(DocStoreContract):
    def rebuild(self, store: Any) -> None:
        store.reindex()


class TestFaissDocStoreInMemory(_Faiss):
    score = staticmethod(by_both)

    def make(self) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(None, embedding=HashedEmbedding(16), splitter=LineSplitter())


class _OnDisk(_Faiss):
    def reopen(self, store: Any) -> Any:
        store.close()
        return self.make()


class TestFaissDocStoreOnDisk(_OnDisk):
    score = staticmethod(by_both)

    def make(self) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(self.folder / "store", embedding=HashedEmbedding(16), splitter=LineSplitter())


class TestFaissDocStoreOfVectors(_OnDisk):
    score = staticmethod(by_meaning)

    def make(self) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(
            self.folder / "store", embedding=HashedEmbedding(16), splitter=LineSplitter(), fusion=VectorsOnly()
        )


class TestFaissDocStoreOfKeywords(_OnDisk):
    score = staticmethod(by_bm25)
    tolerance = 1e-12  # a word that most passages have counts a millionth, and tells them apart all the same

    def make(self) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(self.folder / "store", embedding=False, splitter=LineSplitter())


class TestSearchInSources(SourceSearchContract):
    def make(self) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(self.folder / "store", embedding=HashedEmbedding(16), splitter=LineSplitter())


class TestSearchByWordsInSources(SourceSearchContract):
    def make(self) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(None, embedding=False, splitter=LineSplitter())


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (lmb.Document("", "x"), "empty"),
        (lmb.Document("a", "x", {"tags": ["x"]}), "'tags' of document 'a' is a list"),  # type: ignore[dict-item]  # the point
        (lmb.Document("a", "x", {1: "x"}), "no string"),  # type: ignore[dict-item]  # the point
        (lmb.Document("a", None), "text of document 'a'"),  # type: ignore[arg-type]  # the point
        (lmb.Document("a", "x", None), "of document 'a' is a NoneType"),  # type: ignore[arg-type]  # the point
        (lmb.Document(7, "x"), "id of document 7"),  # type: ignore[arg-type]  # the point
        ("text", "not str"),
    ],
    ids=["no id", "list", "name", "no text", "no metadata", "number", "text"],
)
def test_says_what_is_wrong_with_what_is_no_document(document: Any, complaint: str) -> None:
    for store in (InMemoryDocStore(), lmb.FaissDocStore(None, embedding=HashedEmbedding(16))):
        with pytest.raises(UsageError, match=complaint):
            store.add([document])


def test_one_id_is_not_taken_for_the_ids_that_its_letters_are() -> None:
    for store in (InMemoryDocStore(), lmb.FaissDocStore(None, embedding=HashedEmbedding(16))):
        store.add([lmb.Document("a", "linker"), lmb.Document("ab", "linker")])
        with pytest.raises(UsageError, match=r"remove\(\['ab'\]\)"):
            store.remove("ab")
        with pytest.raises(UsageError, match="7 is no document's id"):
            store.remove(["a", 7])  # type: ignore[list-item]  # the point
        assert store.count() == 2


def test_one_document_is_not_several() -> None:
    for store in (InMemoryDocStore(), lmb.FaissDocStore(None, embedding=HashedEmbedding(16))):
        for one in (lmb.Document("a", "linker"), "a", None):
            with pytest.raises(UsageError, match=r"add\(\[…\]\)"):
                store.add(one)  # type: ignore[arg-type]  # the point


def test_however_many_are_wanted_all_are_found() -> None:
    documents = [lmb.Document(str(number), "linker") for number in range(20)]
    for store in (
        InMemoryDocStore(documents),
        lmb.FaissDocStore(None, embedding=HashedEmbedding(16)),
        lmb.FaissDocStore(None, embedding=False),
    ):
        store.add(documents)
        assert all(len(store.search("linker", k=k)) == 20 for k in (20, 2**29, sys.maxsize, 10**30))


def test_says_what_is_wrong_with_a_search() -> None:
    for store in (InMemoryDocStore(), lmb.FaissDocStore(None, embedding=HashedEmbedding(16))):
        for wrong in ("3", 1.5, None):
            with pytest.raises(UsageError, match=f"k={wrong!r}"):
                store.search("linker", k=wrong)  # type: ignore[arg-type]  # the point
        with pytest.raises(UsageError, match="not 7"):
            store.search(7)  # type: ignore[arg-type]  # the point
        with pytest.raises(UsageError, match="is a list, not a dict"):
            store.search("linker", where=["lang"])  # type: ignore[arg-type]  # the point
        with pytest.raises(UsageError, match="k=-1"):
            store.search("linker", k=-1)
        with pytest.raises(UsageError, match="'lang'"):
            store.search("linker", where={"lang": ["en", "de"]})  # type: ignore[dict-item]  # the point


class _Weighted(_Faiss):
    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.score = partial(by_both, weight=weight)

    def make(self) -> lmb.FaissDocStore:
        rule = WeightedScores(self.weight)
        return lmb.FaissDocStore(None, embedding=HashedEmbedding(16), splitter=LineSplitter(), fusion=rule)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.1, 0.4])
def test_both_halves_go_as_deep_as_they_must_whatever_they_weigh(weight: float) -> None:
    _Weighted(weight).test_of_many_it_finds_the_best_whatever_k_and_the_filter_are()


class _Aimed:
    """Makes vectors of two numbers: how close to any question a text is said to be, and the rest."""

    name, dimensions = "aimed", 2

    def embed(self, texts: Sequence[str]) -> Vectors:
        close = [next((value for word, value in _CLOSE.items() if word in text), 1.0) for text in texts]
        return np.array([[value, (1 - value * value) ** 0.5] for value in close], np.float32).reshape(-1, 2)


_CLOSE = {"near": 0.8, "good": 0.79, "far": 0.0}


def test_what_is_second_to_many_in_each_half_is_found_where_it_is_first_in_both() -> None:
    near = [Document(f"near-{number}", "near") for number in range(100)]
    far = [Document(f"far-{number}", f"far word{number % 40} word{number % 40}") for number in range(100)]
    good = Document("good", "good word7 word7 and others")
    with lmb.FaissDocStore(None, embedding=_Aimed(), splitter=LineSplitter(), fusion=WeightedScores(0.2)) as store:
        store.add([*near, *far, good])
        found = store.search(" ".join(f"word{number}" for number in range(40)), k=1)
    assert [match.passage.document_id for match in found] == ["good"]


class _Drawn:
    """Makes vectors of two numbers by chance: as close to each other as passages and questions are."""

    name, dimensions = "drawn", 2

    def embed(self, texts: Sequence[str]) -> Vectors:
        close = [0.4 + 0.2 * (crc32(text.encode()) % 1_000) / 1_000 for text in texts]
        return np.array([[value, (1 - value * value) ** 0.5] for value in close], np.float32).reshape(-1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.2, 0.6, 0.85])
def test_no_word_is_left_out_that_brings_a_passage_among_the_best(weight: float) -> None:
    chance = random.Random(1)
    names = [f"word{number}" for number in range(40)]
    often = [1 / (number + 2) for number in range(40)]
    store = lmb.FaissDocStore(None, embedding=_Drawn(), splitter=LineSplitter(), fusion=WeightedScores(weight))
    with store:
        for number in range(600):
            words = chance.choices(names, often, k=4)
            words += words[:1] * chance.choice([0, 0, 20])  # a word that stands there often counts twice as much
            store.add([Document(str(number), " ".join(words))])
        for _ in range(60):
            query = " ".join(chance.choices(names, k=3))
            all_of_them = store.search(query, k=600)
            for k in (1, 10):
                assert store.search(query, k=k) == all_of_them[:k]


class _Random:
    """Makes vectors that are no round numbers, all in one half of the space."""

    name, dimensions = "random", 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = [np.random.default_rng(crc32(text.encode())).standard_normal(384) + 1 for text in texts]
        vectors = np.array(rows, np.float32).reshape(-1, 384)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.slow
def test_a_score_is_the_same_to_the_last_digit_whatever_is_found_beside_it() -> None:
    store = lmb.FaissDocStore(None, embedding=_Random(), splitter=LineSplitter(), fusion=VectorsOnly())
    store.add([Document(str(number), f"text {number}", {"third": number % 3}) for number in range(600)])
    for query in map(str, range(60)):
        all_of_them = store.search(query, k=600)
        for k in (10, 50):
            assert store.search(query, k=k) == all_of_them[:k]
        third = [match for match in all_of_them if match.passage.metadata["third"] == 1]
        assert list(store.search(query, k=600, where={"third": 1})) == third


def test_a_rule_that_needs_vectors_needs_an_embedder() -> None:
    with pytest.raises(ConfigurationError, match="embedder"):
        lmb.FaissDocStore(embedding=False, fusion=VectorsOnly())
