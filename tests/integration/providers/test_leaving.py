"""Leaving an answer in the middle stops the provider long before its end, however one leaves."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing

import pytest
from tests.integration.providers.adapters import Port
from tests.integration.providers.ways import asking
from tests.servers.chat import ChatServer, answer, delta, finish, sse, stream_of
from tests.servers.replies import Hold, Stream

pytestmark = pytest.mark.loopback

Leave = Callable[[Port, ChatServer], None]
ENDLESS = stream_of((f"word {number} " for number in range(3000)), pause_s=0.01)
PATIENCE_S = 15.0  # half of what it takes: the provider sees in this time that it was left, or goes on to its end


async def is_left(server: ChatServer) -> None:
    """See that the provider is stopped while the loop still runs."""
    assert await asyncio.to_thread(server.exchanges[-1].left.wait, PATIENCE_S)


def by_closing(port: Port, server: ChatServer) -> None:
    with closing(port.stream(asking())) as stream:
        next(stream)


def by_dropping(port: Port, server: ChatServer) -> None:
    next(port.stream(asking()))
    gc.collect()


def by_an_error_in_the_loop(port: Port, server: ChatServer) -> None:
    def read() -> None:
        with closing(port.stream(asking())) as stream:
            for _ in stream:
                raise KeyError

    with pytest.raises(KeyError):
        read()


def by_closing_async(port: Port, server: ChatServer) -> None:
    async def leave() -> None:
        async with aclosing(port.astream(asking())) as stream:
            await anext(stream)
        await is_left(server)

    asyncio.run(leave())


def by_cancelling(port: Port, server: ChatServer) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with aclosing(port.astream(asking())) as stream:
            async for _ in stream:
                begun.set()

    async def leave() -> None:
        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await is_left(server)

    asyncio.run(leave())


def by_a_time_limit(port: Port, server: ChatServer) -> None:
    async def read() -> None:
        async with aclosing(port.astream(asking())) as stream:
            await anext(stream)
            async with asyncio.timeout(0.1):
                async for _ in stream:
                    pass

    async def leave() -> None:
        ended = await asyncio.gather(read(), return_exceptions=True)
        assert isinstance(ended[0], TimeoutError)
        await is_left(server)

    asyncio.run(leave())


WAYS: list[Leave] = [
    by_closing,
    by_dropping,
    by_an_error_in_the_loop,
    by_closing_async,
    by_cancelling,
    by_a_time_limit,
]


@pytest.mark.parametrize("leave", WAYS, ids=lambda way: way.__name__)
def test_stops_the_provider(server: ChatServer, port: Port, leave: Leave) -> None:
    warm(server, port)
    server.script(ENDLESS)
    leave(port, server)
    exchange = server.exchanges[-1]
    assert exchange.left.wait(PATIENCE_S)
    assert exchange.ended.wait(PATIENCE_S)
    assert exchange.fragments_sent < 200
    check_still_answers(server, port)


def test_stops_a_provider_that_is_still_silent_when_the_task_is_cancelled(server: ChatServer, port: Port) -> None:
    warm(server, port)
    server.script(Hold(2 * PATIENCE_S))

    async def leave() -> None:
        task = asyncio.create_task(port.acomplete(asking()))
        await asyncio.to_thread(server.wait_for, 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(leave())
    assert server.exchanges[-1].left.wait(PATIENCE_S)
    check_still_answers(server, port)


def test_makes_no_request_when_it_is_cancelled_before(server: ChatServer, port: Port) -> None:
    warm(server, port)

    async def leave_at_once(pause_s: float) -> None:
        task = asyncio.create_task(port.acomplete(asking("too late")))
        await asyncio.sleep(pause_s)
        before = [exchange.body["messages"][0]["content"] for exchange in server.exchanges]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        after = [exchange.body["messages"][0]["content"] for exchange in server.exchanges]
        assert task.done()
        assert len(after) - len(before) <= (1 if pause_s else 0)

    server.respond = lambda exchange: answer("unwanted")
    for pause_s in (0.0, 0.0005, 0.001, 0.002, 0.004):
        asyncio.run(leave_at_once(pause_s))


def test_reads_fragments_as_they_arrive(server: ChatServer, port: Port) -> None:
    warm(server, port)
    has_read, was_read = threading.Event(), []

    def packets() -> Iterator[bytes]:
        first, *others = sse(delta(content="first"), delta(content="second"), finish()).packets
        yield first
        was_read.append(has_read.wait(PATIENCE_S))
        yield from others

    server.script(Stream(packets()))
    with closing(port.stream(asking(timeout_s=2 * PATIENCE_S))) as stream:
        assert next(stream).text == "first"
        has_read.set()
        assert next(stream).text == "second"
    assert was_read == [True], "nothing was given before more came"


def warm(server: ChatServer, port: Port) -> None:
    """Let everything load that loads at a first call, so that counts mean something."""
    server.script(answer(), stream_of(["a"]))
    asyncio.run(port.acomplete(asking()))
    list(port.stream(asking()))


def check_still_answers(server: ChatServer, port: Port) -> None:
    server.script(answer("again"))
    assert port.complete(asking()).message.text == "again"
