"""How the reference agent decides. The design links to these tests."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.domain.agents import ADD, THREE, add, fail
from tests.unit.domain.asking import agent_of, asks

import llamabot as lmb
from llamabot.testing import ScriptedCompletion


def test_asks_with_the_prompt_the_conversation_the_question_and_every_tool() -> None:
    memory = lmb.ChatMemory()
    memory.remember((lmb.user("before"), lmb.assistant("yes")))
    agent, model = agent_of(*THREE, tools=[add, fail])
    agent("1 + 2?", memory=memory)
    first, second = model.requests
    assert [message.text for message in first.messages] == ["You are an agent.", "before", "yes", "1 + 2?"]
    assert [tool.name for tool in first.tools] == ["add", "fail"]
    assert second.messages[:4] == first.messages
    assert [message.text for message in second.messages[4:]] == ["", "3"]
    assert len(memory.recall()) == 6


def test_decides_with_the_body_of_a_tool_bot() -> None:
    agent, asked = agent_of("none", tools=[add])
    chooser = lmb.ToolBot("You are an agent.", tools=[add], completion=(chosen := ScriptedCompletion(["none"])))
    agent("1 + 2?")
    chooser("1 + 2?")
    assert asked.requests == chosen.requests


def test_ends_with_the_message_of_a_decision_without_calls() -> None:
    agent, _ = agent_of("hello", tools=[add])
    result = agent.run("hi")
    assert result.value == lmb.assistant("hello") == result.messages[-1]
    assert result.text == "hello"


def test_keeps_text_and_calls_of_a_decision_in_one_message() -> None:
    agent, model = agent_of(decision := asks(ADD, text="Let me see."), "three", tools=[add])
    with agent.stream("1 + 2?") as events:
        assert lmb.Decided(decision.tool_calls) in list(events)
    assert model.requests[1].messages[2] == decision


def test_gives_calls_ids_of_their_own_when_they_are_empty_or_used() -> None:
    calls = (ADD, ADD, ADD)
    script = [asks(*calls, ids=("", "a", "a")), asks(ADD, ids="a"), "three"]  # type: ignore[arg-type]  # ids of any kind
    agent, model = agent_of(*script, tools=[add])
    messages = agent.run("?").messages
    ids = [call.id for message in messages if isinstance(message, lmb.AssistantMessage) for call in message.tool_calls]
    assert len(ids) == len(set(ids)) == 4
    assert "" not in ids
    assert [message.call_id for message in messages if isinstance(message, lmb.ToolMessage)] == ids
    model.assert_finished()


def test_two_agents_share_a_decide_node_of_the_users_own() -> None:
    class Shouting(lmb.DecideNode):
        def prep(self, shared: lmb.AgentState) -> Any:
            request, messages = super().prep(shared)
            return request, (*messages, lmb.user("LOUD"))

    node = Shouting()
    one, _ = agent_of(*THREE, tools=[add], decide=node)
    two, model = agent_of("hi", tools=[fail], decide=node)
    assert (one("?").text, two("?").text) == ("three", "hi")
    assert model.requests[0].messages[-1].text == "LOUD"
    assert node.successors == {}


def test_a_turn_is_remembered_whole_or_not_at_all() -> None:
    memory = lmb.ChatMemory()
    agent, _ = agent_of(*THREE, asks(ADD), lmb.errors.ProviderUnavailable("down"), tools=[add], memory=memory)
    result = agent.run("1 + 2?")
    assert memory.recall() == result.messages[1:]
    with pytest.raises(lmb.errors.ProviderUnavailable):
        agent("And again?")
    assert memory.recall() == result.messages[1:]


def test_a_node_of_ones_own_keeps_nothing_from_one_visit_to_the_next() -> None:
    class Counting(lmb.DecideNode):
        visits = 0

        def prep(self, shared: lmb.AgentState) -> Any:
            self.visits += 1
            seen.append(self.visits)
            return super().prep(shared)

    seen: list[int] = []
    agent = lmb.AgentBot("You are an agent.", tools=[add], completion=ScriptedCompletion(THREE), decide=Counting())
    agent("1 + 2?")
    assert seen == [1, 1]
