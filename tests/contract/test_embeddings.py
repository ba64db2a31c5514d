"""The embedders keep the promises of their port: hashed words, and the model on this machine."""

from __future__ import annotations

from functools import cache

import pytest
from tests.contract.embedding_contract import EmbeddingContract

import llamabot as lmb
from llamabot.adapters.models import ONNX, model_path
from llamabot.testing import HashedEmbedding


class TestHashedEmbedding(EmbeddingContract):
    def make(self) -> HashedEmbedding:
        return HashedEmbedding()


@cache
def _minilm() -> lmb.OnnxEmbedding:
    return lmb.OnnxEmbedding(model_path("minilm", ending=ONNX))


@pytest.mark.embedded
class TestOnnxEmbedding(EmbeddingContract):
    examples = 12

    def make(self) -> lmb.OnnxEmbedding:
        return _minilm()
