"""Connections: kept while that is safe, never asked twice, and given up as soon as something is wrong with them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.providers.ways import ALL, STREAMED, WHOLE, Way, asking, raised
from tests.servers.chat import ChatServer, answer, anything, delta, failure, sse
from tests.servers.loopback import refusing_port
from tests.servers.replies import Broken, Raw, Reply, Slam, Stream, Surplus

import llamabot as lmb
from llamabot.adapters.wire.connection import KEPT_S
from llamabot.ports.errors import BadCompletion, CompletionTimeout, ProviderUnavailable, RateLimited

pytestmark = pytest.mark.loopback

Port = lmb.WireCompletion
Ask = Callable[[Port, int], list[str]]


def blocking(port: Port, times: int) -> list[str]:
    return [port.complete(asking()).message.text for _ in range(times)]


def awaited(port: Port, times: int) -> list[str]:
    async def ask() -> list[str]:
        return [(await port.acomplete(asking())).message.text for _ in range(times)]

    return asyncio.run(ask())


COLOURS: dict[str, Ask] = {"blocking": blocking, "awaited": awaited}
in_both_colours = pytest.mark.parametrize("ask", COLOURS.values(), ids=COLOURS)


@in_both_colours
def test_asks_again_and_again_on_one_connection(server: ChatServer, port: Port, ask: Ask) -> None:
    server.respond = anything
    assert ask(port, 5) == ["fine"] * 5
    assert server.connections_made == 1


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("status", [400, 429, 500])
def test_gives_a_connection_up_for_no_refusal(server: ChatServer, port: Port, way: Way, status: int) -> None:
    server.respond = lambda exchange: failure(status)

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(lmb.errors.CompletionError):
                await port.acomplete(asking())

    if way is WHOLE["acomplete"]:
        asyncio.run(twice())
    else:
        assert [raised(way, port).retryable for _ in range(2)] == [status != 400] * 2
    assert (len(server.exchanges), server.connections_made) == (2, 1)


@in_both_colours
def test_makes_a_new_connection_where_the_server_has_closed_the_old_one(
    server: ChatServer, port: Port, ask: Ask
) -> None:
    """Nothing had been sent on it, so nothing is asked twice."""
    server.respond = anything

    async def in_one_loop() -> list[str]:
        first = (await port.acomplete(asking())).message.text
        server.cut_all()
        assert server.settles(0)  # waits, so that the loop is kept from its work, and has not seen the end yet
        return [first, (await port.acomplete(asking())).message.text]

    if ask is awaited:
        assert asyncio.run(in_one_loop()) == ["fine", "fine"]
    else:
        assert ask(port, 1) == ["fine"]
        server.cut_all()
        assert server.settles(0)
        assert ask(port, 1) == ["fine"]
    assert (len(server.exchanges), server.connections_made) == (2, 2)


@in_both_colours
def test_asks_no_second_time_where_a_request_meets_the_end(server: ChatServer, port: Port, ask: Ask) -> None:
    """Whether it was read, nobody can tell; the caller is told that it may be tried again."""
    server.script(answer("fine"), Slam(), answer("unwanted"))
    with pytest.raises(ProviderUnavailable) as caught:
        ask(port, 2)
    assert caught.value.retryable
    assert len(server.exchanges) == 2


WHOLE_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n{"choices": [{"message": {"content": "first"}}]}'
DIRTY: dict[str, Reply] = {
    "more than was told": Surplus(WHOLE_ANSWER + WHOLE_ANSWER),
    "close": Raw(b'{"choices": [{"message": {"content": "first"}}]}', headers={"Connection": "close"}),
    "an old server": Surplus(WHOLE_ANSWER.replace(b"1.1", b"1.0")),
    "two lengths": Surplus(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'30\r\n{"choices": [{"message": {"content": "first"}}]}\r\n0\r\n\r\n'
    ),
}


@pytest.mark.parametrize("reply", DIRTY.values(), ids=DIRTY)
def test_uses_no_connection_that_is_not_at_its_beginning(server: ChatServer, port: Port, reply: Reply) -> None:
    server.script(reply)
    server.respond = anything
    assert blocking(port, 2) == ["first", "fine"]
    assert server.connections_made == 2
    server.script(reply)
    with lmb.WireCompletion(base_url=server.api_base) as other:
        assert awaited(other, 2) == ["first", "fine"]
    assert server.connections_made == 4


def test_uses_no_connection_on_which_something_came_unasked(server: ChatServer, port: Port) -> None:
    """A server may say that it closes a connection for its idleness, before it does."""
    late = Surplus(WHOLE_ANSWER, later=b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    server.script(late)
    server.respond = anything
    first = blocking(port, 1)
    assert server.exchanges[0].ended.wait(2)
    assert first + blocking(port, 1) == ["first", "fine"]

    async def in_one_loop() -> list[str]:
        answers = [(await port.acomplete(asking())).message.text]
        await asyncio.to_thread(server.exchanges[-1].ended.wait, 2)
        await asyncio.sleep(0.01)
        return [*answers, (await port.acomplete(asking())).message.text]

    server.script(late)
    assert asyncio.run(in_one_loop()) == ["first", "fine"]
    assert server.connections_made == 4


def test_keeps_no_connection_that_was_in_use_when_all_were_closed(server: ChatServer, port: Port) -> None:
    server.respond = lambda exchange: answer("fine", delay_s=0.1)

    async def close_meanwhile() -> bool:
        asked = asyncio.create_task(port.acomplete(asking()))
        await asyncio.to_thread(server.wait_for, 1)
        await port.aclose()
        assert (await asked).message.text == "fine"
        return await asyncio.to_thread(server.settles, 0)

    assert asyncio.run(close_meanwhile())
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(port.complete, asking())
        server.wait_for(2)
        port.close()
        assert asked.result().message.text == "fine"
    assert server.settles(0)


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
@pytest.mark.parametrize(
    "after", [b"", b"data: more\n\n", b'data: {"choices": 5}\n\n'], ids=["nothing", "more", "rubbish"]
)
def test_reads_nothing_after_done_and_ends_the_connection(
    server: ChatServer, port: Port, way: Way, after: bytes
) -> None:
    packets = [b"".join([*sse(delta(content="fine"), {**delta(finish_reason="stop")}).packets, after])]
    server.respond = lambda exchange: Stream(packets) if exchange.body.get("stream") else answer("fine")
    assert [way(port, asking()).message.text for _ in range(2)] == ["fine", "fine"]
    assert server.settles(0)


@pytest.mark.parametrize("colour", COLOURS)
def test_keeps_to_the_deadline_of_each_request_on_one_connection(server: ChatServer, port: Port, colour: str) -> None:
    """A short one behind a long one, a long one behind a short one."""
    waits = [(60.0, 0.0), (0.5, 0.0), (20.0, 0.7), (0.5, 20.0)]

    async def in_one_loop() -> str:
        for timeout_s, delay_s in waits:
            server.script(answer("fine", delay_s=delay_s))
            text = (await port.acomplete(asking(timeout_s=timeout_s))).message.text
        return text

    def in_one_thread() -> str:
        for timeout_s, delay_s in waits:
            server.script(answer("fine", delay_s=delay_s))
            text = port.complete(asking(timeout_s=timeout_s)).message.text
        return text

    with pytest.raises(CompletionTimeout, match=r"0\.5 s"):
        in_one_thread() if colour == "blocking" else asyncio.run(in_one_loop())
    assert (len(server.exchanges), server.connections_made) == (4, 1)


@pytest.mark.parametrize("way", STREAMED.values(), ids=STREAMED)
def test_gives_a_whole_answer_though_its_stream_never_ends(server: ChatServer, port: Port, way: Way) -> None:
    packets = sse(delta(content="fine"), delta(finish_reason="stop"), done=False).packets
    server.script(Stream([*packets, *[b": still here\n\n"] * 100], pause_s=0.05))
    assert way(port, asking(timeout_s=0.3)).message.text == "fine"


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
@pytest.mark.parametrize("body", [b"", b"1000\r\n{", b"zz\r\n"], ids=["nothing", "a beginning", "rubbish"])
def test_knows_a_refusal_by_its_status_though_its_body_never_ends(
    server: ChatServer, port: Port, way: Way, body: bytes
) -> None:
    head = b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.script(Broken([head, body], pause_s=1.0))
    error = raised(way, port, timeout_s=0.3)
    assert isinstance(error, RateLimited)
    assert (error.retry_after_s, error.status_code) == (7.0, 429)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_passes_a_storm_of_429_on_one_request_each(server: ChatServer, port: Port, way: Way) -> None:
    server.respond = lambda exchange: failure(429, "slow down", headers={"Retry-After": "3"})
    waits = [error.retry_after_s for _ in range(5) if isinstance(error := raised(way, port), RateLimited)]
    assert waits == [3.0] * 5
    assert len(server.exchanges) == 5


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_says_that_a_packing_is_not_known(server: ChatServer, port: Port, way: Way) -> None:
    server.script(Raw(b"\x00", headers={"Content-Encoding": "br"}))
    error = raised(way, port)
    assert type(error) is BadCompletion
    assert "packed as 'br'" in str(error)


@in_both_colours
def test_sends_a_large_request_whole(server: ChatServer, port: Port, ask: Ask) -> None:
    server.respond = lambda exchange: answer(str(len(exchange.body["messages"][0]["content"])))
    request = asking("x" * 3_000_000, timeout_s=30.0)
    text = port.complete(request) if ask is blocking else asyncio.run(port.acomplete(request))
    assert text.message.text == "3000000"


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # the server is a thread
def test_shares_no_connection_with_a_forked_process(server: ChatServer, port: Port) -> None:
    server.respond = lambda exchange: answer(exchange.body["messages"][0]["content"])
    assert port.complete(asking("before")).message.text == "before"
    child = os.fork()
    if not child:
        status = 1
        try:
            status = int(port.complete(asking("child")).message.text != "child")
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert port.complete(asking("parent")).message.text == "parent"
    assert server.connections_made == 2


def test_makes_as_many_connections_as_threads_ask_at_once(server: ChatServer, port: Port) -> None:
    server.respond = lambda exchange: answer(exchange.body["messages"][0]["content"], delay_s=0.02)
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda number: port.complete(asking(str(number))).message.text, range(64)))
    assert texts == [str(number) for number in range(64)]
    assert server.connections_made <= 8


def test_keeps_a_connection_for_less_than_servers_do(server: ChatServer, port: Port) -> None:
    """uvicorn, node and llama.cpp close after five seconds."""
    assert 1 < KEPT_S < 5


def test_tries_every_address_of_a_host(server: ChatServer) -> None:
    """`localhost` is ::1 too on most machines, where nobody listens here."""
    server.respond = anything
    with lmb.WireCompletion(base_url=server.api_base.replace("127.0.0.1", "localhost")) as port:
        assert blocking(port, 1) + awaited(port, 1) == ["fine", "fine"]


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_says_what_the_system_says_of_a_server_that_is_not_there(way: Way) -> None:
    with refusing_port() as address, lmb.WireCompletion(base_url=address) as port:
        assert "Connection refused" in str(raised(way, port))


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_gives_up_on_a_server_that_takes_no_connection(way: Way) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # its queue is full now
            one.setblocking(False)
            one.connect_ex(place)
        with lmb.WireCompletion(base_url=f"http://127.0.0.1:{place[1]}") as port:
            assert type(raised(way, port, timeout_s=0.3)) is CompletionTimeout
        for one in waiting:
            one.close()
