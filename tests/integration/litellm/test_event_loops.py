"""One adapter under many event loops: nothing is left open, nothing is said on stderr, nobody waits for another."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.integration.litellm.ways import afragments, asking
from tests.servers.chat import ChatServer, answer, anything, stream_of

from llamabot.adapters.litellm import LiteLLMCompletion
from llamabot.ports.assembly import assemble

pytestmark = pytest.mark.loopback

FDS = Path("/proc/self/fd")
on_linux = pytest.mark.skipif(not FDS.exists(), reason="only Linux lists the open files of a process")


def open_files() -> int:
    return len(list(FDS.iterdir()))


async def both(port: LiteLLMCompletion) -> tuple[str, str]:
    whole = await port.acomplete(asking())
    return whole.message.text, assemble(await afragments(port, asking())).message.text


@on_linux
def test_leaves_no_file_open_over_fifty_event_loops(server: ChatServer, port: LiteLLMCompletion) -> None:
    server.respond = anything
    for _ in range(3):
        asyncio.run(both(port))
    gc.collect()
    before = open_files()
    for _ in range(50):
        assert asyncio.run(both(port)) == ("fine", "fine")
        assert open_files() <= before + 3
    assert server.open_connections <= 3


@on_linux
def test_leaves_no_file_open_when_calls_are_cancelled(server: ChatServer, port: LiteLLMCompletion) -> None:
    server.respond = lambda exchange: stream_of(["word "] * 200, pause_s=0.01)

    async def leave() -> None:
        task = asyncio.create_task(afragments(port, asking()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for _ in range(3):
        asyncio.run(leave())
    before = open_files()
    for _ in range(15):
        asyncio.run(leave())
    gc.collect()
    assert open_files() <= before + 3


def test_serves_event_loops_in_several_threads(
    server: ChatServer, port: LiteLLMCompletion, capfd: pytest.CaptureFixture[str]
) -> None:
    server.respond = anything
    asyncio.run(both(port))

    async def several() -> list[tuple[str, str]]:
        return list(await asyncio.gather(*(both(port) for _ in range(5))))

    def in_two_loops(_: int) -> list[tuple[str, str]]:
        return asyncio.run(several()) + asyncio.run(several())

    with ThreadPoolExecutor(4) as threads:
        answers = [answer for some in threads.map(in_two_loops, range(4)) for answer in some]
    gc.collect()
    assert answers == [("fine", "fine")] * 40
    assert capfd.readouterr() == ("", "")


def test_closes_the_clients_of_its_own_loop_only(server: ChatServer, port: LiteLLMCompletion) -> None:
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


def test_answers_a_plain_call_inside_of_a_running_loop(server: ChatServer, port: LiteLLMCompletion) -> None:
    server.respond = anything

    async def in_a_notebook() -> tuple[str, str, str]:
        plain = port.complete(asking()).message.text
        return plain, assemble(port.stream(asking())).message.text, (await port.acomplete(asking())).message.text

    assert asyncio.run(in_a_notebook()) == ("fine", "fine", "fine")


def test_serves_a_hundred_calls_of_one_loop_at_once(server: ChatServer, port: LiteLLMCompletion) -> None:
    server.respond = lambda exchange: answer(exchange.body["messages"][0]["content"], delay_s=0.05)

    async def hundred() -> list[str]:
        calls = (port.acomplete(asking(f"call {number}", timeout_s=30.0)) for number in range(100))
        return [completion.message.text for completion in await asyncio.gather(*calls)]

    assert asyncio.run(hundred()) == [f"call {number}" for number in range(100)]


def test_serves_many_threads_at_once(server: ChatServer, port: LiteLLMCompletion) -> None:
    server.respond = lambda exchange: answer(exchange.body["messages"][0]["content"])
    port.complete(asking("before"))
    with ThreadPoolExecutor(16) as threads:
        texts = list(threads.map(lambda number: port.complete(asking(f"call {number}")).message.text, range(100)))
    assert texts == [f"call {number}" for number in range(100)]
