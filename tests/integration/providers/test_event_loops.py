"""One adapter under many event loops: nothing is left open, nothing is said on stderr, nobody waits for another."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.providers.adapters import Make, Port, direct, litellm
from tests.integration.providers.ways import afragments, asking
from tests.servers.chat import ChatServer, answer, anything, stream_of
from tests.servers.replies import Reply, Stream
from tests.servers.wires import anthropic_events, ollama_line

from llamabot.ports.assembly import assemble

pytestmark = pytest.mark.loopback

FDS = Path("/proc/self/fd")
on_linux = pytest.mark.skipif(not FDS.exists(), reason="only Linux lists the open files of a process")


def open_files() -> int:
    return len(list(FDS.iterdir()))


async def both(port: Port) -> tuple[str, str]:
    """Ask in both forms; the whole answer last, for it leaves its connection open for the next request."""
    streamed = assemble(await afragments(port, asking()))
    whole = await port.acomplete(asking())
    return whole.message.text, streamed.message.text


@on_linux
def test_leaves_no_file_open_over_many_event_loops(server: ChatServer, port: Port) -> None:
    server.respond = anything
    for _ in range(2):
        asyncio.run(both(port))
    gc.collect()
    before = open_files()
    for _ in range(4):
        assert asyncio.run(both(port)) == ("fine", "fine")
        assert settles(before)
    assert server.open_connections == 0


def test_keeps_hold_of_no_loop_that_has_ended(server: ChatServer, port: Port) -> None:
    server.respond = anything

    async def asked() -> weakref.ref[asyncio.AbstractEventLoop]:
        await afragments(port, asking())
        return weakref.ref(asyncio.get_running_loop())

    complaints: list[Any] = []

    def without_ceremony() -> weakref.ref[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda _, told: complaints.append(told["message"]))
        try:
            return loop.run_until_complete(asked())
        finally:
            loop.close()

    closed, ended = without_ceremony(), asyncio.run(asked())
    port.complete(asking())  # LiteLLM keeps hold of the latest call
    gc.collect()
    assert (closed(), ended(), complaints) == (None, None, [])


async def by_cancelling(port: Port, model: str) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with aclosing(port.astream(asking(model=model))) as stream:
            async for _ in stream:
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def by_closing(port: Port, model: str) -> None:
    async with aclosing(port.astream(asking(model=model))) as stream:
        await anext(stream)


async def by_forgetting(port: Port, model: str) -> None:
    async for _ in port.astream(asking(model=model)):
        break


WORDS = ["word "] * 200
ENDLESS: dict[str, Reply] = {
    "openai/scripted": stream_of(WORDS, pause_s=0.01),
    "anthropic/scripted": Stream(anthropic_events(WORDS), pause_s=0.01),
    "ollama_chat/scripted": Stream([ollama_line(word) for word in WORDS], pause_s=0.01),
}


@on_linux
@pytest.mark.parametrize("leave", [by_cancelling, by_closing, by_forgetting], ids=lambda leave: leave.__name__)
@pytest.mark.parametrize(
    ("make", "model"),
    [
        pytest.param(direct, "openai/scripted", id="direct"),
        *(pytest.param(litellm, model, id=model) for model in ENDLESS),
    ],
)
def test_leaves_no_file_open_over_many_streams_that_are_left(
    make: Make, server: ChatServer, leave: Any, model: str
) -> None:
    server.respond = lambda exchange: ENDLESS[model]
    port = make({"api_base": server.api_base if "openai" in model else server.url, "api_key": "sk-test"})
    asyncio.run(leave(port, model))
    gc.collect()
    before = open_files()
    for _ in range(3):
        asyncio.run(leave(port, model))
    # The server, which is in this process too, takes its time to see that someone left.
    assert settles(before)


@on_linux
def test_leaves_no_file_open_when_loops_in_threads_leave_at_once(server: ChatServer, port: Port) -> None:
    server.respond = lambda exchange: ENDLESS["openai/scripted"]

    def leave(_: int) -> None:
        asyncio.run(by_closing(port, "openai/scripted"))

    leave(0)
    gc.collect()
    before = open_files()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(leave, range(8)))
    assert settles(before)


def settles(before: int) -> bool:
    """Whether soon no more files are open than before."""
    patience = time.monotonic() + 15
    while open_files() > before and time.monotonic() < patience:
        time.sleep(0.02)
    return open_files() <= before


def test_serves_event_loops_in_several_threads(
    server: ChatServer, port: Port, capfd: pytest.CaptureFixture[str]
) -> None:
    server.respond = anything
    asyncio.run(both(port))

    async def several() -> list[tuple[str, str]]:
        return list(await asyncio.gather(*(both(port) for _ in range(3))))

    def in_two_loops(_: int) -> list[tuple[str, str]]:
        return asyncio.run(several()) + asyncio.run(several())

    with ThreadPoolExecutor(4) as threads:
        answers = [answer for some in threads.map(in_two_loops, range(4)) for answer in some]
    gc.collect()
    assert answers == [("fine", "fine")] * 24
    assert capfd.readouterr() == ("", "")


def test_closes_the_clients_of_its_own_loop_only(server: ChatServer, port: Port) -> None:
    server.respond = anything
    ended = threading.Event()

    async def outlive() -> str:
        first = await both(port)
        await asyncio.to_thread(ended.wait)
        return first[0] + (await both(port))[0]

    with ThreadPoolExecutor(1) as threads:
        longer = threads.submit(asyncio.run, outlive())
        server.wait_for(2)
        asyncio.run(both(port))
        ended.set()
        assert longer.result(10) == "finefine"


def test_answers_a_plain_call_inside_of_a_running_loop(server: ChatServer, port: Port) -> None:
    server.respond = anything

    async def in_a_notebook() -> tuple[str, str, str]:
        plain = port.complete(asking()).message.text
        return plain, assemble(port.stream(asking())).message.text, (await port.acomplete(asking())).message.text

    assert asyncio.run(in_a_notebook()) == ("fine", "fine", "fine")


def test_serves_a_hundred_calls_of_one_loop_at_once(server: ChatServer, port: Port) -> None:
    server.respond = lambda exchange: answer(exchange.body["messages"][0]["content"], delay_s=0.05)

    async def hundred() -> list[str]:
        calls = (port.acomplete(asking(f"call {number}", timeout_s=30.0)) for number in range(100))
        return [completion.message.text for completion in await asyncio.gather(*calls)]

    assert asyncio.run(hundred()) == [f"call {number}" for number in range(100)]


def test_serves_many_threads_at_once(server: ChatServer, port: Port) -> None:
    server.respond = lambda exchange: answer(exchange.body["messages"][0]["content"])
    port.complete(asking("before"))
    with ThreadPoolExecutor(16) as threads:
        texts = list(threads.map(lambda number: port.complete(asking(f"call {number}")).message.text, range(48)))
    assert texts == [f"call {number}" for number in range(48)]
