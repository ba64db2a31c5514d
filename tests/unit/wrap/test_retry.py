"""Asking again: when, after how long, and when not."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from contextlib import aclosing, closing
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wrap.four_ways import WAYS, outcome, request

import llamabot as lmb
from llamabot.ports.completion import CompletionChunk, CompletionRequest, FinishReason
from llamabot.ports.errors import (
    AuthenticationFailed,
    BadCompletion,
    ConfigurationError,
    EmbeddingError,
    ProviderUnavailable,
    RateLimited,
    StreamTruncated,
)
from llamabot.testing import FunctionCompletion, HashedEmbedding, ScriptedCompletion, VirtualClock
from llamabot.testing.faults import CutStream, RateLimit, ServerError, TimedOut, faulty

DOWN = ProviderUnavailable("the provider is down")


def half() -> float:
    return 0.5


def retried(script: Sequence[Any], **changes: Any) -> tuple[Any, ScriptedCompletion, VirtualClock]:
    port, clock = ScriptedCompletion(script), VirtualClock()
    return lmb.Retry(port, **{"clock": clock, "random": half, **changes}), port, clock


@pytest.mark.parametrize("way", WAYS)
def test_asks_until_it_is_answered(way: str) -> None:
    retry, port, clock = retried([DOWN, DOWN, "Hi!"])
    assert outcome(way, retry, request()) == "Hi!"
    assert len(port.requests) == 3
    assert clock.elapsed_s == 0.75 + 1.5


@pytest.mark.parametrize("way", WAYS)
def test_raises_the_last_error_as_it_came(way: str) -> None:
    retry, port, _ = retried([DOWN, DOWN, RateLimited("slow down", retry_after_s=3.0)])
    with pytest.raises(RateLimited, match="slow down") as caught:
        WAYS[way](retry, request())
    assert caught.value.retry_after_s == 3.0
    assert len(port.requests) == 3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [AuthenticationFailed("no"), ConfigurationError("no"), ValueError("no")])
def test_does_not_ask_again_what_would_fail_again(way: str, error: Exception) -> None:
    retry, port, clock = retried([error, "Hi!"])
    assert outcome(way, retry, request()) == type(error).__name__
    assert (len(port.requests), clock.elapsed_s) == (1, 0)


@pytest.mark.parametrize("way", WAYS)
def test_waits_as_long_as_the_provider_asks(way: str) -> None:
    clock = VirtualClock()
    port = faulty(ScriptedCompletion(["Hi!"] * 2), [RateLimit(retry_after_s=20)], clock=clock)
    assert outcome(way, lmb.Retry(port, clock=clock, random=half), request()) == "Hi!"
    assert clock.elapsed_s == 20.5


@pytest.mark.parametrize("way", WAYS)
def test_does_not_wait_for_what_comes_too_late(way: str) -> None:
    retry, _, clock = retried([RateLimited("no", retry_after_s=90), "Hi!"], within_s=60)
    assert outcome(way, retry, request()) == "RateLimited"
    assert clock.elapsed_s == 0


@pytest.mark.parametrize("way", WAYS)
def test_the_time_that_attempts_take_counts(way: str) -> None:
    clock = VirtualClock()
    port = faulty(ScriptedCompletion(["Hi!"] * 3), [TimedOut(), TimedOut(), TimedOut()], clock=clock)
    retry = lmb.Retry(port, attempts=5, within_s=25, clock=clock, random=half)
    assert outcome(way, retry, request(timeout_s=10.0)) == "CompletionTimeout"
    assert clock.elapsed_s == 25  # 10 s and a wait, 10 s and a wait, and what is left


def test_shortens_no_first_attempt_of_those_who_say_nothing() -> None:
    asked = CompletionRequest("m", ())
    retry, port, _ = retried(["Hi!"])
    retry.complete(asked)
    assert port.requests == (asked,)


@pytest.mark.parametrize("way", ["stream", "astream"])
@settings(max_examples=30)
@given(cut=st.integers(1, 3))
def test_never_asks_again_after_text_was_handed_out(way: str, cut: int) -> None:
    clock = VirtualClock()
    script = ScriptedCompletion(["one two three four"] * 3)
    retry = lmb.Retry(faulty(script, [CutStream(after=cut)], clock=clock), clock=clock)
    with pytest.raises(StreamTruncated) as caught:
        WAYS[way](retry, request())
    assert caught.value.partial is not None
    assert len(script.requests) == 1
    assert clock.elapsed_s == 0


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_begins_a_stream_again_that_broke_before_anything_came(way: str) -> None:
    clock = VirtualClock()
    script = ScriptedCompletion(["one two"] * 3)
    retry = lmb.Retry(faulty(script, [CutStream(after=0), ServerError()], clock=clock), clock=clock)
    assert outcome(way, retry, request()) == "one two"


@settings(max_examples=30)
@given(st.lists(st.sampled_from([DOWN, BadCompletion("odd"), AuthenticationFailed("no"), "Hi!"]), min_size=4))
def test_is_the_same_in_all_colours(script: list[Any]) -> None:
    seen = set()
    for way in WAYS:
        retry, port, clock = retried(script, attempts=4)
        seen.add((outcome(way, retry, request()), len(port.requests), clock.elapsed_s))
    assert len(seen) == 1


def test_closing_a_stream_closes_the_ports() -> None:
    closed = []

    class Port:
        def stream(self, asked: Any) -> Any:
            try:
                yield CompletionChunk(text="one")
                yield CompletionChunk(text="two", finish_reason=FinishReason.STOP)
            finally:
                closed.append("stream")

        async def astream(self, asked: Any) -> Any:
            try:
                yield CompletionChunk(text="one")
                yield CompletionChunk(text="two", finish_reason=FinishReason.STOP)
            finally:
                closed.append("astream")

        complete = acomplete = None

    async def leave() -> None:
        async with aclosing(lmb.Retry(Port()).astream(request())) as stream:
            await anext(stream)
        assert closed == ["stream", "astream"]

    with closing(lmb.Retry(Port()).stream(request())) as stream:
        next(stream)
    assert closed == ["stream"]
    asyncio.run(leave())
    assert closed == ["stream", "astream"]


def test_a_task_can_be_cancelled_while_it_waits() -> None:
    retry = lmb.Retry(ScriptedCompletion([DOWN] * 9), first_wait_s=60.0)

    async def cancel() -> bool:
        task = asyncio.ensure_future(retry.acomplete(request()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancel())


def test_asks_an_embedder_again() -> None:
    clock, calls = VirtualClock(), []

    class Busy(HashedEmbedding):
        def embed(self, texts: Sequence[str]) -> Any:
            calls.append(texts)
            if len(calls) % 2:
                error = EmbeddingError("busy")
                error.retryable, error.retry_after_s = True, 5.0
                raise error
            return super().embed(texts)

        async def aembed(self, texts: Sequence[str]) -> Any:
            return self.embed(texts)

    retry = lmb.Retry(Busy(), clock=clock, random=half)
    assert numpy.array_equal(retry.embed(["a"]), HashedEmbedding().embed(["a"]))
    assert numpy.array_equal(asyncio.run(retry.aembed(["a"])), HashedEmbedding().embed(["a"]))
    assert (len(calls), clock.elapsed_s) == (4, 11.0)
    assert (retry.name, retry.dimensions) == (HashedEmbedding().name, HashedEmbedding().dimensions)
    assert not hasattr(retry, "complete")


def test_has_the_colours_of_its_port() -> None:
    class Blocking:
        def complete(self, asked: Any) -> Any: ...

    retry = lmb.Retry(Blocking())
    assert [name for name in ("complete", "acomplete", "stream", "astream", "embed") if hasattr(retry, name)] == [
        "complete"
    ]
    with pytest.raises(ConfigurationError, match="sync"):
        lmb.AsyncSimpleBot("You are brief.", completion=retry)


@pytest.mark.parametrize("port", [None, ScriptedCompletion, "openai/gpt-5", VirtualClock()])
def test_is_put_around_ports_alone(port: Any) -> None:
    with pytest.raises(ConfigurationError, match="Retry"):
        lmb.Retry(port)


def echo(asked: Any) -> str:
    return "Hi!"


def test_can_be_pickled_if_its_port_can() -> None:
    retry = lmb.Retry(FunctionCompletion(echo), attempts=7)
    copied = pickle.loads(pickle.dumps(retry))  # noqa: S301 - it was pickled a moment ago
    assert copied.complete(request()).message.text == "Hi!"
    assert "attempts=7" in repr(copied)


def test_passes_secrets_on_and_shows_none() -> None:
    bound = lmb.Retry(lmb.LiteLLMCompletion()).with_secrets(lmb.LiteLLMCompletion({"api_key": "sk-canary"})._secrets)
    assert isinstance(bound, lmb.Retry)
    assert "canary" not in repr(bound)
    assert "api_key" in repr(bound)
    assert not hasattr(lmb.Retry(ScriptedCompletion()), "with_secrets")


def test_closes_what_it_is_around() -> None:
    closed = []

    class Port:
        complete = acomplete = None

        def close(self) -> None:
            closed.append("close")

        async def aclose(self) -> None:
            closed.append("aclose")

    async def use() -> None:
        async with lmb.Retry(Port()):
            pass

    with lmb.Retry(Port()):
        pass
    asyncio.run(use())
    with lmb.Retry(ScriptedCompletion()):
        pass
    assert closed == ["close", "aclose"]


def test_waits_on_the_clock_in_force() -> None:
    clock = VirtualClock()
    with lmb.override(clock=clock):
        assert lmb.Retry(ScriptedCompletion([DOWN, "Hi!"]), random=half).complete(request()).message.text == "Hi!"
    assert clock.elapsed_s == 0.75
