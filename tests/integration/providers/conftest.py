"""A provider on loopback, and each adapter that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.providers.adapters import ADAPTERS, Make, Port, litellm
from tests.integration.providers.ways import close_clients
from tests.servers.chat import ChatServer


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server
    close_clients()


@pytest.fixture(params=ADAPTERS)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a port of options."""
    return ADAPTERS[request.param]


@pytest.fixture
def port(server: ChatServer, make: Make) -> Port:
    return make({"api_base": server.api_base, "api_key": "sk-test"})


@pytest.fixture
def lite() -> Make:
    """Makes a port of LiteLLM's adapter, for what only LiteLLM does."""
    return litellm


@pytest.fixture
def lite_port(server: ChatServer) -> Port:
    return litellm({"api_base": server.api_base, "api_key": "sk-test"})
