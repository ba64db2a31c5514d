"""Going on with runs: what is committed before what, one hand at a time, every kind of bot, what a log cannot keep."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest
from tests.property.agents import Decision, Dying, Killed, Model
from tests.property.toolboxes import Kit, tools

import llamabot as lmb
from llamabot.ports.recorder import Blob, decode_event, encode_event
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion

AGENTS = (lmb.AgentBot, lmb.AsyncAgentBot)
both = pytest.mark.parametrize("kind", AGENTS)


def go(gone: Any) -> Any:
    return asyncio.run(_awaited(gone)) if asyncio.iscoroutine(gone) else gone


async def _awaited(coming: Any) -> Any:
    return await coming


class Committing:
    """A durable recorder whose commits take a moment, done by threads in their order; that of a call can fail."""

    durable = True

    def __init__(self, fail_at: str = "") -> None:
        self.store = InMemoryRecorder(durable=True)
        self.open: list[Any] = []
        self._fail_at = fail_at
        self._waiting: deque[tuple[Sequence[Any], Future[None]]] = deque()
        self._one_at_a_time = threading.Lock()
        self.claim, self.events, self.runs = self.store.claim, self.store.events, self.store.runs

    def append(self, events: Sequence[Any]) -> Future[None]:
        ticket: Future[None] = Future()
        self.open.append(events)
        self._waiting.append((events, ticket))
        threading.Timer(0.01, self._commit_next).start()
        return ticket

    def _commit_next(self) -> None:
        with self._one_at_a_time:  # whichever thread comes first, the oldest is next
            events, ticket = self._waiting.popleft()
            if any(type(event).__name__ == self._fail_at and event.effect == "call_tool" for event in events):
                ticket.set_exception(lmb.errors.RecorderError("the disk is full"))
                return
            self.store.append(events)
            self.open.remove(events)
            ticket.set_result(None)


def _agent(kind: Any, recorder: Any, model: Any, kit: Any, **settings: Any) -> Any:
    return kind("Act.", tools=[kit], completion=model, recorder=recorder, **settings)


@both
@pytest.mark.parametrize("names", [["once"], ["once", "once_async"]])
def test_a_tool_that_must_not_repeat_begins_once_its_start_is_committed(kind: Any, names: list[str]) -> None:
    recorder = Committing()
    seen: list[int] = []

    def look(*_: Any) -> None:
        starts = [event for events in recorder.open for event in events if type(event).__name__ == "EffectStarted"]
        seen.append(len(starts))

    kit = Kit(tools("once", "once_async"), on_call=look)
    script = [Decision("", tuple((str(n), name, "{}") for n, name in enumerate(names)))]
    go(_agent(kind, recorder, Model(script), kit).run("go"))
    assert seen == [0] * len(names), "a tool ran although its start could still be forgotten"


@both
def test_an_outcome_is_committed_before_the_bot_sees_it(kind: Any) -> None:
    recorder = Committing()

    def nothing_is_open(_: int) -> None:
        finished = [event for events in recorder.open for event in events if type(event).__name__ == "EffectFinished"]
        assert not finished

    script = [Decision("", (("a", "look", "{}"), ("b", "look", "{}"))), Decision("", (("c", "look", "{}"),))]
    result = go(_agent(kind, recorder, Model(script, on_ask=nothing_is_open), Kit(tools("look"))).run("go"))
    assert result.text == "done"
    assert not recorder.open, "the end of the run was not waited for"


@both
@pytest.mark.parametrize(("fail_at", "ran"), [("EffectStarted", 0), ("EffectFinished", 1)])
def test_a_commit_that_fails_stops_the_run(kind: Any, fail_at: str, ran: int) -> None:
    recorder, kit = Committing(fail_at), Kit(tools("once"))
    model = Model([Decision("", (("a", "once", "{}"),))])
    with pytest.raises(lmb.errors.RecorderError, match="the disk is full") as failed:
        go(_agent(kind, recorder, model, kit).run("go"))
    assert len(kit.ran) == ran
    assert len(model.asked) == 1
    assert failed.value.run_id is not None
    assert failed.value.usage == lmb.Usage(3, 2)


@both
def test_a_run_is_in_one_hand_at_a_time(kind: Any) -> None:
    """While it runs, while it is resumed; afterwards, however it ended, it is free."""
    recorder = InMemoryRecorder(durable=True)
    busy: list[Any] = []

    def try_too(call: Any, context: Any) -> None:
        try:
            lmb.AgentBot("Act.", tools=[Kit()], completion=Model([]), recorder=recorder).resume(context.run_id)
        except lmb.errors.RunBusy as error:
            busy.append(error)

    kit = Kit(on_call=try_too)
    script = [Decision("", (("a", "down", "{}"),)), Decision("", (("bb", "asks", "{}"),))]
    bot = _agent(kind, recorder, Model(script), kit)
    with pytest.raises(lmb.errors.ToolboxUnavailable):
        go(bot.run("go"))
    (run,) = recorder.runs()
    with pytest.raises(lmb.errors.ApprovalNeeded):
        go(bot.resume(run.run_id))
    with pytest.raises(lmb.errors.UsageError):
        go(bot.resume(run.run_id, approvals={"x": True}))
    assert go(bot.resume(run.run_id, approvals={"bb": True})).text == "done"
    assert len(busy) == len(kit.ran) == 3
    recorder.claim(run.run_id).release()


@both
def test_a_run_inside_is_in_one_hand_too(kind: Any) -> None:
    """Whoever goes on with the outer run is told; the model is not."""
    store, script = InMemoryRecorder(durable=True), [Decision("", (("a", "helper", '{"question": "?"}'),))]

    def bot(recorder: Any) -> Any:
        inner = lmb.AgentBot("Help.", tools=[Kit(tools("look"))], completion=Model([]), recorder=recorder)
        return kind("Act.", tools=[inner.as_tool("helper")], completion=Model(script), recorder=recorder)

    with pytest.raises(Killed):
        go(bot(Dying(store, 8)).run("go"))
    (inner,) = (run for run in store.runs() if run.parent_id)
    claim = store.claim(inner.run_id)
    with pytest.raises(lmb.errors.RunBusy):
        go(bot(store).resume(inner.parent_id))
    claim.release()
    assert go(bot(store).resume(inner.parent_id)).text == "done"


@both
def test_an_error_tells_the_answers_that_calls_had(kind: Any) -> None:
    """Those that no tool gave too: unknown names, what was denied."""
    script = [Decision("", (("a", "nowhere", "{}"), ("bb", "asks", "{}"), ("c", "look", "{}")))]
    recorder = InMemoryRecorder(durable=True)
    bot = _agent(kind, recorder, Model(script), Kit(), limits=lmb.Limits(decisions=1))
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        go(bot.run("go"))
    with pytest.raises(lmb.errors.LimitReached) as reached:
        go(bot.resume(waits.value.run_id, approvals={"bb": lmb.Denied("no")}))
    texts = [message.text for message in reached.value.messages[-3:]]
    assert texts[0].startswith("There is no tool named 'nowhere'")
    assert texts[1:] == ["The call was denied: no. It has not run.", "look({})"]


@both
def test_a_log_whose_blobs_were_written_in_another_way_can_be_gone_on_with(kind: Any) -> None:
    """What this version would write differently is written anew, so that the log can always be read."""
    written, model = InMemoryRecorder(durable=True), Model([Decision("", (("a", "look", "{}"),))])
    with pytest.raises(lmb.errors.LimitReached) as reached:
        go(_agent(kind, written, model, Kit(tools("look")), limits=lmb.Limits(decisions=1)).run("go"))
    run_id = str(reached.value.run_id)
    store = InMemoryRecorder(durable=True)
    for event in written.events(run_id):
        data = encode_event(event).decode()
        for number, blob in enumerate(blob for blob in written.events(run_id) if isinstance(blob, Blob)):
            data = data.replace(blob.digest, f"{number:032x}")
        other = decode_event(data)
        if isinstance(other, Blob):
            other = msgspec.structs.replace(other, data=json.dumps(json.loads(other.data)))
        store.append([other])
    bot = _agent(kind, store, model, Kit(tools("look")))
    assert go(bot.resume(run_id, limits=lmb.Limits(decisions=2))).text == "done"
    assert lmb.read_trace(store.events(run_id)).messages[-1].text == "done"


@both
def test_there_must_be_a_run_to_resume(kind: Any) -> None:
    bot = _agent(kind, InMemoryRecorder(), Model([]), Kit(tools("look")))
    for go_on in (bot.resume, bot.replay):
        with pytest.raises(lmb.errors.UsageError, match="no run 'gone'"):
            go(go_on("gone"))
    with lmb.override(recorder=None):
        for go_on in (bot.resume, bot.replay):
            with pytest.raises(lmb.errors.ConfigurationError, match="recording is off"):
                go(go_on("gone"))


class Opaque:
    def __repr__(self) -> str:
        return "<opaque " + "x" * 5000 + ">"


@both
def test_a_finished_run_says_that_it_is_told_from_the_log(kind: Any) -> None:
    for value, kept in [({"a": (1, 2)}, {"a": [1, 2]}), (Opaque(), None)]:

        @lmb.tool(terminal=True)
        def end(given: Any = value) -> Any:
            """End."""
            return given

        recorder = InMemoryRecorder()
        completion = ScriptedCompletion([lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("a", "end", "{}"),))])
        bot = kind(tools=[end], completion=completion, recorder=recorder)
        first = go(bot.run("go"))
        assert first.value is value or first.value == value
        assert not first.from_log
        logged = recorder.events(first.run_id)
        for again in (go(bot.resume(first.run_id)), go(bot.replay(first.run_id))):
            assert again.from_log
            assert again.messages == first.messages
            assert recorder.events(first.run_id) == logged, "what was told again was recorded"
            if kept is None:
                assert isinstance(again.value, lmb.ValueNotKept)
                assert again.value.text.startswith("<opaque xxx")
                assert len(again.value.text) <= 1000
            else:
                assert again.value == kept


BOTS: list[Any] = [
    (lmb.SimpleBot, lmb.AsyncSimpleBot, {}),
    (lmb.StructuredBot, lmb.AsyncStructuredBot, {"output": int}),
    (lmb.ToolBot, lmb.AsyncToolBot, {"tools": [Kit(tools("look"))]}),
]


@pytest.mark.parametrize(("sync", "other", "settings"), BOTS)
def test_every_bot_goes_on_after_a_crash_at_any_event(sync: Any, other: Any, settings: dict[str, Any]) -> None:
    def answer(request: Any) -> Any:
        if settings.get("output"):
            return "no" if len(request.messages) < 3 else '{"value": 7}'
        return "yes"

    def bot(kind: Any, recorder: Any) -> Any:
        memory = lmb.ChatMemory()
        return kind("Act.", completion=FunctionCompletion(answer), recorder=recorder, memory=memory, **settings)

    calm = bot(sync, InMemoryRecorder(durable=True)).run("go")
    for lives in range(1, 40):
        for first, second in [(sync, other), (other, sync)]:
            store = InMemoryRecorder(durable=True)
            try:
                go(bot(first, Dying(store, lives)).run("go"))
            except Killed:
                runs = list(store.runs())
                if not runs:
                    continue
                result = go(bot(second, store).resume(runs[0].run_id))
                assert (result.value, result.messages, result.usage) == (calm.value, calm.messages, calm.usage)
                again = go(bot(first, store).replay(runs[0].run_id))
                assert again.messages == calm.messages
            else:
                assert lives > 6
                return
