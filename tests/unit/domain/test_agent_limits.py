"""What ends an agent that does not end by itself. The design links to these tests."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.unit.domain.agents import ADD, THREE, add
from tests.unit.domain.asking import agent_of, asks

import llamabot as lmb
from llamabot.testing import FunctionCompletion


def _for_ever(request: lmb.CompletionRequest) -> lmb.AssistantMessage:
    return asks(ADD, ids="z")


def test_25_decisions_are_the_default_limit() -> None:
    model = FunctionCompletion(_for_ever)
    with pytest.raises(lmb.errors.LimitReached) as caught:
        lmb.AgentBot(tools=[add], completion=model)("?")
    assert (caught.value.limit, len(model.requests)) == ("decisions", 25)


@pytest.mark.parametrize(
    ("limits", "limit", "requests"),
    [
        (lmb.Limits(decisions=2), "decisions", 2),
        (lmb.Limits(tool_calls=1), "tool_calls", 2),
        (lmb.Limits(tokens=5), "tokens", 1),
        (lmb.Limits(deadline_s=1e-9), "deadline_s", 0),
    ],
)
def test_a_limit_is_checked_before_each_effect(limits: lmb.Limits, limit: str, requests: int) -> None:
    model = FunctionCompletion(_for_ever)
    agent = lmb.AgentBot("Be an agent with a long prompt.", tools=[add], completion=model)
    with pytest.raises(lmb.errors.LimitReached) as caught:
        agent("?", limits=limits)
    error = caught.value
    assert (error.limit, len(model.requests)) == (limit, requests)
    assert error.run_id is not None
    assert error.usage is not None
    calls = [call.id for message in error.messages for call in getattr(message, "tool_calls", ())]
    assert [message.call_id for message in error.messages if isinstance(message, lmb.ToolMessage)] == calls


def test_a_deadline_ends_the_tool_that_is_under_way() -> None:
    over, returned = threading.Event(), threading.Event()

    def hang(context: lmb.RunContext[Any]) -> None:
        over.wait(10)
        returned.set()

    agent, _ = agent_of(asks(("hang", {})), tools=[hang])
    with pytest.raises(lmb.errors.LimitReached) as caught:
        agent("?", limits=lmb.Limits(deadline_s=0.05))
    assert not returned.is_set(), "the run has waited for it"
    over.set()
    assert caught.value.limit == "deadline_s"


def test_an_unknown_price_under_a_limit_of_cost_is_refused_before_anything_is_paid() -> None:
    agent, model = agent_of("hello", tools=[add])
    with pytest.raises(lmb.errors.ConfigurationError, match="price"):
        agent("?", limits=lmb.Limits(cost_usd=1.0))
    assert model.requests == ()


def test_a_call_after_one_that_reached_its_limit_works() -> None:
    agent, _ = agent_of(asks(ADD), *THREE, tools=[add], limits=lmb.Limits(decisions=2, tool_calls=1))
    with pytest.raises(lmb.errors.LimitReached):
        agent("?", limits=lmb.Limits(decisions=1))
    assert agent("?").text == "three"
