"""`override` beats everything in its context and nothing outside of it; a port of the wrong colour is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.property.cores import perform, world_of
from tests.property.ways import WAYS

import llamabot as lmb
from llamabot.domain.effects import Complete, Core, Together
from llamabot.domain.threads import in_threads
from llamabot.ports.completion import Completion, CompletionChunk, CompletionRequest
from llamabot.ports.errors import ConfigurationError, UnknownArgument
from llamabot.ports.provider import override, overrides
from llamabot.testing import CountingIds, FunctionCompletion, InMemoryRecorder, ScriptedCompletion, TickingClock


def _says(text: str) -> FunctionCompletion:
    return FunctionCompletion(lambda request: text)


def _bot(way: str, **settings: Any) -> Any:
    kind: Any = lmb.AsyncSimpleBot if "async" in way else lmb.SimpleBot
    return kind(**{"completion": _says("own"), "recorder": InMemoryRecorder(), **settings})


@pytest.mark.parametrize("way", WAYS)
class TestOverride:
    def test_it_beats_what_the_bot_was_given(self, way: str) -> None:
        bot = _bot(way)
        with lmb.override(completion=_says("other")):
            assert WAYS[way](bot, ("?",)).text == "other"
        assert WAYS[way](bot, ("?",)).text == "own"

    def test_blocks_nest_and_the_inner_wins(self, way: str) -> None:
        bot, ids = _bot(way), CountingIds("outer")
        with lmb.override(completion=_says("outer"), ids=ids):
            with lmb.override(completion=_says("inner")):
                result = WAYS[way](bot, ("?",))
                assert (result.text, result.run_id) == ("inner", "outer-1")
            assert WAYS[way](bot, ("?",)).text == "outer"

    def test_every_port_can_be_replaced(self, way: str) -> None:
        recorder, memory, clock = InMemoryRecorder(), lmb.ChatMemory(), TickingClock(start_ns=5, tick_ns=0)
        bot = _bot(way, memory=lmb.ChatMemory(), clock=TickingClock(), ids=CountingIds())
        with lmb.override(recorder=recorder, memory=memory, clock=clock, ids=CountingIds("x")):
            result = WAYS[way](bot, ("?",))
        (run,) = recorder.runs()
        assert (result.run_id, run.run_id, run.started_ns) == ("x-1", "x-1", 5)
        assert [message.text for message in memory.recall()] == ["?", "own"]

    def test_none_turns_recording_and_memory_off(self, way: str) -> None:
        recorder, memory = InMemoryRecorder(), lmb.ChatMemory()
        with lmb.override(recorder=None, memory=None):
            WAYS[way](_bot(way, recorder=recorder, memory=memory), ("?",))
        assert list(recorder.runs()) == []
        assert memory.recall() == ()

    def test_a_port_that_is_empty_is_a_port_all_the_same(self, way: str) -> None:
        """A scripted model could well have a length, and be used up."""

        class Empty(ScriptedCompletion):
            def __len__(self) -> int:
                return 0

        completion = Empty(["other"])
        with lmb.override(completion=completion):
            assert WAYS[way](_bot(way), ("?",)).text == "other"
        assert WAYS[way](_bot(way, completion=Empty(["third"])), ("?",)).text == "third"

    def test_an_error_ends_it_too(self, way: str) -> None:
        with pytest.raises(ZeroDivisionError), lmb.override(completion=_says("other")):
            raise ZeroDivisionError
        assert WAYS[way](_bot(way), ("?",)).text == "own"


def test_a_stream_keeps_the_ports_it_was_made_with() -> None:
    with lmb.override(completion=_says("other")):
        events = _bot("stream").stream("?")
    assert "".join(events.text()) == "other"


def test_an_async_stream_keeps_the_ports_it_was_made_with() -> None:
    async def read() -> str:
        with lmb.override(completion=_says("other")):
            events = _bot("async stream").stream("?")
        return "".join([text async for text in events.text()])

    assert asyncio.run(read()) == "other"


class TestContexts:
    def test_tasks_do_not_see_each_others(self) -> None:
        bot = _bot("async")

        async def ask(text: str) -> str:
            with lmb.override(completion=_says(text)):
                await asyncio.sleep(0)
                answer: str = (await bot("?")).text
                await asyncio.sleep(0)
            return answer

        async def run() -> list[str]:
            return await asyncio.gather(*(ask(str(number)) for number in range(5)))

        assert asyncio.run(run()) == ["0", "1", "2", "3", "4"]

    def test_a_task_started_inside_keeps_it(self) -> None:
        bot = _bot("async")

        async def run() -> str:
            with lmb.override(completion=_says("other")):
                task = asyncio.create_task(bot("?"))
            return (await task).text

        assert asyncio.run(run()) == "other"

    def test_a_thread_of_somebody_else_does_not_see_it(self) -> None:
        bot, heard = _bot("sync"), []
        with lmb.override(completion=_says("other")):
            thread = threading.Thread(target=lambda: heard.append(bot("?").text))
            thread.start()
            thread.join()
        assert heard == ["own"]

    def test_our_own_threads_see_it(self) -> None:
        bot = _bot("sync")
        with lmb.override(completion=_says("other")):
            assert [answer.text for answer in in_threads([lambda: bot("?")] * 3)] == ["other"] * 3

    def test_what_bots_do_inside_of_a_port_sees_it(self) -> None:
        """A tool that is a bot: run by a thread of ours, under the same override."""
        inner = _bot("sync")

        def ask_inner(request: CompletionRequest) -> str:
            text: str = inner("?").text
            return text

        def core() -> Core[Any]:
            return (yield from Together([Complete(CompletionRequest("", (lmb.user("?"),)))] * 2))

        with lmb.override(completion=_says("other"), recorder=InMemoryRecorder()):
            results = perform("drive", core(), world_of(FunctionCompletion(ask_inner)))
        assert [completion.message.text for completion in results] == ["other", "other"]

    def test_an_unknown_port_is_refused_and_the_known_ones_named(self) -> None:
        with pytest.raises(
            UnknownArgument,
            match=r"no argument 'model'.*clock, completion, docstore, .*recorder.*lmb\.configure\(model=",
        ):
            override(model="x").__enter__()
        assert overrides() == {}


class SyncOnly:
    def complete(self, request: CompletionRequest) -> Completion:
        raise NotImplementedError

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:
        raise NotImplementedError


class AsyncOnly:
    async def acomplete(self, request: CompletionRequest) -> Completion:
        raise NotImplementedError


class TestColours:
    @pytest.mark.parametrize(
        ("kind", "port", "reason"),
        [
            (
                lmb.SimpleBot,
                AsyncOnly,
                r"completion=AsyncOnly has no complete\(\): it serves an async bot; use the Async",
            ),
            (
                lmb.AsyncSimpleBot,
                SyncOnly,
                r"completion=SyncOnly has no acomplete\(\): it serves a sync bot; use the sync",
            ),
        ],
    )
    def test_a_port_of_the_wrong_colour_is_refused_at_once(self, kind: Any, port: Any, reason: str) -> None:
        with pytest.raises(ConfigurationError, match=reason):
            kind(completion=port())
        with pytest.raises(ConfigurationError, match=reason):
            kind().with_(completion=port())

    def test_one_that_comes_by_override_is_refused_at_the_call(self) -> None:
        with lmb.override(completion=AsyncOnly()), pytest.raises(ConfigurationError, match="serves an async bot"):
            _bot("sync")("?")

    def test_a_class_instead_of_an_object_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="ScriptedCompletion is a class"):
            lmb.SimpleBot(completion=ScriptedCompletion)  # type: ignore[arg-type]  # the mistake
