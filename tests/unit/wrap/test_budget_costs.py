"""What is counted against a budget."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing

import pytest
from tests.unit.wrap.budgets import budget, costing
from tests.unit.wrap.four_ways import WAYS, outcome, request

from llamabot.ports.completion import Completion, CompletionChunk, FinishReason, ModelCapabilities, Usage
from llamabot.ports.errors import (
    AuthenticationFailed,
    CompletionTimeout,
    ConfigurationError,
    RateLimited,
    StreamTruncated,
)
from llamabot.ports.messages import AssistantMessage
from llamabot.testing import ScriptedCompletion

PROMPT_USD = 5 * 0.001
"""Of `request()`: five tokens, roughly."""


@pytest.mark.parametrize("way", WAYS)
def test_what_an_answer_costs_by_the_prices_that_were_given(way: str) -> None:
    counted = Completion(AssistantMessage("Hi"), FinishReason.STOP, Usage(10, 20))
    held = budget(ScriptedCompletion([counted]), 10.0)
    assert WAYS[way](held, request()).cost_usd == pytest.approx(10 * 0.001 + 20 * 0.002)
    assert held.spent_usd() == pytest.approx(0.05)
    assert held.capabilities("first") == ModelCapabilities(True, True, 0.001, 0.002)


@pytest.mark.parametrize("way", WAYS)
def test_a_price_that_nobody_knows_is_an_error_that_names_the_mend(way: str) -> None:
    port = ScriptedCompletion(["never"])
    with pytest.raises(ConfigurationError, match=r"prices=\{'first': "):
        WAYS[way](budget(port, 1.0, prices=None), request())
    assert port.requests == ()


@pytest.mark.parametrize("way", WAYS)
def test_by_the_price_that_the_port_tells(way: str) -> None:
    port = ScriptedCompletion([costing(0.5)] * 2, capabilities=ModelCapabilities(None, True, 0.0, 0.0005))
    held = budget(port, 1.0, prices=None)
    assert outcome(way, held, request(max_tokens=1000)) == "one two"
    assert outcome(way, held, request(max_tokens=1001)) == "BudgetExceeded"


def test_by_what_was_paid_before_where_the_port_has_a_price_and_does_not_tell() -> None:
    port = ScriptedCompletion([costing(0.4), costing(0.1), "never"], capabilities=ModelCapabilities(None, True))
    held = budget(port, 0.85, prices=None)
    assert [outcome("complete", held, request()) for _ in range(3)] == ["one two", "one two", "BudgetExceeded"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("error", "cost_usd"),
    [
        (RateLimited("no"), 0.0),
        (AuthenticationFailed("no"), 0.0),
        (CompletionTimeout("no"), PROMPT_USD + 100 * 0.002),
        (ValueError("no"), PROMPT_USD + 100 * 0.002),
    ],
)
def test_what_a_failure_costs(way: str, error: Exception, cost_usd: float) -> None:
    held = budget(ScriptedCompletion([error]), 10.0)
    assert outcome(way, held, request(max_tokens=100)) == type(error).__name__
    assert held.spent_usd() == pytest.approx(cost_usd)


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("how", ["left", "broken"])
def test_what_had_arrived_of_a_stream_is_paid_for(way: str, how: str) -> None:
    chunks = [CompletionChunk(text="four"), CompletionChunk(text="four"), StreamTruncated("cut")]
    held = budget(ScriptedCompletion([chunks]), 10.0)
    if how == "broken":
        assert outcome(way, held, request()) == "StreamTruncated"
    elif way == "stream":
        with closing(held.stream(request())) as stream:
            next(stream), next(stream)
    else:

        async def leave() -> None:
            async with aclosing(held.astream(request())) as stream:
                await anext(stream)
                await anext(stream)
            assert held.spent_usd() == pytest.approx(PROMPT_USD + 2 * 0.002)

        asyncio.run(leave())
    assert held.spent_usd() == pytest.approx(PROMPT_USD + 2 * 0.002)


def test_a_stream_that_was_counted_before_it_was_left_costs_that() -> None:
    chunks = [CompletionChunk(text="a", usage=Usage(100, 1)), CompletionChunk(finish_reason=FinishReason.STOP)]
    held = budget(ScriptedCompletion([chunks]), 10.0)
    with closing(held.stream(request())) as stream:
        next(stream)
    assert held.spent_usd() == pytest.approx(0.102)


def test_a_stream_that_breaks_at_an_unknown_price_costs_what_it_might_have() -> None:
    chunks = [CompletionChunk(text="a"), RateLimited("no")]
    held = budget(ScriptedCompletion([chunks], capabilities=ModelCapabilities(None, True)), 10.0, prices=None)
    assert outcome("stream", held, request()) == "RateLimited"
    assert held.spent_usd() == 0.01


def test_a_stream_that_is_never_read_costs_nothing() -> None:
    held = budget(ScriptedCompletion(["Hi"]), 10.0)
    held.stream(request()).close()
    assert held.spent_usd() == 0.0
