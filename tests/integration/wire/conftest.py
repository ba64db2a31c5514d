"""A provider on loopback, the direct adapter that talks to it, and the four ways to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.chat import ChatServer

import llamabot as lmb


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def port(server: ChatServer) -> Iterator[lmb.WireCompletion]:
    with lmb.WireCompletion(base_url=server.api_base, api_key="sk-test") as port:
        yield port
