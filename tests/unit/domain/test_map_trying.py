"""How often a map tries, and where a try begins."""

from __future__ import annotations

from typing import Any

import pytest
from tests.property.maps import BOTH, Fate, Model, bot, mapped

import llamabot as lmb
from llamabot.adapters.wrap.metadata import MetadataRecorder
from llamabot.testing import (
    FunctionCompletion,
    InMemoryRecorder,
    ScriptedCompletion,
    VirtualClock,
)


@BOTH
def test_tries_three_times_and_waits_longer_each_time(colour: str) -> None:
    clock = VirtualClock()
    model = Model({"a": Fate(failures=2), "b": Fate(failures=3)})
    one, other = mapped(bot(colour, model, clock=clock), ["a", "b"], concurrency=1)
    assert one.unwrap().text == "A"
    assert isinstance(other.error, lmb.errors.ProviderUnavailable)
    assert model.asked == {"a": 3, "b": 3}
    assert 2 * (0.5 + 1) <= clock.elapsed_s <= 2 * (1 + 2)


@BOTH
def test_waits_as_long_as_the_provider_asks(colour: str) -> None:
    clock = VirtualClock()
    script = [lmb.errors.RateLimited("slow down", retry_after_s=20), "yes"]
    (item,) = mapped(bot(colour, ScriptedCompletion(script), clock=clock), ["a"])
    assert item.unwrap().text == "yes"
    assert clock.elapsed_s >= 20


@BOTH
def test_tries_once_without_a_retry(colour: str) -> None:
    model = Model({"a": Fate(failures=1)})
    (item,) = mapped(bot(colour, model), ["a"], retry=None)
    assert isinstance(item.error, lmb.errors.ProviderUnavailable)
    assert item.run_id == item.error.run_id
    assert model.asked == {"a": 1}


@BOTH
def test_tries_as_often_as_it_is_told(colour: str) -> None:
    model = Model({"a": Fate(failures=4)})
    (item,) = mapped(bot(colour, model), ["a"], retry=lmb.RetryPolicy(attempts=5))
    assert item.unwrap().text == "A"


@BOTH
@pytest.mark.parametrize("kept", [True, False])
def test_a_second_try_goes_on_where_the_first_failed(colour: str, kept: bool) -> None:
    noted: list[str] = []

    def note(text: str) -> str:
        """Note a text."""
        noted.append(text)
        return "noted"

    script = [[("note", {"text": "x"})], lmb.errors.ProviderUnavailable("busy"), "done"]
    steps = iter([script[0], script[1], "done"] if kept else [script[0], script[1], script[0], "done"])

    def reply(request: Any) -> Any:
        step = next(steps)
        if isinstance(step, list):
            return lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("c1", "note", '{"text": "x"}'),))
        return step

    make: Any = lmb.AgentBot if colour == "sync" else lmb.AsyncAgentBot
    recorder = InMemoryRecorder() if kept else None
    one = make(tools=[note], model="fake", completion=FunctionCompletion(reply), clock=VirtualClock())
    with lmb.override(recorder=recorder):
        (item,) = mapped(one, ["go"])
    assert item.unwrap().text == "done"
    assert noted == ["x"] * (1 if kept else 2), "what had finished was done again"
    if recorder:
        (run,) = recorder.runs()
        assert (run.run_id, run.status) == (item.run_id, "completed")


@BOTH
def test_tries_anew_where_the_log_has_no_contents(colour: str) -> None:
    model, recorder = Model({"a": Fate(failures=1)}), InMemoryRecorder()
    (item,) = mapped(bot(colour, model, recorder=MetadataRecorder(recorder)), ["a"])
    assert item.unwrap().text == "A"
    assert [str(run.status) for run in recorder.runs()] == ["completed", "failed"]


@BOTH
def test_counts_the_tokens_of_every_try(colour: str) -> None:
    def reply(request: Any) -> Any:
        step = next(steps)
        if step == "call":
            return lmb.AssistantMessage("I wait", tool_calls=(lmb.ToolCall("c1", "wait", "{}"),))
        return step

    def wait() -> str:
        """Wait."""
        return "waited"

    usage = []
    for recorder in (None, InMemoryRecorder()):
        steps = iter(["call", lmb.errors.ProviderUnavailable("busy"), *([] if recorder else ["call"]), "done"])
        make: Any = lmb.AgentBot if colour == "sync" else lmb.AsyncAgentBot
        one = make(tools=[wait], model="fake", completion=FunctionCompletion(reply), clock=VirtualClock())
        with lmb.override(recorder=recorder):
            (item,) = mapped(one, ["go"])
        usage.append(item.usage.completion_tokens)
    assert usage == [2 + 2 + 1, 2 + 1]
