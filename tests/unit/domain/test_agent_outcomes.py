"""What a run of an agent gives: its value, its text, why it ended, and what it was given to work with."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from pocketflow import Flow, Node
from tests.unit.domain.asking import agent_of, asks, told

import llamabot as lmb
from llamabot.testing import EchoToolbox, InMemoryRecorder, ScriptedCompletion

SECOND = lmb.AssistantMessage("second")


@pytest.mark.parametrize("reason", list(lmb.FinishReason))
def test_says_why_the_last_decision_ended(reason: lmb.FinishReason) -> None:
    if reason is lmb.FinishReason.CONTENT_FILTER:
        return  # that is an error
    agent, _ = agent_of(lmb.Completion(SECOND, reason), tools=[])
    result = agent.run("?")
    assert (result.finish_reason, result.value, result.text) == (reason, SECOND, "second")


@pytest.mark.parametrize(
    ("value", "text"), [("over", "over"), ({"a": 1}, '{"a":1}'), (7, "7"), (None, "null")], ids=repr
)
def test_the_value_of_a_tool_that_ends_the_run_is_the_runs_and_its_words_are_its_text(value: Any, text: str) -> None:
    @lmb.tool(terminal=True)
    def end() -> Any:
        """End."""
        return value

    agent, _ = agent_of(asks(("end", {})), tools=[end])
    result = agent.run("?")
    assert (result.value, result.text, result.finish_reason) == (value, text, lmb.FinishReason.TOOL_CALLS)
    assert told(result.messages) == [text]


def test_the_first_of_two_tools_that_end_the_run_ends_it() -> None:
    def end(n: int) -> None:
        raise lmb.StopRun(n)

    agent, _ = agent_of(asks(("end", {"n": 1}), ("end", {"n": 2})), tools=[end])
    assert agent.run("?").value == 1


class Ends(Node):
    """Ends the run with a value and, perhaps, a text."""

    def __init__(self, *given: Any) -> None:
        super().__init__()
        self.given = given

    def post(self, shared: lmb.AgentState, prep_res: Any, exec_res: Any) -> None:
        shared.end(*self.given)


@pytest.mark.parametrize(
    ("given", "text"), [(("tea",), "tea"), ((7,), ""), ((7, "seven"), "seven"), (("tea", ""), "")], ids=repr
)
def test_a_node_says_what_the_value_is_and_its_text(given: Any, text: str) -> None:
    agent, _ = agent_of(tools=[], graph=Flow(start=Ends(*given)))
    result = agent.run("?")
    assert (result.value, result.text) == (given[0], text)


class Nothing(Node):
    """Does nothing, and there is nobody that it leads to."""

    seen: ClassVar[list[Any]] = []

    def post(self, shared: lmb.AgentState, prep_res: Any, exec_res: Any) -> None:
        self.seen.append((shared.state, shared.max_characters, shared.value, shared.text, shared.calls))


def test_a_graph_that_asks_nobody_gives_the_last_that_a_model_has_said() -> None:
    Nothing.seen = []
    agent, _ = agent_of(tools=[], graph=Flow(start=Nothing()), max_result_characters=7)
    result = agent.run("?", state={"user": 7})
    assert (result.value, result.text, result.finish_reason) == (None, "", lmb.FinishReason.OTHER)
    earlier = lmb.ChatMemory()
    earlier.remember([lmb.UserMessage("a"), lmb.AssistantMessage("first"), lmb.UserMessage("b"), SECOND])
    assert agent.with_(memory=earlier).run("?").value == SECOND
    assert Nothing.seen[0] == ({"user": 7}, 7, None, "", ())


def test_a_tool_is_given_the_state_of_its_call() -> None:
    seen = []

    def look(context: lmb.RunContext[Any]) -> None:
        seen.append(context.state)

    agent, _ = agent_of(asks(("look", {})), "done", tools=[look])
    state = object()
    agent.run("?", state=state)
    assert seen == [state]


def test_a_person_is_asked_about_each_call_by_its_place_in_the_decision() -> None:
    @lmb.tool(needs_approval=True)
    def pay(euros: int) -> str:
        """Pay."""
        return f"paid {euros}"

    log = InMemoryRecorder(durable=True)
    agent, _ = agent_of(asks(("pay", {"euros": 1}), ("pay", {"euros": 2})), tools=[pay], recorder=log)
    with pytest.raises(lmb.errors.ApprovalNeeded) as waits:
        agent.run("?")
    assert str(waits.value).startswith("the run waits for approval of ")
    assert "approvals={call_id: True}" in str(waits.value)
    run_id = str(waits.value.run_id)
    done = agent.with_(completion=ScriptedCompletion(["done"]))
    with pytest.raises(lmb.errors.ApprovalNeeded):
        done.resume(run_id, approvals={"a": True})
    assert told(done.resume(run_id, approvals={"b": lmb.Denied()}).messages)[0] == "paid 1"
    asked = [effect for effect in lmb.read_trace(log.events(run_id)).effects if effect.effect == "ask_approval"]
    places = sorted({effect.path for effect in asked})
    assert len(places) == 2
    assert [path.rpartition(".")[2] for path in places] == ["1", "2"]
    assert all(effect.started_ns <= effect.finished_ns for effect in asked)


def test_a_tools_answer_keeps_the_id_of_its_call_whatever_it_returns() -> None:
    class Box(EchoToolbox):
        def call(self, call: lmb.ToolCall, context: Any) -> lmb.ToolResult:
            return msgspec.structs.replace(super().call(call, context), call_id="another")

    box = Box([lmb.Tool(lmb.ToolSpec("look", "Look.", {"type": "object", "properties": {}}))])
    agent, _ = agent_of(asks(("look", {})), "done", tools=[box])
    assert [message.call_id for message in agent.run("?").messages if isinstance(message, lmb.ToolMessage)] == ["a"]
