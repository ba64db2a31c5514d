"""The embedded model keeps the promises of the completion port, in both colours."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tests.embedded_model import installed_model

from llamabot.adapters.llamacpp import EmbeddedCompletion
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import UserMessage
from llamabot.testing.contracts import AsyncCompletionContract, CompletionContract

pytestmark = pytest.mark.embedded


@cache
def embedded() -> EmbeddedCompletion:
    """Return one adapter for all tests: a model is loaded once in a process anyway."""
    return EmbeddedCompletion(installed_model(), context_tokens=1024, threads=1)


class _Embedded:
    model = "embedded/smollm2"
    not_supported = dict.fromkeys(
        ("scripting", "failing", "counting", "sending", "live"), "the model is in the process: nobody speaks for it"
    )

    def make(self) -> EmbeddedCompletion:
        return embedded()

    def request(self, text: str = "Say hello.", **changes: Any) -> CompletionRequest:
        message = UserMessage(text)
        return CompletionRequest(self.model, (message,), **{"temperature": 0.0, "max_tokens": 3, **changes})


class TestEmbeddedCompletion(_Embedded, CompletionContract):
    pass


class TestAsyncEmbeddedCompletion(_Embedded, AsyncCompletionContract):
    pass
