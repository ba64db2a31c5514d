"""A provider on loopback, and the adapter that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.providers.ways import close_clients
from tests.servers.chat import ChatServer

from llamabot.adapters.litellm import LiteLLMCompletion


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server
    close_clients()


@pytest.fixture
def port(server: ChatServer) -> LiteLLMCompletion:
    return LiteLLMCompletion({"api_base": server.api_base, "api_key": "sk-test"})
