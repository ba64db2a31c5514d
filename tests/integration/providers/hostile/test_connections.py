"""Servers that close, wait, send us elsewhere or never stop."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, closing

import pytest
from tests.integration.providers.adapters import Make, Port, litellm
from tests.integration.providers.hostile.speaking import BEGIN, CANARY, JSON_HEAD, chunk_of
from tests.integration.providers.ways import ALL, STREAMED, WHOLE, Way, asking, raised, shown_by
from tests.servers.chat import ChatServer, anything, delta, failure, finish, sse
from tests.servers.replies import Broken, Raw, Stream

from llamabot.ports.assembly import assemble
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.errors import CompletionError, CompletionTimeout
from llamabot.ports.messages import AssistantMessage

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


TRICKLED_WHOLES = {
    "in the head": [b"HTTP/1.1 200 OK\r\nX-Slow: ", *[b"x"] * 400],
    "in the body": [JSON_HEAD + b"Content-Length: 5000\r\n\r\n", *[b" "] * 400],
}


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("packets", TRICKLED_WHOLES.values(), ids=TRICKLED_WHOLES)
def test_lets_no_trickle_draw_the_deadline_out(server: ChatServer, port: Port, way: Way, packets: list[bytes]) -> None:
    server.script(Broken(packets, pause_s=0.02))
    assert type(raised(way, port, timeout_s=0.3)) is CompletionTimeout
    assert server.wait_for(1).left.wait(20), "who waits for its end does not leave"


TRICKLED_STREAMS = {
    "in comments and blank lines": [b": still here\n\n", b"\n"] * 200,
    "in an event": [b"data: ", *[b"x"] * 400],
    "in chunks that say nothing": [chunk_of(choices=[])] * 400,
}


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize("packets", TRICKLED_STREAMS.values(), ids=TRICKLED_STREAMS)
def test_lets_no_trickle_draw_out_the_wait_for_a_fragment(
    server: ChatServer, port: Port, way: Way, packets: list[bytes]
) -> None:
    server.script(Stream([BEGIN, *packets], pause_s=0.02))
    error = raised(way, port, timeout_s=0.3)
    assert type(error) is CompletionTimeout
    assert isinstance(error, CompletionError)
    assert error.partial == AssistantMessage("hel")
    assert server.wait_for(1).left.wait(20), "who waits for its end does not leave"


def read_slowly(port: Port, request: CompletionRequest) -> Completion:
    with closing(port.stream(request)) as stream:
        begin = [next(stream), next(stream)]  # the second was waited for
        time.sleep(0.3)
        return assemble([*begin, *stream])


def read_slowly_awaited(port: Port, request: CompletionRequest) -> Completion:
    async def read() -> Completion:
        async with aclosing(port.astream(request)) as stream:
            begin = [await anext(stream), await anext(stream)]
            await asyncio.sleep(0.3)
            return assemble([*begin, *[chunk async for chunk in stream]])

    return asyncio.run(read())


@pytest.mark.parametrize("way", [read_slowly, read_slowly_awaited])
def test_does_not_count_the_readers_time(server: ChatServer, port: Port, way: Way) -> None:
    server.script(sse(delta(content="fi"), delta(content="ne"), delta(finish_reason="stop"), pause_s=0.1))
    assert way(port, asking(timeout_s=0.25)).message.text == "fine"


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_goes_where_it_is_sent_without_showing_the_key_to_a_stranger(server: ChatServer, port: Port, way: Way) -> None:
    with ChatServer() as stranger:
        stranger.respond = lambda exchange: failure(404, f"you showed {exchange.headers.get('authorization')}")
        server.script(Raw(b"", 307, headers={"Location": f"{stranger.url.replace('127.0.0.1', 'localhost')}/v1/x"}))
        error = raised(way, port)
        assert CANARY not in shown_by(error) + repr([exchange.headers for exchange in stranger.exchanges])
