"""What a call was given outlives its process: model, options and limits are those of the recorded call."""

from __future__ import annotations

from typing import Any

import pytest

import llamabot as lmb
from llamabot.ports.recorder import RunStarted
from llamabot.testing import InMemoryRecorder, ScriptedCompletion

BUSY = lmb.errors.ProviderUnavailable("come again")
SECRET = "sk-0123456789abcdef"


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder(durable=True)


def failed(bot: Any, **call: Any) -> str:
    """Run a bot whose model fails, and return the run's id."""
    with pytest.raises(lmb.errors.LlamabotError) as error:
        bot.run("Hi", **call)
    return str(error.value.run_id)


def test_a_resumed_run_asks_the_model_that_it_began_with(
    recorder: InMemoryRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedCompletion([BUSY, "yes", BUSY, "yes"])
    bot = lmb.SimpleBot("", completion=model, recorder=recorder)
    monkeypatch.setenv("LLAMABOT_MODEL", "first/model")
    run_id = failed(bot)
    monkeypatch.setenv("LLAMABOT_MODEL", "second/model")
    bot.resume(run_id)
    assert [request.model for request in model.requests] == ["first/model"] * 2
    named = bot.with_(model="own/model")
    named.resume(failed(named))
    assert [request.model for request in model.requests][2:] == ["own/model"] * 2


def test_a_resumed_run_asks_with_the_options_of_its_call(recorder: InMemoryRecorder) -> None:
    model = ScriptedCompletion([BUSY, BUSY, "yes"])
    bot = lmb.SimpleBot("", completion=model, recorder=recorder, options={"seed": 1, "top_k": 3})
    run_id = failed(bot, options={"seed": 2, "api_key": SECRET})
    assert lmb.read_trace(recorder.events(run_id)).input.options == {"seed": 2}, "without the key"
    with pytest.raises(lmb.errors.ProviderUnavailable):
        bot.resume(run_id)
    bot.resume(run_id, options={"seed": 4}, accept_changes=True)
    assert [{**request.options, "api_key": ""} for request in model.requests] == [
        {"seed": seed, "top_k": 3, "api_key": ""} for seed in (2, 2, 4)
    ]


def test_a_resumed_run_is_limited_as_it_was(recorder: InMemoryRecorder) -> None:
    look = lmb.AssistantMessage("", tool_calls=(lmb.ToolCall("1", "look", "{}"),))
    bot = lmb.AgentBot("", tools=[_look], completion=ScriptedCompletion([look, "done"]), recorder=recorder)
    run_id = failed(bot, limits=lmb.Limits(decisions=1))
    with pytest.raises(lmb.errors.LimitReached):
        bot.resume(run_id)
    assert bot.resume(run_id, limits=lmb.Limits(decisions=2)).text == "done"


@lmb.tool(name="look")
def _look() -> str:
    """Look."""
    return "there"


def test_a_key_that_comes_back_in_an_error_is_told_to_nobody(recorder: InMemoryRecorder) -> None:
    model = ScriptedCompletion([lmb.errors.AuthenticationFailed(f"wrong key: {SECRET}") for _ in range(2)])
    bot = lmb.SimpleBot("", completion=model, recorder=recorder)
    failed(bot, options={"api_key": SECRET})
    with pytest.raises(lmb.errors.AuthenticationFailed) as error:
        bot.with_(options={"api_key": SECRET}).run("Hi")
    assert SECRET not in str(error.value)
    assert [run.status for run in recorder.runs()] == ["failed"] * 2
    assert not [run for run in recorder.runs() if SECRET in repr(recorder.events(run.run_id))]


def test_a_completed_run_has_its_conversation_from_the_log(recorder: InMemoryRecorder) -> None:
    memory = lmb.ChatMemory()
    memory.remember([lmb.UserMessage("I am Ana."), lmb.AssistantMessage("Hello, Ana!")])
    bot = lmb.SimpleBot("", completion=ScriptedCompletion(["Ana."]), recorder=recorder, memory=memory)
    result = bot.run("Who am I?")
    forgetful = bot.with_(memory=None, completion=ScriptedCompletion([]))
    assert forgetful.resume(result.run_id).messages == result.messages
    assert len(memory.recall()) == 4, "and it is remembered once"


def test_a_run_says_with_which_limits_and_model_it_began(recorder: InMemoryRecorder) -> None:
    bot = lmb.SimpleBot("", model="a/b", name="greeter", completion=ScriptedCompletion(["yes"]), recorder=recorder)
    run_id = bot.run("Hi", limits=lmb.Limits(tokens=100), tags={"user": "7"}).run_id
    (started,) = [event for event in recorder.events(run_id) if isinstance(event, RunStarted)]
    assert (started.bot, started.model, started.tags) == ("greeter", "a/b", {"user": "7"})
    assert lmb.read_trace(recorder.events(run_id)).input.limits == lmb.Limits(tokens=100)
