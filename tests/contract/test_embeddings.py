"""The embedders keep the promises of their port: hashed words, the model on this machine, a provider over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from tests.integration.providers.ways import close_clients
from tests.servers.chat import ChatServer
from tests.servers.vectors import hashed

import llamabot as lmb
from llamabot.adapters.models import ONNX, model_path
from llamabot.testing import HashedEmbedding
from llamabot.testing.contracts import AsyncEmbeddingContract, EmbeddingContract
from llamabot.testing.faults import faulty


class TestHashedEmbedding(EmbeddingContract):
    def make(self) -> HashedEmbedding:
        return HashedEmbedding()


class TestAsyncHashedEmbedding(AsyncEmbeddingContract):
    def make(self) -> HashedEmbedding:
        return HashedEmbedding()


class TestFaultlessEmbedding(EmbeddingContract):
    def make(self) -> HashedEmbedding:
        return faulty(HashedEmbedding(), [])


class TestAsyncFaultlessEmbedding(AsyncEmbeddingContract):
    def make(self) -> HashedEmbedding:
        return faulty(HashedEmbedding(), [None])


@cache
def _minilm() -> lmb.OnnxEmbedding:
    return lmb.OnnxEmbedding(model_path("minilm", ending=ONNX))


@pytest.mark.embedded
class TestOnnxEmbedding(EmbeddingContract):
    examples = 12

    def make(self) -> lmb.OnnxEmbedding:
        return _minilm()


class _OverHttp:
    examples = 12

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with ChatServer(hashed) as self.server:
            yield
        close_clients()


class _ThroughLiteLLM(_OverHttp):
    def make(self) -> lmb.LiteLLMEmbedding:
        return lmb.LiteLLMEmbedding(
            "openai/scripted", {"api_base": self.server.api_base, "api_key": "sk-test"}, batch_size=3
        )


@pytest.mark.loopback
class TestLiteLLMEmbedding(_ThroughLiteLLM, EmbeddingContract):
    pass


@pytest.mark.loopback
class TestAsyncLiteLLMEmbedding(_ThroughLiteLLM, AsyncEmbeddingContract):
    pass


class _Direct(_OverHttp):
    def make(self) -> lmb.WireEmbedding:
        return lmb.WireEmbedding("scripted", base_url=self.server.api_base, api_key="sk-test", batch_size=3)


@pytest.mark.loopback
class TestWireEmbedding(_Direct, EmbeddingContract):
    pass


@pytest.mark.loopback
class TestAsyncWireEmbedding(_Direct, AsyncEmbeddingContract):
    pass
