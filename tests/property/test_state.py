"""A call leaves nothing behind in a bot, so one bot serves any number of callers."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.ways import WAYS

import llamabot as lmb
from llamabot.ports.completion import CompletionRequest
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion, strategies

PORTS = ("completion", "recorder", "memory")


def _inside(bot: Any) -> dict[str, Any]:
    """Return a deep copy of all that a bot holds but its ports, which have a life of their own."""
    held = dict(vars(bot))
    held["_settings"] = {name: value for name, value in held["_settings"].items() if name not in PORTS}
    return {name: value if name == "_secrets" else copy.deepcopy(value) for name, value in held.items()}


@given(behaviours=st.lists(strategies.replies(), max_size=3), way=st.sampled_from(list(WAYS)), structured=st.booleans())
def test_a_call_leaves_no_state_in_the_bot(behaviours: list[Any], way: str, structured: bool) -> None:
    """Whatever the model does, whether the call ends well or not."""
    kinds: dict[Any, Any] = {
        (False, False): lmb.SimpleBot,
        (False, True): lmb.AsyncSimpleBot,
        (True, False): lmb.StructuredBot,
        (True, True): lmb.AsyncStructuredBot,
    }
    settings: dict[str, Any] = {"output": int} if structured else {}
    bot = kinds[structured, "async" in way](
        "Answer.",
        completion=ScriptedCompletion(behaviours),
        recorder=InMemoryRecorder(),
        memory=lmb.ChatMemory(),
        temperature=0.5,
        options={"stop": ["a"], "api_key": "secret", "extra": {"deep": [1]}},
        limits=lmb.Limits(deadline_s=100),
        **settings,
    )
    before, names = _inside(bot), set(dir(bot))
    with contextlib.suppress(lmb.errors.LlamabotError):
        WAYS[way](bot, ("hi",))
    assert _inside(bot) == before
    assert set(dir(bot)) == names


def test_options_that_change_later_do_not_change_the_bot() -> None:
    options: dict[str, Any] = {"stop": ["a"], "extra": {"deep": [1]}}
    completion = ScriptedCompletion(["yes"])
    bot = lmb.SimpleBot(completion=completion, recorder=InMemoryRecorder(), options=options)
    options["stop"].append("b")
    options["extra"]["deep"].append(2)
    options["new"] = True
    bot("hi")
    assert completion.requests[0].options == {"stop": ["a"], "extra": {"deep": [1]}}


def test_a_changed_copy_leaves_the_original_as_it_was() -> None:
    completion = ScriptedCompletion(["yes"] * 3)
    bot = lmb.SimpleBot("A.", completion=completion, recorder=InMemoryRecorder(), model="a", options={"api_key": "k"})
    other = bot.with_(model="b", options={"seed": 1})
    assert type(other) is lmb.SimpleBot
    other("hi")
    bot("hi")
    bot.with_(temperature=1)("hi")
    assert [(request.model, request.temperature, request.options) for request in completion.requests] == [
        ("b", None, {"seed": 1}),
        ("a", None, {}),
        ("a", 1, {}),
    ]


def test_two_bots_may_share_a_model() -> None:
    completion = FunctionCompletion(lambda request: " ".join(message.text for message in request.messages))
    recorder = InMemoryRecorder()
    one = lmb.SimpleBot("One.", completion=completion, recorder=recorder)
    other = lmb.SimpleBot("Other.", completion=completion, recorder=recorder, temperature=1)
    assert [one("a").text, other("b").text, one("c").text] == ["One. a", "Other. b", "One. c"]


def _echo() -> FunctionCompletion:
    return FunctionCompletion(lambda request: f"re: {request.messages[-1].text}")


def test_sixteen_threads_each_get_their_own_answer() -> None:
    recorder, start = InMemoryRecorder(), threading.Barrier(16)
    bot = lmb.SimpleBot("Echo.", completion=_echo(), recorder=recorder)

    def ask(thread: int) -> list[tuple[str, str]]:
        start.wait(10)
        results = [bot.run(f"{thread}-{number}", tags={"thread": str(thread)}) for number in range(20)]
        streamed = list(bot.stream(f"{thread}-s"))[-1]
        assert isinstance(streamed, lmb.Finished)
        assert streamed.result.text == f"re: {thread}-s"
        return [(result.text, result.run_id) for result in results]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    for thread, given_ in enumerate(answers):
        assert [text for text, _ in given_] == [f"re: {thread}-{number}" for number in range(20)]
    run_ids = [run_id for given_ in answers for _, run_id in given_]
    assert len(set(run_ids)) == 320
    assert len(list(recorder.runs(status="completed"))) == 336
    (messages,) = {lmb.read_trace(recorder.events(run_ids[0])).messages}
    assert messages[-1] == lmb.assistant("re: 0-0")


def test_a_hundred_tasks_each_get_their_own_answer() -> None:
    class Yielding(FunctionCompletion):
        async def acomplete(self, request: CompletionRequest) -> lmb.Completion:
            await asyncio.sleep(0)
            completion = self.complete(request)
            await asyncio.sleep(0)
            return completion

    recorder = InMemoryRecorder()
    completion = Yielding(lambda request: f"re: {request.messages[-1].text}")
    bot = lmb.AsyncSimpleBot("Echo.", completion=completion, recorder=recorder)

    async def ask_all() -> list[lmb.Result[lmb.AssistantMessage]]:
        return await asyncio.gather(*(bot.run(str(number)) for number in range(100)))

    results = asyncio.run(ask_all())
    assert [result.text for result in results] == [f"re: {number}" for number in range(100)]
    for result in results:
        assert lmb.read_trace(recorder.events(result.run_id)).messages == result.messages


@pytest.mark.parametrize("way", WAYS)
def test_one_memory_may_serve_many_callers_at_once(way: str) -> None:
    memory, recorder = lmb.ChatMemory(turns=None), InMemoryRecorder()
    kind: Any = lmb.AsyncSimpleBot if "async" in way else lmb.SimpleBot
    bot = kind(completion=_echo(), recorder=recorder, memory=memory)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: WAYS[way](bot, (str(number),)), range(40)))
    said = [message.text for message in memory.recall()]
    assert sorted(said[::2], key=int) == [str(number) for number in range(40)]
    assert said[1::2] == [f"re: {text}" for text in said[::2]]
