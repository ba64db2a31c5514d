"""Servers that close, wait, send us elsewhere or never stop."""

from __future__ import annotations

import pytest
from tests.integration.providers.adapters import Make, Port, litellm
from tests.integration.providers.hostile.speaking import CANARY
from tests.integration.providers.ways import ALL, STREAMED, WHOLE, Way, asking, raised, shown_by
from tests.servers.chat import ChatServer, anything, delta, failure, finish, sse
from tests.servers.replies import Broken, Raw

# OpenAI's client complains, through pydantic, of answers that are not made as they should be.
pytestmark = [pytest.mark.loopback, pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")]


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_reads_a_line_of_many_megabytes(server: ChatServer, make: Make, port: Port, way: Way) -> None:
    millions = 10 if make is litellm else 20  # which takes LiteLLM four times as long as the half
    server.script(sse(delta(content="0123456789" * (millions * 100_000)), finish()))
    assert len(way(port, asking(timeout_s=60.0)).message.text) == millions * 1_000_000


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_asks_on_a_new_connection_where_the_server_has_closed_the_old_one(
    server: ChatServer, port: Port, way: Way
) -> None:
    server.respond = anything
    assert way(port, asking()).message.text == "fine"
    server.cut_all()
    assert server.settles(0)
    assert way(port, asking()).message.text == "fine"
    assert len(server.exchanges) == 2


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_does_not_wait_for_a_head_that_never_comes(server: ChatServer, port: Port, way: Way) -> None:
    server.script(Broken([b"HTTP/1.1 200 OK\r\nX-Slow: "], pause_s=3.0))
    assert "timeout_s=" in str(raised(way, port, timeout_s=0.3))
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_goes_where_it_is_sent_without_showing_the_key_to_a_stranger(server: ChatServer, port: Port, way: Way) -> None:
    with ChatServer() as stranger:
        stranger.respond = lambda exchange: failure(404, f"you showed {exchange.headers.get('authorization')}")
        server.script(Raw(b"", 307, headers={"Location": f"{stranger.url.replace('127.0.0.1', 'localhost')}/v1/x"}))
        error = raised(way, port)
        assert CANARY not in shown_by(error) + repr([exchange.headers for exchange in stranger.exchanges])
