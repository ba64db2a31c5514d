"""Decorators in any order: the port that comes out keeps the promises of a port, in all four ways alike."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wrap.four_ways import WAYS, request

import llamabot as lmb
from llamabot.adapters.fake.shared import InMemoryLedger
from llamabot.adapters.wrap.budget import Budget
from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, Usage
from llamabot.ports.errors import (
    AuthenticationFailed,
    CompletionError,
    ProviderUnavailable,
    RateLimited,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage
from llamabot.testing import FunctionCompletion, ScriptedCompletion, VirtualClock

PRICES = dict.fromkeys(("first", "second"), (1e-06, 2e-06))
DECORATORS: dict[str, Callable[[Any, VirtualClock], Any]] = {
    "retry": lambda port, clock: lmb.Retry(port, clock=clock, random=lambda: 0.0),
    "fallback": lambda port, clock: lmb.Fallback(port, "second"),
    "cache": lambda port, clock: lmb.Cache(port, clock=clock),
    "rate_limit": lambda port, clock: lmb.RateLimit(port, rpm=2, tpm=5000, clock=clock),
    "budget": lambda port, clock: Budget(port, InMemoryLedger(), cost_usd=0.01, prices=PRICES, clock=clock),
}
PICKLED: dict[str, Callable[[Any], Any]] = {
    "retry": lmb.Retry,
    "fallback": lambda port: lmb.Fallback(port, "second"),
    "cache": lmb.Cache,
    "rate_limit": lambda port: lmb.RateLimit(port, rpm=9, tpm=90_000),
    "budget": lambda port: Budget(port, InMemoryLedger(), cost_usd=1, prices=PRICES),
}
stacks = st.permutations(sorted(DECORATORS)).flatmap(
    lambda names: st.integers(1, len(names)).map(lambda count: names[:count])
)


def answered(text: str) -> Completion:
    return Completion(AssistantMessage(text), FinishReason.STOP, Usage(3, 4))


BROKEN = [CompletionChunk(text="one"), StreamTruncated("cut")]
SILENT = [StreamTruncated("cut at once")]
steps = st.sampled_from(
    [
        answered("Hi!"),
        answered("Ho!"),
        ProviderUnavailable("down"),
        RateLimited("slow", retry_after_s=2.0),
        AuthenticationFailed("no"),
        SILENT,
    ]
)


def stacked(names: Sequence[str], script: Sequence[Any], clock: VirtualClock) -> tuple[Any, ScriptedCompletion]:
    """Return a port with decorators around it, the last one outermost, and the port inside."""
    inner = ScriptedCompletion([*script, *[answered("enough")] * 20])
    port: Any = inner
    for name in names:
        port = DECORATORS[name](port, clock)
    return port, inner


def told(way: str, port: Any, asked: Any) -> Any:
    try:
        answer = WAYS[way](port, asked)
    except CompletionError as error:
        return type(error).__name__
    return answer.message.text, answer.from_cache, answer.cost_usd


@settings(max_examples=40)
@given(stacks, st.lists(steps, max_size=6), st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4))
def test_any_stack_gives_the_same_in_all_ways(names: list[str], script: list[Any], texts: list[str]) -> None:
    seen = []
    for way in WAYS:
        clock = VirtualClock()
        port, inner = stacked(names, script, clock)
        answers = [told(way, port, request(text)) for text in texts]
        seen.append((answers, [asked.model for asked in inner.requests], clock.elapsed_s))
    assert all(one == seen[0] for one in seen)


@settings(max_examples=40)
@given(stacks, st.lists(steps, max_size=3))
def test_no_stack_asks_again_after_text(names: list[str], script: list[Any]) -> None:
    for way in ("stream", "astream"):
        clock = VirtualClock()
        port, inner = stacked(names, [*script, BROKEN], clock)
        try:
            answer = WAYS[way](port, request())
        except StreamTruncated:
            # The broken stream was the last that was asked for, unless one that broke at once was.
            assert len(inner.requests) <= len(script) + 1
        except CompletionError:
            pass
        else:
            assert not answer.message.text.startswith("one")


@settings(max_examples=40)
@given(stacks, st.lists(st.sampled_from(["a", "b"]), min_size=2, max_size=5))
def test_in_any_stack_with_a_budget_and_a_cache_what_was_asked_once_is_paid_once(
    names: list[str], texts: list[str]
) -> None:
    clock = VirtualClock()
    chosen = list(dict.fromkeys([*names, "budget", "cache"]))
    port, inner = stacked(chosen, [], clock)
    answers = [WAYS[way](port, request(text)) for text, way in zip(texts, [*WAYS, "complete"], strict=False)]
    paid = [answer.cost_usd for answer in answers if not answer.from_cache]
    assert len(inner.requests) == len(paid) == len(set(texts[: len(answers)]))
    assert [answer.cost_usd for answer in answers if answer.from_cache] == [0.0] * (len(answers) - len(paid))


@settings(max_examples=30)
@given(stacks)
def test_any_stack_passes_on_what_the_port_is(names: list[str]) -> None:
    port, inner = stacked(names, [], VirtualClock())
    assert port.capabilities("first").output_schema is True
    assert port.requests == inner.requests
    assert "Scripted" in repr(port)
    for name in ("complete", "acomplete", "stream", "astream"):
        assert hasattr(port, name)
    assert not hasattr(port, "embed")


def echo(asked: Any) -> str:
    return asked.messages[-1].text


@settings(max_examples=15)
@given(stacks)
def test_any_stack_can_be_pickled_and_used_elsewhere(names: list[str]) -> None:
    port: Any = FunctionCompletion(echo)
    for name in names:
        port = PICKLED[name](port)
    again = pickle.loads(pickle.dumps(port))  # noqa: S301 - it was pickled a moment ago
    assert repr(again).partition(" at ")[0] == repr(port).partition(" at ")[0]
    assert [WAYS[way](again, request("Hi")).message.text for way in WAYS] == ["Hi"] * 4
