"""What a map does with one input: tries, settings, names in the log; and what it refuses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.property.maps import BOTH, Fate, Model, bot, mapped, seen

import llamabot as lmb
from llamabot.domain.mapping.coming import Coming
from llamabot.testing import (
    CountingIds,
    FunctionCompletion,
    InMemoryDocStore,
    InMemoryRecorder,
    ScriptedCompletion,
)


def texts(items: Any) -> list[str]:
    return [item.unwrap().text for item in items]


@BOTH
@pytest.mark.parametrize("kind", ["SimpleBot", "StructuredBot", "ToolBot", "QueryBot", "AgentBot"])
def test_every_bot_maps(kind: str, colour: str) -> None:
    def note(text: str) -> str:
        return text

    more: dict[str, dict[str, Any]] = {
        "StructuredBot": {"output": str},
        "ToolBot": {"tools": [note]},
        "QueryBot": {"docstore": InMemoryDocStore()},
        "AgentBot": {"tools": [note]},
    }
    make: Any = getattr(lmb, ("Async" if colour == "async" else "") + kind)
    one = make(
        "Be short.",
        model="fake",
        completion=FunctionCompletion(lambda request: '"yes"'),
        recorder=InMemoryRecorder(),
        **more.get(kind, {}),
    )
    items = mapped(one, ["Is it?", "Is it not?"])
    alone = one.run("Is it?")
    result = asyncio.run(alone) if colour == "async" else alone
    assert [item.unwrap() for item in items] == [result.value] * 2
    assert items[0].usage == result.usage


@BOTH
def test_uses_no_memory_whoever_gives_one(colour: str) -> None:
    memory = lmb.ChatMemory()
    memory.remember([lmb.user("earlier"), lmb.assistant("indeed")])
    model = Model()
    with lmb.override(memory=memory):
        mapped(bot(colour, model, memory=memory), ["a", "b"])
    assert [len(request.messages) for request in model.requests] == [2, 2]
    assert len(memory.recall()) == 2
    with pytest.raises(lmb.errors.UsageError, match="memory"):
        bot(colour).map(["a"], memory=memory)


@BOTH
def test_settings_of_the_calls_are_the_map_s(colour: str) -> None:
    recorder = InMemoryRecorder()
    one = bot(colour, recorder=recorder)
    (item,) = mapped(one, ["a"], tags={"user": "7"}, options={"top_p": 0.5}, limits=lmb.Limits(decisions=1))
    (run,) = recorder.runs(tags={"user": "7"})
    assert run.run_id == item.run_id
    assert lmb.read_trace(recorder.events(run.run_id)).input.options == {"top_p": 0.5}  # type: ignore[union-attr]  # it has one


@BOTH
def test_settings_that_are_none_are_as_if_they_were_left_out(colour: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ["tags", "options", "limits", "prompt", "key", "resume", "retry", "progress"]
    )
    assert texts(mapped(bot(colour), ["a"], **nothing)) == ["A"]


@BOTH
def test_ports_are_those_in_force_when_it_was_called(colour: str) -> None:
    with lmb.override(completion=Model()):
        items = bot(colour, ScriptedCompletion()).map(["a", "b"], concurrency=1)

    async def awaited() -> list[Any]:
        return [item async for item in items]

    assert texts(asyncio.run(awaited()) if colour == "async" else items) == ["A", "B"]


@BOTH
def test_runs_are_inside_of_the_span_around_it(colour: str) -> None:
    recorder = InMemoryRecorder()
    with lmb.override(recorder=recorder), lmb.span("all") as outer:
        items = mapped(bot(colour), ["a", "b"])
    assert {run.run_id for run in recorder.runs(parent_id=outer)} == {item.run_id for item in items}


@BOTH
def test_a_prompt_is_made_of_an_input_and_may_fail_for_one(colour: str) -> None:
    rows = [{"text": "a"}, {}, {"text": "c"}]
    one, none, other = mapped(bot(colour), rows, prompt=lambda row: row["text"])
    assert texts([one, other]) == ["A", "C"]
    assert isinstance(none.error, KeyError)
    assert none.run_id is None
    assert [item.input for item in (one, none, other)] == rows
    with pytest.raises(KeyError):
        none.unwrap()


@BOTH
def test_items_leave_as_they_are_done(colour: str) -> None:
    first = threading.Event()

    def reply(request: Any) -> str:
        text: str = request.messages[-1].text
        if text == "slow":
            first.wait(10)
        return text

    if colour == "async":
        model: Any = Model({"slow": Fate(turns=50)})
    else:
        model = FunctionCompletion(reply)
    order = []
    one = bot(colour, model)

    async def awaited() -> None:
        order.extend([item.index async for item in one.map(["slow", "b", "c"], as_completed=True)])

    if colour == "async":
        asyncio.run(awaited())
    else:
        for item in one.map(["slow", "b", "c"], as_completed=True):
            order.append(item.index)
            if len(order) == 2:
                first.set()
    assert order[-1] == 0
    assert sorted(order) == [0, 1, 2]


def test_an_item_does_not_wait_for_the_next_input_of_an_async_source() -> None:
    async def awaited() -> list[int]:
        got, more = [], asyncio.Event()

        async def source() -> AsyncIterator[str]:
            yield "a"
            await more.wait()
            yield "b"

        async for item in bot("async").map(source()):
            got.append(item.index)
            more.set()
        return got

    assert asyncio.run(awaited()) == [0, 1]


@BOTH
def test_an_item_does_not_wait_for_the_next_input_of_a_pipe(colour: str) -> None:
    waiting, more = threading.Event(), threading.Event()
    taken: list[str] = []

    def pipe() -> Iterator[str]:
        yield "a"
        waiting.set()
        assert more.wait(20), "what is done does not leave while the next input is waited for"
        yield "b"
        raise OSError("the pipe is closed")

    def reply(request: Any) -> str:
        if colour == "sync":  # nothing is done before the next input is asked for
            assert waiting.wait(20)
        return str(request.messages[-1].text).upper()

    def take(item: Any) -> None:
        taken.append(item.unwrap().text)
        more.set()

    async def awaited() -> None:
        async for item in bot(colour, FunctionCompletion(reply)).map(Coming(pipe())):
            take(item)

    with pytest.raises(OSError, match="closed"):
        asyncio.run(awaited()) if colour == "async" else [
            take(item) for item in bot(colour, FunctionCompletion(reply)).map(Coming(pipe()))
        ]
    assert taken == ["A", "B"]


def test_an_async_source_is_drawn_in_one_task_and_its_error_is_raised_last() -> None:
    tasks = set()

    async def source() -> AsyncIterator[str]:
        for text in "ab":
            tasks.add(asyncio.current_task())
            yield text
        raise OSError("the socket is closed")

    got = []

    async def awaited() -> None:
        async for item in bot("async").map(source()):
            got.append(item.unwrap().text)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(OSError, match="closed"):
        asyncio.run(awaited())
    assert got == ["A", "B"]
    assert len(tasks) == 1


def test_a_sync_map_works_inside_a_running_event_loop() -> None:
    async def awaited() -> list[str]:
        return texts(bot("sync").map(["a", "b"]))

    assert asyncio.run(awaited()) == ["A", "B"]


def test_inputs_are_drawn_on_the_thread_that_takes_the_items() -> None:
    threads = set()

    def source() -> Iterator[str]:
        for text in "abc":
            threads.add(threading.get_ident())
            yield text

    assert texts(bot("sync").map(source())) == ["A", "B", "C"]
    assert threads == {threading.get_ident()}


@BOTH
def test_nothing_happens_before_an_item_is_asked_for(colour: str) -> None:
    def source() -> Iterator[str]:
        raise AssertionError
        yield ""

    bot(colour).map(source())


@BOTH
def test_whoever_wants_is_told_how_far_it_is(colour: str) -> None:
    told: list[lmb.MapProgress] = []
    model = Model({"b": Fate(refused=True)})
    mapped(bot(colour, model), ["a", "b", "c"], progress=told.append, concurrency=1)
    assert [(one.total, one.done, one.failed) for one in told] == [(3, 0, 0), (3, 1, 0), (3, 2, 1), (3, 3, 1)]
    assert (told[-1].cost_usd, told[-1].is_priced, told[-1].usage) == (0.5, True, lmb.Usage(6, 4))
    told.clear()
    mapped(bot(colour, FunctionCompletion(lambda _: "?")), iter("ab"), progress=told.append)
    assert (told[-1].total, told[-1].done, told[-1].is_priced) == (None, 2, False)


@BOTH
def test_one_bot_maps_twice_at_once(colour: str) -> None:
    one = bot(colour, ids=CountingIds())

    async def both() -> list[Any]:
        async def through(texts: str) -> list[Any]:
            return [item async for item in one.map(texts.split())]

        return await asyncio.gather(through("a b c"), through("d e f"))

    if colour == "async":
        some, others = asyncio.run(both())
    else:
        some, others = zip(*zip(one.map(["a", "b", "c"]), one.map(["d", "e", "f"]), strict=True), strict=True)
    assert texts(some) == ["A", "B", "C"]
    assert [row[:2] for row in seen(others)] == [(0, "d"), (1, "e"), (2, "f")]
