"""LiteLLM over HTTP keeps the promises of the completion port, in both colours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.over_http import OverHttp, wire_chunk
from tests.integration.providers.ways import close_clients

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.ports.completion import CompletionChunk, FinishReason
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract


class _Lite(OverHttp):
    examples = 20

    @pytest.fixture(autouse=True)
    def _clients(self, _server: None) -> Iterator[None]:
        yield
        close_clients()

    def port(self) -> LiteLLMCompletion:
        return LiteLLMCompletion({"api_base": self.server.api_base, "api_key": "sk-test"})


@pytest.mark.loopback
class TestLiteLLMCompletion(_Lite, CompletionContract):
    pass


@pytest.mark.loopback
class TestAsyncLiteLLMCompletion(_Lite, AsyncCompletionContract):
    pass


def test_the_scripted_server_can_say_all_that_a_stream_can() -> None:
    assert wire_chunk(CompletionChunk(finish_reason=FinishReason.LENGTH))["choices"][0]["finish_reason"] == "length"
