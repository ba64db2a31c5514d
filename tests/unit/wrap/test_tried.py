"""What ports tried is in the log, in all colours, and the tags of a run reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

import llamabot as lmb
from llamabot.adapters.wrap.metadata import MetadataRecorder
from llamabot.ports.effect_context import current_effect
from llamabot.ports.errors import ProviderUnavailable, RateLimited
from llamabot.ports.messages import AssistantMessage
from llamabot.ports.recorder import EffectFinished, ErrorRecord, TryRecord, decode_event, encode_event
from llamabot.ports.tools import ToolCall
from llamabot.testing import FunctionCompletion, InMemoryRecorder, ScriptedCompletion, VirtualClock

DOWN = ProviderUnavailable("the provider is down")


def ask(way: str, port: Any, **settings: Any) -> None:
    """Ask a bot in one of four ways."""
    kind = lmb.AsyncSimpleBot if way.startswith("a") else lmb.SimpleBot
    bot: Any = kind("You are brief.", completion=port, model="first", **settings)

    async def aask() -> None:
        if way == "acall":
            await bot("Hi", tags={"user": "7"})
        else:
            async with bot.stream("Hi", tags={"user": "7"}) as events:
                async for _ in events:
                    pass

    if way == "call":
        bot("Hi", tags={"user": "7"})
    elif way == "stream":
        with bot.stream("Hi", tags={"user": "7"}) as events:
            list(events)
    else:
        asyncio.run(aask())


WAYS = ("call", "acall", "stream", "astream")


def tried(recorder: Any) -> tuple[TryRecord, ...]:
    (summary,) = recorder.runs()
    (effect,) = lmb.read_trace(recorder.events(summary.run_id)).effects
    return effect.tried


@pytest.mark.parametrize("way", WAYS)
def test_the_log_says_what_was_tried(way: str) -> None:
    recorder, clock = InMemoryRecorder(), VirtualClock()
    script = ScriptedCompletion([RateLimited("slow down", retry_after_s=2.0), DOWN, "Hi!"])
    port = lmb.Fallback(lmb.Retry(script, attempts=2, clock=clock, random=lambda: 0.0), "second")
    ask(way, port, recorder=recorder)
    assert tried(recorder) == (
        TryRecord("retry", "first", ErrorRecord("RateLimited", "slow down", {"retry_after_s": 2.0}), 2.0),
        TryRecord("fallback", "first", ErrorRecord("ProviderUnavailable", "the provider is down")),
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_log_says_it_of_what_failed_too(way: str) -> None:
    recorder = InMemoryRecorder()
    with pytest.raises(ProviderUnavailable):
        ask(way, lmb.Retry(ScriptedCompletion([DOWN] * 3), clock=VirtualClock()), recorder=recorder)
    assert [one.by for one in tried(recorder)] == ["retry", "retry"]


@pytest.mark.parametrize("way", WAYS)
def test_each_run_is_told_of_its_own_tries(way: str) -> None:
    recorder = InMemoryRecorder()
    port = lmb.Retry(ScriptedCompletion([DOWN, "Hi!", "Hi!"]), clock=VirtualClock())
    ask(way, port, recorder=recorder)
    ask(way, port, recorder=recorder)
    counts = [len(lmb.read_trace(recorder.events(run.run_id)).effects[0].tried) for run in recorder.runs()]
    assert sorted(counts) == [0, 1]


def test_secrets_of_the_call_are_not_in_it() -> None:
    recorder = InMemoryRecorder()
    script = ScriptedCompletion([ProviderUnavailable("no, not with sk-canary-1234"), "Hi!"])
    ask("call", lmb.Retry(script, clock=VirtualClock()), recorder=recorder, options={"api_key": "sk-canary-1234"})
    (one,) = tried(recorder)
    assert one.error == ErrorRecord("ProviderUnavailable", "no, not with [secret]")


def test_metadata_keeps_what_failed_and_not_what_it_said() -> None:
    inner = InMemoryRecorder()
    ask("call", lmb.Retry(ScriptedCompletion([DOWN, "Hi!"]), clock=VirtualClock()), recorder=MetadataRecorder(inner))
    (one,) = tried(inner)
    assert (one.by, one.error) == ("retry", ErrorRecord("ProviderUnavailable", ""))


def test_a_log_from_before_can_be_read_and_what_was_not_tried_takes_no_room() -> None:
    old = b'{"type":"effect_finished","run_id":"r","at_ns":1,"path":"1","effect":"complete"}'
    event = decode_event(old)
    assert isinstance(event, EffectFinished)
    assert event.tried == ()
    assert encode_event(event) == old


@pytest.mark.parametrize("way", WAYS)
def test_the_tags_of_a_run_reach_its_port(way: str) -> None:
    seen: list[Mapping[str, str]] = []

    def answer(asked: Any) -> str:
        context = current_effect.get()
        assert context is not None
        seen.append(context.tags)
        return "one two"

    ask(way, FunctionCompletion(answer))
    ask(way, FunctionCompletion(answer), limits=lmb.Limits(deadline_s=60))
    assert seen == [{"user": "7"}] * 2
    assert current_effect.get() is None


def test_a_run_inside_of_a_tool_has_the_tags_of_the_one_around_it_too() -> None:
    seen = []

    def inner(asked: Any) -> str:
        context = current_effect.get()
        assert context is not None
        seen.append(dict(context.tags))
        return "42"

    @lmb.tool
    def consult() -> str:
        """Ask someone who knows."""
        return lmb.SimpleBot("You know.", completion=FunctionCompletion(inner))("?", tags={"step": "2"}).text

    script = [AssistantMessage("", tool_calls=(ToolCall("1", "consult", "{}"),)), "done"]
    bot = lmb.AgentBot("You ask.", tools=[consult], completion=ScriptedCompletion(script))
    bot("Go", tags={"user": "7", "step": "1"})
    assert seen == [{"user": "7", "step": "2"}]


def test_who_streams_a_run_sees_nothing_of_it_in_their_own_context() -> None:
    bot = lmb.SimpleBot("You are brief.", completion=ScriptedCompletion(["one two three"]))
    with bot.stream("Hi") as events:
        assert [current_effect.get() for _ in events] == [None] * 4


def test_nothing_is_asked_for_after_the_deadline_of_the_call() -> None:
    clock, script = VirtualClock(), ScriptedCompletion([DOWN] * 9)
    retry = lmb.Retry(script, attempts=9, first_wait_s=20.0, random=lambda: 0.0)
    bot = lmb.SimpleBot("You are brief.", completion=retry, clock=clock, limits=lmb.Limits(deadline_s=25.0))
    with pytest.raises((lmb.errors.LimitReached, ProviderUnavailable)):
        bot("Hi")
    assert (len(script.requests), clock.elapsed_s) == (2, 10.0)


@pytest.mark.parametrize("way", WAYS)
def test_the_tags_of_a_span_reach_the_ports_of_the_runs_inside(way: str) -> None:
    seen: list[Mapping[str, str]] = []

    def answer(asked: Any) -> str:
        context = current_effect.get()
        assert context is not None
        seen.append(dict(context.tags))
        return "one two"

    with lmb.span("request", tags={"tenant": "acme", "user": "0"}), lmb.span("part"):
        ask(way, FunctionCompletion(answer))
    assert seen == [{"tenant": "acme", "user": "7"}]
    assert current_effect.get() is None
