"""The document stores keep the promises of their port; each is compared with how it scores."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.scores import by_bm25, by_both, by_common_words

import llamabot as lmb
from llamabot.ports.docstore import Known
from llamabot.ports.errors import ConfigurationError, UsageError
from llamabot.ports.fusion import VectorsOnly
from llamabot.testing import HashedEmbedding, InMemoryDocStore
from llamabot.testing.contracts import AsyncDocStoreContract, DocStoreContract
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


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (lmb.Document("", "x"), "empty"),
        (lmb.Document("a", "x", {"tags": ["x"]}), "'tags' of document 'a' is a list"),  # type: ignore[dict-item]  # the point
        (lmb.Document("a", "x", {1: "x"}), "no string"),  # type: ignore[dict-item]  # the point
        (lmb.Document("a", None), "text of document 'a'"),  # type: ignore[arg-type]  # the point
        (lmb.Document(7, "x"), "id of document 7"),  # type: ignore[arg-type]  # the point
        ("text", "not str"),
    ],
    ids=["no id", "list", "name", "no text", "number", "text"],
)
def test_says_what_is_wrong_with_what_is_no_document(document: Any, complaint: str) -> None:
    for store in (InMemoryDocStore(), lmb.FaissDocStore(None, embedding=HashedEmbedding(16))):
        with pytest.raises(UsageError, match=complaint):
            store.add([document])


def test_says_what_is_wrong_with_a_search() -> None:
    for store in (InMemoryDocStore(), lmb.FaissDocStore(None, embedding=HashedEmbedding(16))):
        with pytest.raises(UsageError, match="k=-1"):
            store.search("linker", k=-1)
        with pytest.raises(UsageError, match="'lang'"):
            store.search("linker", where={"lang": ["en", "de"]})  # type: ignore[dict-item]  # the point


def test_a_rule_that_needs_vectors_needs_an_embedder() -> None:
    with pytest.raises(ConfigurationError, match="embedder"):
        lmb.FaissDocStore(embedding=False, fusion=VectorsOnly())
