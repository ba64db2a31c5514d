"""What the log tells of an effect: when it began and gave its first, what it cost, which try it was, how it failed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.unit.domain.asking import agent_of, asks

import llamabot as lmb
from llamabot.ports.recorder import EffectFinished, EffectStarted, RunEvent, RunFinished, RunStarted
from llamabot.testing import InMemoryRecorder, ScriptedCompletion, TickingClock

NOON_NS = 1_700_000_000 * 10**9


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder(durable=True)


def events_of(recorder: InMemoryRecorder, kind: type[RunEvent]) -> list[Any]:
    (run,) = recorder.runs(parent_id=None, limit=1)
    return [event for event in recorder.events(run.run_id) if isinstance(event, kind)]


def read(stream: Any) -> None:
    with stream as events:
        list(events)


def test_times_are_of_the_day_and_go_on_by_the_clock(recorder: InMemoryRecorder) -> None:
    clock = TickingClock(start_ns=NOON_NS)
    lmb.SimpleBot("", completion=ScriptedCompletion(["yes"]), recorder=recorder, clock=clock).run("?")
    (started,), (ended,) = events_of(recorder, RunStarted), events_of(recorder, RunFinished)
    assert NOON_NS <= started.at_ns < ended.at_ns < NOON_NS + 10**9


@pytest.mark.parametrize("last", ["there", lmb.errors.ProviderUnavailable("gone")], ids=["whole", "broken"])
def test_a_stream_tells_when_its_first_came(recorder: InMemoryRecorder, last: Any) -> None:
    broken = isinstance(last, Exception)
    chunks = [
        lmb.CompletionChunk(text="Hel"),
        last if broken else lmb.CompletionChunk(finish_reason=lmb.FinishReason.STOP),
    ]
    bot = lmb.SimpleBot("", completion=ScriptedCompletion([chunks]), recorder=recorder, clock=TickingClock())
    if broken:
        with pytest.raises(lmb.errors.ProviderUnavailable):
            read(bot.stream("?"))
    else:
        read(bot.stream("?"))
    (started,), (ended,) = events_of(recorder, EffectStarted), events_of(recorder, EffectFinished)
    assert ended.first_ns is not None
    assert 0 < ended.first_ns < ended.at_ns - started.at_ns
    assert (ended.error is not None) is broken
    assert ended.partial == ({"content": "Hel"} if broken else None) or broken


def test_what_was_not_streamed_tells_no_first(recorder: InMemoryRecorder) -> None:
    lmb.SimpleBot("", completion=ScriptedCompletion(["yes"]), recorder=recorder).run("?")
    assert events_of(recorder, EffectFinished)[0].first_ns is None


def test_a_completion_tells_what_it_cost_and_the_run_the_sum_if_all_is_known(recorder: InMemoryRecorder) -> None:
    def priced(text: str, cost: float | None) -> lmb.Completion:
        return lmb.Completion(
            asks(("look", {})) if text == "" else lmb.AssistantMessage(text), lmb.FinishReason.STOP, cost_usd=cost
        )

    def look() -> str:
        return "there"

    agent, _ = agent_of(priced("", 0.25), priced("a", 0.5), tools=[look], recorder=recorder)
    assert agent.run("?").cost_usd == 0.75
    costs = [event.cost_usd for event in events_of(recorder, EffectFinished) if event.effect == "complete"]
    assert costs == [0.25, 0.5]
    agent, _ = agent_of(priced("", None), priced("a", 0.5), tools=[look])
    assert agent.run("?").cost_usd is None, "of one the price is unknown"


def test_each_try_is_counted(recorder: InMemoryRecorder) -> None:
    busy = lmb.errors.ProviderUnavailable("come again")
    bot = lmb.SimpleBot("", completion=ScriptedCompletion([busy, busy, "yes"]), recorder=recorder)
    with pytest.raises(lmb.errors.ProviderUnavailable) as error:
        bot.run("?")
    with pytest.raises(lmb.errors.ProviderUnavailable):
        bot.resume(str(error.value.run_id))
    bot.resume(str(error.value.run_id))
    for kind in (EffectStarted, EffectFinished):
        assert [event.attempt for event in events_of(recorder, kind)] == [1, 2, 3]
    assert [event.error is None for event in events_of(recorder, EffectFinished)] == [False, False, True]
    assert events_of(recorder, EffectFinished)[0].error.message == "come again", "and no word more"


def test_what_nobody_waits_for_any_longer_is_told_as_that(recorder: InMemoryRecorder) -> None:
    entered, left = threading.Event(), threading.Event()

    def slow() -> str:
        entered.set()
        left.wait(10)
        return "late"

    async def cancelled() -> None:
        model = ScriptedCompletion([asks(("slow", {}))])
        task = asyncio.ensure_future(lmb.AsyncAgentBot(tools=[slow], completion=model, recorder=recorder).run("?"))
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        left.set()

    asyncio.run(cancelled())
    (told,) = [event.error for event in events_of(recorder, EffectFinished) if event.effect == "call_tool"]
    assert told.type == "asyncio.exceptions.CancelledError"
    assert told.message.endswith(" (nobody waits for it any longer; what runs in a thread goes on unseen)")
    assert events_of(recorder, RunFinished)[0].status == "cancelled"


def test_answers_of_someone_are_maps_and_of_calls_that_wait(recorder: InMemoryRecorder) -> None:
    @lmb.tool(needs_approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    agent, _ = agent_of(asks(("pay", {})), "done", tools=[pay], recorder=recorder)
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        agent.run("?")
    run_id = str(waits.value.run_id)
    for name in ("approvals", "outcomes"):
        with pytest.raises(lmb.errors.UsageError, match=rf"^{name}= maps ids of calls to answers, as {name}="):
            agent.resume(run_id, **{name: ["a"]})
    unknown: Any = {"y": True, "x": True}
    with pytest.raises(
        lmb.errors.UsageError, match="does not wait for what is said of 'x', 'y'; it waits for approvals= of 'a'"
    ):
        agent.resume(run_id, approvals=unknown)


@pytest.mark.parametrize(("recording", "encoded"), [(False, 0), (True, 1)])
def test_where_recording_is_off_nothing_is_encoded_for_a_log(recording: bool, encoded: int) -> None:
    class Priced:
        asked = 0

        def model_dump_json(self) -> str:
            Priced.asked += 1
            return "7"

    def price() -> None:
        """Say what it costs."""
        raise lmb.StopRun(Priced())

    call = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("1", "price", "{}"),))
    bot = lmb.AgentBot(completion=ScriptedCompletion([call]), tools=[price])
    with lmb.override(recorder=InMemoryRecorder() if recording else None):
        result = bot.run("?")
    assert isinstance(result.value, Priced)
    assert Priced.asked == encoded
    assert isinstance(result.messages[-1], lmb.ToolMessage)


def test_the_transcript_of_a_run_on_its_way_is_what_has_been_said(recorder: InMemoryRecorder) -> None:
    result = lmb.SimpleBot("Be kind.", completion=ScriptedCompletion(["yes"]), recorder=recorder).run("?")
    events = recorder.events(result.run_id)
    begun = next(place for place, event in enumerate(events, 1) if isinstance(event, RunStarted))
    asked = (lmb.system("Be kind."), lmb.user("?"))
    told = [lmb.read_trace(events[:end]).messages for end in range(begun, len(events) + 1)]
    assert told == [(), asked, result.messages, result.messages]
