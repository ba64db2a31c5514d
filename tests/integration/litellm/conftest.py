"""A provider on loopback, and the adapter that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.chat import ChatServer

from llamabot.adapters.litellm import LiteLLMCompletion

pytest.register_assert_rewrite("tests.integration.litellm.ways")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def port(server: ChatServer) -> LiteLLMCompletion:
    return LiteLLMCompletion({"api_base": server.api_base, "api_key": "sk-test"})
