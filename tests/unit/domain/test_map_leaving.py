"""A map that is left, in every way: what runs on threads is waited for, and nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.property.maps import BOTH, Model, bot, mapped

import llamabot as lmb
from llamabot.domain.mapping.coming import Coming
from llamabot.ports.completion import Completion, CompletionRequest
from llamabot.testing import FunctionCompletion, InMemoryRecorder, VirtualClock


def _statuses(recorder: Any) -> list[str]:
    return sorted(str(run.status) for run in recorder.runs())


KNOWN: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _known() -> None:
    """Threads that another test has left running are not ours."""
    KNOWN.clear()
    KNOWN.update(threading.enumerate())


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "llamabot" and thread not in KNOWN]


class Gate(FunctionCompletion):
    """Answers the first text as soon as it has another, the others when they are let go."""

    def __init__(self, reply: Any = lambda request: "yes") -> None:
        super().__init__(reply)
        self.begun = threading.Semaphore(0)
        self.has_another, self.open = threading.Event(), threading.Event()

    def complete(self, request: CompletionRequest) -> Completion:
        if request.messages[-1].text == "first":
            assert self.has_another.wait(20)
        else:
            self.has_another.set()
            self.begun.release()
            assert self.open.wait(20)
        return super().complete(request)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=20)


def test_closing_waits_for_what_threads_are_in_the_middle_of_and_begins_nothing_more() -> None:
    gate, recorder = Gate(), InMemoryRecorder()
    drawn: list[str] = []

    def source() -> Iterator[str]:
        for text in ("first", "b", "c", "d", "e", "f"):
            drawn.append(text)
            yield text

    with bot("sync", gate, recorder=recorder).map(source(), concurrency=2) as items:
        assert next(items).index == 0
        gate.wait_for(len(drawn) - 1)
        before = len(drawn)
        threading.Timer(0.01, gate.open.set).start()
    assert _threads() == []
    assert len(drawn) == before < 6
    assert _statuses(recorder) == ["completed"] * before, "what was paid for is not in the log"
    assert list(items) == []


def test_closing_lets_an_agent_begin_no_further_effect() -> None:
    recorder = InMemoryRecorder()
    ran: list[str] = []

    def look() -> str:
        """Look."""
        ran.append("look")
        return "seen"

    def reply(request: CompletionRequest) -> Any:
        if request.messages[-1].text == "first":
            return "yes"
        return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "look", "{}"),))

    gate = Gate(reply)
    one = lmb.AgentBot(tools=[look], model="fake", completion=gate, recorder=recorder)
    with one.map(["first", "b"], concurrency=2) as items:
        next(items)
        gate.wait_for(1)
        threading.Timer(0.01, gate.open.set).start()
    assert ran == []
    assert _statuses(recorder) == ["cancelled", "completed"]
    (left,) = recorder.runs(status="cancelled")
    (effect,) = lmb.read_trace(recorder.events(left.run_id)).effects
    assert effect.completion is not None, "the answer that was paid for is lost"


def test_tools_are_told_that_nobody_wants_them() -> None:
    told = threading.Event()
    begun = threading.Event()

    def listen(context: lmb.RunContext[None]) -> str:
        """Listen."""
        context.cancellation.on_cancel(told.set)
        begun.set()
        assert told.wait(20)
        return "told"

    def reply(request: CompletionRequest) -> Any:
        if request.messages[-1].text == "first":
            assert begun.wait(20)
            return "yes"
        return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c", "listen", "{}"),))

    one = lmb.AgentBot(tools=[listen], model="fake", completion=FunctionCompletion(reply), recorder=InMemoryRecorder())
    with one.map(["first", "b"], concurrency=2) as items:
        next(items)
    assert told.is_set()
    assert _threads() == []


def test_a_thread_that_waits_to_try_again_gives_up_soon() -> None:
    class Clock(VirtualClock):
        naps = 0
        begun = threading.Event()
        go_on = threading.Event()

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.naps += 1
            self.begun.set()
            assert self.go_on.wait(20)

    def reply(request: CompletionRequest) -> Any:
        if request.messages[-1].text == "first":
            return "yes"
        return lmb.errors.ProviderUnavailable("busy")

    clock, gate = Clock(), Gate(reply)
    gate.open.set()
    with bot("sync", gate, clock=clock).map(
        ["first", "b"], concurrency=2, retry=lmb.RetryPolicy(first_wait_s=100, longest_wait_s=100)
    ) as items:
        next(items)
        assert clock.begun.wait(20)
        threading.Timer(0.01, clock.go_on.set).start()
    assert clock.naps == 1
    assert len(gate.requests) == 2


def test_dropping_it_tells_and_waits_for_nobody() -> None:
    gate = Gate()
    items = bot("sync", gate).map(["first", "b", "c"], concurrency=2)
    next(items)
    with pytest.warns(ResourceWarning, match="a map was dropped"):
        del items
    left = _threads()
    gate.open.set()
    assert left, "it was waited for"
    for thread in left:
        thread.join(20)


def test_closing_waits_no_longer_once_it_is_told_to_leave() -> None:
    """As a signal handler does at a second Ctrl-C, which must raise nothing: it would hit what tidies up."""
    gate = Gate()
    with bot("sync", gate).map(["first", "b", "c"], concurrency=2) as items:
        next(items)
        threading.Timer(0.1, items.leave).start()
    left = _threads()
    gate.open.set()
    assert left, "they were waited for"
    for thread in left:
        thread.join(20)


def test_an_interrupt_leaves_at_once_while_it_waits() -> None:
    gate, recorder = Gate(), InMemoryRecorder()

    def source() -> Iterator[str]:
        yield "b"
        gate.wait_for(1)
        threading.Timer(0.01, gate.open.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(bot("sync", gate, recorder=recorder).map(source()))
    assert _statuses(recorder) == ["completed"]
    assert _threads() == []


@BOTH
def test_a_job_that_was_left_goes_on_and_is_free_for_others(colour: str) -> None:
    recorder, model = InMemoryRecorder(durable=True), Model()
    one = bot(colour, model, recorder=recorder)
    texts = list("abcdef")

    async def awaited() -> None:
        async with one.map(texts, resume="job", concurrency=1) as items:
            await anext(items)

    if colour == "async":
        asyncio.run(awaited())
    else:
        with one.map(texts, resume="job", concurrency=1) as items:
            next(items)
    assert 1 <= len(model.asked) < 6
    assert [item.unwrap().text for item in mapped(one, texts, resume="job")] == list("ABCDEF")
    assert set(model.asked.values()) == {1}


@BOTH
def test_items_hold_no_cycles(colour: str) -> None:
    """What was taken is let go at once, errors and their frames too."""

    class Text(str):
        """Can be counted."""

    def refuse(request: CompletionRequest) -> str:
        raise lmb.errors.RequestRejected("no")

    async def awaited(items: Any) -> None:
        # None is returned: since Python 3.12 an event loop's last frames hold what it returned, and errors hold them.
        async for item in items:
            assert item.error is not None

    gc.collect()
    gc.disable()
    try:
        texts = [Text(text) for text in "abc"]
        refusing = FunctionCompletion(refuse)
        items = bot(colour, refusing, recorder=None).map(iter(texts))
        asyncio.run(awaited(items)) if colour == "async" else [item.run_id for item in items]
        del texts, refusing, items
        found = [one for one in gc.get_objects() if isinstance(one, Text)]
        assert found == []
    finally:
        gc.enable()


def test_a_pipe_is_asked_for_nothing_more_once_its_map_is_left() -> None:
    waiting, more, closed = threading.Event(), threading.Event(), threading.Event()
    asked_for: list[str] = []

    def pipe() -> Iterator[str]:
        try:
            yield "a"
            waiting.set()
            more.wait(20)
            yield "b"
            asked_for.append("c")
            yield "c"
        finally:
            closed.set()

    with bot("sync").map(Coming(pipe()), concurrency=1) as items:
        next(items)
        assert waiting.wait(20)
    more.set()
    assert closed.wait(20)
    assert asked_for == []
