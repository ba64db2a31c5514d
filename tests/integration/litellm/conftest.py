"""A provider on loopback, and the adapter that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.integration.litellm.ways")

from tests.integration.litellm.ways import close_clients  # noqa: E402 - its asserts are rewritten first
from tests.servers.chat import ChatServer  # noqa: E402

from llamabot.adapters.litellm import LiteLLMCompletion  # noqa: E402


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server
    close_clients()


@pytest.fixture
def port(server: ChatServer) -> LiteLLMCompletion:
    return LiteLLMCompletion({"api_base": server.api_base, "api_key": "sk-test"})
