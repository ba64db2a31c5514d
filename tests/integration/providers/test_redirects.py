"""A redirect is an answer like any other that is none: nothing is asked again, and no key goes to another host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.providers.adapters import Make, direct, litellm
from tests.integration.providers.ways import ALL, Way, check_is_presentable, raised, shown_by
from tests.servers.chat import ChatServer, anything
from tests.servers.replies import Raw

from llamabot.ports.errors import RequestRejected

pytestmark = pytest.mark.loopback

CANARY = "sk-canary-4f9a1c7e"
# What is asked of whom: the other wires are LiteLLM's alone.
ASKED = [
    pytest.param(direct, "openai/scripted", id="direct"),
    *(pytest.param(litellm, f"{wire}/scripted", id=wire) for wire in ("openai", "anthropic", "ollama_chat")),
]


@pytest.fixture
def other() -> Iterator[ChatServer]:
    with ChatServer() as other:
        other.respond = anything
        yield other


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize(("make", "model"), ASKED)
def test_a_redirect_is_not_followed(
    make: Make, server: ChatServer, other: ChatServer, model: str, way: Way, status: int
) -> None:
    server.respond = lambda _: Raw(b"moved", status=status, headers={"Location": f"{other.url}/elsewhere"})
    port = make({"api_base": server.url, "api_key": CANARY})
    error = raised(way, port, model=model)
    assert isinstance(error, RequestRejected)
    assert f"sends to another address, where no key is sent; api_base= is perhaps another ({status})" in str(error)
    check_is_presentable(error, model)
    assert other.exchanges == []
    assert len(server.exchanges) == 1
    assert CANARY not in shown_by(error)
