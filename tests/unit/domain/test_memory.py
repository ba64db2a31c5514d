"""A conversation: read when the call begins, stored whole when it ended well, never in between."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from tests.property.ways import WAYS

import llamabot as lmb
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.ports.errors import (
    AnswerNotParsed,
    ConfigurationError,
    MemoryFailed,
    ProviderUnavailable,
    StreamTruncated,
)
from llamabot.ports.messages import Message
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion


def _bot(way: str, script: Any, memory: Any, kind: str = "Simple", **settings: Any) -> Any:
    name = f"{'Async' if 'async' in way else ''}{kind}Bot"
    completion = script if hasattr(script, "complete") else ScriptedCompletion(script)
    return getattr(lmb, name)("S.", completion=completion, recorder=InMemoryRecorder(), memory=memory, **settings)


def _texts(memory: Any) -> list[str]:
    return [message.text for message in memory.recall()]


@pytest.mark.parametrize("way", WAYS)
class TestTurns:
    def test_the_conversation_goes_between_the_system_prompt_and_the_question(self, way: str) -> None:
        memory, completion = lmb.ChatMemory(), ScriptedCompletion(["one", "two"])
        bot = _bot(way, completion, memory)
        WAYS[way](bot, ("first", lmb.user("second")))
        WAYS[way](bot, ("third",))
        assert [message.text for message in completion.requests[1].messages] == [
            "S.",
            "first",
            "second",
            "one",
            "third",
        ]
        assert _texts(memory) == ["first", "second", "one", "third", "two"]

    def test_the_answer_is_stored_with_its_reasoning_and_data(self, way: str) -> None:
        answer = lmb.AssistantMessage("yes", reasoning="because", provider_data={"signature": "abc"})
        memory = lmb.ChatMemory()
        WAYS[way](_bot(way, [answer], memory), ("?",))
        assert memory.recall()[-1] == answer

    @pytest.mark.parametrize(
        "behaviour",
        [
            ProviderUnavailable("down"),
            [lmb.CompletionChunk(text="cut")],
            [lmb.CompletionChunk(text="a"), ProviderUnavailable("down")],
            Completion(lmb.AssistantMessage("I ca"), lmb.FinishReason.CONTENT_FILTER),
        ],
    )
    def test_a_failed_call_stores_nothing(self, way: str, behaviour: Any) -> None:
        memory = lmb.ChatMemory()
        with pytest.raises((ProviderUnavailable, StreamTruncated, lmb.errors.ContentRefused)):
            WAYS[way](_bot(way, [behaviour], memory), ("?",))
        assert _texts(memory) == []

    def test_rejected_attempts_are_not_stored(self, way: str) -> None:
        memory = lmb.ChatMemory()
        bot = _bot(way, ["no", "still no", '{"value": 7}'], memory, "Structured", output=int)
        assert WAYS[way](bot, ("?",)).value == 7
        assert _texts(memory) == ["?", '{"value": 7}']

    def test_an_answer_that_never_fitted_is_not_stored(self, way: str) -> None:
        memory = lmb.ChatMemory()
        with pytest.raises(AnswerNotParsed):
            WAYS[way](_bot(way, ["no"] * 3, memory, "Structured", output=int), ("?",))
        assert _texts(memory) == []

    def test_a_call_sees_what_was_finished_when_it_began(self, way: str) -> None:
        """While one call waits for its answer another ends: the first neither sees it nor loses it."""
        memory = lmb.ChatMemory()

        def meanwhile(request: CompletionRequest) -> str:
            memory.remember([lmb.user("meanwhile"), lmb.assistant("done")])
            return " ".join(message.text for message in request.messages)

        assert WAYS[way](_bot(way, FunctionCompletion(meanwhile), memory), ("?",)).text == "S. ?"
        assert _texts(memory) == ["meanwhile", "done", "?", "S. ?"]

    def test_a_memory_for_one_call_counts_instead_of_the_bots(self, way: str) -> None:
        own, other = lmb.ChatMemory(), lmb.ChatMemory()
        bot = _bot(way, ["a", "b"], own)
        for memory in (other, None):
            run = bot.run("?", memory=memory)
            asyncio.run(run) if "async" in way else run
        assert (_texts(own), _texts(other)) == ([], ["?", "a"])

    def test_without_a_memory_nothing_is_asked_of_one(self, way: str) -> None:
        bot = _bot(way, ["a"], None)
        result = WAYS[way](bot, ("?",))
        (effect,) = lmb.read_trace(bot._settings["recorder"].events(result.run_id)).effects
        assert effect.effect == "complete"


class FailingMemory(lmb.ChatMemory):
    """Fails to read or to write."""

    def __init__(self, *, reading: bool = False, writing: bool = False) -> None:
        super().__init__()
        self._reading, self._writing = reading, writing

    def recall(self) -> tuple[Message, ...]:
        if self._reading:
            raise MemoryFailed("cannot read")
        return super().recall()

    def remember(self, turn: Any) -> None:
        if self._writing:
            raise MemoryFailed("cannot write")
        super().remember(turn)


@pytest.mark.parametrize("way", WAYS)
class TestFailures:
    def test_a_memory_that_cannot_write_does_not_lose_the_answer_that_was_paid_for(self, way: str) -> None:
        with pytest.raises(MemoryFailed, match="cannot write") as caught:
            WAYS[way](_bot(way, ["paid"], FailingMemory(writing=True)), ("?",))
        assert caught.value.messages == (lmb.system("S."), lmb.user("?"), lmb.assistant("paid"))
        assert caught.value.usage == lmb.Usage(2, 1)

    def test_a_memory_that_cannot_read_costs_nothing(self, way: str) -> None:
        completion = ScriptedCompletion(["never"])
        with pytest.raises(MemoryFailed, match="cannot read"):
            WAYS[way](_bot(way, completion, FailingMemory(reading=True)), ("?",))
        assert completion.requests == ()


class TestColours:
    def test_a_sync_memory_under_an_async_bot_does_not_block_the_loop(self) -> None:
        threads: list[threading.Thread] = []

        class Slow:
            def recall(self) -> tuple[Message, ...]:
                threads.append(threading.current_thread())
                time.sleep(0.05)
                return (lmb.user("earlier"),)

            def remember(self, turn: Any) -> None:
                threads.append(threading.current_thread())
                time.sleep(0.05)

        async def run() -> tuple[str, int]:
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0.001)

            counting = asyncio.create_task(count())
            completion = FunctionCompletion(lambda request: request.messages[1].text)
            answer = await _bot("async", completion, Slow())("?")
            counting.cancel()
            return answer.text, turns

        text, turns = asyncio.run(run())
        assert text == "earlier"
        assert turns > 5
        assert threading.main_thread() not in threads

    def test_an_async_memory_stays_on_the_loop(self) -> None:
        threads: list[threading.Thread] = []

        class OnlyAsync:
            async def arecall(self) -> tuple[Message, ...]:
                threads.append(threading.current_thread())
                return ()

            async def aremember(self, turn: Any) -> None:
                threads.append(threading.current_thread())

        assert asyncio.run(_bot("async", ["yes"], OnlyAsync())("?")).text == "yes"
        assert threads == [threading.main_thread()] * 2
        with pytest.raises(ConfigurationError, match="memory=OnlyAsync cannot serve this bot"):
            _bot("sync", ["yes"], OnlyAsync())

    def test_what_is_no_memory_is_refused(self) -> None:
        for way in ("sync", "async"):
            with pytest.raises(ConfigurationError, match="memory=list cannot serve this bot"):
                _bot(way, ["yes"], [])
            with pytest.raises(ConfigurationError, match="memory=list cannot serve this bot"):
                _bot(way, ["yes"], None).with_(memory=[])
        with pytest.raises(ConfigurationError, match="memory=list cannot serve this bot"):
            _bot("sync", ["yes"], None)("?", memory=[])


@pytest.mark.parametrize("way", WAYS)
def test_a_turn_whose_calls_nobody_answers_is_not_remembered(way: str) -> None:
    """A model that calls tools which a bot does not have: no provider would take the conversation with that turn."""
    memory = lmb.ChatMemory()
    asking = lmb.AssistantMessage("I look it up.", tool_calls=(lmb.ToolCall("1", "look", "{}"),))
    bot = _bot(way, [asking, "It rains."], memory)
    assert WAYS[way](bot, ("And?",)).value == asking
    assert WAYS[way](bot, ("Really?",)).text == "It rains."
    assert _texts(memory) == ["Really?", "It rains."]
