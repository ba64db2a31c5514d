"""Tries of one input: how long they go on, on which clock they wait, and what they leave in the item and in the log."""

from __future__ import annotations

from typing import Any

import pytest
from tests.property.maps import BOTH, Fate, Model, bot, mapped

import llamabot as lmb
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion, VirtualClock

BUSY = lmb.errors.ProviderUnavailable("busy")


def _agent(colour: str, steps: list[Any]) -> Any:
    """Return an agent that waits, by a tool, where a step is "call"."""
    left = iter(steps)

    def reply(request: Any) -> Any:
        step = next(left)
        return lmb.AssistantMessage("I wait", tool_calls=(lmb.ToolCall("c", "wait", "{}"),)) if step == "call" else step

    def wait() -> str:
        """Wait."""
        return "waited"

    make: Any = lmb.AgentBot if colour == "sync" else lmb.AsyncAgentBot
    return make(tools=[wait], model="fake", completion=FunctionCompletion(reply), clock=VirtualClock())


@BOTH
@pytest.mark.parametrize("recorder", [None, InMemoryRecorder()])
def test_what_failed_has_the_tokens_that_it_took(colour: str, recorder: Any) -> None:
    with lmb.override(recorder=recorder):
        (item,) = mapped(_agent(colour, ["call", lmb.errors.RequestRejected("no")]), ["go"])
    assert isinstance(item.error, lmb.errors.RequestRejected)
    assert item.usage.completion_tokens == 2


@BOTH
def test_tokens_of_all_tries_are_counted_where_each_is_a_run_of_its_own(colour: str) -> None:
    with lmb.override(recorder=None):
        (item,) = mapped(_agent(colour, ["call", BUSY, "call", BUSY, "call", "done"]), ["go"])
        (failed,) = mapped(_agent(colour, ["call", BUSY] * 3), ["go"])
    assert item.unwrap().text == "done"
    assert item.usage.completion_tokens == 2 + 2 + 2 + 1
    assert failed.usage.completion_tokens == 2 + 2 + 2


@BOTH
def test_no_try_begins_later_than_it_may_after_the_first(colour: str) -> None:
    clock = VirtualClock()
    clock.advance(1000)
    asked: list[float] = []

    def reply(request: Any) -> Any:
        asked.append(clock.elapsed_s)
        clock.advance(8)
        return BUSY

    policy = lmb.RetryPolicy(attempts=5, first_wait_s=0.5, within_s=10)
    (item,) = mapped(bot(colour, FunctionCompletion(reply), clock=clock), ["a"], retry=policy)
    assert isinstance(item.error, lmb.errors.ProviderUnavailable)
    assert len(asked) == 2
    assert asked[1] < asked[0] + 10


@BOTH
def test_an_async_map_waits_on_no_thread_to_try_again(colour: str) -> None:
    waits: list[str] = []

    class Clock(VirtualClock):
        def sleep(self, seconds: float) -> None:
            waits.append("sync")
            super().sleep(seconds)

        async def asleep(self, seconds: float) -> None:
            waits.append("async")
            await super().asleep(seconds)

    mapped(bot(colour, Model({"a": Fate(failures=1)}), clock=Clock()), ["a"])
    assert set(waits) == {colour}


@BOTH
def test_a_second_try_is_given_what_the_log_does_not_keep(colour: str) -> None:
    hook = object()
    model = Model({"a": Fate(failures=1)})
    (item,) = mapped(bot(colour, model), ["a"], options={"hook": hook}, tags={"user": "7"})
    assert item.unwrap().text == "A"
    assert [request.options["hook"] is hook for request in model.requests] == [True, True]


@BOTH
def test_a_try_of_a_job_whose_log_was_lost_is_made_anew_under_the_same_name(colour: str) -> None:
    class Losing(InMemoryRecorder):
        loses = True

        def append(self, events: Any) -> Any:
            return super().append([] if self.loses else events)

    def reply(request: Any) -> Any:
        if recorder.loses:
            recorder.loses = False
            return BUSY
        return "yes"

    recorder = Losing(durable=True)
    (item,) = mapped(bot(colour, FunctionCompletion(reply), recorder=recorder), ["a"], resume="job")
    assert item.unwrap().text == "yes"
    (again,) = mapped(bot(colour, ScriptedCompletion(), recorder=recorder), ["a"], resume="job")
    assert (again.unwrap().text, again.run_id, again.from_log) == ("yes", item.run_id, True)
