"""The graph that an agent walks. The design links to these tests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pocketflow import AsyncNode, BatchFlow, BatchNode, Flow, Node
from tests.unit.domain.agents import ADD, add
from tests.unit.domain.asking import agent_of, asks

import llamabot as lmb
from llamabot.testing import InMemoryRecorder, ScriptedCompletion


class EffectNode(Node):
    """Asks the model once, without tools."""

    def prep(self, shared: lmb.AgentState) -> lmb.CompletionRequest:
        return lmb.CompletionRequest("", tuple(shared.messages))

    def exec(self, request: lmb.CompletionRequest) -> Any:
        return (yield from lmb.effects.Complete(request))

    def post(self, shared: lmb.AgentState, prep_res: Any, completion: lmb.Completion) -> None:
        shared.messages.append(completion.message)


def _misspelt() -> Flow:
    node = lmb.DecideNode()
    node - "(answers)" >> lmb.EndNode()
    return Flow(start=node)


def _with_retries() -> Flow:
    return Flow(start=EffectNode(max_retries=3))


def _to_no_node() -> Flow:
    node: Any = Node()
    node - "a" >> Node() - "b" >> Node()
    return Flow(start=node)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (_misspelt(), r"decide can return '\(answer\)'"),
        (Flow(), "no start"),
        (Flow(start=AsyncNode()), "AsyncNode"),
        (Flow(start=BatchFlow(start=Node())), "batch"),
        (Flow(start=type("Each", (EffectNode, BatchNode), {})()), "batch"),
        (_with_retries(), "max_retries"),
        (_to_no_node(), "leads to a _ConditionalTransition, which is no node"),
    ],
    ids=["misspelt", "empty", "async", "batch flow", "batch", "retries", "no node"],
)
def test_a_graph_that_could_not_be_walked_is_refused_when_the_agent_is_made(graph: Flow, said: str) -> None:
    with pytest.raises(lmb.errors.GraphNotClosed, match=said):
        lmb.AgentBot(graph=graph)


def test_an_action_without_an_edge_is_an_error_and_not_the_end() -> None:
    class Lost(Node):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str:
            return "nowhere"

    lost = Lost()
    lost >> lmb.EndNode()
    agent, _ = agent_of(graph=Flow(start=lost))
    with pytest.raises(lmb.errors.GraphNotClosed, match="lost returned 'nowhere'; there are edges for default"):
        agent("?")


def test_a_node_keeps_nothing_from_call_to_call() -> None:
    class Counting(EffectNode):
        visits = 0

        def prep(self, shared: lmb.AgentState) -> Any:
            self.visits += 1
            shared.end(f"visit {self.visits}")
            return super().prep(shared)

    agent, _ = agent_of("a", "b", graph=Flow(start=Counting()))
    assert (agent("?"), agent("?")) == ("visit 1", "visit 1")


def test_a_graph_within_a_graph_is_walked_and_its_routes_are_checked() -> None:
    inner = EffectNode()
    outer = Flow(start=inner)
    outer >> EffectNode()
    agent, model = agent_of("one", "two", graph=Flow(start=outer))
    assert agent("?").text == "two"
    assert len(model.requests) == 2
    with pytest.raises(lmb.errors.GraphNotClosed):
        lmb.AgentBot(graph=Flow(start=_misspelt()))


def _ways(log: InMemoryRecorder, **arguments: Any) -> list[lmb.Result[Any]]:
    """Run a script in the four ways."""

    def model() -> ScriptedCompletion:
        return ScriptedCompletion([asks(ADD, ADD), asks(ADD, ids="x"), "three"])

    async def streamed() -> lmb.Result[Any]:
        async with lmb.AsyncAgentBot(completion=model(), recorder=log, **arguments).stream("?") as events:
            async for _ in events:
                pass
        return events.result

    with lmb.AgentBot(completion=model(), recorder=log, **arguments).stream("?") as events:
        list(events)
    return [
        lmb.AgentBot(completion=model(), recorder=log, **arguments).run("?"),
        asyncio.run(lmb.AsyncAgentBot(completion=model(), recorder=log, **arguments).run("?")),
        events.result,
        asyncio.run(streamed()),
    ]


def test_one_graph_serves_calls_awaited_calls_and_both_streams() -> None:
    decide, tools, end = lmb.DecideNode(), lmb.ToolsNode(), lmb.EndNode()
    decide - "(calls)" >> tools >> decide
    decide - "(answer)" >> end
    tools - "(ended)" >> end
    log = InMemoryRecorder()
    results = _ways(log, tools=[add], graph=Flow(start=decide))
    assert len({result.messages for result in results}) == 1
    logs = [[(event.path, event.effect) for event in _starts(log, result.run_id)] for result in results]
    assert all(paths == logs[0] for paths in logs)
    assert len(logs[0]) == 6


def _starts(log: InMemoryRecorder, run_id: str) -> list[Any]:
    return list(lmb.read_trace(log.events(run_id)).effects)


def test_a_lone_call_goes_to_the_node_of_its_tool() -> None:
    actions = []

    class Noting(lmb.DecideNode):
        def post(self, shared: lmb.AgentState, prep_res: Any, exec_res: lmb.Completion) -> str:
            actions.append(action := super().post(shared, prep_res, exec_res))
            return action

    agent, _ = agent_of(asks(ADD), asks(ADD, ADD, ids="xy"), "three", tools=[add], decide=Noting())
    assert agent("?").text == "three"
    assert actions == ["add", "(calls)", "(answer)"]
    assert 'n0["noting"] -->|"add"| n1["add"]' in agent.mermaid()
