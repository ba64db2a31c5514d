from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contract.docstore_contract import DocStoreContract
from tests.contract.docstore_model import LineSplitter, by_bm25, by_both, by_common_words, by_meaning

import llamabot as lmb
from llamabot.ports.errors import ConfigurationError
from llamabot.ports.fusion import VectorsOnly
from llamabot.testing import HashedEmbedding, InMemoryDocStore


class TestInMemoryDocStore(DocStoreContract):
    score = staticmethod(by_common_words)

    def make(self, folder: Path) -> InMemoryDocStore:
        return InMemoryDocStore(splitter=LineSplitter())


class _Faiss(DocStoreContract):
    def rebuild(self, store: Any, folder: Path) -> None:
        store.reindex()


class TestFaissDocStoreInMemory(_Faiss):
    score = staticmethod(by_both)

    def make(self, folder: Path) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(None, embedding=HashedEmbedding(16), splitter=LineSplitter())


class _OnDisk(_Faiss):
    def reopen(self, store: Any, folder: Path) -> Any:
        store.close()
        return self.make(folder)


class TestFaissDocStoreOnDisk(_OnDisk):
    score = staticmethod(by_both)

    def make(self, folder: Path) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(folder / "store", embedding=HashedEmbedding(16), splitter=LineSplitter())


class TestFaissDocStoreOfVectors(_OnDisk):
    score = staticmethod(by_meaning)

    def make(self, folder: Path) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(
            folder / "store", embedding=HashedEmbedding(16), splitter=LineSplitter(), fusion=VectorsOnly()
        )


class TestFaissDocStoreOfKeywords(_OnDisk):
    score = staticmethod(by_bm25)

    def make(self, folder: Path) -> lmb.FaissDocStore:
        return lmb.FaissDocStore(folder / "store", embedding=False, splitter=LineSplitter())


def test_a_rule_that_needs_vectors_needs_an_embedder() -> None:
    with pytest.raises(ConfigurationError, match="embedder"):
        lmb.FaissDocStore(embedding=False, fusion=VectorsOnly())
