"""Bots belong to no event loop and no thread, and leave neither behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.domain.noting import NotingCompletion

import llamabot as lmb
from llamabot.domain.threads import call_within, in_thread, in_threads
from llamabot.ports.completion import CompletionRequest
from llamabot.ports.messages import Message
from llamabot.testing import FunctionCompletion, InMemoryRecorder


class SyncMemory:
    """A conversation without async methods, so that an async bot needs threads."""

    def __init__(self) -> None:
        self.turns: list[Message] = []

    def recall(self) -> tuple[Message, ...]:
        return tuple(self.turns)

    def remember(self, turn: Any) -> None:
        self.turns.extend(turn)


def _echo(request: CompletionRequest) -> str:
    return f"re: {request.messages[-1].text}"


def _abot(**settings: Any) -> lmb.AsyncSimpleBot:
    return lmb.AsyncSimpleBot(completion=FunctionCompletion(_echo), recorder=InMemoryRecorder(), **settings)


async def _ask_and_read(bot: lmb.AsyncSimpleBot, text: str) -> tuple[str, str]:
    answer = await bot(text)
    async with bot.stream(text) as events:
        streamed = "".join([piece async for piece in events.text()])
    return answer.text, streamed


def _our_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "llamabot"]


class TestLoops:
    def test_one_bot_serves_loops_one_after_another(self) -> None:
        memory: Any = SyncMemory()
        bot = _abot(memory=memory)
        for number in range(3):
            assert asyncio.run(_ask_and_read(bot, str(number))) == (f"re: {number}", f"re: {number}")
        assert len(memory.turns) == 12

    def test_one_bot_serves_loops_at_the_same_time(self) -> None:
        memory: Any = SyncMemory()
        bot, start = _abot(memory=memory), threading.Barrier(6)

        async def many(loop: int) -> list[tuple[str, str]]:
            start.wait(10)
            return await asyncio.gather(*(_ask_and_read(bot, f"{loop}-{number}") for number in range(5)))

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda loop: asyncio.run(many(loop)), range(6)))
        expected = [[(f"re: {loop}-{number}",) * 2 for number in range(5)] for loop in range(6)]
        assert answers == expected

    def test_a_sync_bot_works_in_a_running_loop(self) -> None:
        bot = lmb.SimpleBot(completion=FunctionCompletion(_echo), recorder=InMemoryRecorder())
        structured = lmb.StructuredBot(
            output=int, completion=FunctionCompletion(lambda request: "7"), recorder=InMemoryRecorder()
        )

        async def cell() -> tuple[str, str, int]:
            with bot.stream("b", limits=lmb.Limits(deadline_s=30)) as events:
                streamed = "".join(events.text())
            return bot("a").text, streamed, structured("c")

        assert asyncio.run(cell()) == ("re: a", "re: b", 7)

    def test_an_async_bot_lets_others_have_their_turn(self) -> None:
        """A slow description of a model does not stop the loop."""
        begun, had_its_turn, met = threading.Event(), threading.Event(), []

        class Slow(FunctionCompletion):
            def capabilities(self, model: str) -> lmb.ModelCapabilities:
                begun.set()
                met.append(had_its_turn.wait(10))
                return super().capabilities(model)

        bot = lmb.AsyncStructuredBot(output=int, completion=Slow(lambda request: "7"), recorder=InMemoryRecorder())

        async def run() -> int:
            asking = asyncio.create_task(bot("?"))
            await asyncio.to_thread(begun.wait, 10)
            had_its_turn.set()  # comes to this while the description is made only because the loop is free
            return await asking

        assert asyncio.run(run()) == 7
        assert met
        assert all(met)


class TestThreads:
    def test_no_thread_is_left_after_a_call(self) -> None:
        memory: Any = SyncMemory()
        bot = lmb.SimpleBot(completion=FunctionCompletion(_echo), recorder=InMemoryRecorder(), memory=memory)
        bot("?", limits=lmb.Limits(deadline_s=30))
        list(bot.stream("?", limits=lmb.Limits(deadline_s=30)))
        asyncio.run(_ask_and_read(_abot(memory=memory), "?"))
        for thread in _our_threads():
            thread.join(5)
        assert _our_threads() == []

    def test_a_call_without_a_deadline_needs_no_thread(self) -> None:
        seen: list[str] = []
        port: Any = NotingCompletion(on_letter=lambda letters: seen.append(threading.current_thread().name))
        bot = lmb.SimpleBot(completion=port, recorder=InMemoryRecorder(), memory=lmb.ChatMemory())
        bot("?")
        list(bot.stream("?"))
        asyncio.run(_ask_and_read(lmb.AsyncSimpleBot(completion=port, recorder=InMemoryRecorder()), "?"))
        assert set(seen) == {"MainThread"}

    def test_results_and_errors_come_out_of_threads(self) -> None:
        def fail() -> None:
            raise KeyError("lost")

        assert call_within(10, divmod, 7, 2) == (3, 1)
        assert asyncio.run(in_thread(divmod, 7, 2)) == (3, 1)
        assert in_threads([]) == []
        with pytest.raises(KeyError, match="lost"):
            call_within(10, fail)
        with pytest.raises(KeyError, match="lost"):
            asyncio.run(in_thread(fail))


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        'lmb.SimpleBot(completion=Stuck(), limits=lmb.Limits(deadline_s=0.1))("?")',
        'list(lmb.SimpleBot(completion=Stuck(), limits=lmb.Limits(deadline_s=0.1)).stream("?"))',
        'asyncio.run(lmb.AsyncSimpleBot(completion=Stuck(), memory=Stuck(), limits=lmb.Limits(deadline_s=0.1))("?"))',
    ],
)
def test_what_was_left_behind_at_a_deadline_does_not_keep_the_process(call: str) -> None:
    program = f"""
    import asyncio, threading, time
    import llamabot as lmb

    class Stuck:
        def wait(self, *_):
            time.sleep(60)
        complete = recall = remember = wait
        def stream(self, request):
            self.wait()
            yield
        async def acomplete(self, request):
            return await asyncio.sleep(60)

    try:
        {call}
    except lmb.errors.LimitReached as error:
        print(error.limit, any(thread.name == "llamabot" for thread in threading.enumerate()))
    """
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=40
    )
    assert (child.stdout.split(), child.stderr, child.returncode) == (["deadline_s", "True"], "", 0)
